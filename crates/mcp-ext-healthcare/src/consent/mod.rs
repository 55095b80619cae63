//! What patients consented to: FHIR *Consent* resources, R4 and R5. SPEC.md, section 9.
//!
//! | file | has |
//! |---|---|
//! | `rules` | the operator's part: [`ConsentRules`] |
//! | `consents` | the Consents of one patient, and what they say: [`Consents`] |
//! | `read` | from a resource to rules |
//! | `shape` | whether a resource can be understood whole |
//! | `rule`, `condition` | rules, exceptions, and what they are limited to |
//! | `subject` | a record, as rules see it |
//! | `time` | dates without a zone |
//!
//! Everything errs on one side. A denial wins over any permission. What is not understood, or not known, holds for a denial and does not
//! for a permission. A Consent that cannot be read whole denies everything of its patient.

mod condition;
mod consents;
mod read;
mod rule;
mod rules;
mod shape;
mod subject;
mod time;

pub use consents::{Consents, Verdict};
pub use read::Reading;
pub use rule::Effect;
pub(crate) use rule::Question;
pub use rules::{ConsentRules, Unconsented};
pub use shape::Unread;
pub(crate) use subject::{About, Subject};
