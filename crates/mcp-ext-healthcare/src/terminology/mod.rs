//! A terminology server in this process: it answers from *CodeSystem*, *ValueSet* and *ConceptMap* resources that it holds.
//!
//! For code systems that come as resources (FHIR's own, HL7's, an operator's). No code system comes with this crate; SNOMED CT and
//! LOINC, say, are asked of a terminology server.

mod answer;
mod code_system;
mod concept_map;
mod value_set;

pub(crate) use code_system::text_of;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::fhir::FhirVersion;
use crate::server::{Operation, OperationError, Operations, Parameter};
use code_system::{CodeSystem, CodeSystemResource};
use concept_map::ConceptMap;
use value_set::ValueSet;

/// Why a resource was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TerminologyError {
    /// It is no resource of this type that can be read.
    #[error("not a CodeSystem, ValueSet or ConceptMap that can be read")]
    Form,
    /// It has no canonical URL, so that nobody could ask for it.
    #[error("a resource of terminology has a URL")]
    Url,
}

/// Answers from resources that it holds.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::terminology::LocalTerminology;
///
/// let mut terminology = LocalTerminology::new(FhirVersion::R4);
/// let taken = terminology.add(
///     r#"{"resourceType":"CodeSystem","url":"https://example.org/colours","content":"complete",
///         "concept":[{"code":"red","display":"Red"}]}"#,
/// )?;
/// assert!(taken);
/// // What is no terminology is left.
/// assert!(!terminology.add(r#"{"resourceType":"Patient","id":"1"}"#)?);
/// # Ok::<(), mcp_ext_healthcare::terminology::TerminologyError>(())
/// ```
pub struct LocalTerminology {
    version: FhirVersion,
    systems: BTreeMap<String, Vec<CodeSystem>>,
    value_sets: BTreeMap<String, Vec<ValueSet>>,
    maps: BTreeMap<String, Vec<ConceptMap>>,
}

impl LocalTerminology {
    /// One that knows nothing yet, and speaks this version.
    #[must_use]
    pub fn new(version: FhirVersion) -> Self {
        Self {
            version,
            systems: BTreeMap::new(),
            value_sets: BTreeMap::new(),
            maps: BTreeMap::new(),
        }
    }

    /// Takes a resource; false if it is of another type. Several versions of one URL may be held; whoever names none gets the
    /// highest.
    ///
    /// # Errors
    /// If it cannot be read, or has no URL.
    pub fn add(&mut self, text: &str) -> Result<bool, TerminologyError> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Typed {
            resource_type: String,
            #[serde(default)]
            content: serde_json::Value,
        }
        let typed: Typed = serde_json::from_str(text).map_err(|_| TerminologyError::Form)?;
        match typed.resource_type.as_str() {
            // It says more of another system, and is none.
            "CodeSystem" if typed.content == "supplement" => return Ok(false),
            "CodeSystem" => {
                let resource: CodeSystemResource = read(text)?;
                let system = CodeSystem::new(resource);
                put(&mut self.systems, system.url.clone(), system, |one| one.version.as_deref())?;
            }
            "ValueSet" => {
                let value_set: ValueSet = read(text)?;
                put(&mut self.value_sets, value_set.url.clone(), value_set, |one| {
                    one.version.as_deref()
                })?;
            }
            "ConceptMap" => {
                let map: ConceptMap = read(text)?;
                put(&mut self.maps, map.url.clone(), map, |one| one.version.as_deref())?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn code_system(&self, url: &str, version: Option<&str>) -> Result<&CodeSystem, OperationError> {
        find(&self.systems, url, version, |one| one.version.as_deref())
    }

    fn value_set(&self, canonical: &str) -> Result<&ValueSet, OperationError> {
        find(&self.value_sets, canonical, None, |one| one.version.as_deref())
    }

    fn concept_map(&self, canonical: &str) -> Result<&ConceptMap, OperationError> {
        find(&self.maps, canonical, None, |one| one.version.as_deref())
    }
}

fn read<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, TerminologyError> {
    serde_json::from_str(text).map_err(|_| TerminologyError::Form)
}

/// Keeps the versions of a URL in order, each once.
fn put<T>(
    to: &mut BTreeMap<String, Vec<T>>,
    url: String,
    resource: T,
    version: impl Fn(&T) -> Option<&str>,
) -> Result<(), TerminologyError> {
    if url.is_empty() {
        return Err(TerminologyError::Url);
    }
    let versions = to.entry(url).or_default();
    versions.retain(|one| version(one) != version(&resource));
    versions.push(resource);
    versions.sort_by_key(|one| natural(version(one)));
    Ok(())
}

/// Versions in an order in which 10 comes after 9.
fn natural(version: Option<&str>) -> Vec<(u64, String)> {
    let parts = version.unwrap_or_default().split(['.', '-']);
    parts.map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
}

/// The resource of a canonical URL (`url` or `url|version`); the highest version if none is named.
fn find<'a, T>(
    from: &'a BTreeMap<String, Vec<T>>,
    canonical: &str,
    wanted: Option<&str>,
    version: impl Fn(&T) -> Option<&str>,
) -> Result<&'a T, OperationError> {
    let (url, own) = match canonical.split_once('|') {
        // Some resources have a version in their URL.
        Some((url, version)) if !from.contains_key(canonical) => (url, Some(version)),
        _ => (canonical, None),
    };
    let versions = from.get(url).ok_or(OperationError::UnknownSource)?;
    let found = match wanted.or(own) {
        Some(wanted) => versions.iter().find(|one| version(one) == Some(wanted)),
        None => versions.last(),
    };
    found.ok_or(OperationError::UnknownSource)
}

#[async_trait]
impl Operations for LocalTerminology {
    fn version(&self) -> FhirVersion {
        self.version
    }

    fn offered(&self) -> Vec<Operation> {
        Operation::ALL.to_vec()
    }

    fn systems(&self) -> Vec<String> {
        self.systems.keys().cloned().collect()
    }

    async fn invoke(
        &self,
        operation: Operation,
        parameters: &[Parameter],
    ) -> Result<String, OperationError> {
        answer::answer(self, operation, parameters).map(|answer| answer.to_string())
    }
}
