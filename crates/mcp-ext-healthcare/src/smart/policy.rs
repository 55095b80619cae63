//! The policy that follows from scopes.

use super::scope::Level;
use super::set::ScopeSet;
use crate::fhir::FhirVersion;
use crate::protocol::{DenialCode, Label, Withheld};
use crate::record::Record;
use crate::server::{Access, AccessPolicy, CallDecision, Interaction, RecordDecision, Restriction};

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
#[derive(Debug, Clone)]
pub struct SmartPolicy<P> {
    version: FhirVersion,
    operator: P,
}

impl<P: AccessPolicy> SmartPolicy<P> {
    /// Asks this policy about everything that scopes grant.
    pub fn new(version: FhirVersion, operator: P) -> Self {
        Self { version, operator }
    }

    /// What scopes grant for one call.
    fn granted(&self, access: &Access) -> ScopeSet {
        let launch = access.launch.as_ref();
        let scopes = launch.map_or(&[][..], |launch| launch.scopes.as_slice());
        let patient = launch.and_then(|launch| launch.patient.as_ref());
        let mut granted =
            ScopeSet::granted(self.version, scopes).within(&tool_scopes(self.version, access));
        let is_confined = access.patient().is_some();
        let is_launched = patient.is_some() && access.patient() == patient;
        granted.retain(|level, for_one| {
            let counts = match level {
                Level::Patient => is_launched,
                Level::User => access.principal.is_some(),
                Level::System => true,
            };
            counts && (is_confined || !for_one) && (!access.broken_glass || level == Level::User)
        });
        granted
    }
}

impl<P: AccessPolicy> AccessPolicy for SmartPolicy<P> {
    fn call(&self, access: &Access) -> CallDecision {
        let granted = self.granted(access);
        let may = |kind: &String| Interaction::ALL.iter().any(|one| granted.may(*one, kind));
        if access.metadata.resource_types.iter().any(may) {
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

/// The scopes that the tool lists. Malformed ones are a mistake of the server's, and open nothing.
fn tool_scopes(version: FhirVersion, access: &Access) -> ScopeSet {
    ScopeSet::parse(version, &access.metadata.scopes).unwrap_or_else(|error| {
        tracing::error!(tool = access.tool, %error, "a tool's scopes are malformed; it is denied");
        ScopeSet::granted(version, [""; 0])
    })
}

/// Whether the token has a `user/` scope that reaches the tool (BTG-1). A tool that lists no scopes is reached by any.
pub(crate) fn has_user_scope(access: &Access) -> bool {
    // What a scope is about, versions of FHIR do not change.
    let version = FhirVersion::R4;
    let Some(launch) = &access.launch else { return false };
    let users = ScopeSet::granted(version, &launch.scopes).at(Level::User);
    if access.metadata.scopes.is_empty() {
        return !users.is_empty();
    }
    !users.within(&tool_scopes(version, access)).is_empty()
}
