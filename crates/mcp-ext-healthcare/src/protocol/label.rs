//! What protects a result: SPEC.md, section 6.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use mcp_trust::label::Join;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a result tells whom it is about; the lowest first.
///
/// ```
/// use mcp_ext_healthcare::protocol::Phi;
///
/// assert!(Phi::Identified > Phi::Limited && Phi::Deidentified > Phi::None);
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Phi {
    /// It is about nobody: a code system, an organization.
    None,
    /// It went through a method of de-identification whole.
    Deidentified,
    /// A limited data set (45 CFR 164.514(e)).
    Limited,
    /// It tells of a person, or nobody knows that it does not.
    Identified,
}

/// HL7 v3 *Confidentiality*, as far as labels tell it apart; the lowest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Confidentiality {
    /// Normal. What is unrestricted, low or moderate counts as this.
    #[serde(rename = "N")]
    Normal,
    /// Restricted.
    #[serde(rename = "R")]
    Restricted,
    /// Very restricted.
    #[serde(rename = "V")]
    VeryRestricted,
}

impl Confidentiality {
    /// The system that its codes are of.
    pub const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

    /// What a code of that system means here; `None` for one that it does not have.
    #[must_use]
    pub fn of_code(code: &str) -> Option<Self> {
        match code {
            "U" | "L" | "M" | "N" => Some(Self::Normal),
            "R" => Some(Self::Restricted),
            "V" => Some(Self::VeryRestricted),
            _ => None,
        }
    }
}

/// Something that whoever gets a result must heed. Others than the four that are defined are kept, and kept to.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct Obligation(Cow<'static, str>);

impl Obligation {
    /// It must not be logged.
    pub const NO_LOG: Self = Self(Cow::Borrowed("no-log"));
    /// No model must be trained with it.
    pub const NO_TRAIN: Self = Self(Cow::Borrowed("no-train"));
    /// It must not be kept beyond the conversation.
    pub const NO_PERSIST: Self = Self(Cow::Borrowed("no-persist"));
    /// It must not be given to others.
    pub const NO_REDISCLOSE: Self = Self(Cow::Borrowed("no-redisclose"));

    /// An obligation by its name.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a security label of HL7 v3 *ActCode* (its refrain policies) obliges to.
    #[must_use]
    pub fn of_refrain_code(code: &str) -> Option<Self> {
        match code {
            "NOPERSISTP" => Some(Self::NO_PERSIST),
            "NORDSCLCD" | "NORDSCLCDS" | "NORDSCLW" => Some(Self::NO_REDISCLOSE),
            "NOREUSE" => Some(Self::NO_TRAIN),
            _ => None,
        }
    }
}

/// A security label of a record's `meta.security`, by what identifies it.
#[derive(
    Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct SecurityCode {
    /// The system; empty where the record has none.
    #[serde(default)]
    pub system: String,
    /// The code.
    pub code: String,
}

impl SecurityCode {
    /// A code of a system.
    pub fn new(system: impl Into<String>, code: impl Into<String>) -> Self {
        Self { system: system.into(), code: code.into() }
    }
}

mcp_core::wire! {
    /// What protects a result. It joins with others ([`Join`]) and only rises by that.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::{Confidentiality, Label, Obligation, Phi};
    /// use mcp_trust::label::Join;
    ///
    /// let mut label = Label::nothing();
    /// label.raise(&Label::unknown());
    /// assert_eq!((label.phi, label.confidentiality), (Phi::Identified, Confidentiality::Normal));
    ///
    /// let strict = Label::new(Phi::None, Confidentiality::Restricted)
    ///     .with_obligations([Obligation::NO_LOG]);
    /// let both = label.joined(&strict);
    /// assert!(both.covers(&label) && both.covers(&strict) && !label.covers(&both));
    /// ```
    pub struct Label {
        required {
            /// How far it tells whom it is about.
            phi: Phi = "phi",
            /// How confidential it is.
            confidentiality: Confidentiality = "confidentiality",
        }
        defaulted {
            /// All security labels of its members.
            security: BTreeSet<SecurityCode> = "security" => with_security,
            /// What whoever gets it must heed.
            obligations: BTreeSet<Obligation> = "obligations" => with_obligations,
            /// Pseudonyms of the patients concerned, one for each.
            subjects: BTreeSet<String> = "subjects" => with_subjects,
        }
        optional {
            /// The labels of single records, by their places (JSON Pointer) in `structuredContent`.
            per_resource: BTreeMap<String, Label> = "perResource" => with_per_resource,
        }
    }
}

