//! The policy that follows from scopes.

use std::sync::{Arc, Mutex, PoisonError};

use super::scope::Level;
use super::set::ScopeSet;
use crate::fhir::FhirVersion;
use crate::protocol::{DenialCode, Label, Reference, ToolMetadata, Withheld};
use crate::record::Record;
use crate::server::{
    Access, AccessPolicy, CallDecision, Interaction, LaunchContext, RecordDecision, Restriction,
};

/// Grants what both the token of a call ([`LaunchContext::scopes`](crate::server::LaunchContext::scopes)) and its tool
/// ([`ToolMetadata::scopes`](crate::protocol::ToolMetadata)) have scopes for, and of that what the operator's own policy permits.
///
/// - `patient/` scopes count if the launch context has a patient, and for this patient. They open tools that list `patient/` scopes.
/// - `user/` scopes count if there is a principal, `system/` scopes always; what they reach is what the operator's policy permits. They open
///   tools that list scopes of the same level, and, for a call that names a patient, tools that list `patient/` scopes.
/// - Broken glass opens by `user/` scopes alone (BTG-1), and nothing that they do not reach.
/// - A tool whose scopes do not parse, or that lists none, is denied; so is a call without a launch context.
/// - A record of which it is not known whether it was read or searched for needs both permissions.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::protocol::Label;
/// use mcp_ext_healthcare::server::{Access, AccessPolicy, CallDecision, RecordDecision};
/// use mcp_ext_healthcare::smart::SmartPolicy;
/// use mcp_ext_healthcare::Record;
///
/// /// What the clinic's users may see by themselves: everything.
/// struct Clinic;
///
/// impl AccessPolicy for Clinic {
///     fn call(&self, _: &Access) -> CallDecision {
///         CallDecision::Permit
///     }
///     fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
///         RecordDecision::Permit
///     }
/// }
///
/// let policy = SmartPolicy::new(FhirVersion::R4, Clinic);
/// # let _ = policy;
/// ```
pub struct SmartPolicy<P> {
    version: FhirVersion,
    operator: P,
    /// What was granted last, and for what: the records of one result are decided on one after the other.
    last: Mutex<Option<(Asked, Arc<ScopeSet>)>>,
}

/// Everything of an access that scopes depend on.
struct Asked {
    launch: Option<LaunchContext>,
    metadata: Arc<ToolMetadata>,
    patient: Option<Reference>,
    has_principal: bool,
    broken_glass: bool,
}

impl Asked {
    fn is_of(&self, access: &Access) -> bool {
        Arc::ptr_eq(&self.metadata, &access.metadata)
            && self.launch == access.launch
            && self.patient.as_ref() == access.patient()
            && self.has_principal == access.principal.is_some()
            && self.broken_glass == access.broken_glass
    }

    fn of(access: &Access) -> Self {
        Self {
            launch: access.launch.clone(),
            metadata: Arc::clone(&access.metadata),
            patient: access.patient().cloned(),
            has_principal: access.principal.is_some(),
            broken_glass: access.broken_glass,
        }
    }

    /// What scopes grant.
    fn granted(&self, version: FhirVersion) -> ScopeSet {
        let mut granted = overlap(version, self.launch.as_ref(), &self.metadata);
        let patient = self.launch.as_ref().and_then(|launch| launch.patient.as_ref());
        let is_launched = patient.is_some() && self.patient.as_ref() == patient;
        granted.retain(|level, for_one| {
            let counts = match level {
                Level::Patient => is_launched,
                Level::User => self.has_principal,
                Level::System => true,
            };
            let is_confined = self.patient.is_some();
            counts && (is_confined || !for_one) && (!self.broken_glass || level == Level::User)
        });
        granted
    }
}

impl<P: AccessPolicy> SmartPolicy<P> {
    /// Asks this policy about everything that scopes grant.
    pub fn new(version: FhirVersion, operator: P) -> Self {
        Self { version, operator, last: Mutex::new(None) }
    }

    /// What scopes grant for one call.
    fn granted(&self, access: &Access) -> Arc<ScopeSet> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some((asked, granted)) if asked.is_of(access) => Arc::clone(granted),
            _ => {
                let asked = Asked::of(access);
                let granted = Arc::new(asked.granted(self.version));
                *last = Some((asked, Arc::clone(&granted)));
                granted
            }
        }
    }
}

impl<P: AccessPolicy> AccessPolicy for SmartPolicy<P> {
    fn call(&self, access: &Access) -> CallDecision {
        if opens(&self.granted(access), &access.metadata) {
            self.operator.call(access)
        } else {
            CallDecision::Deny(DenialCode::ScopeInsufficient)
        }
    }

