//! The folder: which files there are, and what is in them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use crate::search::Index;

/// Files larger than this are left out.
const MAX_BYTES: u64 = 2 * 1024 * 1024;
/// More files than this are left out.
const MAX_FILES: usize = 50_000;

/// A served folder.
pub(crate) struct Library {
    root: PathBuf,
    state: RwLock<Arc<Snapshot>>,
}

/// The folder as it was at one time. `BTreeMap` keeps lists in the same order each time.
#[derive(Default)]
pub(crate) struct Snapshot {
    pub(crate) files: BTreeMap<String, Arc<File>>,
    pub(crate) index: Index,
}

/// A text file.
pub(crate) struct File {
    pub(crate) text: String,
    pub(crate) modified: Option<SystemTime>,
    pub(crate) bytes: u64,
}

/// What a scan found to be different.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Files came or went.
    pub(crate) list: bool,
    /// These have other contents.
    pub(crate) updated: Vec<String>,
}

/// Why a path is not served.
#[derive(Debug)]
pub(crate) enum PathError {
    /// It is absolute or leads out of the folder.
    Outside,
    /// There is no such text file.
    Unknown,
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Outside => "the path must be relative and stay in the folder",
            Self::Unknown => "there is no such text file",
        })
    }
}

impl Library {
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let root = folder.canonicalize()?;
        if !root.is_dir() {
            return Err(io::Error::new(io::ErrorKind::NotADirectory, "not a folder"));
        }
        let library = Self { root, state: RwLock::default() };
        library.rescan();
        Ok(library)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn len(&self) -> usize {
        self.snapshot().files.len()
    }

    /// Looks at the folder again. Only files that changed are read.
    pub(crate) fn rescan(&self) -> Changes {
        let old = self.snapshot();
        let mut files = BTreeMap::new();
        let mut changes = Changes::default();
        let walk = ignore::WalkBuilder::new(&self.root).require_git(false).build();
        for entry in walk.filter_map(Result::ok) {
            if files.len() >= MAX_FILES {
                tracing::warn!("the folder has more than {MAX_FILES} files; the rest is left out");
                break;
            }
            let Ok(metadata) = entry.metadata() else { continue };
            if !metadata.is_file() || metadata.len() > MAX_BYTES {
                continue;
            }
            let Some(path) = self.relative(entry.path()) else { continue };
            let modified = metadata.modified().ok();
            if let Some(known) = old.files.get(&path)
                && known.modified == modified
                && known.bytes == metadata.len()
            {
                files.insert(path, Arc::clone(known));
                continue;
            }
            let Some(text) = read_text(entry.path()) else { continue };
            match old.files.get(&path) {
                None => changes.list = true,
                Some(known) if known.text != text => changes.updated.push(path.clone()),
                Some(_) => {}
            }
            files.insert(path, Arc::new(File { text, modified, bytes: metadata.len() }));
        }
        changes.list |= old.files.keys().any(|path| !files.contains_key(path));
        if changes != Changes::default() {
            let index = Index::new(files.iter().map(|(path, file)| (path.as_str(), &*file.text)));
            let snapshot = Arc::new(Snapshot { files, index });
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = snapshot;
        }
        changes
    }

