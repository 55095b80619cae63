//! Several scopes together.

use std::fmt;

use super::query::Parameter;
use super::scope::{Level, RecordScope, Scope, ScopeError};
use crate::fhir::{FhirVersion, Json};
use crate::record::Record;
use crate::server::{Interaction, Restriction};

/// What several scopes grant together, for records of one version of FHIR. More scopes never grant less.
///
/// It says what scopes say. Whose patient `patient/` means, and what the user or the program behind `user/` and `system/` may see, they do
/// not say: [`SmartPolicy`](super::SmartPolicy) puts that together.
///
/// ```
/// use mcp_ext_healthcare::Record;
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::server::Interaction;
/// use mcp_ext_healthcare::smart::ScopeSet;
///
/// let token = ScopeSet::parse(FhirVersion::R4, "openid user/*.read".split(' '))?;
/// let tool = ScopeSet::parse(FhirVersion::R4, ["user/Observation.rs?category=laboratory"])?;
/// let both = token.within(&tool);
///
/// let observation = |category: &str| {
///     let text = format!(
///         r#"{{"resourceType":"Observation","id":"7","category":[{{"coding":[{{"code":"{category}"}}]}}]}}"#,
///     );
///     Record::parse(&text)
/// };
/// assert!(both.allows(Interaction::Read, &observation("laboratory")?));
/// assert!(!both.allows(Interaction::Read, &observation("survey")?));
/// assert!(!both.may(Interaction::Update, "Observation") && !both.may(Interaction::Read, "Patient"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ScopeSet {
    version: FhirVersion,
    grants: Vec<Grant>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    scope: RecordScope,
    /// Whether it is for one patient: by its own level, or by that of what it was put together with.
    is_confined: bool,
}

/// Which of several scopes is malformed, counted from 0, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScopesError {
    /// The number.
    pub number: usize,
    /// Why.
    pub error: ScopeError,
}

impl fmt::Display for ScopesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scope {}: {}", self.number, self.error)
    }
}

impl std::error::Error for ScopesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl ScopeSet {
    /// Reads scopes that somebody here wrote. Those that are not about records grant nothing here.
    ///
    /// # Errors
    /// If one of them is malformed.
    pub fn parse(
        version: FhirVersion,
        scopes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ScopesError> {
        let mut set = Self { version, grants: Vec::new() };
        for (number, scope) in scopes.into_iter().enumerate() {
            let scope = scope.as_ref().parse().map_err(|error| ScopesError { number, error })?;
            set.add(scope);
        }
        Ok(set)
    }

    /// Reads scopes of a token. Those that are malformed grant nothing, either: who issued them meant something, but nobody knows what.
    pub fn granted(
        version: FhirVersion,
        scopes: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let mut set = Self { version, grants: Vec::new() };
        for scope in scopes {
            match scope.as_ref().parse() {
                Ok(scope) => set.add(scope),
                Err(error) => {
                    let error: ScopeError = error;
                    tracing::debug!(%error, "a scope of a token is malformed");
                }
            }
        }
        set
    }

    fn add(&mut self, scope: Scope) {
        if let Scope::Records(scope) = scope {
            let is_confined = scope.level() == Level::Patient;
            self.grants.push(Grant { scope, is_confined });
        }
    }

    /// What both grant. This set is a token's, the other says what for: a `user/` or `system/` scope reaches what is for one
    /// patient, and is confined to one by it; otherwise levels must be the same.
    #[must_use]
    pub fn within(&self, other: &Self) -> Self {
        let mut grants = Vec::new();
        for (own, theirs) in
            self.grants.iter().flat_map(|own| other.grants.iter().map(move |theirs| (own, theirs)))
        {
            let reaches =
                theirs.scope.level() == own.scope.level() || theirs.scope.level() == Level::Patient;
            if let Some(scope) = own.scope.and(&theirs.scope).filter(|_| reaches) {
                let is_confined = own.is_confined || theirs.is_confined;
                let grant = Grant { scope, is_confined };
                if !grants.contains(&grant) {
                    grants.push(grant);
                }
            }
        }
        Self { version: self.version, grants }
    }

    /// The grants for which this is so. `is_confined` tells those that are for one patient.
    pub(super) fn retain(&mut self, keep: impl Fn(Level, bool) -> bool) {
        self.grants.retain(|grant| keep(grant.scope.level(), grant.is_confined));
    }

    /// What it grants at one level.
    #[must_use]
    pub fn at(&self, level: Level) -> Self {
        let mut set = self.clone();
        set.retain(|own, _| own == level);
        set
    }

    /// Whether it grants nothing of records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// The scopes for records, as version 2 writes them.
    pub fn scopes(&self) -> impl Iterator<Item = &RecordScope> {
        self.grants.iter().map(|grant| &grant.scope)
    }

    /// Whether this may be done with some records of a type.
    #[must_use]
    pub fn may(&self, interaction: Interaction, resource_type: &str) -> bool {
        self.about(interaction, resource_type).next().is_some()
    }

    /// Whether this may be done with a record. Of a change, ask about the record before and after.
    #[must_use]
    pub fn allows(&self, interaction: Interaction, record: &Record) -> bool {
        let kind = record.resource_type();
        let mut queries = Vec::new();
        for scope in self.about(interaction, kind) {
            if scope.query().is_empty() {
                return true;
            }
            queries.push(scope.query());
        }
        if queries.is_empty() {
            return false;
        }
        let text = record.json();
        let Ok(json) = Json::parse(text.get().as_bytes()) else { return false };
        let definitions = self.version.definitions();
        let fits = |parameter: &Parameter| parameter.fits(definitions, kind, &json);
        queries.iter().any(|query| query.iter().all(fits))
    }

    /// What a search for records of a type must be restricted to, or a read of one. A record that does not fit is not
    /// [allowed](Self::allows) all the same.
    #[must_use]
    pub fn restriction(&self, interaction: Interaction, resource_type: &str) -> Restriction {
        let mut lists = Vec::new();
        for scope in self.about(interaction, resource_type) {
            if scope.query().is_empty() {
                return Restriction::Everything;
            }
            let list: Vec<_> = scope.query().iter().map(Parameter::to_search).collect();
            if !lists.contains(&list) {
                lists.push(list);
            }
        }
        if lists.is_empty() { Restriction::Nothing } else { Restriction::Only(lists) }
    }

    /// The scopes by which this may be done with some records of a type.
    fn about(
        &self,
        interaction: Interaction,
        resource_type: &str,
    ) -> impl Iterator<Item = &RecordScope> {
        let definitions = self.version.definitions();
        let is_type = definitions.resource(resource_type).is_some();
        self.scopes().filter(move |scope| {
            is_type
                && scope.permissions().has(interaction)
                && scope.is_of(resource_type)
                && scope.query().iter().all(|one| one.is_supported(definitions, resource_type))
        })
    }
}
