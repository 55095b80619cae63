//! How a server's side is put together.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mcp_core::Principal;
use mcp_core::sealed::{KeyRing, Sealer};
use mcp_trust::RandomError;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

use super::break_glass::{BreakGlass, BreakGlassPage, MAX_TTL, Nonces};
use super::policy::AccessPolicy;
use super::records::Records;
use super::seams::{Compartment, Definitions, Deidentify, NoDefinitions};
use super::{Auditors, Healthcare, Shared, promised};
use crate::audit::AuditTrail;
use crate::consent::ConsentRules;
use crate::protocol::{
    Granularity, LimitSettings, ServerSettings, TerminologySettings, VERSION, purposes,
};

/// What a client gets that does not declare the extension (PLN-1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Undeclared {
    /// `-32021`.
    #[default]
    Refuse,
    /// Results that were de-identified by this method.
    Deidentify(String),
}

/// Whether a client may learn that something was withheld (RES-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existence {
    /// No: what is withheld looks as if it did not exist.
    #[default]
    Sensitive,
    /// Yes: the result names the classes of reasons, never how many records.
    Open,
}

/// Why the extension cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HealthcareBuildError {
    /// Results for clients that do not declare the extension are to be de-identified by a method that there is not.
    #[error("there is no method `{0}` to de-identify by")]
    NoSuchMethod(String),
    /// Two methods of de-identification have one name.
    #[error("two methods to de-identify by are called `{0}`")]
    MethodTwice(String),
    /// Consents are to be looked at, and there are no records to find them in.
    #[error("there are no records to find Consents in")]
    NoRecords,
    /// No key was given for pseudonyms or cursors, and none can be made.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// Puts a [`Healthcare`] together.
pub struct HealthcareBuilder {
    pub(super) policy: Box<dyn AccessPolicy>,
    pub(super) compartment: Box<dyn Compartment>,
    pub(super) trail: Arc<dyn AuditTrail>,
    pub(super) records: Option<Arc<dyn Records>>,
    pub(super) definitions: Box<dyn Definitions>,
    pub(super) deid: Vec<Box<dyn Deidentify>>,
    pub(super) pseudonyms: Option<Pseudonymizer>,
    pub(super) cursor_keys: Option<KeyRing>,
    pub(super) undeclared: Undeclared,
    pub(super) existence: Existence,
    pub(super) granularity: Granularity,
    pub(super) context_required: bool,
    pub(super) purpose_required: bool,
    pub(super) purposes: Vec<String>,
    pub(super) limits: LimitSettings,
    pub(super) settings: ServerSettings,
    pub(super) terminology: Option<TerminologySettings>,
    pub(super) break_glass: Option<BreakGlass>,
    pub(super) consent: Option<ConsentRules>,
    pub(super) auditors: Auditors,
    pub(super) name: String,
    pub(super) now: fn() -> SystemTime,
}

impl HealthcareBuilder {
    pub(super) fn new(
        policy: Box<dyn AccessPolicy>,
        compartment: Box<dyn Compartment>,
        trail: Arc<dyn AuditTrail>,
    ) -> Self {
        Self {
            policy,
            compartment,
            trail,
            records: None,
            definitions: Box::new(NoDefinitions),
            deid: Vec::new(),
            pseudonyms: None,
            cursor_keys: None,
            undeclared: Undeclared::default(),
            existence: Existence::default(),
            granularity: Granularity::Result,
            context_required: true,
            purpose_required: true,
            purposes: vec![purposes::TREAT.to_owned()],
            limits: LimitSettings::new(100_u64, 1024_u64 * 1024),
            settings: ServerSettings::new(VERSION),
            terminology: None,
            break_glass: None,
            consent: None,
            auditors: Box::new(|_| false),
            name: "mcp-ext-healthcare".to_owned(),
            now: SystemTime::now,
        }
    }

    /// Sets where [`HealthCx::read`](super::HealthCx::read) and [`HealthCx::search`](super::HealthCx::search) find records.
    #[must_use]
    pub fn records(mut self, records: impl Records) -> Self {
        self.records = Some(Arc::new(records));
        self
    }

    /// Sets what knows the mandatory elements of each type. Without it, none are kept beside those that are asked for.
    #[must_use]
    pub fn definitions(mut self, definitions: impl Definitions) -> Self {
        self.definitions = Box::new(definitions);
        self
    }

    /// Adds a method of de-identification.
    #[must_use]
    pub fn deid(mut self, method: impl Deidentify) -> Self {
        self.deid.push(Box::new(method));
        self
    }

    /// Sets what makes pseudonyms of patients. Without it, a key is made that ends with the process: pseudonyms then
    /// differ after a restart and between instances.
    #[must_use]
    pub fn pseudonyms(mut self, pseudonyms: Pseudonymizer) -> Self {
        self.pseudonyms = Some(pseudonyms);
        self
    }

    /// Sets the keys that cursors are sealed with. Without them a key is made that ends with the process, and no other instance knows.
    #[must_use]
    pub fn cursor_keys(mut self, keys: KeyRing) -> Self {
        self.cursor_keys = Some(keys);
        self
    }

