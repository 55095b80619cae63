//! The Consents of one patient.

use std::collections::BTreeSet;

use super::read::{Reader, Reading, read};
use super::rule::{Effect, Question, Rule, View};
use super::rules::{ConsentRules, Unconsented};
use super::subject::{About, Subject};
use crate::protocol::{ConsentDecision, Instant, Label, Reference};
use crate::record::Record;

/// The Consents of one patient, read.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use mcp_ext_healthcare::Record;
/// use mcp_ext_healthcare::consent::{ConsentRules, Consents};
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::protocol::ConsentDecision;
///
/// let rules = ConsentRules::enforced(FhirVersion::R5);
/// let consent = Record::parse(r#"{
///     "resourceType": "Consent", "id": "c1", "status": "active",
///     "subject": { "reference": "Patient/1" }, "decision": "permit",
///     "provision": [{ "purpose": [{ "system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH" }] }]
/// }"#)?;
/// let consents = Consents::read(&rules, &"Patient/1".parse()?, &[consent]);
///
/// let nobody = BTreeSet::new();
/// let now = "2026-01-01T00:00:00Z".parse()?;
/// let observation = Record::parse(r#"{"resourceType":"Observation","id":"7"}"#)?;
/// let says = |purpose| consents.of_record(&rules, Some(&nobody), Some(purpose), &now, &observation, &observation.label());
/// assert_eq!(says("HRESCH").decision, ConsentDecision::Deny);
/// assert_eq!(says("TREAT").decision, ConsentDecision::Permit);
/// assert_eq!(says("HRESCH").consents, ["Consent/c1"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Consents {
    consents: Vec<Consent>,
}

#[derive(Debug, Clone)]
struct Consent {
    reference: String,
    reading: Reading,
    rules: Vec<Rule>,
}

/// What the Consents of a patient say, and those that it rests on, by versioned references.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What they say.
    pub decision: ConsentDecision,
    /// Those that say so; all that concern the question, if they do not agree. Empty if none says anything.
    pub consents: Vec<String>,
}

impl Consents {
    /// Reads what was found of a patient. Nothing is left out: what cannot be read denies.
    #[must_use]
    pub fn read(rules: &ConsentRules, patient: &Reference, found: &[Record]) -> Self {
        let definitions = rules.definitions();
        let reader =
            Reader { version: rules.version, definitions, policies: &rules.policies, patient };
        let consents = found.iter().map(|record| {
            let (reading, rules) = read(&reader, record.json().get());
            Consent { reference: record.versioned_reference(), reading, rules }
        });
        Self { consents: consents.collect() }
    }

    /// What each of them was found to be, by versioned references, in the order in which they were found.
    pub fn readings(&self) -> impl Iterator<Item = (&str, Reading)> {
        self.consents.iter().map(|consent| (consent.reference.as_str(), consent.reading))
    }

    /// What they say of one record: permit or deny. `actors` is everything that the principal is or acts for, `label` the record's whole
    /// label.
    #[must_use]
    pub fn of_record(
        &self,
        rules: &ConsentRules,
        actors: Option<&BTreeSet<Reference>>,
        purpose: Option<&str>,
        now: &Instant,
        record: &Record,
        label: &Label,
    ) -> Verdict {
        let subject = Subject::new(record, label, rules.definitions());
        let about = About::Record(&subject);
        let question = Question { actors, purpose, now: now.nanoseconds(), about };
        self.verdict(rules.unconsented, &question)
    }

    /// What they say of all records of a type; of all types, without.
    #[must_use]
    pub fn of_type(
        &self,
        rules: &ConsentRules,
        actors: Option<&BTreeSet<Reference>>,
        purpose: Option<&str>,
        now: &Instant,
        resource_type: Option<&str>,
    ) -> Verdict {
        let about = About::Some(resource_type);
        let question = Question { actors, purpose, now: now.nanoseconds(), about };
        self.verdict(rules.unconsented, &question)
    }

    /// Of one record, both views are the same. Of several, what the hardest and the kindest case have in common is so of all.
    pub(crate) fn verdict(&self, unconsented: Unconsented, question: &Question<'_>) -> Verdict {
        let hardest = self.decides(unconsented, question, View::Hardest);
        let kindest = self.decides(unconsented, question, View::Kindest);
        let decision = match (hardest, kindest) {
            (Effect::Deny, Effect::Deny) => ConsentDecision::Deny,
            (Effect::Permit, Effect::Permit) => ConsentDecision::Permit,
            _ => ConsentDecision::Partial,
        };
        let says = |consent: &&Consent| {
            let mut says = [View::Hardest, View::Kindest]
                .into_iter()
                .filter_map(|view| consent.says(question, view));
            match decision {
                ConsentDecision::Deny => says.any(|effect| effect == Effect::Deny),
                ConsentDecision::Permit => says.any(|effect| effect == Effect::Permit),
                ConsentDecision::Partial => says.next().is_some(),
            }
        };
        let consents = self.consents.iter().filter(says);
        Verdict { decision, consents: consents.map(|consent| consent.reference.clone()).collect() }
    }

    fn decides(&self, unconsented: Unconsented, question: &Question<'_>, view: View) -> Effect {
        let says = self.consents.iter().filter_map(|consent| consent.says(question, view));
        says.max().unwrap_or(match unconsented {
            Unconsented::Permitted => Effect::Permit,
            Unconsented::Denied => Effect::Deny,
        })
    }
}

impl Consent {
    /// A denial comes last in the order, and so wins.
    fn says(&self, question: &Question<'_>, view: View) -> Option<Effect> {
        self.rules.iter().filter_map(|rule| rule.says(question, view)).max()
    }
}
