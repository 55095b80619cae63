//! The client's side: what the host says with each call, and what it learns of each result.
//!
//! Source: SPEC.md, sections 2.2, 3, 5, 6 and 7.

mod asking;
mod reading;
mod receipt;

pub use reading::{Evidence, EvidenceError};
pub use receipt::{ReceiptError, verify_receipt};

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_core::RawJson;
use mcp_core::client::{ClientContributions, ClientExtension, RequestInfo};
use mcp_core::extension::{Extension, ExtensionId, MetaKey};
use mcp_core::protocol::methods::TOOLS_CALL;
use mcp_trust::label::Join;

use crate::protocol::{
    AuditKey, ClientSettings, Confidentiality, Context, ContextKey, Label, LabelKey, Minimize,
    MinimizeKey, ModelEgress, Obligation, Purpose, PurposeKey, Receipt, ServerSettings,
};

/// How many receipts are kept for the host to fetch; the oldest are dropped.
const MOST_RECEIPTS: usize = 1024;

/// The extension `dev.mcp-ext/healthcare`, for a client.
///
/// The host says for whom and for what its user works; it is sent with each call of a tool, beside the arguments. Clones
/// share everything. For two patients at the same time, use two clients.
///
/// ```
/// use mcp_core::client::Client;
/// use mcp_ext_healthcare::client::HealthcareClient;
/// use mcp_ext_healthcare::protocol::{Confidentiality, Context, ModelEgress, Obligation, Purpose, Reference};
///
/// let health = HealthcareClient::new()
///     .max_confidentiality(Confidentiality::Restricted)
///     .model_egress(ModelEgress::Local)
///     .keeps([Obligation::NO_LOG, Obligation::NO_TRAIN]);
/// let client = Client::builder("ward-assistant", "1.0.0").extension(health.clone());
///
/// // When the user opens a record:
/// health.set_context(Some(Context::new("Patient/123".parse::<Reference>()?)));
/// health.set_purpose(Some(Purpose::new("TREAT")));
/// // Before anything of a conversation is logged:
/// assert!(!health.must(&Obligation::NO_LOG));
/// # let _ = client;
/// # Ok::<(), mcp_ext_healthcare::protocol::ReferenceError>(())
/// ```
#[derive(Clone)]
pub struct HealthcareClient {
    settings: ClientSettings,
    known: Arc<Mutex<Known>>,
}

/// What the host said, and what it learnt.
struct Known {
    context: Option<Context>,
    purpose: Option<Purpose>,
    minimize: Option<Minimize>,
    seen: Label,
    receipts: Vec<Receipt>,
}

impl Default for HealthcareClient {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthcareClient {
    /// A client that claims nothing: no more than normal confidentiality, a model that may run anywhere, no obligation.
    #[must_use]
    pub fn new() -> Self {
        let known = Known {
            context: None,
            purpose: None,
            minimize: None,
            seen: Label::nothing(),
            receipts: Vec::new(),
        };
        Self { settings: ClientSettings::current(), known: Arc::new(Mutex::new(known)) }
    }

    /// Claims that data up to this confidentiality may be sent here.
    #[must_use]
    pub fn max_confidentiality(mut self, most: Confidentiality) -> Self {
        self.settings.max_confidentiality = Some(most);
        self
    }

    /// Says where the model runs.
    #[must_use]
    pub fn model_egress(mut self, egress: ModelEgress) -> Self {
        self.settings.model_egress = Some(egress);
        self
    }

    /// Claims that the host keeps these obligations. It then must, for everything that a result leads to (LAB-5).
    #[must_use]
    pub fn keeps(mut self, obligations: impl IntoIterator<Item = Obligation>) -> Self {
        let kept: &mut BTreeSet<_> = self.settings.obligations.get_or_insert_default();
        kept.extend(obligations);
        self
    }

    /// Says whether citations are wanted.
    #[must_use]
    pub fn citations(mut self, wanted: bool) -> Self {
        self.settings.citations = Some(wanted);
        self
    }

    /// Sets for whom calls are from now on: what the user has opened or chosen. Never give it what a model wrote (CTX-5).
    pub fn set_context(&self, context: Option<Context>) {
        self.known().context = context;
    }

    /// Sets for what purpose calls are from now on.
    pub fn set_purpose(&self, purpose: Option<Purpose>) {
        self.known().purpose = purpose;
    }

    /// Sets how little is enough from now on.
    pub fn set_minimize(&self, minimize: Option<Minimize>) {
        self.known().minimize = minimize;
    }

    /// What protects everything that came so far, put together: the least that protects what is made of it. A label that
    /// could not be read counts as the [highest](Label::highest).
    #[must_use]
    pub fn seen(&self) -> Label {
        self.known().seen.clone()
    }

    /// Whether something that came so far demands an obligation.
    #[must_use]
    pub fn must(&self, obligation: &Obligation) -> bool {
        self.known().seen.obligations.contains(obligation)
    }

    /// Takes the receipts that came since the last time, at most the latest 1,024.
    #[must_use]
    pub fn take_receipts(&self) -> Vec<Receipt> {
        std::mem::take(&mut self.known().receipts)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn learn_label(&self, raw: &RawJson) {
        let label = raw.parse::<Label>().unwrap_or_else(|_| {
            tracing::warn!("a label that cannot be read counts as the highest");
            Label::highest()
        });
        // The places of single records mean nothing outside of their result; what protects them is in the whole.
        let mut whole = label;
        for one in whole.per_resource.take().into_iter().flat_map(|all| all.into_values()) {
            let mut one = one;
            one.per_resource = None;
            whole.raise(&one);
        }
        self.known().seen.raise(&whole);
    }

    fn learn_receipt(&self, receipt: Receipt) {
        let mut known = self.known();
        if known.receipts.len() >= MOST_RECEIPTS {
            known.receipts.remove(0);
        }
        known.receipts.push(receipt);
    }
}

/// The label as it came: one that is malformed must not be overlooked.
enum AnyLabel {}

impl MetaKey for AnyLabel {
    const KEY: &'static str = LabelKey::KEY;
    type Value = RawJson;
}

impl Extension for HealthcareClient {
    const ID: ExtensionId = crate::ID;
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

impl ClientExtension for HealthcareClient {
    fn settings(&self) -> ClientSettings {
        self.settings.clone()
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        let calls = |info: &RequestInfo<'_>| info.method == TOOLS_CALL;
        let this = Arc::clone(&self);
        to.request_meta::<ContextKey>(move |info| {
            calls(info).then(|| this.known().context.clone()).flatten()
        });
        let this = Arc::clone(&self);
        to.request_meta::<PurposeKey>(move |info| {
            calls(info).then(|| this.known().purpose.clone()).flatten()
        });
        let this = Arc::clone(&self);
        to.request_meta::<MinimizeKey>(move |info| {
            calls(info).then(|| this.known().minimize.clone()).flatten()
        });
        let this = Arc::clone(&self);
        to.result_meta::<AnyLabel>(move |_, raw| this.learn_label(&raw));
        to.result_meta::<AuditKey>(move |_, receipt| self.learn_receipt(receipt));
    }
}
