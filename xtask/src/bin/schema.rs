//! Writes the JSON Schemas of the workspace's crates and extensions into `schema/`, or checks that
//! the files there are those that would be written. `cargo xtask schema` builds and runs it.
//!
//! A program of its own, since it is linked with the crates whose schemas it writes, and `xtask` is
//! not.
#![allow(clippy::print_stdout, reason = "a program that talks to a terminal")]

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use serde_json::{Map, Value, json};

/// Schemas by their definition's name.
type Definitions = Map<String, Value>;

/// A crate or an extension, and how to ask it for its schemas.
struct Source {
    /// The name of the file in `schema/`, without its ending.
    file: &'static str,
    definitions: fn() -> Result<Definitions, serde_json::Error>,
}

/// Everything that has schemas.
/// A crate is plugged in here, and as an optional dependency in xtask's Cargo.toml.
const SOURCES: &[Source] = &[
    Source { file: "mcp-core", definitions: || collect(mcp_core::protocol::schema::definitions()) },
    Source { file: "mcp-identity", definitions: || collect(mcp_identity::schema::definitions()) },
    Source {
        file: "dev.mcp-ext.healthcare",
        definitions: || Ok(mcp_ext_healthcare::protocol::definitions()),
    },
];

/// Turns what a crate returns into JSON.
fn collect<N: Into<String>, S: serde::Serialize>(
    definitions: impl IntoIterator<Item = (N, S)>,
) -> Result<Definitions, serde_json::Error> {
    definitions
        .into_iter()
        .map(|(name, schema)| Ok((name.into(), serde_json::to_value(schema)?)))
        .collect()
}

fn main() -> ExitCode {
    let check = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [option] if option == "--check" => true,
        _ => {
            eprintln!("usage: cargo xtask schema [--check]");
            return ExitCode::from(2);
        }
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join("schema");
    match files(SOURCES)
        .and_then(|files| if check { compare(&folder, &files) } else { write(&folder, &files) })
    {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// The text of every file, by its name.
fn files(sources: &[Source]) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    if sources.is_empty() {
        return Err("no crate is plugged into the schema program; see SOURCES in it".into());
    }
    let mut files = BTreeMap::new();
    for source in sources {
        let definitions = (source.definitions)()?;
        if definitions.is_empty() {
            return Err(format!("{} has no schemas", source.file).into());
        }
        let document = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$defs": definitions,
        });
        let text = format!("{}\n", serde_json::to_string_pretty(&document)?);
        if files.insert(format!("{}.json", source.file), text).is_some() {
            return Err(format!("two sources are called {}", source.file).into());
        }
    }
    Ok(files)
}

/// The names of the files that are there.
fn present(folder: &Path) -> Result<BTreeSet<String>, Box<dyn Error>> {
    if !folder.exists() {
        return Ok(BTreeSet::new());
    }
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".json") {
            names.insert(name);
        }
    }
    Ok(names)
}

fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    for stray in present(folder)?.iter().filter(|name| !files.contains_key(*name)) {
        std::fs::remove_file(folder.join(stray))?;
        println!("removed {stray}");
    }
    for (name, text) in files {
        std::fs::write(folder.join(name), text)?;
        println!("wrote {name}");
    }
    Ok(())
}

fn compare(folder: &Path, files: &BTreeMap<String, String>) -> Result<(), Box<dyn Error>> {
    let mut differences = Vec::new();
    for stray in present(folder)?.iter().filter(|name| !files.contains_key(*name)) {
        differences.push(format!("schema/{stray} belongs to nothing"));
    }
    for (name, text) in files {
        match std::fs::read_to_string(folder.join(name)) {
            // Git may have checked the file out with the line ends of another system.
            Ok(found) if found.replace("\r\n", "\n") == *text => {
                println!("schema/{name} is as it should be")
            }
            Ok(found) => differences
                .push(format!("schema/{name} differs: {}", first_difference(&found, text))),
            Err(error) => differences.push(format!("schema/{name}: {error}")),
        }
    }
    if differences.is_empty() {
        Ok(())
    } else {
        differences.push("`cargo xtask schema` writes them anew".to_owned());
        Err(differences.join("\n").into())
    }
}

fn first_difference(found: &str, wanted: &str) -> String {
    let (mut found, mut wanted) = (found.lines(), wanted.lines());
    for number in 1.. {
        match (found.next(), wanted.next()) {
            (None, None) => break,
            (one, other) if one == other => {}
            (one, other) => {
                let shown = |line: Option<&str>| line.unwrap_or("the end").trim().to_owned();
                return format!("line {number} is {}, and should be {}", shown(one), shown(other));
            }
        }
    }
    "only at its end".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> Source {
        Source { file: "one", definitions: || collect([("A", json!({"type": "string"}))]) }
    }

    #[test]
    fn what_is_written_is_what_is_checked_for() {
        let folder = std::env::temp_dir().join(format!("schema-{}", std::process::id()));
        let files = files(&[source()]).unwrap();
        assert!(compare(&folder, &files).unwrap_err().to_string().contains("schema/one.json"));
        write(&folder, &files).unwrap();
        compare(&folder, &files).unwrap();

        std::fs::write(folder.join("one.json"), files["one.json"].replace("string", "number"))
            .unwrap();
        let error = compare(&folder, &files).unwrap_err().to_string();
        assert!(error.contains("should be \"type\": \"string\""), "{error}");

        std::fs::write(folder.join("old.json"), "{}").unwrap();
        assert!(
            compare(&folder, &files)
                .unwrap_err()
                .to_string()
                .contains("old.json belongs to nothing")
        );
        write(&folder, &files).unwrap();
        compare(&folder, &files).unwrap();
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn an_empty_source_is_an_error() {
        assert!(files(&[]).is_err());
        assert!(files(&[Source { file: "x", definitions: || Ok(Definitions::new()) }]).is_err());
        assert!(files(&[source(), source()]).is_err());
    }
}
