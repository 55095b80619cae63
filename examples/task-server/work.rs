//! The work itself, without a word of MCP: listing, hashing, counting.

use std::fmt::Write as _;
use std::io::{self, BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Counts of some files.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) lines: u64,
    pub(crate) words: u64,
    /// Files that could not be read, or went away.
    pub(crate) unreadable: u64,
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.lines += other.lines;
        self.words += other.words;
        self.unreadable += other.unreadable;
    }
}

/// Where an index is put together: beside the index that it becomes.
#[derive(Debug, Clone)]
pub(crate) struct Workshop {
    folder: PathBuf,
    output: PathBuf,
}

impl Workshop {
    /// For one task; others at the same folder do not get in its way.
    pub(crate) fn new(folder: &Path, task: &str) -> Self {
        let output = output_of(folder);
        let mut workshop = output.clone().into_os_string();
        workshop.push(format!(".{task}.parts"));
        Self { folder: workshop.into(), output }
    }

    fn list(&self) -> PathBuf {
        self.folder.join("list.txt")
    }

    fn part(&self, number: usize) -> PathBuf {
        self.folder.join(format!("{number:08}.tsv"))
    }

    /// Lists the files below `folder`, in order; answers how many there are.
    pub(crate) fn list_files(&self, folder: &Path) -> io::Result<usize> {
        std::fs::create_dir_all(&self.folder)?;
        let mut paths: Vec<String> = ignore::WalkBuilder::new(folder)
            .build()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_some_and(|kind| kind.is_file()))
            .filter_map(|entry| Some(entry.path().strip_prefix(folder).ok()?.to_str()?.to_owned()))
            .filter(|path| !path.contains(['\n', '\t']))
            .collect();
        paths.sort();
        whole(&self.list(), paths.join("\n").as_bytes())?;
        Ok(paths.len())
    }

    /// Hashes and counts the files of one part.
    pub(crate) fn do_part(&self, folder: &Path, number: usize, size: usize) -> io::Result<Counts> {
        let list = BufReader::new(std::fs::File::open(self.list())?);
        let mut counts = Counts::default();
        let mut rows = String::new();
        for path in list.lines().skip(number * size).take(size) {
            let path = path?;
            match examine(&folder.join(&path)) {
                Ok((hash, of)) => {
                    let _ =
                        writeln!(rows, "{path}\t{hash}\t{}\t{}\t{}", of.bytes, of.lines, of.words);
                    counts.add(of);
                }
                Err(_) => counts.unreadable += 1,
            }
        }
        whole(&self.part(number), rows.as_bytes())?;
        Ok(counts)
    }

    /// Puts the parts together as the index, in one step, and clears up.
    pub(crate) fn finish(&self, parts: usize) -> io::Result<()> {
        if !self.folder.exists() && self.output.exists() {
            return Ok(()); // Done by a run that was killed before it could say so.
        }
        let whole = self.folder.join("whole.tsv");
        let mut file = std::fs::File::create(&whole)?;
        file.write_all(b"path\tsha256\tbytes\tlines\twords\n")?;
        for number in 0..parts {
            io::copy(&mut std::fs::File::open(self.part(number))?, &mut file)?;
        }
        file.sync_all()?;
        std::fs::rename(&whole, &self.output)?;
        std::fs::remove_dir_all(&self.folder)
    }
}

/// The index of a folder.
pub(crate) fn output_of(folder: &Path) -> PathBuf {
    let mut output = folder.to_owned().into_os_string();
    output.push(".index.tsv");
    output.into()
}

/// Writes a file so that it is there whole, or not at all.
fn whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = std::fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(new, path)
}

fn examine(path: &Path) -> io::Result<(String, Counts)> {
    let bytes = std::fs::read(path)?;
    let mut hash = String::new();
    for byte in Sha256::digest(&bytes) {
        let _ = write!(hash, "{byte:02x}");
    }
    let words = bytes.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count();
    let counts = Counts {
        files: 1,
        bytes: bytes.len() as u64,
        lines: bytes.iter().filter(|byte| **byte == b'\n').count() as u64,
        words: words as u64,
        unreadable: 0,
    };
    Ok((hash, counts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_has_a_row_for_each_file_and_can_be_finished_twice() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("docs");
        std::fs::create_dir_all(folder.join("deep")).unwrap();
        for number in 0..5 {
            std::fs::write(folder.join(format!("deep/{number}.txt")), "two words\n").unwrap();
        }
        let workshop = Workshop::new(&folder, "task");
        assert_eq!(workshop.list_files(&folder).unwrap(), 5);
        std::fs::remove_file(folder.join("deep/4.txt")).unwrap();
        let mut counts = Counts::default();
        for part in [0, 1, 2, 1] {
            counts.add(workshop.do_part(&folder, part, 2).unwrap());
        }
        assert_eq!((counts.files, counts.unreadable), (6, 1), "part 1 was done twice");
        workshop.finish(3).unwrap();
        workshop.finish(3).unwrap();
        let text = std::fs::read_to_string(output_of(&folder)).unwrap();
        let rows: Vec<_> = text.lines().collect();
        assert_eq!(rows.len(), 5, "{text}");
        assert_eq!(rows[1].split('\t').count(), 5);
        assert_eq!(rows[1].split('\t').nth(1).unwrap().len(), 64);
        assert!(rows[1].ends_with("\t10\t1\t2"), "{}", rows[1]);
    }
}
