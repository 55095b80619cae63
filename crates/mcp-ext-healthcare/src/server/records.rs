//! Where records are.

use std::fmt;

use async_trait::async_trait;

use crate::protocol::Reference;
use crate::record::Record;

/// Why a source has no answer. It says nothing of what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It cannot be reached, or failed.
    #[error("the source of records failed")]
    Unavailable,
    /// It does not know a search parameter, or a value of one.
    #[error("the source of records does not know a search parameter")]
    UnknownParameter,
    /// It has forgotten where a search went on.
    #[error("the source of records does not know how to go on")]
    UnknownPage,
    /// It does not offer this at all.
    #[error("the source of records does not offer this")]
    Unsupported,
}

/// A search, as FHIR has it.
///
/// ```
/// use mcp_ext_healthcare::server::Search;
///
/// let search = Search::new("Observation").parameter("code", "8480-6").parameter("_include", "Observation:subject");
/// assert_eq!(search.query(), "Observation?code=8480-6&_include=Observation:subject");
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Search {
    /// The type that is searched.
    pub resource_type: String,
    /// Names, with their modifiers, and values, each as FHIR writes it. All have to fit.
    pub parameters: Vec<(String, String)>,
    /// The patient in whose compartment the matches have to be, if their type is in compartments at all. A source that cannot tell may
    /// leave it out: every record is checked afterwards.
    pub compartment: Option<Reference>,
    /// How many matches are asked for, at the most. What `_include` brings is not counted.
    pub limit: usize,
    /// Where to go on: [`Found::next`] of the search before.
    pub page: Option<String>,
}

impl Search {
    /// All records of a type, a hundred at once.
    #[must_use]
    pub fn new(resource_type: impl Into<String>) -> Self {
        Self {
            resource_type: resource_type.into(),
            parameters: Vec::new(),
            compartment: None,
            limit: 100,
            page: None,
        }
    }

    /// Those that fit this, too.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.parameters.push((name.into(), value.into()));
        self
    }

    /// As FHIR writes it, for the audit trail. Nothing is escaped.
    #[must_use]
    pub fn query(&self) -> String {
        let parameters: Vec<String> =
            self.parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}?{}", self.resource_type, parameters.join("&"))
    }
}

/// Shows no value.
impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.parameters.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Search")
            .field("resource_type", &self.resource_type)
            .field("parameters", &names)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

/// What was found, before anybody has decided who may have it.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Found {
    /// What fits.
    pub matches: Vec<Record>,
    /// What `_include` and `_revinclude` brought.
    pub included: Vec<Record>,
    /// Where to go on, in the source's own words; `None` at the end.
    pub next: Option<String>,
}

impl Found {
    /// These, and there are no more.
    #[must_use]
    pub fn all(matches: Vec<Record>) -> Self {
        Self { matches, ..Self::default() }
    }
}

/// Where records are: a FHIR server, or a store in this process. It decides nothing: what it answers is checked record by
/// record.
#[async_trait]
pub trait Records: Send + Sync + 'static {
    /// A record; `None` if there is none.
    ///
    /// # Errors
    /// If the source has no answer.
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError>;

    /// The records that fit a search. A parameter, modifier or value that the source does not understand is an
    /// error, never left out (DEN-2).
    ///
    /// # Errors
    /// If the source has no answer, does not know a parameter, or no longer knows the page.
    async fn search(&self, search: &Search) -> Result<Found, SourceError>;

    /// The record of a patient and everything in the patient's compartment, and what that refers to, not more than `limit` at once; `page` is
    /// [`Found::next`] of the time before.
    ///
    /// # Errors
    /// As [`search`](Self::search); [`SourceError::Unsupported`] if it has no such operation.
    async fn everything(
        &self,
        patient: &Reference,
        limit: usize,
        page: Option<&str>,
    ) -> Result<Found, SourceError> {
        let _ = (patient, limit, page);
        Err(SourceError::Unsupported)
    }
}
