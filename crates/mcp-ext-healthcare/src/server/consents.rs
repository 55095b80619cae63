//! The Consents of the patients whom a call concerns: found once for each, before anything of theirs is decided on.
//!
//! Deciding on a record does not wait for anything, so the Consents have to be there by then. Those of the patient whom the call is for are
//! read before the handler runs; those of other patients when a search brings their records. What comes from elsewhere, of a
//! patient whose Consents nobody has read, is withheld.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::health_cx::Call;
use super::policy::Access;
use super::records::{Found, Records, Search, SourceError};
use super::seams::Patients;
use crate::audit::instant;
use crate::consent::{About, ConsentRules, Consents, Question, Subject};
use crate::protocol::{ConsentDecision, ConsentMode, Instant, Label, Reference};
use crate::record::Record;

/// Whoever has more Consents than this has them looked at by a person.
const MOST_CONSENTS: usize = 1_000;
/// How many pages of a source are read for them.
const MOST_PAGES: usize = 50;

/// The Consents that a call has read so far.
#[derive(Default)]
pub(crate) struct Consulted(Mutex<BTreeMap<Reference, Arc<Consents>>>);

impl Consulted {
    fn of(&self, patient: &Reference) -> Option<Arc<Consents>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(patient).cloned()
    }
}

/// All Consents of a patient.
///
/// # Errors
/// If the source does not give them, or there are too many of them to be read.
pub(super) async fn read(
    rules: &ConsentRules,
    source: &dyn Records,
    patient: &Reference,
) -> Result<(Consents, Vec<Record>), SourceError> {
    let mut search = Search::new("Consent").parameter("patient", patient.as_str());
    let mut records: Vec<Record> = Vec::new();
    for _ in 0..MOST_PAGES {
        let Found { matches, next, .. } = source.search(&search).await?;
        records.extend(matches);
        if records.len() > MOST_CONSENTS {
            break;
        }
        if next.is_none() {
            return Ok((Consents::read(rules, patient, &records), records));
        }
        search.page = next;
    }
    tracing::error!("a patient has more Consents than are read here, or their source does not end");
    Err(SourceError::Unavailable)
}

impl Call {
    /// The rules by which Consents withhold something here.
    pub(super) fn enforced(&self) -> Option<&ConsentRules> {
        self.shared.consent.as_ref().filter(|rules| rules.mode == ConsentMode::Enforce)
    }

    /// Reads the Consents of patients, those that were not read before.
    ///
    /// # Errors
    /// If they cannot be read. Nothing of the patient may be given then; since this says nothing of a patient, the call
    /// may say that it failed.
    pub(super) async fn consult(
        &self,
        patients: impl IntoIterator<Item = Reference>,
    ) -> Result<(), SourceError> {
        let Some(rules) = self.enforced() else { return Ok(()) };
        let new: BTreeSet<Reference> =
            patients.into_iter().filter(|patient| self.consents.of(patient).is_none()).collect();
        for patient in new {
            let source = self.shared.records.as_ref().ok_or(SourceError::Unavailable)?;
            let (consents, _) = read(rules, &**source, &patient).await?;
            let mut known = self.consents.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(patient, Arc::new(consents));
        }
        Ok(())
    }

    /// Reads the Consents of everybody whose records these are.
    pub(super) async fn consult_for<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), SourceError> {
        if self.enforced().is_none() {
            return Ok(());
        }
        let mut patients = BTreeSet::new();
        for record in records {
            if let Patients::Of(all) = self.shared.compartment.patients(record) {
                // Records of others are withheld in any case.
                let is_ours = self.access.patient().is_none_or(|patient| all.contains(patient));
                patients.extend(all.into_iter().filter(|_| is_ours));
            }
        }
        self.consult(patients).await
    }

    /// Whether the Consents of everybody whose record it is let it be given (CON-1). A record of nobody is nobody's to consent to.
    pub(super) fn is_consented(&self, patients: &Patients, record: &Record, label: &Label) -> bool {
        let Some(rules) = self.enforced() else { return true };
        if rules.in_emergencies && self.access.broken_glass {
            return true;
        }
        let patients = match patients {
            Patients::Nobody => return true,
            Patients::Unknown => return false,
            Patients::Of(patients) => patients,
        };
        let subject = Subject::new(record, label, rules.definitions());
        !patients.is_empty()
            && patients.iter().all(|patient| {
                self.consents.of(patient).is_some_and(|consents| {
                    self.says(rules, &consents, About::Record(&subject)) == ConsentDecision::Permit
                })
            })
    }

    /// Whether the patient of the call denies everything to its principal.
    pub(super) fn is_denied_whole(&self) -> bool {
        let (Some(rules), Some(patient)) = (self.enforced(), self.access.patient()) else {
            return false;
        };
        self.consents.of(patient).is_some_and(|consents| {
            self.says(rules, &consents, About::Some(None)) == ConsentDecision::Deny
        })
    }

    fn says(&self, rules: &ConsentRules, consents: &Consents, about: About<'_>) -> ConsentDecision {
        let now = self.now();
        let decisions = self.readings().into_iter().map(|access| {
            let actors = rules.actors_of(&access);
            let question = Question {
                actors: actors.as_ref(),
                purpose: purpose(&access),
                now: now.as_ref().map_or(0, Instant::nanoseconds),
                about,
            };
            consents.verdict(rules.unconsented, &question).decision
        });
        together(decisions)
    }

    /// What time it is, by the clock of the extension.
    pub(super) fn now(&self) -> Option<Instant> {
        instant((self.shared.now)()).parse().ok()
    }
}

pub(super) fn purpose(access: &Access) -> Option<&str> {
    access.purpose.as_ref().map(|purpose| purpose.code.as_str())
}

/// What is so if all of these have to permit: of the ways in which a call is read.
pub(super) fn together(decisions: impl IntoIterator<Item = ConsentDecision>) -> ConsentDecision {
    decisions.into_iter().fold(ConsentDecision::Permit, |all, one| match (all, one) {
        (ConsentDecision::Deny, _) | (_, ConsentDecision::Deny) => ConsentDecision::Deny,
        (ConsentDecision::Partial, _) | (_, ConsentDecision::Partial) => ConsentDecision::Partial,
        _ => ConsentDecision::Permit,
    })
}
