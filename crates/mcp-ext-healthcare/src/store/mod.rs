//! Records in this process: for examples, tests, and servers whose records fit into memory.
//!
//! [`MemoryRecords`] searches by HL7's own search parameters. What it does not know (a parameter, a modifier, a value) it refuses, it
//! never leaves it out. It decides nothing about who may have what: the layer does, record by record.
//!
//! Known are the parameters whose expression is a path (nine of ten), with values of the types token, reference, string, date, number,
//! quantity and uri; the modifiers `:missing`, `:not` (token), `:exact` and `:contains` (string), and a type (reference); `_sort` by
//! `_id` and `_lastUpdated`, `_count`, `_include` and `_revinclude`. Strings are compared in small letters, accents count. Not known are
//! chains, `_has`, composites, and what needs terminology.

mod condition;
mod load;
mod period;
mod search;
mod value;

pub use load::{LoadError, Loaded};

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;

use crate::fhir::{Definitions, FhirVersion, Json};
use crate::protocol::Reference;
use crate::record::Record;
use crate::server::{Found, Records, Search, SourceError};

use value::{Value, values};

/// A type and an id: the order of results.
type Key = (String, String);

/// Records of one FHIR version in memory. Clones share them.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::server::{Records, Search};
/// use mcp_ext_healthcare::store::MemoryRecords;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let records = MemoryRecords::new(FhirVersion::R4);
/// records.load(r#"{"resourceType":"Observation","id":"7","status":"final","subject":{"reference":"Patient/1"},
///     "code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},"effectiveDateTime":"2024-05-01"}"#)?;
/// let search = Search::new("Observation").parameter("patient", "1").parameter("date", "ge2024");
/// assert_eq!(records.search(&search).await?.matches.len(), 1);
/// assert!(records.search(&search.parameter("colour", "red")).await.is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryRecords {
    version: FhirVersion,
    inner: Arc<RwLock<Inner>>,
}

#[derive(Default)]
struct Inner {
    types: BTreeMap<String, BTreeMap<String, Arc<Stored>>>,
    /// Who refers to a record by any of its search parameters.
    about: HashMap<String, BTreeSet<Key>>,
}

/// A record, and what searches look at.
struct Stored {
    record: Record,
    values: BTreeMap<&'static str, Vec<Value>>,
}

impl Stored {
    fn values(&self, parameter: &str) -> &[Value] {
        self.values.get(parameter).map_or(&[], Vec::as_slice)
    }

    /// What it refers to by a parameter, or by any.
    fn references(&self, parameter: Option<&str>) -> impl Iterator<Item = &str> {
        let of = move |name: &str| parameter.is_none_or(|parameter| parameter == name);
        let all = self.values.iter().filter(move |(name, _)| of(name));
        all.flat_map(|(_, values)| values).filter_map(|value| match value {
            Value::Reference(target) => Some(target.as_str()),
            _ => None,
        })
    }

    fn key(&self) -> Key {
        let reference = self.record.reference();
        (reference.resource_type().to_owned(), reference.id().to_owned())
    }
}

impl MemoryRecords {
    /// A store without records.
    #[must_use]
    pub fn new(version: FhirVersion) -> Self {
        Self { version, inner: Arc::default() }
    }

    /// The version of its records.
    #[must_use]
    pub fn version(&self) -> FhirVersion {
        self.version
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.read().types.values().map(BTreeMap::len).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The types of its records, and how many there are of each.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        self.read().types.iter().map(|(kind, all)| (kind.clone(), all.len())).collect()
    }

    /// All records of a type, in the order of their ids.
    #[must_use]
    pub fn all(&self, resource_type: &str) -> Vec<Record> {
        let inner = self.read();
        let all = inner.types.get(resource_type).into_iter().flat_map(BTreeMap::values);
        all.map(|stored| stored.record.clone()).collect()
    }

    /// Adds a record, in the place of one of the same type and id. Says whether there was one.
    ///
    /// # Errors
    /// If its type is none of the version's.
    pub fn insert(&self, record: Record) -> Result<bool, LoadError> {
        let stored = Arc::new(self.indexed(record)?);
        let (kind, id) = stored.key();
        let mut inner = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        let old = inner.types.entry(kind).or_default().insert(id, Arc::clone(&stored));
        if let Some(old) = &old {
            inner.forget(old);
        }
        inner.remember(&stored);
        Ok(old.is_some())
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn definitions(&self) -> &'static Definitions {
        self.version.definitions()
    }

    fn indexed(&self, record: Record) -> Result<Stored, LoadError> {
        let text = record.json();
        let json = Json::parse(text.get().as_bytes()).map_err(|_| LoadError::Json)?;
        let (definitions, kind) = (self.definitions(), record.resource_type());
        if definitions.resource(kind).is_none() {
            return Err(LoadError::UnknownType);
        }
        let mut all = BTreeMap::new();
        for (name, parameter) in definitions.search_parameters(kind) {
            let Ok(paths) = definitions.paths(kind, name) else { continue };
            let mut found = Vec::new();
            for path in paths {
                for element in path.values(&json) {
                    let before = found.len();
                    values(parameter.kind, element, &mut found);
                    if let Some(kind) = path.refers_to() {
                        found.truncate_unless(before, |value| refers_to(value, kind));
                    }
                }
            }
            if !found.is_empty() {
                all.insert(name, found);
            }
        }
        Ok(Stored { record, values: all })
    }
}

/// Whether a value refers to a record of a type. Where that cannot be told, it may.
fn refers_to(value: &Value, kind: &str) -> bool {
    let Value::Reference(target) = value else { return true };
    match crate::fhir::FhirReference::parse(target).type_and_id() {
        Some((resource_type, _)) => resource_type == kind,
        None => false,
    }
}

trait TruncateUnless<T> {
    /// Drops what was added after `from` and does not fit.
    fn truncate_unless(&mut self, from: usize, fits: impl Fn(&T) -> bool);
}

impl<T> TruncateUnless<T> for Vec<T> {
    fn truncate_unless(&mut self, from: usize, fits: impl Fn(&T) -> bool) {
        let added = self.split_off(from);
        self.extend(added.into_iter().filter(|value| fits(value)));
    }
}

impl Inner {
    fn get(&self, kind: &str, id: &str) -> Option<&Arc<Stored>> {
        self.types.get(kind)?.get(id)
    }

    fn at(&self, reference: &str) -> Option<&Arc<Stored>> {
        let (kind, id) = reference.split_once('/')?;
        self.get(kind, id)
    }

    fn remember(&mut self, stored: &Stored) {
        for target in stored.references(None) {
            self.about.entry(target.to_owned()).or_default().insert(stored.key());
        }
    }

    fn forget(&mut self, stored: &Stored) {
        let key = stored.key();
        for target in stored.references(None) {
            if let Some(about) = self.about.get_mut(target) {
                about.remove(&key);
                if about.is_empty() {
                    self.about.remove(target);
                }
            }
        }
    }
}

#[async_trait]
impl Records for MemoryRecords {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        let inner = self.read();
        let found = inner.get(reference.resource_type(), reference.id());
        Ok(found.map(|stored| stored.record.clone()))
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        search::search(&self.read(), self.definitions(), search)
    }

    async fn everything(
        &self,
        patient: &Reference,
        limit: usize,
        page: Option<&str>,
    ) -> Result<Found, SourceError> {
        search::everything(&self.read(), self.definitions(), patient, limit, page)
    }
}

/// Shows how many there are.
impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRecords")
            .field("version", &self.version)
            .field("records", &self.len())
            .finish_non_exhaustive()
    }
}
