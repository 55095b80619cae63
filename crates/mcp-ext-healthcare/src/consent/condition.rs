//! What a rule is limited to.

use super::rule::{Question, Stance, Truth};
use super::subject::About;
use super::time::Period;
use crate::protocol::{Confidentiality, Reference, purposes};

pub(super) const ACT_REASON: &str = purposes::SYSTEM;
pub(super) const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";
const ACTION: &str = "http://terminology.hl7.org/CodeSystem/consentaction";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";

/// A code of a system, as a Consent has it. Empty where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Code {
    pub(super) system: String,
    pub(super) code: String,
}

impl Code {
    fn is_of(&self, system: &str) -> bool {
        self.system == system && !self.code.is_empty()
    }
}

/// A concept: codes that mean the same. None of them: it stands in a text.
pub(super) type Concept = Vec<Code>;

/// Somebody whom a rule is about.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// How they take part; empty if that is not said.
    pub(super) role: Option<Concept>,
    /// Who; `None` if it is not a resource of this server.
    pub(super) who: Option<Reference>,
}

/// How records belong to what a rule names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Instance,
    Dependents,
    /// What the instance refers to, or what somebody wrote: other records would have to be read to tell.
    Unseen {
        includes_itself: bool,
    },
}

/// Records that a rule names.
#[derive(Debug, Clone)]
pub(super) struct Datum {
    pub(super) meaning: Meaning,
    /// `None` if it is not a resource of this server.
    pub(super) reference: Option<Reference>,
}

/// What a rule is limited to. Of several values in one condition, one is enough.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// When the rule is in force.
    Period(Period),
    Actors(Vec<Actor>),
    Actions(Vec<Concept>),
    Labels(Vec<Code>),
    Purposes(Vec<Code>),
    /// Types of resources, and classes of documents.
    Classes(Vec<Code>),
    Codes(Vec<Concept>),
    /// When what the records tell of was.
    DataPeriod(Period),
    Data(Vec<Datum>),
}

impl Condition {
    pub(super) fn holds(&self, question: &Question<'_>, stance: Stance) -> bool {
        match self {
            Self::Period(period) => stance.takes(Truth::of(period.contains(question.now))),
            Self::Actors(actors) => {
                actors.iter().any(|actor| stance.takes(actor_is(actor, question)))
            }
            Self::Actions(actions) => actions.iter().any(|action| stance.takes(reads(action))),
            Self::Labels(labels) => has_labels(labels, question, stance),
            Self::Purposes(purposes) => {
                purposes.iter().any(|code| stance.takes(is_purpose(code, question.purpose)))
            }
            Self::Classes(classes) => {
                classes.iter().any(|class| stance.takes(is_class(class, question.about)))
            }
            Self::Codes(concepts) => {
                concepts.iter().any(|concept| stance.takes(has_concept(concept, question.about)))
            }
            Self::DataPeriod(period) => stance.takes(was_within(period, question.about)),
            Self::Data(data) => data.iter().any(|datum| stance.takes(is_datum(datum, question))),
        }
    }
}

fn actor_is(actor: &Actor, question: &Question<'_>) -> Truth {
    // Who authored or keeps a record is somebody else than who reads it. Which of them is meant, other roles do not say.
    let receives = actor.role.as_ref().is_none_or(|role| {
        role.iter()
            .any(|code| code.is_of(PARTICIPATION) && matches!(code.code.as_str(), "IRCP" | "PRCP"))
    });
    match (&actor.who, question.actors) {
        (Some(who), Some(actors)) if receives => Truth::of(Some(actors.contains(who))),
        _ => Truth::Unknown,
    }
}

/// Everything that is asked here is reading.
fn reads(action: &Concept) -> Truth {
    let known = action.iter().find(|code| code.is_of(ACTION)).map(|code| code.code.as_str());
    match known {
        Some("access") => Truth::Yes,
        Some("collect" | "correct") => Truth::No,
        // Reading can be a use or a disclosure.
        _ => Truth::Unknown,
    }
}

/// FHIR: a confidentiality is a high-water mark, a rule for `R` is about what is labelled so or lower. What is higher could
/// be meant as well. Of other labels all have to be there; one alone could be meant.
fn has_labels(labels: &[Code], question: &Question<'_>, stance: Stance) -> bool {
    let mut truths = labels.iter().map(|label| has_label(label, question.about));
    if stance.permits() {
        truths.all(|truth| stance.takes(truth))
    } else {
        truths.any(|truth| stance.takes(truth))
    }
}

