//! The clinic's own rules, beside those that scopes and labels make.

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::protocol::{DenialCode, Label};
use mcp_ext_healthcare::server::{Access, AccessPolicy, CallDecision, RecordDecision};

use super::people::People;

/// A doctor works with their patients; in an emergency, with any. The research program works with nobody in particular.
pub struct CareTeam {
    pub(super) people: People,
}

impl AccessPolicy for CareTeam {
    fn call(&self, access: &Access) -> CallDecision {
        let person = access.principal.as_ref().and_then(|who| self.people.named(who.as_str()));
        let (Some(person), Some(patient)) = (person, access.patient()) else {
            return CallDecision::Deny(DenialCode::ContextMissing);
        };
        if person.cares_for(patient) || access.broken_glass {
            CallDecision::Permit
        } else {
            CallDecision::DenyUnlessEmergency(DenialCode::ConsentDenied)
        }
    }

    fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
        // By now the record is of a patient whom the call may be for.
        RecordDecision::Permit
    }
}
