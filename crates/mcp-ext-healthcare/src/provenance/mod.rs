//! What a model wrote: drafts, and the *Provenance* that says whose they are. SPEC.md, section 14.
//!
//! Source: FHIR R4 and R5, *Provenance*; HL7, *AI Transparency on FHIR* (1.0.0-ballot), for the security label `AIAST`, the kind of device that
//! an artificial intelligence is, and the part that it has.

mod check;
mod drafts;
mod record;

pub use check::Misfit;
pub(crate) use drafts::uuid;
pub use drafts::{Drafts, DraftsError, Stored, Writing};
pub use record::{Agent, Agents};

use crate::fhir::{Definitions, FhirVersion, Json, Text};

/// The code system of the label of what an artificial intelligence asserts.
pub const AIAST_SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";
/// The security label of what an artificial intelligence asserts.
pub const AIAST: &str = "AIAST";

/// The most bytes of a resource that a model may propose.
pub const MAX_BYTES: usize = 256 * 1024;

/// Where a type says what state a record is in, the first that there is.
const ELEMENTS: [&str; 3] = ["status", "lifecycleStatus", "docStatus"];
/// What a draft is called there, the first that the type's value set has.
const VALUES: [&str; 3] = ["draft", "preliminary", "proposed"];

/// How records of a type say that they are drafts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DraftForm {
    /// The element.
    pub element: &'static str,
    /// Its value.
    pub value: &'static str,
}

/// How records of a type say that they are drafts; `None` if the type has no such value, so that there are no drafts of it. It is HL7's required
/// binding of the element that decides.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::provenance::draft_form;
///
/// let form = |kind| draft_form(FhirVersion::R4, kind).map(|form| (form.element, form.value));
/// assert_eq!(form("MedicationRequest"), Some(("status", "draft")));
/// assert_eq!(form("Observation"), Some(("status", "preliminary")));
/// assert_eq!(form("Goal"), Some(("lifecycleStatus", "proposed")));
/// assert_eq!(form("DocumentReference"), Some(("docStatus", "preliminary")));
/// // Whether a condition is there is no matter of its status.
/// assert_eq!(form("Condition"), None);
/// ```
#[must_use]
pub fn draft_form(version: FhirVersion, resource_type: &str) -> Option<DraftForm> {
    let definitions = version.definitions();
    let shape = definitions.resource(resource_type)?;
    ELEMENTS.iter().find_map(|element| {
        let codes = definitions.codes(definitions.member(shape, element)?.codes?)?;
        let value = VALUES.iter().find(|value| codes.contains(*value))?;
        Some(DraftForm { element, value })
    })
}

/// Why something that a model proposed is not taken. It holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub enum ProposalError {
    /// It is no JSON that can be read in one way only.
    Json,
    /// It is larger than [`MAX_BYTES`].
    TooLarge,
    /// Its type is none of the version's.
    UnknownType,
    /// There are no drafts of its type.
    NoDrafts,
    /// It does not fit FHIR's definition of its type.
    Misfit(#[from] Misfit),
    /// It would count at once, and says that it is a draft.
    StillDraft,
}

impl ProposalError {
    /// Its text, which stands in the program.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Json => "The resource is no JSON that can be read in one way only.",
            Self::TooLarge => "The resource is too large.",
            Self::UnknownType => "FHIR has no such type of resource.",
            Self::NoDrafts => "There are no drafts of this type of resource.",
            Self::Misfit(misfit) => misfit.text(),
            Self::StillDraft => "What is to count has no draft's status.",
        }
    }
}

/// What a model proposed, as it may be stored: checked against FHIR's definitions, without what only a server says (`id`,
/// `meta`, narrative), labelled `AIAST`. Numbers keep their digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    version: FhirVersion,
    resource_type: String,
    form: Option<DraftForm>,
    resource: Json<'static>,
}

impl Proposal {
    /// What is stored as a draft, whatever status the model gave it.
    ///
    /// ```
    /// use mcp_ext_healthcare::fhir::FhirVersion;
    /// use mcp_ext_healthcare::provenance::{Proposal, ProposalError};
    ///
    /// let text = r#"{"resourceType":"Observation","id":"7","status":"final","code":{"text":"weight"},"valueQuantity":{"value":70.50}}"#;
    /// let draft = Proposal::draft(FhirVersion::R4, text)?;
    /// assert_eq!(
    ///     draft.to_string(),
    ///     r#"{"resourceType":"Observation","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"AIAST"}]},"status":"preliminary","code":{"text":"weight"},"valueQuantity":{"value":70.50}}"#,
    /// );
    /// let condition = r#"{"resourceType":"Condition","subject":{"reference":"Patient/1"}}"#;
    /// assert_eq!(Proposal::draft(FhirVersion::R4, condition), Err(ProposalError::NoDrafts));
    /// # Ok::<(), ProposalError>(())
    /// ```
    ///
    /// # Errors
    /// If it does not fit FHIR's definition of its type, or there are no drafts of its type.
    pub fn draft(version: FhirVersion, text: &str) -> Result<Self, ProposalError> {
        let mut proposal = Self::read(version, text)?;
        let form = proposal.form.ok_or(ProposalError::NoDrafts)?;
        proposal.put(form.element, Json::text(form.value));
        proposal.check()?;
        Ok(proposal)
    }