fn has_label(label: &Code, about: About<'_>) -> Truth {
    if label.code.is_empty() {
        return Truth::Unknown;
    }
    let About::Record(subject) = about else { return Truth::Depends };
    if label.system == Confidentiality::SYSTEM {
        return match Confidentiality::of_code(&label.code) {
            Some(level) if subject.label.confidentiality <= level => Truth::Yes,
            _ => Truth::Unknown,
        };
    }
    let mut same_system =
        subject.label.security.iter().filter(|own| own.system == label.system).peekable();
    if same_system.peek().is_none() {
        return Truth::No;
    }
    // Another code of the system could be a special case of this one.
    if same_system.any(|own| own.code == label.code) { Truth::Yes } else { Truth::Unknown }
}

fn is_purpose(code: &Code, purpose: Option<&str>) -> Truth {
    const KNOWN: [&str; 7] = [
        purposes::TREAT,
        purposes::HPAYMT,
        purposes::HOPERAT,
        purposes::HRESCH,
        purposes::PATRQT,
        purposes::ETREAT,
        purposes::BTG,
    ];
    let known = |code: &str| KNOWN.contains(&code);
    match purpose {
        Some(purpose) if code.is_of(ACT_REASON) && code.code == purpose => Truth::Yes,
        Some(purpose) if code.is_of(ACT_REASON) && known(&code.code) && known(purpose) => {
            // An emergency is a treatment, too.
            let is_special = code.code == purposes::TREAT
                && matches!(purpose, purposes::ETREAT | purposes::BTG)
                || code.code == purposes::ETREAT && purpose == purposes::BTG;
            if is_special { Truth::Unknown } else { Truth::No }
        }
        // A code that is more special, or nobody said what for.
        _ => Truth::Unknown,
    }
}

fn is_class(class: &Code, about: About<'_>) -> Truth {
    if !class.is_of(RESOURCE_TYPES) {
        return Truth::Unknown;
    }
    match about {
        About::Record(subject) => Truth::of(Some(subject.resource_type() == class.code)),
        About::Some(Some(kind)) => Truth::of(Some(kind == class.code)),
        About::Some(None) => Truth::Depends,
    }
}

fn has_concept(concept: &Concept, about: About<'_>) -> Truth {
    if concept.is_empty() || concept.iter().any(|code| code.code.is_empty()) {
        return Truth::Unknown;
    }
    let About::Record(subject) = about else { return Truth::Depends };
    let Some(facts) = subject.facts() else { return Truth::Unknown };
    let mut found = Truth::No;
    for code in concept {
        if !code.system.is_empty()
            && facts.codes.contains(&(code.system.clone(), code.code.clone()))
        {
            return Truth::Yes;
        }
        // One side does not say of which system it is.
        let nameless = |(system, own): &(String, String)| {
            *own == code.code && (system.is_empty() || code.system.is_empty())
        };
        if facts.codes.iter().any(nameless) {
            found = Truth::Unknown;
        }
    }
    found
}

fn was_within(period: &Period, about: About<'_>) -> Truth {
    let About::Record(subject) = about else { return Truth::Depends };
    let times = subject.facts().and_then(|facts| facts.times.as_ref());
    let Some(times) = times.filter(|times| !times.is_empty()) else { return Truth::Unknown };
    let within: Vec<_> = times.iter().map(|time| period.has(*time)).collect();
    match within.first() {
        Some(first) if within.iter().all(|one| one == first) => Truth::of(*first),
        _ => Truth::Unknown,
    }
}

fn is_datum(datum: &Datum, question: &Question<'_>) -> Truth {
    let Some(named) = &datum.reference else { return Truth::Unknown };
    let subject = match question.about {
        About::Record(subject) => subject,
        About::Some(Some(kind))
            if datum.meaning == Meaning::Instance && kind != named.resource_type() =>
        {
            return Truth::No;
        }
        About::Some(_) => return Truth::Depends,
    };
    let is_itself = subject.reference() == named;
    match datum.meaning {
        Meaning::Instance => Truth::of(Some(is_itself)),
        Meaning::Dependents if is_itself => Truth::Unknown,
        Meaning::Dependents => {
            let Some(facts) = subject.facts() else { return Truth::Unknown };
            let refers =
                |elsewhere| facts.references.contains(&(named.as_str().to_owned(), elsewhere));
            match (refers(false), refers(true)) {
                (true, _) => Truth::Yes,
                (false, true) => Truth::Unknown,
                (false, false) => Truth::No,
            }
        }
        Meaning::Unseen { includes_itself } if includes_itself && is_itself => Truth::Yes,
        Meaning::Unseen { .. } => Truth::Unknown,
    }
}
