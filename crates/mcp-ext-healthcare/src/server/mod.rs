//! The server's side: SPEC.md, sections 2 to 8, 12, 15 and 16.
//!
//! The way of a call: `layer` (may it begin, and its end), `health_cx` (what the handler has in hand), `disclosure` (the checks
//! of each record), `settle` (what may be sent), `stamp` (what the result says of itself). `policy` and `seams` are the operator's
//! part; `paging` fills results from many pages of a source.

mod break_glass;
mod builder;
mod consents;
mod disclosure;
mod gather;
mod health_cx;
mod layer;
mod methods;
mod operations;
mod paging;
mod policy;
mod records;
mod seams;
mod settle;
mod stamp;
mod tool;
mod writing;

pub use break_glass::{Attestation, BreakGlassPage, MAX_TTL, MemoryNonces, Nonces};
pub use builder::{Existence, HealthcareBuildError, HealthcareBuilder, Undeclared};
pub(crate) use disclosure::is_fit;
pub use disclosure::{Disclosed, Disclosure, Released};
pub use health_cx::{HealthCx, HealthError, Unreleased};
pub use operations::{Input, Operation, OperationError, Operations, Parameter, input_text};
pub use policy::{
    Access, AccessPolicy, CallDecision, Interaction, LaunchContext, Permitted, RecordDecision,
    Restriction,
};
pub use records::{Found, Records, Search, SourceError};
pub use seams::{Compartment, Definitions, Deidentify, NoDefinitions, Patients};
pub use tool::RecordTool;

use std::sync::Arc;
use std::time::SystemTime;

use mcp_core::Principal;
use mcp_core::extension::{
    Contributions, Extension, ExtensionDescriptor, ExtensionId, MessageDescriptor, MethodOptions,
    Refusal, ServerExtension,
};
use mcp_core::sealed::Sealer;
use mcp_trust::pseudonym::Pseudonymizer;

use crate::audit::AuditTrail;
use crate::consent::ConsentRules;
use crate::protocol::{
    AUDIT_GET, AuditGetParams, AuditGetResult, AuditKey, AuditSettings, BreakGlassSettings,
    CONSENT_EVALUATE, CitationsKey, ClientSettings, ConsentEvaluateParams, ConsentEvaluateResult,
    ConsentMode, ConsentSettings, ContextKey, ContextSettings, DeidKey, DeidSettings, DenialKey,
    Granularity, LabelKey, LabelSettings, LimitSettings, MinimizationKey, MinimizeKey, Purpose,
    PurposeKey, PurposeSettings, ServerSettings, VERSION, purposes, same_major,
};

/// The extension `dev.mcp-ext/healthcare`, for a server.
///
/// Tools that touch records are said to with [`RecordTool::records`]; all others run as ever.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_ext_healthcare::Record;
/// use mcp_ext_healthcare::audit::{AuditError, AuditEvent, AuditTrail};
/// use mcp_ext_healthcare::protocol::{Label, Receipt, ToolMetadata};
/// use mcp_ext_healthcare::server::{
///     Access, AccessPolicy, CallDecision, Compartment, Disclosed, HealthCx, HealthError, Healthcare, Patients,
///     RecordDecision, RecordTool,
/// };
/// # struct Everybody;
/// # impl AccessPolicy for Everybody {
/// #     fn call(&self, _: &Access) -> CallDecision { CallDecision::Permit }
/// #     fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision { RecordDecision::Permit }
/// # }
/// # struct Nobodys;
/// # impl Compartment for Nobodys {
/// #     fn patients(&self, _: &Record) -> Patients { Patients::Unknown }
/// # }
/// # struct Nowhere;
/// # #[async_trait::async_trait]
/// # impl AuditTrail for Nowhere {
/// #     async fn record(&self, _: &AuditEvent) -> Result<Receipt, AuditError> { Err(AuditError) }
/// # }
///
/// async fn latest(health: HealthCx) -> Result<Disclosed, HealthError> {
///     let mut disclosure = health.disclosure();
///     disclosure.add_all(health.search("Observation", &[]).await?);
///     disclosure.records()
/// }
///
/// let metadata = ToolMetadata::new(["Observation".to_owned()], ["patient/Observation.rs".to_owned()]);
/// let healthcare = Healthcare::builder(Everybody, Nobodys, Nowhere).build()?;
/// let server = Server::builder("clinic", "1.0.0")
///     .tool(ServedTool::new("latest", latest).records(metadata))
///     .extension(healthcare)
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Healthcare {
    pub(crate) shared: Arc<Shared>,
}