    /// What is stored as what counts, once a person confirmed it.
    ///
    /// # Errors
    /// If it does not fit FHIR's definition of its type, or says that it is a draft.
    pub fn commit(version: FhirVersion, text: &str) -> Result<Self, ProposalError> {
        let proposal = Self::read(version, text)?;
        proposal.check()?;
        if let Some(form) = proposal.form
            && proposal.resource.get(form.element).and_then(Json::as_str).as_deref()
                == Some(form.value)
        {
            return Err(ProposalError::StillDraft);
        }
        Ok(proposal)
    }

    /// Its type.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        &self.resource_type
    }

    /// The version of FHIR that it is of.
    #[must_use]
    pub fn version(&self) -> FhirVersion {
        self.version
    }

    /// The resource.
    #[must_use]
    pub fn resource(&self) -> &Json<'static> {
        &self.resource
    }

    /// The resource with an id: what it would be as a record.
    #[must_use]
    pub fn with_id(&self, id: &str) -> Json<'static> {
        let mut resource = self.resource.clone();
        insert(&mut resource, 1, "id", Json::text(id));
        resource
    }

    fn definitions(&self) -> &'static Definitions {
        self.version.definitions()
    }

    fn read(version: FhirVersion, text: &str) -> Result<Self, ProposalError> {
        if text.len() > MAX_BYTES {
            return Err(ProposalError::TooLarge);
        }
        let json = Json::parse(text.as_bytes()).map_err(|_| ProposalError::Json)?;
        let kind = json.get("resourceType").and_then(Json::as_str);
        let kind = kind.ok_or(ProposalError::UnknownType)?.into_owned();
        let is_known = version.definitions().resource(&kind).is_some();
        if !is_known || is_abstract(&kind) {
            return Err(ProposalError::UnknownType);
        }
        let Json::Object(members) = json.into_owned() else {
            return Err(ProposalError::Json);
        };
        // What a server says of a record, and a narrative that nobody compared with the rest.
        let is_ours = |name: &Text<'_>| {
            matches!(&*name.get(), "resourceType" | "id" | "_id" | "meta" | "text" | "_text")
        };
        let mut resource =
            vec![(Text::new("resourceType"), Json::text(&kind)), (Text::new("meta"), asserted())];
        resource.extend(members.into_iter().filter(|(name, _)| !is_ours(name)));
        let form = draft_form(version, &kind);
        Ok(Self { version, resource_type: kind, form, resource: Json::Object(resource) })
    }

    /// Sets an element, right behind the metadata if it was not there.
    fn put(&mut self, name: &str, value: Json<'static>) {
        self.resource.remove(&format!("_{name}"));
        match self.resource.get_mut(name) {
            Some(own) => *own = value,
            None => insert(&mut self.resource, 2, name, value),
        }
    }

    fn check(&self) -> Result<(), ProposalError> {
        Ok(check::check(self.definitions(), &self.resource_type, &self.resource)?)
    }
}

/// The resource's JSON.
impl std::fmt::Display for Proposal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.resource.fmt(f)
    }
}

/// Types that only others are derived from, and those that hold others.
fn is_abstract(kind: &str) -> bool {
    matches!(
        kind,
        "Resource"
            | "DomainResource"
            | "CanonicalResource"
            | "MetadataResource"
            | "Bundle"
            | "Parameters"
    )
}

fn insert(resource: &mut Json<'static>, at: usize, name: &str, value: Json<'static>) {
    if let Json::Object(members) = resource {
        members.insert(at.min(members.len()), (Text::new(name), value));
    }
}

/// `meta` of what an artificial intelligence asserts.
fn asserted() -> Json<'static> {
    let label = object([("system", Json::text(AIAST_SYSTEM)), ("code", Json::text(AIAST))]);
    object([("security", Json::Array(vec![label]))])
}

fn object<const N: usize>(members: [(&str, Json<'static>); N]) -> Json<'static> {
    Json::Object(members.into_iter().map(|(name, value)| (Text::new(name), value)).collect())
}
