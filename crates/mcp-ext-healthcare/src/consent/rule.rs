//! Rules, and what they say to a question.
//!
//! A rule denies or permits where its conditions hold; exceptions within it say otherwise for a part of that. Where it is not
//! certain whether a condition holds, it holds for a rule that denies, and does not for one that permits. So whatever is not
//! understood shows less.

use std::collections::BTreeSet;

use super::condition::Condition;
use super::subject::About;
use crate::protocol::Reference;

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effect {
    /// It permits.
    Permit,
    /// It denies.
    Deny,
}

impl Effect {
    /// The other one.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Permit => Self::Deny,
            Self::Deny => Self::Permit,
        }
    }
}

/// Who asks, for what, when, and about what.
#[derive(Clone, Copy)]
pub(crate) struct Question<'a> {
    /// Everything that the principal is or acts for; `None` if nobody can say.
    pub(crate) actors: Option<&'a BTreeSet<Reference>>,
    /// A code of HL7 v3 *ActReason*.
    pub(crate) purpose: Option<&'a str>,
    /// Nanoseconds since 1970.
    pub(crate) now: i128,
    pub(crate) about: About<'a>,
}

/// For a question about some record of a type: the one that rules are hardest on, or the one they are kindest to. Of one
/// record, both are that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum View {
    Hardest,
    Kindest,
}

/// What is known of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    Yes,
    No,
    /// It is not understood, or nobody can say.
    Unknown,
    /// It depends on the record, and the question names none.
    Depends,
}

impl Truth {
    pub(super) fn of(known: Option<bool>) -> Self {
        match known {
            Some(true) => Self::Yes,
            Some(false) => Self::No,
            None => Self::Unknown,
        }
    }
}

/// How what is not certain counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stance {
    effect: Effect,
    view: View,
}

impl Stance {
    pub(super) fn takes(self, truth: Truth) -> bool {
        let denies = self.effect == Effect::Deny;
        match truth {
            Truth::Yes => true,
            Truth::No => false,
            Truth::Unknown => denies,
            Truth::Depends => denies == (self.view == View::Hardest),
        }
    }

    /// Whether the rule is one that permits, and so must be certain.
    pub(super) fn permits(self) -> bool {
        self.effect == Effect::Permit
    }
}

/// A rule and its exceptions.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) effect: Effect,
    /// All of them must hold.
    pub(super) conditions: Vec<Condition>,
    pub(super) exceptions: Vec<Rule>,
}

impl Rule {
    pub(super) fn new(effect: Effect) -> Self {
        Self { effect, conditions: Vec::new(), exceptions: Vec::new() }
    }

    /// What the rule comes to as a Consent's own; `None` if it says nothing of this.
    pub(super) fn says(&self, question: &Question<'_>, view: View) -> Option<Effect> {
        if self.denies(question, view) {
            Some(Effect::Deny)
        } else if self.permits(question, view) {
            Some(Effect::Permit)
        } else {
            None
        }
    }

    fn holds(&self, question: &Question<'_>, stance: Stance) -> bool {
        self.conditions.iter().all(|condition| condition.holds(question, stance))
    }

    /// Whether the rule, or one within it, denies. A denial within a permission is limited by the permission's conditions, too, and
    /// they count as a denial's do.
    fn denies(&self, question: &Question<'_>, view: View) -> bool {
        self.holds(question, Stance { effect: Effect::Deny, view })
            // Where rules disagree, a denial wins, however deep it stands.
            && (self.exceptions.iter().any(|exception| exception.denies(question, view))
                || self.effect == Effect::Deny && !self.is_excepted(question, view))
    }

    fn permits(&self, question: &Question<'_>, view: View) -> bool {
        self.holds(question, Stance { effect: Effect::Permit, view })
            && !self.exceptions.iter().any(|exception| exception.denies(question, view))
            && (self.effect == Effect::Permit || self.is_excepted(question, view))
    }

    /// Whether something within the rule permits, in so many words. A denial that does not apply because of its own exceptions
    /// permits nothing outside of itself.
    fn is_excepted(&self, question: &Question<'_>, view: View) -> bool {
        let mut permissions =
            self.exceptions.iter().filter(|exception| exception.effect == Effect::Permit);
        permissions.any(|exception| exception.permits(question, view))
    }
}
