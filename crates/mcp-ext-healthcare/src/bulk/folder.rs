//! Where the files of exports are.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_core::Principal;
use mcp_trust::digest::{Digest, DigestHasher};
use serde::{Deserialize, Serialize};
use tokio::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The file without which an export is not finished, and not fetched.
const MANIFEST: &str = "manifest.json";
/// How long nothing has to come of an export before it counts as given up.
const UNFINISHED: Duration = Duration::from_secs(60 * 60);

/// A folder with exports, each in a folder of its own whose name nobody guesses.
///
/// On unix, nobody but the server's user reads them; elsewhere that is for the folder's own permissions to see to. Instances that share a store of tasks have
/// to share the folder. The operator serves the files: [`file`](Self::file) says whether somebody may fetch one.
#[derive(Debug, Clone)]
pub struct ExportFolder {
    root: PathBuf,
    base: String,
    kept: Duration,
}

/// Who may fetch an export, and until when.
#[derive(Serialize, Deserialize)]
struct Manifest {
    principal: Option<String>,
    /// Seconds since 1970.
    expires: u64,
}

impl ExportFolder {
    /// Uses a folder, and makes it where it is not there. `base` is what the URIs of files begin with: `{base}/{export}/{type}.ndjson`.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn open(root: impl Into<PathBuf>, base: impl Into<String>) -> io::Result<Self> {
        let root = root.into();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&root)?;
        let base = base.into().trim_end_matches('/').to_owned();
        Ok(Self { root, base, kept: Duration::from_secs(24 * 60 * 60) })
    }

    /// Sets how long an export is kept after its end: a day, without. What was given up is kept as long, and an hour at least. What is over is removed when the next export
    /// begins, and by [`sweep`](Self::sweep).
    #[must_use]
    pub fn kept(mut self, time: Duration) -> Self {
        self.kept = time;
        self
    }

    pub(super) const fn time_kept(&self) -> Duration {
        self.kept
    }

    /// The file that a path (`{export}/{type}.ndjson`, what follows `base` in its URI) names, if this principal may fetch it now: whose
    /// call exported it, while it is kept. To others it is not there.
    pub async fn file(&self, principal: Option<&Principal>, path: &str) -> Option<PathBuf> {
        let (id, name) = path.trim_start_matches('/').split_once('/')?;
        let kind = name.strip_suffix(".ndjson")?;
        if !is_id(id) || kind.is_empty() || !kind.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            return None;
        }
        let folder = self.root.join(id);
        let manifest = fs::read(folder.join(MANIFEST)).await.ok()?;
        let manifest: Manifest = serde_json::from_slice(&manifest).ok()?;
        let is_theirs = manifest.principal.as_deref() == principal.map(Principal::as_str);
        let file = folder.join(name);
        let may = is_theirs && seconds(SystemTime::now()) < manifest.expires;
        (may && fs::try_exists(&file).await.unwrap_or(false)).then_some(file)
    }

    /// Removes what is no longer kept, and says how many exports that were.
    ///
    /// # Errors
    /// If the folder cannot be read or changed.
    pub async fn sweep(&self) -> io::Result<usize> {
        let now = SystemTime::now();
        let mut removed = 0;
        let mut entries = fs::read_dir(&self.root).await?;
        while let Some(entry) = entries.next_entry().await? {
            if !entry.file_name().to_str().is_some_and(is_id) {
                continue;
            }
            let manifest = fs::read(entry.path().join(MANIFEST)).await.ok();
            let manifest = manifest.and_then(|text| serde_json::from_slice::<Manifest>(&text).ok());
            let is_over = match manifest {
                Some(manifest) => seconds(now) >= manifest.expires,
                None => {
                    let changed = entry.metadata().await?.modified()?;
                    // One that is still written to is not given up.
                    let idle = now.duration_since(changed).unwrap_or_default();
                    idle >= self.kept.max(UNFINISHED)
                }
            };
            if is_over {
                fs::remove_dir_all(entry.path()).await?;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// The folder of one export, made where it is not there.
    pub(super) async fn export(&self, id: &str) -> io::Result<Export> {
        let path = self.root.join(id);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        builder.mode(0o700);
        builder.create(&path).await?;
        Ok(Export { uri: format!("{}/{id}", self.base), path })
    }
}

/// Whether a name has the form of an export's: a UUID, of 122 random bits.
fn is_id(name: &str) -> bool {
    name.len() == 36 && name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The folder of one export.
pub(super) struct Export {
    path: PathBuf,
    uri: String,
}

impl Export {
    pub(super) fn uri(&self, kind: &str) -> String {
        format!("{}/{kind}.ndjson", self.uri)
    }

    /// Begins the file of a type anew.
    pub(super) async fn begin(&self, name: &str) -> io::Result<Partial> {
        let path = self.path.join(format!("{name}.part"));
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        options.mode(0o600);
        let file = options.open(&path).await?;
        let whole = self.path.join(name);
        let hasher = DigestHasher::new();
        Ok(Partial { path, whole, file: Some(file), hasher, bytes: 0 })
    }

    /// Keeps a file of the export's own.
    pub(super) async fn keep(&self, name: &str, bytes: &[u8]) -> io::Result<Stored> {
        let mut file = self.begin(name).await?;
        file.write(bytes).await?;
        file.finish().await
    }

    /// A file as it was kept; nothing if it is not there any more, or another.
    pub(super) async fn recall(&self, name: &str, stored: &Stored) -> Option<Vec<u8>> {
        let bytes = fs::read(self.path.join(name)).await.ok()?;
        (Digest::of(&bytes) == stored.digest).then_some(bytes)
    }

    /// Whether a file is there as it was written.
    pub(super) async fn is_whole(&self, name: &str, stored: &Stored) -> bool {
        let digest = async {
            let mut file = fs::File::open(self.path.join(name)).await?;
            let (mut hasher, mut buffer) = (DigestHasher::new(), vec![0_u8; 1 << 16]);
            loop {
                match file.read(&mut buffer).await? {
                    0 => return Ok::<_, io::Error>(hasher.finish()),
                    read => hasher.update(buffer.get(..read).unwrap_or_default()),
                }
            }
        };
        digest.await.is_ok_and(|digest| digest == stored.digest)
    }

    /// Lets the export be fetched.
    pub(super) async fn finish(
        &self,
        principal: Option<&Principal>,
        expires: SystemTime,
    ) -> io::Result<()> {
        let principal = principal.map(|principal| principal.as_str().to_owned());
        let manifest = Manifest { principal, expires: seconds(expires) };
        self.keep(MANIFEST, &serde_json::to_vec(&manifest)?).await.map(drop)
    }

    /// Removes all of it.
    pub(super) async fn remove(&self) {
        if let Err(error) = fs::remove_dir_all(&self.path).await {
            tracing::warn!(%error, "an export that is not given was not removed");
        }
    }
}

/// A file, as a checkpoint keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) bytes: u64,
    pub(super) digest: Digest,
}

/// A file that is being written. Dropped before it is finished, it is removed.
pub(super) struct Partial {
    path: PathBuf,
    whole: PathBuf,
    file: Option<fs::File>,
    hasher: DigestHasher,
    bytes: u64,
}

impl Partial {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Err(io::ErrorKind::NotFound.into()) };
        file.write_all(bytes).await?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Makes it last, and gives it its name.
    pub(super) async fn finish(mut self) -> io::Result<Stored> {
        let Some(mut file) = self.file.take() else { return Err(io::ErrorKind::NotFound.into()) };
        file.flush().await?;
        file.sync_all().await?;
        // Closed, since not every system renames what is open.
        drop(file.into_std().await);
        fs::rename(&self.path, &self.whole).await?;
        #[cfg(unix)]
        if let Some(folder) = self.whole.parent() {
            fs::File::open(folder).await?.sync_all().await?;
        }
        let hasher = std::mem::replace(&mut self.hasher, DigestHasher::new());
        Ok(Stored { bytes: self.bytes, digest: hasher.finish() })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // What was renamed is not there any more under this name.
        self.file = None;
        let _ = std::fs::remove_file(&self.path);
    }
}
