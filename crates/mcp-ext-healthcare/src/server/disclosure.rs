//! The only way in: how records become part of a result.
//!
//! Each record passes every check here, in this order: the tool's types, the patient's compartment, the policy, the patient's Consents, the time
//! that was asked for, de-identification, what the client may have, what the tool may give, the elements that
//! were asked for, the limits. What passes raises the label, is cited and stands in the audit event; what does not leaves
//! nothing that can be counted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mcp_core::RawJson;
use mcp_core::protocol::CallToolResult;
use mcp_core::server::{HandlerError, IntoResult, Outcome, kind};
use mcp_trust::digest::Digest;
use mcp_trust::label::Join;
use serde::Serialize;

use super::health_cx::{Call, HealthError, Unreleased, raw};
use super::policy::{Interaction, RecordDecision};
use super::seams::{Deidentify, Patients};
use crate::protocol::{
    Citation, ClientSettings, FreeText, Granularity, Label, LabelKey, LimitSettings, Obligation,
    Phi, Reference, Withheld, purposes,
};
use crate::record::Record;

/// Room for what stands around records in a result.
const FRAME: u64 = 256;

/// What a call gives, record by record. Its label only rises.
pub struct Disclosure {
    call: Arc<Call>,
    released: Vec<Released>,
    /// Who else gets the records, by what the operator knows of them.
    egress: Option<ClientSettings>,
    /// The limits where the records go into files, in place of those of a result.
    files: Option<LimitSettings>,
}

/// A record that may be given, as it may be given.
#[derive(Debug, Clone)]
pub struct Released {
    record: Record,
    json: RawJson,
    label: Label,
    /// What a citation says of the version, without the place.
    cited: (String, String),
}

impl Released {
    /// The record's JSON, reduced and de-identified as the call demands.
    #[must_use]
    pub fn json(&self) -> &RawJson {
        &self.json
    }

    /// The record, reduced and de-identified as the call demands.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Its own label.
    #[must_use]
    pub fn label(&self) -> &Label {
        &self.label
    }
}

/// Why a record is not given.
enum No {
    /// Something protects it.
    Withheld(Withheld),
    /// The request did not ask for it.
    Unasked,
    /// There are too many, or they are too large.
    Limit,
}

/// There is no room for more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

impl Disclosure {
    pub(crate) fn new(call: Arc<Call>) -> Self {
        Self { call, released: Vec::new(), egress: None, files: None }
    }

    /// Gives only what this one may have, too: somebody to whom the tool sends the records on.
    #[must_use]
    pub(crate) fn and_for(mut self, other: &ClientSettings) -> Self {
        self.egress = Some(other.clone());
        self
    }

    /// Gives records to files and not to the result: other limits, the same checks.
    #[cfg(feature = "bulk")]
    #[must_use]
    pub(crate) fn for_files(mut self, limits: LimitSettings) -> Self {
        self.files = Some(limits);
        self
    }

