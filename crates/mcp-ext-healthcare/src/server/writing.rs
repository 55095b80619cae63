//! What a call may write: the same checks as for what it may read, before anything is stored.

use std::collections::BTreeSet;

use mcp_trust::label::Join;

use super::health_cx::{HealthCx, HealthError};
use super::policy::RecordDecision;
use super::seams::Patients;
use crate::protocol::{DenialCode, Label, LabelKey, Phi, Reference, Withheld};
use crate::record::Record;

/// A record that may be written, and what is known of it by that.
pub(crate) struct Permitted {
    label: Label,
    patients: BTreeSet<Reference>,
}

impl HealthCx {
    /// Whether a record may be written as it is, by the tool's types, the patient's compartment, the policy, and what
    /// the client may have: it is told what became of it.
    ///
    /// # Errors
    /// If not: the call is denied.
    pub(crate) fn may_write(&self, record: &Record) -> Result<Permitted, HealthError> {
        let call = &*self.call;
        let shared = &*call.shared;
        if !call.tool.resource_types.iter().any(|one| one == record.resource_type()) {
            return Err(self.deny(DenialCode::ScopeInsufficient));
        }
        // Who gets de-identified results does not know about whom it writes.
        if call.deid.is_some() || call.access.client.is_none() {
            return Err(self.deny(DenialCode::DeidUnavailable));
        }
        let own = record.label();
        let patients = match (shared.compartment.patients(record), call.access.patient()) {
            (Patients::Nobody, _) => BTreeSet::new(),
            // What is of several patients is no one's to write.
            (Patients::Of(all), Some(patient)) if all.len() == 1 && all.contains(patient) => all,
            (_, None) => return Err(self.deny(DenialCode::ContextMissing)),
            _ if own.phi == Phi::None => BTreeSet::new(),
            _ => return Err(self.deny(DenialCode::ContextMismatch)),
        };
        let mut label = own.joined(&shared.policy.label(record));
        for access in call.readings() {
            if let RecordDecision::Withhold(class) = shared.policy.record(&access, record, &label) {
                return Err(self.deny(match class {
                    Withheld::Consent => DenialCode::ConsentDenied,
                    Withheld::Scope => DenialCode::ScopeInsufficient,
                    Withheld::Purpose => DenialCode::PurposeDenied,
                    Withheld::Compartment => DenialCode::ContextMismatch,
                    _ => DenialCode::LabelExceedsClient,
                }));
            }
        }
        label.subjects = patients.iter().map(|one| call.pseudonym(one)).collect();
        if !call.may_have(&label) {
            return Err(self.deny(DenialCode::LabelExceedsClient));
        }
        Ok(Permitted { label, patients })
    }

    /// Says in the audit event what was written, and raises the result's label by it.
    pub(crate) fn wrote(&self, permitted: Permitted, stored: &[String]) -> Result<(), HealthError> {
        let mut state = self.call.state();
        state.raise(&permitted.label);
        state.records.extend(stored.iter().cloned());
        state.patients.extend(permitted.patients);
        let set = self.call.cx.set_result_meta::<LabelKey>(&state.label);
        drop(state);
        set.map_err(|_| self.tell("The tool failed."))
    }
}