    /// A path in the folder with forward slashes, as clients see it.
    fn relative(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.root).ok()?;
        let parts: Option<Vec<_>> =
            relative.components().map(|part| part.as_os_str().to_str()).collect();
        Some(parts?.join("/"))
    }

    /// The place of a path that clients may name: relative, and in the folder even where it passes
    /// through links.
    pub(crate) fn place(&self, path: &str) -> Result<PathBuf, PathError> {
        let relative = Path::new(path);
        let stays = !path.is_empty()
            && !path.contains(['\\', '\0'])
            && relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !stays {
            return Err(PathError::Outside);
        }
        let place = self.root.join(relative);
        let folder = place.parent().unwrap_or(&self.root);
        let folder = folder.canonicalize().map_err(|_| PathError::Unknown)?;
        if !folder.starts_with(&self.root) {
            return Err(PathError::Outside);
        }
        let name = place.file_name().ok_or(PathError::Outside)?;
        Ok(folder.join(name))
    }

    /// The file at a path, with its contents as they are now.
    pub(crate) fn file(&self, path: &str) -> Result<Arc<File>, PathError> {
        let place = self.place(path)?;
        let snapshot = self.snapshot();
        let known = snapshot.files.get(path).ok_or(PathError::Unknown)?;
        let metadata = fs::symlink_metadata(&place).map_err(|_| PathError::Unknown)?;
        if metadata.modified().ok() == known.modified && metadata.len() == known.bytes {
            return Ok(Arc::clone(known));
        }
        if !metadata.is_file() || metadata.len() > MAX_BYTES {
            return Err(PathError::Unknown);
        }
        let text = read_text(&place).ok_or(PathError::Unknown)?;
        let (modified, bytes) = (metadata.modified().ok(), metadata.len());
        Ok(Arc::new(File { text, modified, bytes }))
    }
}

/// The file's contents, if they are text.
fn read_text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    if bytes.iter().take(8192).any(|byte| *byte == 0) {
        return None;
    }
    String::from_utf8(bytes).ok()
}

/// The media type by the file's name.
pub(crate) fn mime_type(path: &str) -> &'static str {
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    match extension.to_ascii_lowercase().as_str() {
        "md" | "markdown" => "text/markdown",
        "html" | "htm" => "text/html",
        "csv" => "text/csv",
        "json" => "application/json",
        "yaml" | "yml" => "application/yaml",
        "toml" => "application/toml",
        "xml" => "application/xml",
        _ => "text/plain",
    }
}

/// The URI of a path.
pub(crate) fn uri(path: &str) -> String {
    use std::fmt::Write;
    let mut uri = String::from("docs:///");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Library) {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a.md"), "# A\n").unwrap();
        fs::write(folder.path().join("sub/b.txt"), "b").unwrap();
        fs::write(folder.path().join("binary"), [0, 1, 2]).unwrap();
        fs::write(folder.path().join(".hidden"), "secret").unwrap();
        fs::write(folder.path().join(".gitignore"), "ignored.txt\n").unwrap();
        fs::write(folder.path().join("ignored.txt"), "x").unwrap();
        let library = Library::open(folder.path()).unwrap();
        (folder, library)
    }

    #[test]
    fn only_text_that_is_not_hidden_is_served() {
        let (_folder, library) = folder();
        let snapshot = library.snapshot();
        assert_eq!(snapshot.files.keys().collect::<Vec<_>>(), ["a.md", "sub/b.txt"]);
        assert!(library.file(".hidden").is_err());
        assert!(library.file("ignored.txt").is_err());
        assert!(library.file("sub").is_err());
    }

    #[test]
    fn nothing_outside_is_reached() {
        let (folder, library) = folder();
        let outside = folder.path().parent().unwrap().to_str().unwrap().to_owned();
        for path in ["../x", "/etc/passwd", "sub/../../x", "", ".", "sub\\..\\..\\x", &outside] {
            assert!(library.file(path).is_err(), "{path}");
            assert!(matches!(library.place(path), Err(PathError::Outside)), "{path}");
        }
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink("/etc", folder.path().join("link")).unwrap();
            library.rescan();
            assert!(library.file("link/passwd").is_err());
            assert!(matches!(library.place("link/new"), Err(PathError::Outside)));
        }
    }

    #[test]
    fn changes_are_noticed() {
        let (folder, library) = folder();
        assert_eq!(library.rescan(), Changes::default());
        fs::write(folder.path().join("a.md"), "# A changed\n").unwrap();
        assert_eq!(library.file("a.md").unwrap().text, "# A changed\n", "before a scan");
        let changes = library.rescan();
        assert_eq!((changes.list, changes.updated), (false, vec!["a.md".to_owned()]));
        fs::remove_file(folder.path().join("sub/b.txt")).unwrap();
        assert!(library.rescan().list);
    }

    #[test]
    fn uris_are_encoded() {
        assert_eq!(uri("a b/ü.md"), "docs:///a%20b/%C3%BC.md");
    }
}