    /// The records that were given since the last time. They count as given.
    #[cfg(feature = "bulk")]
    pub(crate) fn drain(&mut self) -> std::vec::Drain<'_, Released> {
        self.released.drain(..)
    }

    /// Something that was made of the records as the result, with links beside it.
    ///
    /// # Errors
    /// If it does not serialise.
    #[cfg(feature = "bulk")]
    pub(crate) fn linking<T: Serialize>(
        self,
        content: &T,
        links: Vec<mcp_core::protocol::ContentBlock>,
    ) -> Result<Disclosed, HealthError> {
        let structured = raw(content)?;
        Ok(Disclosed { call: self.call, structured, links })
    }

    /// Adds a record; `None` if it must not be given. A tool must then go on as if the record did not exist.
    pub fn add(&mut self, record: impl Into<Unreleased>) -> Option<&Released> {
        match self.try_add(record.into()) {
            Ok(true) => self.released.last(),
            _ => None,
        }
    }

    /// Whether a record was added; an error if there is no room for it.
    pub(crate) fn try_add(&mut self, Unreleased(record, by): Unreleased) -> Result<bool, Full> {
        match self.check(&record, by) {
            Ok(released) => {
                self.released.push(released);
                Ok(true)
            }
            Err(no) => {
                let mut state = self.call.state();
                match no {
                    No::Withheld(class) => drop(state.withheld.insert(class)),
                    No::Limit => {
                        state.truncated = true;
                        return Err(Full);
                    }
                    No::Unasked => {}
                }
                Ok(false)
            }
        }
    }

    /// Adds records, and says how many were given.
    pub fn add_all<R: Into<Unreleased>>(&mut self, records: impl IntoIterator<Item = R>) -> usize {
        records.into_iter().filter_map(|record| self.add(record).map(drop)).count()
    }

    /// The records that were given so far.
    #[must_use]
    pub fn released(&self) -> &[Released] {
        &self.released
    }

    /// Says that what stands at `pointer` (RFC 6901) in the structured result rests on the record that was given as number
    /// `record`, by `path` (FHIRPath) inside of it. A record that was not given cannot be cited.
    pub fn cite(&mut self, record: usize, pointer: &str, path: Option<&str>) {
        let Some(released) = self.released.get(record) else { return };
        let (reference, digest) = &released.cited;
        let mut citation = Citation::new(reference.clone(), pointer, digest.clone());
        // A path could tell elements apart that de-identification has made the same.
        citation.path = path.filter(|_| self.call.deid.is_none()).map(str::to_owned);
        self.call.state().citations.push(citation);
    }

    /// The records as the result: `{"records":[…]}`, each cited.
    ///
    /// # Errors
    /// If they do not serialise.
    pub fn records(self) -> Result<Disclosed, HealthError> {
        self.page(None)
    }

    /// The same with the cursor that [`HealthCx::fill`](super::HealthCx::fill) gave:
    /// `{"records":[…],"nextCursor":"…"}`.
    ///
    /// # Errors
    /// If they do not serialise.
    pub fn page(mut self, next_cursor: Option<String>) -> Result<Disclosed, HealthError> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Page<'a> {
            records: Vec<&'a RawJson>,
            #[serde(skip_serializing_if = "Option::is_none")]
            next_cursor: Option<String>,
        }
        let mut labels = BTreeMap::new();
        for number in 0..self.released.len() {
            let pointer = format!("/records/{number}");
            self.cite(number, &pointer, None);
            labels.extend(self.released.get(number).map(|one| (pointer, one.label.clone())));
        }
        if self.call.shared.granularity == Granularity::Resource && !labels.is_empty() {
            self.call.state().raise(&Label::nothing().with_per_resource(labels));
        }
        let records = self.released.iter().map(Released::json).collect();
        let structured = raw(&Page { records, next_cursor })?;
        Ok(Disclosed { call: self.call, structured, links: Vec::new() })
    }

    /// Something that was made of the records as the result. The label is that of all records that were added, whatever of
    /// them is in it.
    ///
    /// # Errors
    /// If it does not serialise.
    pub fn content<T: Serialize>(self, content: &T) -> Result<Disclosed, HealthError> {
        let structured = raw(content)?;
        Ok(Disclosed { call: self.call, structured, links: Vec::new() })
    }

    fn check(&self, record: &Record, by: Option<Interaction>) -> Result<Released, No> {
        let call = &*self.call;
        let shared = &*call.shared;
        if !call.tool.resource_types.iter().any(|one| one == record.resource_type()) {
            return Err(No::Withheld(Withheld::Scope));
        }
        let patients = shared.compartment.patients(record);
        self.check_compartment(&patients)?;
        let own = record.label().joined(&shared.policy.label(record));
        self.ask_policy(record, by, &own)?;
        if !call.is_consented(&patients, record, &own) {
            return Err(No::Withheld(Withheld::Consent));
        }
        if let Some(since) = &call.minimize.since
            && record.last_updated().is_none_or(|updated| updated.is_before(since))
        {
            return Err(No::Unasked);
        }
        let (mut given, mut label) = (record.clone(), own);
        if let Some(method) = call.deid.and_then(|index| shared.deid.get(index)) {
            (given, label) = deidentified(&**method, record, label)?;
        }
        if call.access.broken_glass {
            label.obligations.extend([Obligation::NO_PERSIST, Obligation::NO_REDISCLOSE]);
        }
        if let Patients::Of(patients) = &patients {
            label.subjects = patients.iter().map(|one| call.pseudonym(one)).collect();
        }
        if !call.may_have(&label) || self.egress.as_ref().is_some_and(|to| !is_fit(to, &label)) {
            return Err(No::Withheld(Withheld::Confidentiality));
        }
        if let Some(most) = &call.tool.max_label
            && exceeds(&label, most)
        {
            return Err(No::Withheld(Withheld::Confidentiality));
        }
        if let Some(elements) = &call.minimize.elements {
            given =
                given.reduced_to(elements, &shared.definitions.mandatory(record.resource_type()));
        }
        let json = given.json();
        self.take_room(&json)?;
        self.note(record, &patients, &label)?;
        let cited = call.cited(record);
        Ok(Released { record: given, json, label, cited })
    }

    fn check_compartment(&self, patients: &Patients) -> Result<(), No> {
        match (self.call.access.patient(), patients) {
            (None, _) | (_, Patients::Nobody) => Ok(()),
            (Some(patient), Patients::Of(all)) if all.contains(patient) => Ok(()),
            _ => Err(No::Withheld(Withheld::Compartment)),
        }
    }

    /// The codes for emergencies open nothing that treatment does not (PUR-3).
    fn ask_policy(
        &self,
        record: &Record,
        by: Option<Interaction>,
        label: &Label,
    ) -> Result<(), No> {
        let policy = &self.call.shared.policy;
        for mut access in self.call.readings() {
            access.interaction = by;
            if let RecordDecision::Withhold(class) = policy.record(&access, record, label) {
                return Err(No::Withheld(class));
            }
        }
        Ok(())
    }

    fn take_room(&self, json: &RawJson) -> Result<(), No> {
        let mut size = json.get().len();
        let (limits, frame) = match &self.files {
            // In a line of its own.
            Some(limits) => (limits, 1),
            None => {
                // It goes out twice: as structured content, and as text for clients that read only that.
                let text = serde_json::to_string(json.get()).map_or(usize::MAX, |text| text.len());
                size = size.saturating_add(text);
                (&self.call.shared.limits, FRAME)
            }
        };
        let most = limits.max_resources.min(self.call.minimize.max_resources.unwrap_or(u64::MAX));
        let mut state = self.call.state();
        let total = state.bytes.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        if state.given >= most || total.saturating_add(frame) > limits.max_bytes {
            return Err(No::Limit);
        }
        state.given += 1;
        state.bytes = total;
        Ok(())
    }

    fn note(&self, record: &Record, patients: &Patients, label: &Label) -> Result<(), No> {
        let mut state = self.call.state();
        if !state.label.covers(label) {
            state.raise(label);
            // At once, since a question that the handler asks ends the round where it stands.
            if self.call.access.client.is_some() {
                let set = self.call.cx.set_result_meta::<LabelKey>(&state.label);
                set.map_err(|_| No::Withheld(Withheld::Confidentiality))?;
            }
        }
        state.records.insert(record.versioned_reference());
        if let Patients::Of(patients) = patients {
            state.patients.extend(patients.iter().cloned());
        }
        Ok(())
    }
}

