//! What a call may write: the same checks as for what it may read, before anything is stored.

use std::collections::BTreeSet;

use mcp_trust::label::Join;

use super::health_cx::{HealthCx, HealthError};
use super::policy::{Interaction, RecordDecision};
use super::seams::Patients;
use crate::protocol::{DenialCode, Label, LabelKey, Reference, Withheld};
use crate::record::Record;

/// A record that may be written, and what is known of it by that.
pub(crate) struct Permitted {
    pub(crate) label: Label,
    patients: BTreeSet<Reference>,
}

impl HealthCx {
    /// Whether a record may be written as it is, by the tool's types, the patient's compartment, the policy, and what
    /// the client may have: it is told what became of it.
    ///
    /// # Errors
    /// If not: the call is denied.
    pub(crate) fn may_write(&self, record: &Record) -> Result<Permitted, HealthError> {
        self.fitting(record, Some(Interaction::Create)).map_err(|code| self.deny(code))
    }

    /// Whether something that is no record, or none yet, can be one of the call's patient, and the client may have it. With an
    /// interaction, the policy is asked, too. The call is not denied.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn fitting(
        &self,
        record: &Record,
        interaction: Option<Interaction>,
    ) -> Result<Permitted, DenialCode> {
        let call = &*self.call;
        let shared = &*call.shared;
        if !call.tool.resource_types.iter().any(|one| one == record.resource_type()) {
            return Err(DenialCode::ScopeInsufficient);
        }
        // Who gets de-identified results does not know about whom it writes.
        if call.deid.is_some() || call.access.client.is_none() {
            return Err(DenialCode::DeidUnavailable);
        }
        let own = record.label();
        let patients = match (shared.compartment.patients(record), call.access.patient()) {
            (Patients::Nobody, _) => BTreeSet::new(),
            // What is of several patients is no one's to write.
            (Patients::Of(all), Some(patient)) if all.len() == 1 && all.contains(patient) => all,
            (_, None) => return Err(DenialCode::ContextMissing),
            _ => return Err(DenialCode::ContextMismatch),
        };
        let mut label = own.joined(&shared.policy.label(record));
        let readings = if interaction.is_some() { call.readings() } else { Vec::new() };
        for mut access in readings {
            access.interaction = interaction;
            if let RecordDecision::Withhold(class) = shared.policy.record(&access, record, &label) {
                return Err(match class {
                    Withheld::Consent => DenialCode::ConsentDenied,
                    Withheld::Scope => DenialCode::ScopeInsufficient,
                    Withheld::Purpose => DenialCode::PurposeDenied,
                    Withheld::Compartment => DenialCode::ContextMismatch,
                    _ => DenialCode::LabelExceedsClient,
                });
            }
        }
        label.subjects = patients.iter().map(|one| call.pseudonym(one)).collect();
        if !call.may_have(&label) {
            return Err(DenialCode::LabelExceedsClient);
        }
        Ok(Permitted { label, patients })
    }

    /// Raises the result's label.
    pub(crate) fn raise(&self, label: &Label) -> Result<(), HealthError> {
        let mut state = self.call.state();
        state.raise(label);
        let set = self.call.cx.set_result_meta::<LabelKey>(&state.label);
        drop(state);
        set.map_err(|_| self.tell("The tool failed."))
    }

    /// Says in the audit event what was written, and raises the result's label by it.
    pub(crate) fn wrote(&self, permitted: Permitted, stored: &[String]) -> Result<(), HealthError> {
        let mut state = self.call.state();
        state.records.extend(stored.iter().cloned());
        state.patients.extend(permitted.patients);
        drop(state);
        self.raise(&permitted.label)
    }
}
