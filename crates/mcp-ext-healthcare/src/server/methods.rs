//! The two methods: SPEC.md, sections 8 and 9.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use mcp_core::protocol::JsonMap;
use mcp_core::server::Cx;
use mcp_core::{Error, RawJson};
use mcp_trust::label::Join;

use super::consents::{purpose, read, together};
use super::health_cx::{Call, State};
use super::layer::{Pending, may_begin};
use super::policy::{Access, Interaction, LaunchContext, RecordDecision};
use super::seams::Patients;
use super::{Shared, readings};
use crate::audit::AuditOutcome;
use crate::protocol::{
    AuditGetParams, AuditGetResult, AuditKey, CONSENT_EVALUATE, ClientSettings, ConsentDecision,
    ConsentEvaluateParams, ConsentEvaluateResult, Context, ContextKey, Denial, DenialCode,
    DenialKey, Label, LabelKey, Minimize, Receipt, ToolMetadata,
};

/// Why there is no answer.
enum No {
    Denied(DenialCode),
    Failed,
}

impl From<DenialCode> for No {
    fn from(code: DenialCode) -> Self {
        Self::Denied(code)
    }
}

/// `consent.evaluate` (CON-4): decided on, recorded and answered as a call of a tool would be.
pub(super) async fn consent_evaluate(
    shared: Arc<Shared>,
    client: ClientSettings,
    cx: Cx,
    params: ConsentEvaluateParams,
) -> Result<ConsentEvaluateResult, Error> {
    let known = |kind: &String| {
        shared.consent.as_ref().is_some_and(|rules| rules.definitions().resource(kind).is_some())
    };
    if params.resource_types.is_empty() || !params.resource_types.iter().all(known) {
        return Err(Error::invalid_params("`params.resourceTypes` must name types of resources"));
    }
    // What the principal must be granted is what tells whether they may see the patient.
    let scopes = ["patient/Patient.r", "user/Patient.r", "system/Patient.r"].map(str::to_owned);
    let metadata = Arc::new(ToolMetadata::new(["Patient".to_owned()], scopes));
    let access = Access {
        principal: cx.principal().cloned(),
        tool: CONSENT_EVALUATE.to_owned(),
        metadata: Arc::clone(&metadata),
        purpose: Some(params.purpose.clone()),
        context: Some(Context::new(params.patient.clone())),
        launch: cx.transport_value::<LaunchContext>().cloned(),
        broken_glass: false,
        client: Some(client),
        interaction: None,
    };
    let call = Arc::new(Call {
        shared,
        cx: cx.clone(),
        access,
        minimize: Minimize::new(),
        tool: metadata,
        deid: None,
        consents: Arc::default(),
        state: Mutex::new(State::new()),
    });
    let pending = Pending::new(&cx, &call);
    let named = cx.request_meta::<ContextKey>()?;
    let answer = evaluate(&call, named.as_ref(), &params.resource_types).await;
    let ended = match &answer {
        Ok(_) => AuditOutcome::Success,
        Err(No::Denied(code)) => AuditOutcome::Denied(code.clone()),
        Err(No::Failed) => AuditOutcome::Failed,
    };
    let Some(receipt) = pending.record(ended).await else {
        return Err(denied(DenialCode::AuditUnavailable, None));
    };
    match answer {
        Ok((result, label)) => {
            cx.set_result_meta::<AuditKey>(&receipt)?;
            cx.set_result_meta::<LabelKey>(&label)?;
            Ok(result)
        }
        Err(No::Denied(code)) => Err(denied(code, Some(&receipt))),
        Err(No::Failed) => Err(Error::Internal),
    }
}

