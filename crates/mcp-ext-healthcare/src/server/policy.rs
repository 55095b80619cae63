//! Who may do what: the operator's part.

use std::sync::Arc;

use mcp_core::Principal;
use serde::{Deserialize, Serialize};

use crate::protocol::{
    ClientSettings, Context, DenialCode, Label, Purpose, Reference, ToolMetadata, Withheld,
};
use crate::record::Record;

/// What the authorization server fixed when it issued the token (SMART App Launch), and whose token it is.
///
/// The transport gives it to each request
/// ([`RequestContext::with_value`](mcp_core::server::RequestContext::with_value)), or a layer of the server does that is further out than
/// [`Healthcare::ORDER`](crate::server::Healthcare::ORDER) ([`Cx::with_value`](mcp_core::server::Cx::with_value)). If both do, the transport's counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchContext {
    /// The patient.
    pub patient: Option<Reference>,
    /// The encounter.
    pub encounter: Option<Reference>,
    /// Further resources. Empty fixes nothing.
    pub fhir_context: Vec<Reference>,
    /// The token's scopes.
    pub scopes: Vec<String>,
}

/// What a call was permitted when it came. A task runs without its caller, so a tool that touches records and becomes a task
/// carries it: `TaskPolicy::required().carry::<Permitted>(Permitted::NAME)`. A run without it is denied, since nobody
/// could say any more for whom the token was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Permitted {
    /// What the token was issued for.
    pub launch: Option<LaunchContext>,
}

impl Permitted {
    /// The name under which a task keeps it.
    pub const NAME: &'static str = "dev.mcp-ext/healthcare.permitted";
}

/// Everything that is known of one call when it is decided on. What the client said of itself is claims.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Access {
    /// Whom the transport authenticated.
    pub principal: Option<Principal>,
    /// The tool.
    pub tool: String,
    /// What the tool says of itself: its types and scopes.
    pub metadata: Arc<ToolMetadata>,
    /// For what purpose.
    pub purpose: Option<Purpose>,
    /// For whom.
    pub context: Option<Context>,
    /// What the token was issued for; `None` if the transport knows of no token.
    pub launch: Option<LaunchContext>,
    /// Whether a person said on the server's own page that this is an emergency (SPEC.md, section 10). Policies that would open
    /// more then look here, and never at the purpose's code.
    pub broken_glass: bool,
    /// What the client declared; `None` if it did not declare the extension.
    pub client: Option<ClientSettings>,
    /// How the record that is decided on was found; `None` if that is not known, and while there is no record. A policy that
    /// tells reading from searching then demands both.
    pub interaction: Option<Interaction>,
}

/// What is done with a record, in FHIR's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Interaction {
    /// It is made.
    Create,
    /// It, a version or its history is read by its id.
    Read,
    /// It is changed.
    Update,
    /// It is deleted.
    Delete,
    /// It is found.
    Search,
}

impl Interaction {
    /// All of them, in the order of SMART's letters.
    pub const ALL: [Self; 5] = [Self::Create, Self::Read, Self::Update, Self::Delete, Self::Search];
}

/// What of a type may be asked for at all, before a record is seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Restriction {
    /// Nothing.
    Nothing,
    /// Records that fit all search parameters of one of these lists. There is at least one list, and none is empty.
    Only(Vec<Vec<(String, String)>>),
    /// Everything. Records are decided on one by one.
    Everything,
}

impl Access {
    /// The patient that the call is confined to: the context's, or the launch context's.
    #[must_use]
    pub fn patient(&self) -> Option<&Reference> {
        let context = self.context.as_ref().map(|context| &context.patient);
        context.or_else(|| self.launch.as_ref()?.patient.as_ref())
    }
}

/// A decision about a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallDecision {
    /// It may begin. What it may read is decided record by record.
    Permit,
    /// It may not.
    Deny(DenialCode),
    /// It may not, unless the principal says on the server's page that it is an emergency (BTG-1). The policy is then asked
    /// again, with [`Access::broken_glass`].
    DenyUnlessEmergency(DenialCode),
}

/// A decision about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordDecision {
    /// It may be given, if its label allows it.
    Permit,
    /// It is withheld, for a reason of this class.
    Withhold(Withheld),
}

/// The operator's rules. The layer asks them beside its own: a context that does not fit the launch context is denied
/// whatever a policy says, and so is every record outside of the patient's compartment.
///
/// ```
/// use mcp_ext_healthcare::protocol::{Label, Withheld};
/// use mcp_ext_healthcare::server::{Access, AccessPolicy, CallDecision, RecordDecision};
/// use mcp_ext_healthcare::Record;
///
/// /// Doctors may read everything but what is not for them.
/// struct Doctors;
///
/// impl AccessPolicy for Doctors {
///     fn call(&self, access: &Access) -> CallDecision {
///         match &access.principal {
///             Some(principal) if principal.as_str().starts_with("doctor:") => CallDecision::Permit,
///             _ => CallDecision::Deny("purpose_denied".to_owned().into()),
///         }
///     }
///
///     fn record(&self, _: &Access, record: &Record, _: &Label) -> RecordDecision {
///         match record.resource_type() {
///             "Account" => RecordDecision::Withhold(Withheld::Scope),
///             _ => RecordDecision::Permit,
///         }
///     }
/// }
/// ```
pub trait AccessPolicy: Send + Sync + 'static {
    /// Whether a call may begin.
    fn call(&self, access: &Access) -> CallDecision;

    /// Whether a record may be given.
    fn record(&self, access: &Access, record: &Record, label: &Label) -> RecordDecision;

    /// What of a type an access may ask for. It spares the source what would be withheld: each record that is found is decided on
    /// by [`record`](Self::record) all the same.
    fn restriction(
        &self,
        access: &Access,
        interaction: Interaction,
        resource_type: &str,
    ) -> Restriction {
        let _ = (access, interaction, resource_type);
        Restriction::Everything
    }

    /// What the operator knows of a record's protection beside what the record says. It can only raise the label.
    fn label(&self, record: &Record) -> Label {
        let _ = record;
        Label::nothing()
    }

    /// Whether identified data may go to a model that runs anywhere (NEG-6). No, unless the operator says so here.
    fn allows_uncovered(&self, access: &Access) -> bool {
        let _ = access;
        false
    }
}