    fn record(&self, access: &Access, record: &Record, label: &Label) -> RecordDecision {
        let granted = self.granted(access);
        let is_allowed = match access.interaction {
            Some(interaction) => granted.allows(interaction, record),
            None => [Interaction::Read, Interaction::Search]
                .into_iter()
                .all(|interaction| granted.allows(interaction, record)),
        };
        if is_allowed {
            self.operator.record(access, record, label)
        } else {
            RecordDecision::Withhold(Withheld::Scope)
        }
    }

    fn restriction(
        &self,
        access: &Access,
        interaction: Interaction,
        resource_type: &str,
    ) -> Restriction {
        let own = self.granted(access).restriction(interaction, resource_type);
        match (own, self.operator.restriction(access, interaction, resource_type)) {
            (Restriction::Nothing, _) | (_, Restriction::Nothing) => Restriction::Nothing,
            (Restriction::Everything, other) | (other, Restriction::Everything) => other,
            (Restriction::Only(own), Restriction::Only(theirs)) => {
                let both = own.iter().flat_map(|own| {
                    theirs.iter().map(move |theirs| [own.as_slice(), theirs.as_slice()].concat())
                });
                Restriction::Only(both.collect())
            }
        }
    }

    fn label(&self, record: &Record) -> Label {
        self.operator.label(record)
    }

    fn allows_uncovered(&self, access: &Access) -> bool {
        self.operator.allows_uncovered(access)
    }
}

/// What both the token and the tool have scopes for. Malformed scopes of a tool are a mistake of the server's, and open nothing.
fn overlap(version: FhirVersion, launch: Option<&LaunchContext>, tool: &ToolMetadata) -> ScopeSet {
    let scopes = launch.map_or(&[][..], |launch| launch.scopes.as_slice());
    let listed = ScopeSet::parse(version, &tool.scopes).unwrap_or_else(|error| {
        tracing::error!(%error, "a tool's scopes are malformed; it is denied");
        ScopeSet::granted(version, [""; 0])
    });
    ScopeSet::granted(version, scopes).within(&listed)
}

/// Whether a call of the tool may begin.
fn opens(granted: &ScopeSet, tool: &ToolMetadata) -> bool {
    let may = |kind: &String| Interaction::ALL.iter().any(|one| granted.may(*one, kind));
    tool.resource_types.iter().any(may)
}

/// What HTTP answers, beside status 403, to a token that does not open the tool: the value of `WWW-Authenticate`
/// (RFC 6750, section 3). `None` if it opens the tool.
///
/// For what checks the token before a message is read, and knows the tool by the header `Mcp-Name`. What is turned away there
/// was no call and leaves no event. What is not, [`SmartPolicy`] denies.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::protocol::ToolMetadata;
/// use mcp_ext_healthcare::server::LaunchContext;
/// use mcp_ext_healthcare::smart::challenge;
///
/// let tool = ToolMetadata::new(["Observation".to_owned()], ["user/Observation.rs".to_owned()]);
/// let mut token = LaunchContext { scopes: vec!["user/Patient.rs".to_owned()], ..LaunchContext::default() };
/// assert_eq!(
///     challenge(FhirVersion::R4, &token, &tool).as_deref(),
///     Some(r#"Bearer error="insufficient_scope", scope="user/Observation.rs""#),
/// );
/// token.scopes.push("user/Observation.r".to_owned());
/// assert_eq!(challenge(FhirVersion::R4, &token, &tool), None);
/// ```
#[must_use]
pub fn challenge(
    version: FhirVersion,
    token: &LaunchContext,
    tool: &ToolMetadata,
) -> Option<String> {
    let mut granted = overlap(version, Some(token), tool);
    granted.retain(|level, _| level != Level::Patient || token.patient.is_some());
    if opens(&granted, tool) {
        return None;
    }
    // Scopes hold neither quotation marks nor backslashes, nor line ends: those that do are none.
    let scopes: Vec<&str> = tool
        .scopes
        .iter()
        .map(String::as_str)
        .filter(|scope| scope.parse::<super::Scope>().is_ok())
        .collect();
    Some(format!(r#"Bearer error="insufficient_scope", scope="{}""#, scopes.join(" ")))
}

/// Whether the token has a `user/` scope that reaches the tool (BTG-1). A tool that lists no scopes is reached by any.
pub(crate) fn has_user_scope(access: &Access) -> bool {
    // What a scope is about, versions of FHIR do not change.
    let version = FhirVersion::R4;
    if access.metadata.scopes.is_empty() {
        let scopes = access.launch.iter().flat_map(|launch| &launch.scopes);
        return !ScopeSet::granted(version, scopes).at(Level::User).is_empty();
    }
    !overlap(version, access.launch.as_ref(), &access.metadata).at(Level::User).is_empty()
}
