//! HL7's FHIR packages, through npm: definitions and examples, all CC0.

use std::path::{Path, PathBuf};

use super::{is_stamped, node, read, stamp};
use crate::failure::{Context, Result};
use crate::workspace;

/// The installed packages. Tests find them at the same place and are skipped without them.
#[derive(Debug)]
pub(crate) struct FhirPackages {
    folder: PathBuf,
}

impl FhirPackages {
    /// Installs what is missing.
    pub(crate) fn ready() -> Result<Self> {
        let pins = workspace::root().join("tests").join("fhir");
        let manifest = read(&pins.join("package.json"))?;
        let lock = read(&pins.join("package-lock.json"))?;
        let folder = workspace::cache().join("fhir");
        let pins = format!("{manifest}\n{lock}");
        if !is_stamped(&folder, &pins) {
            node::install(&folder, &manifest, &lock)?;
            stamp(&folder, &pins)?;
        }
        Ok(Self { folder })
    }

    /// Where they are.
    pub(crate) fn root(&self) -> &Path {
        &self.folder
    }

    /// The resources of a package whose files begin with a type's name, in the order of their names.
    pub(crate) fn resources(
        &self,
        package: &str,
        resource_type: &str,
    ) -> Result<Vec<serde_json::Value>> {
        let folder = self.folder.join("node_modules").join(package);
        let unreadable = || format!("cannot read {}", folder.display());
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(&folder).context(unreadable())? {
            let path = entry.context(unreadable())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with(&format!("{resource_type}-")) && name.ends_with(".json") {
                paths.push(path);
            }
        }
        paths.sort();
        let parse = |path: &PathBuf| {
            serde_json::from_str(&read(path)?)
                .context(format_args!("{} is no JSON", path.display()))
        };
        paths.iter().map(parse).collect()
    }
}
