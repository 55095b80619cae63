//! The official examples.

use std::path::{Path, PathBuf};

use mcp_ext_healthcare::fhir::FhirVersion;

/// An official example.
pub(crate) struct Example {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// All examples of a version; `None`, with a note, where they have not been downloaded.
pub(crate) fn examples(version: FhirVersion) -> Option<impl Iterator<Item = Example>> {
    let package = match version {
        FhirVersion::R4 => "hl7.fhir.r4.examples",
        _ => "hl7.fhir.r5.examples",
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join(".cache/fhir/node_modules").join(package);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: {package} is not there; `cargo xtask peers` downloads it");
        return None;
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension().is_some_and(|end| end == "json") && !path.ends_with("package.json")
    });
    paths.sort();
    // The packages never change.
    let expected = if version == FhirVersion::R4 { 5306 } else { 2822 };
    assert_eq!(paths.len(), expected, "{package} is not whole");
    Some(paths.into_iter().map(|path| Example {
        name: path.file_name().unwrap().to_string_lossy().into_owned(),
        text: std::fs::read_to_string(&path).unwrap(),
    }))
}