impl Call {
    /// Whether the client may have what is labelled so (NEG-5, NEG-6, PLN-1).
    pub(crate) fn may_have(&self, label: &Label) -> bool {
        let Some(client) = &self.access.client else {
            return label.phi < Phi::Identified
                && label.confidentiality == crate::protocol::Confidentiality::Normal
                && label.obligations.is_empty();
        };
        let may_leave =
            may_leave(client, label) || self.shared.policy.allows_uncovered(&self.access);
        may_leave && keeps(client, label)
    }

    /// The ways in which a call is read to the policy: all of them must be permitted.
    pub(crate) fn readings(&self) -> Vec<super::Access> {
        super::readings(&self.access)
    }

    /// The pseudonym of a patient. Those of de-identified results are others, so that nobody can put the two together.
    pub(super) fn pseudonym(&self, patient: &Reference) -> String {
        let names = &self.shared.pseudonyms;
        let subject = patient.as_str().as_bytes();
        match self.deid {
            Some(_) => names.for_audience("deidentified").of::<Subject>(subject).to_string(),
            None => names.of::<Subject>(subject).to_string(),
        }
    }

    /// What a citation says of a record: where it is, and its digest (CIT-1, CIT-2).
    fn cited(&self, record: &Record) -> (String, String) {
        let reference = record.versioned_reference();
        if self.deid.is_none() {
            return (reference, record.digest().to_string());
        }
        let names = self.shared.pseudonyms.for_audience("deidentified");
        let digest = names.of::<Version>(record.digest().to_string().as_bytes());
        (names.of::<Version>(reference.as_bytes()).to_string(), format!("keyed:{digest}"))
    }
}