/// What all parts of the extension know.
pub(crate) struct Shared {
    pub(crate) policy: Box<dyn AccessPolicy>,
    pub(crate) compartment: Box<dyn Compartment>,
    pub(crate) trail: Arc<dyn AuditTrail>,
    pub(crate) records: Option<Arc<dyn Records>>,
    pub(crate) definitions: Box<dyn Definitions>,
    pub(crate) deid: Vec<Box<dyn Deidentify>>,
    pub(crate) pseudonyms: Pseudonymizer,
    pub(crate) cursors: Sealer,
    pub(crate) undeclared: Undeclared,
    pub(crate) existence: Existence,
    pub(crate) granularity: Granularity,
    pub(crate) context_required: bool,
    pub(crate) purpose_required: bool,
    pub(crate) purposes: Vec<String>,
    pub(crate) limits: LimitSettings,
    pub(crate) break_glass: Option<break_glass::BreakGlass>,
    pub(crate) consent: Option<ConsentRules>,
    pub(crate) auditors: Auditors,
    pub(crate) settings: ServerSettings,
    pub(crate) name: String,
    pub(crate) now: fn() -> SystemTime,
}

/// Who may ask for the events of others' accesses.
pub(crate) type Auditors = Box<dyn Fn(&Principal) -> bool + Send + Sync>;

impl Shared {
    /// The number of a method of de-identification.
    pub(crate) fn method(&self, name: &str) -> Option<usize> {
        self.deid.iter().position(|method| method.method() == name)
    }
}

impl Healthcare {
    /// The layer around `tools/call` that decides. It is inside of the tasks extension's: a call that becomes a task is decided
    /// on, and leaves its event, each time that it runs.
    pub const LAYER: &'static str = "healthcare";

    /// The order of that layer.
    pub const ORDER: i32 = 1000;

    /// The layer that notes what a call is permitted ([`Permitted`]), for when it becomes a task.
    pub const PERMITTED: &'static str = "healthcare.permitted";

    /// The order of that layer, just outside of the tasks extension's.
    pub const PERMITTED_ORDER: i32 = 499;

    /// The outermost layer, which sees that nothing was changed further in.
    pub const GUARD: &'static str = "healthcare.guard";

    /// Begins with what there is no default for.
    pub fn builder(
        policy: impl AccessPolicy,
        compartment: impl Compartment,
        trail: impl AuditTrail,
    ) -> HealthcareBuilder {
        HealthcareBuilder::new(Box::new(policy), Box::new(compartment), Arc::new(trail))
    }
}

mcp_core::register_extension!(
    ExtensionDescriptor::of::<Healthcare>("SPEC.md")
        .with_messages(
            const {
                &[
                    MessageDescriptor::method::<ConsentEvaluateParams, ConsentEvaluateResult>(
                        CONSENT_EVALUATE,
                    ),
                    MessageDescriptor::method::<AuditGetParams, AuditGetResult>(AUDIT_GET),
                ]
            }
        )
        .with_definitions(crate::protocol::META_VALUES)
);

impl Extension for Healthcare {
    const ID: ExtensionId = crate::ID;
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

impl ServerExtension for Healthcare {
    fn settings(&self) -> ServerSettings {
        self.shared.settings.clone()
    }