    /// Sets what clients get that do not declare the extension: nothing, without.
    #[must_use]
    pub fn undeclared(mut self, undeclared: Undeclared) -> Self {
        self.undeclared = undeclared;
        self
    }

    /// Sets whether a client may learn that something was withheld: no, without.
    #[must_use]
    pub fn existence(mut self, existence: Existence) -> Self {
        self.existence = existence;
        self
    }

    /// Sets how fine labels are: one for each result, without.
    #[must_use]
    pub fn granularity(mut self, granularity: Granularity) -> Self {
        self.granularity = granularity;
        self
    }

    /// Sets whether a call of a tool that touches records must name a patient: yes, without.
    #[must_use]
    pub fn require_context(mut self, required: bool) -> Self {
        self.context_required = required;
        self
    }

    /// Sets whether such a call must have a purpose (yes, without), and the codes that are understood (`TREAT`, without).
    #[must_use]
    pub fn purposes(
        mut self,
        required: bool,
        codes: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.purpose_required = required;
        self.purposes = codes.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the limits of one result: 100 records and 1 MiB, without.
    #[must_use]
    pub fn limits(mut self, limits: LimitSettings) -> Self {
        self.limits = limits;
        self
    }

    /// Sets what the server declares of what this crate does not decide: `fhir`, `scopes`, `bulk`, `terminology`. What the other
    /// members say is overwritten by what the parts of this builder do.
    #[must_use]
    pub fn settings(mut self, settings: ServerSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Sets what the server declares of terminology: what the tools offer that it serves
    /// ([`TerminologyTools::settings`](crate::tools::terminology::TerminologyTools::settings)).
    #[must_use]
    pub fn terminology(mut self, offered: TerminologySettings) -> Self {
        self.terminology = Some(offered);
        self
    }

    /// Lets people ask, in an emergency, for what was denied: on this page, within this time (at most [`MAX_TTL`]), once.
    /// Without it, nobody is asked.
    #[must_use]
    pub fn break_glass(
        mut self,
        page: impl BreakGlassPage,
        nonces: impl Nonces,
        ttl: Duration,
    ) -> Self {
        self.break_glass = Some(BreakGlass {
            page: Box::new(page),
            nonces: Box::new(nonces),
            ttl: ttl.min(MAX_TTL),
            now: self.now,
        });
        self
    }

    /// Looks at what patients consented to, by these rules. The [`Records`] of the extension are where Consents are found. Without it, nobody
    /// looks (`consent.mode` is `none`).
    #[must_use]
    pub fn consent(mut self, rules: ConsentRules) -> Self {
        self.consent = Some(rules);
        self
    }

    /// Says who may ask for the events of others' accesses (AUD-5). Without it, nobody.
    #[must_use]
    pub fn auditors(mut self, are: impl Fn(&Principal) -> bool + Send + Sync + 'static) -> Self {
        self.auditors = Box::new(are);
        self
    }

    /// Sets what the server is called in audit events.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Uses another clock.
    #[must_use]
    pub fn clock(mut self, now: fn() -> SystemTime) -> Self {
        self.now = now;
        self
    }

    /// Makes the extension.
    ///
    /// # Errors
    /// If a method of de-identification is missing or there twice, or no key can be made for pseudonyms or cursors.
    pub fn build(self) -> Result<Healthcare, HealthcareBuildError> {
        for (at, method) in self.deid.iter().enumerate() {
            if self.deid.iter().take(at).any(|other| other.method() == method.method()) {
                return Err(HealthcareBuildError::MethodTwice(method.method().to_owned()));
            }
        }
        if let Undeclared::Deidentify(name) = &self.undeclared
            && !self.deid.iter().any(|method| method.method() == name)
        {
            return Err(HealthcareBuildError::NoSuchMethod(name.clone()));
        }
        if self.consent.is_some() && self.records.is_none() {
            return Err(HealthcareBuildError::NoRecords);
        }
        let settings = promised(&self);
        let pseudonyms = match self.pseudonyms {
            Some(pseudonyms) => pseudonyms,
            None => Pseudonymizer::new(PseudonymKey::random()?),
        };
        let cursor_keys = match self.cursor_keys {
            Some(keys) => keys,
            None => KeyRing::random().map_err(|_| RandomError)?,
        };
        let shared = Shared {
            policy: self.policy,
            compartment: self.compartment,
            trail: self.trail,
            records: self.records,
            definitions: self.definitions,
            deid: self.deid,
            pseudonyms,
            cursors: Sealer::with_clock(cursor_keys, self.now),
            undeclared: self.undeclared,
            existence: self.existence,
            granularity: self.granularity,
            context_required: self.context_required,
            purpose_required: self.purpose_required,
            purposes: self.purposes,
            limits: self.limits,
            break_glass: self.break_glass.map(|glass| BreakGlass { now: self.now, ..glass }),
            settings,
            consent: self.consent,
            auditors: self.auditors,
            name: self.name,
            now: self.now,
        };
        Ok(Healthcare { shared: Arc::new(shared) })
    }
}
