//! Reading records into memory: resources, Bundles, NDJSON, folders of them.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::MemoryRecords;
use crate::fhir::{Json, Text, is_id};
use crate::record::{Record, RecordError};

/// The largest file that is read.
const MAX_FILE: u64 = 256 * 1024 * 1024;
/// How deep folders are followed.
const MAX_DEPTH: usize = 16;

/// Why something was not loaded. It says nothing of what was in it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// No JSON that can be read in one way only.
    #[error("no JSON that can be read in one way only")]
    Json,
    /// No record.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Its type is none of the version's.
    #[error("the version of FHIR has no such type of resource")]
    UnknownType,
    /// A Bundle of a kind that does not carry records to be stored.
    #[error("a Bundle that is no collection, batch or transaction")]
    Bundle,
    /// A file or a folder cannot be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// A file is too large, or a folder too deep.
    #[error("it is too large, or too deep")]
    TooLarge,
}

/// What was loaded.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Loaded {
    /// How many records.
    pub records: usize,
    /// How many of them took the place of one that was there.
    pub replaced: usize,
    /// What was not loaded, by the file and the number in it (from 1), and why.
    pub refused: Vec<(PathBuf, usize, LoadError)>,
}

impl MemoryRecords {
    /// Loads a resource, or the entries of a Bundle (`collection`, `batch`, `transaction`). References within a Bundle by `urn:uuid:` become
    /// references to what the entry is.
    ///
    /// # Errors
    /// For a resource that is none. An entry of a Bundle that cannot be loaded is left out and is in [`Loaded::refused`].
    pub fn load(&self, text: &str) -> Result<Loaded, LoadError> {
        let mut loaded = Loaded::default();
        self.load_text(text, Path::new(""), 0, &mut loaded)?;
        Ok(loaded)
    }

    /// Loads a file (`.json`, or `.ndjson` with a resource in each line), or all of them in a folder and those below it.
    /// Links in a folder are left alone.
    ///
    /// # Errors
    /// If the file or folder cannot be read. What cannot be loaded of it is in [`Loaded::refused`].
    pub fn load_path(&self, path: &Path) -> Result<Loaded, LoadError> {
        let mut loaded = Loaded::default();
        if fs::metadata(path)?.is_dir() {
            self.load_folder(path, 0, &mut loaded)?;
        } else {
            self.load_file(path, &mut loaded);
        }
        Ok(loaded)
    }

    fn load_folder(&self, path: &Path, depth: usize, loaded: &mut Loaded) -> Result<(), LoadError> {
        if depth > MAX_DEPTH {
            return Err(LoadError::TooLarge);
        }
        let entries: io::Result<Vec<fs::DirEntry>> = fs::read_dir(path)?.collect();
        let mut entries = entries?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let (kind, path) = (entry.file_type()?, entry.path());
            let is_json = path.extension().is_some_and(|end| end == "json" || end == "ndjson");
            if kind.is_dir() {
                if let Err(error) = self.load_folder(&path, depth + 1, loaded) {
                    loaded.refused.push((path, 0, error));
                }
            } else if kind.is_file() && is_json {
                self.load_file(&path, loaded);
            }
        }
        Ok(())
    }

    fn load_file(&self, path: &Path, loaded: &mut Loaded) {
        let text = match read(path) {
            Ok(text) => text,
            Err(error) => return loaded.refused.push((path.to_owned(), 0, error)),
        };
        if path.extension().is_some_and(|end| end == "ndjson") {
            for (line, text) in text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty())
            {
                if let Err(error) = self.load_text(text, path, line + 1, loaded) {
                    loaded.refused.push((path.to_owned(), line + 1, error));
                }
            }
        } else if let Err(error) = self.load_text(&text, path, 0, loaded) {
            loaded.refused.push((path.to_owned(), 0, error));
        }
    }

    fn load_text(
        &self,
        text: &str,
        path: &Path,
        line: usize,
        loaded: &mut Loaded,
    ) -> Result<(), LoadError> {
        let mut json = Json::parse(text.as_bytes()).map_err(|_| LoadError::Json)?;
        if string(&json, "resourceType").as_deref() != Some("Bundle") {
            return self.load_record(text, loaded);
        }
        let carries = ["collection", "batch", "transaction"];
        if !string(&json, "type").is_some_and(|kind| carries.contains(&&*kind)) {
            return Err(LoadError::Bundle);
        }
        let Some(Json::Array(entries)) = json.get_mut("entry") else { return Ok(()) };
        let names = names(entries);
        for (number, entry) in entries.iter_mut().enumerate() {
            let Some(resource) = entry.get_mut("resource") else { continue };
            resolve(resource, &names);
            let number = if line == 0 { number + 1 } else { line };
            if let Err(error) = self.load_record(&resource.to_string(), loaded) {
                loaded.refused.push((path.to_owned(), number, error));
            }
        }
        Ok(())
    }

    fn load_record(&self, text: &str, loaded: &mut Loaded) -> Result<(), LoadError> {
        let replaced = self.insert(Record::parse(text)?)?;
        loaded.records += 1;
        loaded.replaced += usize::from(replaced);
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, LoadError> {
    if fs::metadata(path)?.len() > MAX_FILE {
        return Err(LoadError::TooLarge);
    }
    Ok(fs::read_to_string(path)?)
}

fn string(json: &Json<'_>, name: &str) -> Option<String> {
    Some(json.get(name)?.as_str()?.into_owned())
}

/// What the entries of a Bundle call each other, and what they are. A resource without an id gets that of its name.
fn names(entries: &mut [Json<'_>]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for entry in entries {
        let Some(name) = string(entry, "fullUrl") else { continue };
        let Some(resource) = entry.get_mut("resource") else { continue };
        let Some(kind) = string(resource, "resourceType") else { continue };
        let uuid = name.strip_prefix("urn:uuid:").filter(|uuid| is_id(uuid));
        if resource.get("id").is_none()
            && let Some(uuid) = uuid
        {
            resource.set("id", Json::text(uuid));
        }
        if name.starts_with("urn:")
            && let Some(id) = string(resource, "id")
        {
            names.insert(name, format!("{kind}/{id}"));
        }
    }
    names
}

/// Writes what references within a Bundle lead to.
fn resolve(json: &mut Json<'_>, names: &HashMap<String, String>) {
    match json {
        Json::Array(values) => values.iter_mut().for_each(|value| resolve(value, names)),
        Json::Object(members) => {
            for (name, value) in members {
                let target = match value {
                    Json::String(text) if name.get() == "reference" => names.get(&*text.get()),
                    _ => None,
                };
                match (target, value) {
                    (Some(target), value) => *value = Json::String(Text::new(target)),
                    (None, value) => resolve(value, names),
                }
            }
        }
        _ => {}
    }
}
