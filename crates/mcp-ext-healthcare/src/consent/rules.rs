//! The operator's part.

use std::collections::BTreeSet;

use super::read::{Policies, known_policies};
use super::rule::Effect;
use crate::fhir::{Definitions, FhirVersion};
use crate::protocol::{ConsentMode, Reference};
use crate::server::Access;

type Actors = Box<dyn Fn(&Access) -> Option<BTreeSet<Reference>> + Send + Sync>;

/// What holds where no Consent says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unconsented {
    /// The policy alone decides (opt-out).
    #[default]
    Permitted,
    /// It is withheld (opt-in).
    Denied,
}

/// How Consents are read here, who is who in them, and what follows.
///
/// ```
/// use std::collections::BTreeSet;
///
/// use mcp_ext_healthcare::consent::{ConsentRules, Effect};
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::protocol::Reference;
///
/// let rules = ConsentRules::enforced(FhirVersion::R4)
///     // Everything that a principal is or acts for; `None` if that is not known.
///     .actors(|access| {
///         let id = access.principal.as_ref()?.as_str().strip_prefix("doctor:")?;
///         let own = Reference::new("Practitioner", id).ok()?;
///         Some(BTreeSet::from([own, Reference::new("Organization", "clinic").ok()?]))
///     })
///     .policy("https://clinic.example/policies/sharing", Effect::Permit);
/// # let _ = rules;
/// ```
pub struct ConsentRules {
    pub(crate) version: FhirVersion,
    pub(crate) mode: ConsentMode,
    pub(super) policies: Policies,
    pub(crate) unconsented: Unconsented,
    pub(crate) in_emergencies: bool,
    actors: Option<Actors>,
}

impl ConsentRules {
    /// What Consents deny is withheld (`enforce`), and they can be asked about.
    #[must_use]
    pub fn enforced(version: FhirVersion) -> Self {
        Self::new(version, ConsentMode::Enforce)
    }

    /// Consents can be asked about (`evaluate`), and withhold nothing by themselves.
    #[must_use]
    pub fn evaluated(version: FhirVersion) -> Self {
        Self::new(version, ConsentMode::Evaluate)
    }

    fn new(version: FhirVersion, mode: ConsentMode) -> Self {
        Self {
            version,
            mode,
            policies: known_policies(),
            unconsented: Unconsented::default(),
            in_emergencies: false,
            actors: None,
        }
    }

    /// Says who a principal is in Consents: every person, role, team and organization that they are or act for. A rule about
    /// somebody else than these is not about them, so the set must be whole; `None` says that it is not known, and what denies
    /// anybody then denies them. Without this, it is known of nobody.
    #[must_use]
    pub fn actors(
        mut self,
        actors: impl Fn(&Access) -> Option<BTreeSet<Reference>> + Send + Sync + 'static,
    ) -> Self {
        self.actors = Some(Box::new(actors));
        self
    }

    /// Says what a policy means that Consents rest on: by its address (`policy.uri`, `policyBasis.url`), or by system and code with
    /// `|` between them (`policyRule`). `OPTIN`, `OPTOUT` and `OPTOUTE` of HL7 v3 *ActCode* are known. A Consent that rests on another
    /// policy is not understood.
    #[must_use]
    pub fn policy(mut self, name: impl Into<String>, means: Effect) -> Self {
        self.policies.insert(name.into(), means);
        self
    }

    /// Sets what holds where no Consent says anything: [`Unconsented::Permitted`], without.
    #[must_use]
    pub fn unconsented(mut self, unconsented: Unconsented) -> Self {
        self.unconsented = unconsented;
        self
    }

    /// Lets broken glass (SPEC.md, section 10) open what Consents deny. A call for a patient who denies everything to its principal can then be
    /// asked for, and says so (`consent_denied`). Without this, emergencies open nothing of it.
    #[must_use]
    pub fn open_in_emergencies(mut self) -> Self {
        self.in_emergencies = true;
        self
    }

    pub(crate) fn actors_of(&self, access: &Access) -> Option<BTreeSet<Reference>> {
        self.actors.as_ref().and_then(|actors| actors(access))
    }

    pub(crate) fn definitions(&self) -> &'static Definitions {
        self.version.definitions()
    }
}