/// Whether what is labelled so may go to where this one's data go.
fn may_leave(to: &ClientSettings, label: &Label) -> bool {
    to.egress() < crate::protocol::ModelEgress::Uncovered || label.phi < Phi::Limited
}

/// Whether somebody may have what is so confidential, and keeps what it obliges to.
fn keeps(who: &ClientSettings, label: &Label) -> bool {
    label.confidentiality <= who.ceiling()
        && label.obligations.iter().all(|obligation| who.keeps(obligation))
}

/// Whether what is labelled so may be sent on to somebody, whatever the client may have.
pub(crate) fn is_fit(to: &ClientSettings, label: &Label) -> bool {
    may_leave(to, label) && keeps(to, label)
}

/// Patients, as subjects of pseudonyms.
enum Subject {}

impl mcp_trust::pseudonym::Scope for Subject {
    const NAME: &'static str = "dev.mcp-ext/healthcare patient";
}

/// Versions of records, as subjects of pseudonyms.
enum Version {}

impl mcp_trust::pseudonym::Scope for Version {
    const NAME: &'static str = "dev.mcp-ext/healthcare version";
}

/// The record without what identifies, and its label (LAB-4, DEI-3, DEI-4).
fn deidentified(
    method: &dyn Deidentify,
    record: &Record,
    label: Label,
) -> Result<(Record, Label), No> {
    let Some(given) = method.deidentify(record) else {
        return Err(No::Withheld(Withheld::Confidentiality));
    };
    let mut label = label;
    label.phi = match method.free_text() {
        FreeText::Dropped => label.phi.min(method.level()),
        FreeText::ScrubbedUnverified => label.phi,
    };
    Ok((given, label))
}

/// Whether a label is above another in what a tool promises: phi, confidentiality and obligations (TOL-2).
fn exceeds(label: &Label, most: &Label) -> bool {
    label.phi > most.phi
        || label.confidentiality > most.confidentiality
        || !label.obligations.is_subset(&most.obligations)
}

/// What a tool that touches records returns.
pub struct Disclosed {
    call: Arc<Call>,
    structured: RawJson,
    links: Vec<mcp_core::protocol::ContentBlock>,
}

impl IntoResult<kind::Tool> for Disclosed {
    fn into_outcome(self) -> Result<Outcome, HandlerError> {
        let mut result = CallToolResult::structured(&self.structured)?;
        result.content.extend(self.links);
        let outcome = Outcome::complete(result)?;
        self.call.state().returned = Some(Digest::of(outcome.body().as_bytes()));
        Ok(outcome)
    }
}

/// The pointers that lead somewhere in a structured result (CIT-1).
pub(crate) fn resolving(citations: Vec<Citation>, structured: &serde_json::Value) -> Vec<Citation> {
    citations
        .into_iter()
        .filter(|citation| {
            let leads = structured.pointer(&citation.pointer).is_some();
            if !leads {
                tracing::error!("a tool cites a place that is not in its result");
            }
            leads
        })
        .collect()
}

/// The codes that a server may list and that open nothing by themselves.
pub(crate) fn is_emergency(code: &str) -> bool {
    matches!(code, purposes::BTG | purposes::ETREAT)
}

/// The reasons that may be told, if a server tells any.
pub(crate) fn told(withheld: &BTreeSet<Withheld>) -> Vec<Withheld> {
    withheld.iter().copied().collect()
}
