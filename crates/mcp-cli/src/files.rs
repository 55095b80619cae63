//! Files of this machine.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The largest file that is read at once.
const LARGEST: u64 = 16 * 1024 * 1024;

fn failed<'a>(action: &'static str, path: &'a Path) -> impl Fn(std::io::Error) -> Failure + 'a {
    move |source| Failure::File { action, path: path.to_owned(), source }
}

/// Reads a file, or standard input for `-`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let mut limited: Box<dyn Read> = match path == Path::new("-") {
        true => Box::new(std::io::stdin().lock()),
        false => Box::new(File::open(path).map_err(failed("open", path))?),
    };
    limited.by_ref().take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed("read", path))?;
    if bytes.len() as u64 > LARGEST {
        let reason = format!("it is larger than {LARGEST} bytes");
        return Err(Failure::Content { path: path.to_owned(), reason });
    }
    Ok(bytes)
}

/// Writes a file that does not exist, or any with `force`; a secret one for its owner alone.
///
/// The text is written beside its place and moved there, so that nobody sees half of it and a failure leaves the old
/// one.
pub(crate) fn write(path: &Path, text: &[u8], secret: bool, force: bool) -> Result<(), Failure> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(Failure::Exists(path.to_owned()));
    }
    let beside = beside(path);
    // Left over from a run that was killed.
    let _ = std::fs::remove_file(&beside);
    let written = create(&beside, secret)
        .and_then(|mut file| file.write_all(text).and_then(|()| file.sync_all()))
        .map_err(failed("write", path))
        .and_then(|()| place(&beside, path, force));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written
}

/// Moves a file to its place. Without `force` it must not replace one that came there in between.
fn place(from: &Path, to: &Path, force: bool) -> Result<(), Failure> {
    if force {
        return std::fs::rename(from, to).map_err(failed("write", to));
    }
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from).map_err(failed("write", to)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::Exists(to.to_owned()))
        }
        // File systems without hard links.
        Err(_) => std::fs::rename(from, to).map_err(failed("write", to)),
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    path.with_file_name(name)
}

fn create(path: &Path, secret: bool) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    if secret {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    // Elsewhere a new file has the access rules of its folder: those of the user's own folders let in the user and
    // the administrators alone.
    #[cfg(not(unix))]
    let _ = secret;
    options.open(path)
}

/// Whether others than its owner may read a secret file; `None` where that cannot be told.
pub(crate) fn is_exposed(path: &Path) -> Option<bool> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        Some(std::fs::metadata(path).ok()?.permissions().mode() & 0o077 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}
