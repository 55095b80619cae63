//! What a token of SMART App Launch lets its holder do.
//!
//! [`Scope`] reads one scope, of version 1 (`patient/Observation.read`) or 2 (`patient/Observation.rs?category=laboratory`), and
//! refuses what is malformed by name. [`ScopeSet`] puts several together and says what they allow, record by record.
//! [`SmartPolicy`] is the [`AccessPolicy`](crate::server::AccessPolicy) that follows from the token of a call and what its tool says
//! of itself.
//!
//! Source: HL7, *SMART App Launch* 2.2.0, *Scopes and Launch Context*.

mod policy;
mod query;
mod scope;
mod set;

pub(crate) use policy::has_user_scope;
pub use policy::{SmartPolicy, challenge};
pub use query::Parameter;
pub use scope::{Level, Permissions, RecordScope, Scope, ScopeError};
pub use set::{ScopeSet, ScopesError};