    fn negotiate(&self, client: &ClientSettings) -> Result<(), Refusal> {
        match &client.version {
            Some(version) if same_major(version, VERSION) => Ok(()),
            Some(_) => Err(Refusal::new("its version is not spoken here")),
            None => Err(Refusal::new("it names no version")),
        }
        .map_err(|refusal| refusal.detail("versions", &[VERSION]))
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        to.request_meta::<ContextKey>();
        to.request_meta::<PurposeKey>();
        to.request_meta::<MinimizeKey>();
        to.result_meta::<LabelKey>();
        to.result_meta::<CitationsKey>();
        to.result_meta::<AuditKey>();
        to.result_meta::<MinimizationKey>();
        to.result_meta::<DeidKey>();
        to.result_meta::<DenialKey>();
        if self.shared.consent.is_some() {
            let shared = Arc::clone(&self.shared);
            to.method(CONSENT_EVALUATE, MethodOptions::new(), move |proof, cx, params| {
                methods::consent_evaluate(Arc::clone(&shared), (*proof).clone(), cx, params)
            });
        }
        let shared = Arc::clone(&self.shared);
        to.method(AUDIT_GET, MethodOptions::new(), move |proof, cx, params| {
            methods::audit_get(Arc::clone(&shared), (*proof).clone(), cx, params)
        });
        to.around_call(Self::GUARD, i32::MIN, layer::Guard);
        to.around_call(Self::PERMITTED, Self::PERMITTED_ORDER, layer::Permitting);
        let layer = layer::HealthLayer { shared: Arc::clone(&self.shared) };
        to.around_call(Self::LAYER, Self::ORDER, layer);
    }
}

/// The ways in which a call is read to the policy: with a purpose that is for emergencies, as treatment, too, so that the
/// code by itself opens nothing (PUR-3).
pub(crate) fn readings(access: &Access) -> Vec<Access> {
    let mut readings = vec![access.clone()];
    if !access.broken_glass
        && access.purpose.as_ref().is_some_and(|purpose| disclosure::is_emergency(&purpose.code))
    {
        let mut treatment = access.clone();
        treatment.purpose = Some(Purpose::new(purposes::TREAT));
        readings.push(treatment);
    }
    readings
}

/// What the parts of a server promise in its settings (NEG-1).
pub(crate) fn promised(builder: &HealthcareBuilder) -> ServerSettings {
    let mut settings = builder.settings.clone();
    settings.version = VERSION.to_owned();
    let accepts = ["patient", "encounter", "fhirContext"].map(str::to_owned);
    settings.context = Some(ContextSettings::new(builder.context_required, accepts));
    settings.purpose_of_use =
        Some(PurposeSettings::new(builder.purpose_required, builder.purposes.clone()));
    settings.labels = Some(LabelSettings::new(builder.granularity));
    settings.audit = Some(
        AuditSettings::new(true, builder.trail.is_chained())
            .with_profile("https://profiles.ihe.net/ITI/BALP"),
    );
    settings.break_glass = Some(match &builder.break_glass {
        Some(glass) => BreakGlassSettings::new(true)
            .with_max_ttl_seconds(u32::try_from(glass.ttl.as_secs()).unwrap_or(u32::MAX))
            .with_elicitation_modes(["url".to_owned()]),
        None => BreakGlassSettings::new(false),
    });
    let mode = builder.consent.as_ref().map_or(ConsentMode::None, |rules| rules.mode);
    settings.consent = Some(ConsentSettings::new(mode));
    let methods: Vec<String> =
        builder.deid.iter().map(|method| method.method().to_owned()).collect();
    settings.deid = Some(DeidSettings::new(methods));
    settings.limits = Some(builder.limits.clone());
    if let Some(terminology) = &builder.terminology {
        settings.terminology = Some(terminology.clone());
    }
    settings
}
