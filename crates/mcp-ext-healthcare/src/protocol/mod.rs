//! The types of the extension as they cross the wire, by the sections of SPEC.md.
//!
//! Members that are not known survive in `extra`, as in [`mcp_core::protocol`].

mod label;
mod method;
mod request;
mod result;
mod schema;
mod settings;
mod tool;

pub use label::{Confidentiality, Label, Obligation, Phi, SecurityCode};
pub use method::{
    AUDIT_GET, AuditGetParams, AuditGetResult, CONSENT_EVALUATE, ConsentDecision,
    ConsentEvaluateParams, ConsentEvaluateResult, LogEvidence,
};
pub(crate) use request::moment;
pub use request::{
    Context, ContextKey, ContextReference, Hidden, Instant, InstantError, Minimize, MinimizeKey,
    Purpose, PurposeKey, Reference, ReferenceError, purposes,
};
pub use result::{
    AuditKey, Citation, CitationsKey, Deid, DeidKey, Denial, DenialCode, DenialKey, FreeText,
    LabelKey, Minimization, MinimizationKey, Receipt, Withheld,
};
pub(crate) use schema::META_VALUES;
pub use schema::definitions;
pub use settings::{
    AuditSettings, BreakGlassSettings, BulkSettings, ClientSettings, ConsentMode, ConsentSettings,
    ContextSettings, DeidSettings, FhirSettings, Granularity, LabelSettings, LimitSettings,
    ModelEgress, PurposeSettings, ScopeSettings, ServerSettings, TerminologySettings, VERSION,
    same_major,
};
pub use tool::{ToolKey, ToolMetadata, Writes};