async fn evaluate(
    call: &Call,
    named: Option<&Context>,
    types: &[String],
) -> Result<(ConsentEvaluateResult, Label), No> {
    let (shared, access) = (&*call.shared, &call.access);
    let (Some(rules), Some(source), Some(patient)) =
        (shared.consent.as_ref(), shared.records.as_ref(), access.patient())
    else {
        return Err(No::Failed);
    };
    // What the host has open is no other patient's.
    if named.is_some_and(|named| named.patient != *patient) {
        return Err(DenialCode::ContextMismatch.into());
    }
    may_begin(call).map_err(|no| no.code)?;
    let failed = |error| {
        tracing::error!(%error, "Consents could not be evaluated");
        No::Failed
    };
    let record = source.read(patient).await.map_err(failed)?;
    // Whom nobody knows and whom the principal may not see look the same.
    let unknown = || No::from(DenialCode::ContextMismatch);
    let record = record.ok_or_else(unknown)?;
    let Patients::Of(whose) = shared.compartment.patients(&record) else { return Err(unknown()) };
    let label = record.label().joined(&shared.policy.label(&record));
    let may_see = |mut access: Access| {
        access.interaction = Some(Interaction::Read);
        shared.policy.record(&access, &record, &label) == RecordDecision::Permit
    };
    if !whose.contains(patient) || !readings(access).into_iter().all(may_see) {
        return Err(unknown());
    }
    let mut answer = Label::unknown().joined(&label);
    answer.subjects.insert(call.pseudonym(patient));
    if !call.may_have(&answer) {
        return Err(DenialCode::LabelExceedsClient.into());
    }
    let (consents, found) = read(rules, &**source, patient).await.map_err(failed)?;
    let now = call.now().ok_or(No::Failed)?;
    let mut rests_on = BTreeSet::new();
    let mut decided = BTreeMap::new();
    for kind in types {
        let mut says = Vec::new();
        for access in readings(access) {
            let actors = rules.actors_of(&access);
            let verdict =
                consents.of_type(rules, actors.as_ref(), purpose(&access), &now, Some(kind));
            rests_on.extend(verdict.consents);
            says.push(verdict.decision);
        }
        decided.insert(kind.clone(), together(says));
    }
    let mut all = decided.values().copied();
    let first = all.next().unwrap_or(ConsentDecision::Deny);
    let decision = if all.all(|one| one == first) { first } else { ConsentDecision::Partial };
    // A Consent that the client is not fit for is not named; what it says counts all the same.
    let may_name = |reference: &String| {
        let record = found.iter().find(|record| record.versioned_reference() == *reference);
        record.is_some_and(|record| {
            let label = record.label().joined(&shared.policy.label(record));
            call.may_have(&label.joined(&answer))
        })
    };
    let rests_on: Vec<String> = rests_on.into_iter().filter(may_name).collect();
    for record in &found {
        if rests_on.contains(&record.versioned_reference()) {
            answer.raise(&record.label().joined(&shared.policy.label(record)));
        }
    }
    {
        let mut state = call.state();
        state.records.extend(rests_on.iter().cloned());
        state.patients.insert(patient.clone());
    }
    Ok((ConsentEvaluateResult::new(decision, rests_on, decided), answer))
}

/// A denial of a method: an error whose data are what a result's metadata would be.
fn denied(code: DenialCode, receipt: Option<&Receipt>) -> Error {
    use mcp_core::extension::MetaKey;
    let mut data: JsonMap<RawJson> = JsonMap::default();
    if let Ok(denial) = RawJson::from_serialize(&Denial::new(code.clone())) {
        data.insert(DenialKey::KEY, denial);
    }
    if let Some(receipt) = receipt.and_then(|receipt| RawJson::from_serialize(receipt).ok()) {
        data.insert(AuditKey::KEY, receipt);
    }
    Error::InvalidParams {
        message: code.text().to_owned(),
        data: RawJson::from_serialize(&data).ok(),
    }
}

/// `audit.get` (AUD-5). Whatever the reason for which there is no answer, it is the same.
pub(super) async fn audit_get(
    shared: Arc<Shared>,
    client: ClientSettings,
    cx: Cx,
    params: AuditGetParams,
) -> Result<AuditGetResult, Error> {
    let unknown = || Error::invalid_params("there is no such receipt");
    let Some(principal) = cx.principal() else { return Err(unknown()) };
    let kept = shared.trail.event(&params.id).await.map_err(|error| {
        tracing::error!(%error, "the audit trail gives no event");
        Error::Internal
    })?;
    let kept = kept.ok_or_else(unknown)?;
    let is_own = kept.principal.as_deref() == Some(principal.as_str());
    if !is_own && !(shared.auditors)(principal) {
        return Err(unknown());
    }
    let access = Access {
        principal: Some(principal.clone()),
        tool: cx.request().method().to_owned(),
        metadata: Arc::new(ToolMetadata::new(["AuditEvent".to_owned()], [])),
        purpose: None,
        context: None,
        launch: cx.transport_value::<LaunchContext>().cloned(),
        broken_glass: false,
        client: Some(client),
        interaction: Some(Interaction::Read),
    };
    let call = Call {
        shared,
        cx: cx.clone(),
        access,
        minimize: Minimize::new(),
        tool: Arc::new(ToolMetadata::new(["AuditEvent".to_owned()], [])),
        deid: None,
        consents: Arc::default(),
        state: Mutex::new(State::new()),
    };
    // An event names patients and what was read of them.
    if !call.may_have(&Label::unknown()) {
        return Err(unknown());
    }
    cx.set_result_meta::<LabelKey>(&Label::unknown())?;
    let mut result = AuditGetResult::new(kept.event);
    result.evidence = kept.evidence;
    Ok(result)
}