impl Label {
    /// The label of nothing: where joining begins.
    #[must_use]
    pub fn nothing() -> Self {
        Self::new(Phi::None, Confidentiality::Normal)
    }

    /// The label of what nothing is known about (LAB-2).
    #[must_use]
    pub fn unknown() -> Self {
        Self::new(Phi::Identified, Confidentiality::Normal)
    }

    /// A label as high as any can be in the parts that have a highest value, with the obligations that are defined:
    /// what a reader takes in place of one that it cannot read.
    #[must_use]
    pub fn highest() -> Self {
        Self::new(Phi::Identified, Confidentiality::VeryRestricted).with_obligations([
            Obligation::NO_LOG,
            Obligation::NO_TRAIN,
            Obligation::NO_PERSIST,
            Obligation::NO_REDISCLOSE,
        ])
    }
}

impl Join for Label {
    fn raise(&mut self, other: &Self) {
        self.phi = self.phi.max(other.phi);
        self.confidentiality = self.confidentiality.max(other.confidentiality);
        self.security.raise(&other.security);
        self.obligations.raise(&other.obligations);
        self.subjects.raise(&other.subjects);
        self.per_resource.raise(&other.per_resource);
        // Nobody knows what these mean, so nothing of them is dropped; where two disagree, the choice depends on the
        // values alone.
        for (key, value) in other.extra.iter() {
            if self.extra.get(key).is_none_or(|own| own.get() < value.get()) {
                self.extra.insert(key, value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_core::RawJson;
    use proptest::prelude::*;

    use super::*;

    fn flat() -> impl Strategy<Value = Label> {
        let phi = prop_oneof![
            Just(Phi::None),
            Just(Phi::Deidentified),
            Just(Phi::Limited),
            Just(Phi::Identified)
        ];
        let confidentiality = prop_oneof![
            Just(Confidentiality::Normal),
            Just(Confidentiality::Restricted),
            Just(Confidentiality::VeryRestricted)
        ];
        let names = || prop::collection::btree_set("[ab]", 0..3);
        (phi, confidentiality, names(), names(), names(), prop::option::of(0..3_u8)).prop_map(
            |(phi, confidentiality, security, obligations, subjects, extra)| {
                let mut label = Label::new(phi, confidentiality);
                label.security =
                    security.into_iter().map(|code| SecurityCode::new("s", code)).collect();
                label.obligations = obligations.into_iter().map(Obligation::new).collect();
                label.subjects = subjects;
                if let Some(extra) = extra {
                    label.extra.insert("later", RawJson::from_serialize(&extra).unwrap());
                }
                label
            },
        )
    }

    fn label() -> impl Strategy<Value = Label> {
        let members = prop::collection::btree_map("/[01]", flat(), 0..3);
        (flat(), prop::option::of(members)).prop_map(|(mut label, members)| {
            label.per_resource = members;
            label
        })
    }

    proptest! {
        /// LAB-1: in every part, whatever the order in which members come.
        #[test]
        fn joining_keeps_the_laws(a in label(), b in label(), c in label()) {
            prop_assert_eq!(a.joined(&b), b.joined(&a));
            prop_assert_eq!(a.joined(&b).joined(&c), a.joined(&b.joined(&c)));
            prop_assert_eq!(a.joined(&a), a.clone());
            prop_assert_eq!(Label::nothing().joined(&a), a.clone());
            let both = a.joined(&b);
            for member in [&a, &b] {
                prop_assert!(both.covers(member));
                prop_assert!(both.phi >= member.phi && both.confidentiality >= member.confidentiality);
                prop_assert!(both.security.is_superset(&member.security));
                prop_assert!(both.obligations.is_superset(&member.obligations));
                prop_assert!(both.subjects.is_superset(&member.subjects));
            }
        }

        #[test]
        fn what_is_written_is_read_again(a in label()) {
            let text = serde_json::to_string(&a).unwrap();
            prop_assert_eq!(serde_json::from_str::<Label>(&text).unwrap(), a);
        }
    }

    #[test]
    fn lower_confidentialities_count_as_normal() {
        for code in ["U", "L", "M", "N"] {
            assert_eq!(Confidentiality::of_code(code), Some(Confidentiality::Normal));
        }
        assert_eq!(Confidentiality::of_code("V"), Some(Confidentiality::VeryRestricted));
        assert_eq!(Confidentiality::of_code("X"), None);
    }
}
