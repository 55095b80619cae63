//! `fhir_draft`: what a model proposes is stored as a draft. SPEC.md, section 14.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use mcp_core::RawJson;
use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, Cx, HandlerError, InputError, ServedTool};
use mcp_trust::digest::Digest;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fhir::FhirVersion;
use crate::protocol::{DenialCode, ToolMetadata, Writes};
use crate::provenance::{Agent, Agents, Drafts, Proposal, ProposalError, Writing, uuid};
use crate::record::Record;
use crate::server::{Disclosed, HealthCx, MAX_TTL, Nonces, RecordTool};

/// The key of the question in a call's rounds, and of what is kept with it.
const KEY: &str = "dev.mcp-ext/healthcare.confirm";
const KEPT: &str = "dev.mcp-ext/healthcare.confirm.question";
/// What is seen of the client's name, and of the model's.
const MAX_NAME: usize = 200;

/// Who confirmed something, by the page's own authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Confirmation {
    /// Who. It must be the call's principal.
    pub principal: String,
}

impl Confirmation {
    /// Somebody confirmed.
    pub fn new(principal: impl Into<String>) -> Self {
        Self { principal: principal.into() }
    }
}

/// The page where a person sees what a model wrote and confirms it. The page is the operator's: it authenticates the person
/// itself, and takes neither the client's word nor the model's.
#[async_trait]
pub trait ConfirmationPage: Send + Sync + 'static {
    /// Shows something under the number of a question. Gives the page's address, which holds the number and nothing else of
    /// the call.
    ///
    /// # Errors
    /// If it cannot be shown. The call then fails.
    async fn show(&self, question: &str, writing: &Writing) -> Result<String, HandlerError>;

    /// Who confirmed what a question showed; `None` if nobody did.
    ///
    /// # Errors
    /// If it cannot be told. The call then fails.
    async fn confirmed(&self, question: &str) -> Result<Option<Confirmation>, HandlerError>;
}

/// The tool `fhir_draft`.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::store::MemoryRecords;
/// use mcp_ext_healthcare::tools::DraftTool;
///
/// let drafts = MemoryRecords::new(FhirVersion::R4);
/// let tool = DraftTool::new(FhirVersion::R4, ["MedicationRequest", "Observation"], drafts).tool();
/// assert_eq!(tool.definition().name, "fhir_draft");
/// ```
#[derive(Clone)]
pub struct DraftTool {
    shared: Arc<Shared>,
}

struct Shared {
    version: FhirVersion,
    types: Vec<String>,
    drafts: Box<dyn Drafts>,
    commits: Option<Commits>,
    now: fn() -> SystemTime,
}

struct Commits {
    page: Box<dyn ConfirmationPage>,
    nonces: Box<dyn Nonces>,
    ttl: Duration,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DraftArguments {
    /// The FHIR resource as JSON, with its `resourceType`. Its id, its metadata and its narrative are not taken, and its status becomes
    /// that of a draft.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    resource: RawJson,
    /// Which model wrote it, as far as is known.
    #[schemars(length(min = 1, max = 200))]
    model: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CommitArguments {
    /// The FHIR resource as JSON, with its `resourceType`. Its id, its metadata and its narrative are not taken.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    resource: RawJson,
    /// Which model wrote it, as far as is known.
    #[schemars(length(min = 1, max = 200))]
    model: Option<String>,
    /// Whether it is to count at once, with the status that it has. The user is then asked to confirm it. Otherwise it becomes a
    /// draft.
    #[serde(default)]
    commit: bool,
}

/// What became of what was proposed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written {
    /// The resource, with its version.
    reference: String,
    /// Its *Provenance*.
    provenance: String,
    draft: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status>,
}

#[derive(Serialize)]
struct Status {
    element: &'static str,
    value: &'static str,
}

/// What is kept of a question until it is answered, sealed by the core, which binds it to principal, tool and arguments.
#[derive(Serialize, Deserialize)]
struct Question {
    number: String,
    address: String,
    digest: String,
    /// Seconds since 1970.
    until: u64,
}

impl DraftTool {
    /// A tool that stores drafts of these types.
    pub fn new(
        version: FhirVersion,
        types: impl IntoIterator<Item = impl Into<String>>,
        drafts: impl Drafts,
    ) -> Self {
        let types = types.into_iter().map(Into::into).collect();
        let shared = Shared {
            version,
            types,
            drafts: Box::new(drafts),
            commits: None,
            now: SystemTime::now,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Lets it store what counts at once, too, when a person has confirmed it on this page, within this time (at most
    /// [`MAX_TTL`]), once. The tool then declares `writes: commit`.
    #[must_use]
    pub fn commits(self, page: impl ConfirmationPage, nonces: impl Nonces, ttl: Duration) -> Self {
        let commits = Commits { page: Box::new(page), nonces: Box::new(nonces), ttl };
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Self { shared: Arc::new(Shared { commits: Some(commits), ..shared }) },
            // Nobody has a clone yet: they are made by `tool`, which comes last.
            Err(shared) => Self { shared },
        }
    }

    /// The tool, to be served. What it writes needs the SMART scopes to create: `patient/Observation.c`, say.
    #[must_use]
    pub fn tool(self) -> ServedTool {
        let shared = self.shared;
        let scopes: Vec<String> =
            shared.types.iter().map(|kind| format!("patient/{kind}.c")).collect();
        let metadata = ToolMetadata::new(shared.types.clone(), scopes);
        if shared.commits.is_some() {
            let metadata = metadata.with_writes(Writes::Commit);
            let handler = move |cx: Cx, health: HealthCx, Args(asked): Args<CommitArguments>| {
                let shared = Arc::clone(&shared);
                async move {
                    let proposed = Proposed { resource: asked.resource, model: asked.model };
                    shared.write(&cx, &health, proposed, asked.commit).await
                }
            };
            return described(ServedTool::new("fhir_draft", handler)).records(metadata);
        }
        let metadata = metadata.with_writes(Writes::Draft);
        let handler = move |cx: Cx, health: HealthCx, Args(asked): Args<DraftArguments>| {
            let shared = Arc::clone(&shared);
            async move {
                let proposed = Proposed { resource: asked.resource, model: asked.model };
                shared.write(&cx, &health, proposed, false).await
            }
        };
        described(ServedTool::new("fhir_draft", handler)).records(metadata)
    }
}

struct Proposed {
    resource: RawJson,
    model: Option<String>,
}

fn described(tool: ServedTool) -> ServedTool {
    tool.title("Propose a record")
        .description(
            "Stores a FHIR resource about the patient as a draft, marked as written by a model, for a person to review. \
             It changes no other record.",
        )
        .annotations(
            ToolAnnotations::new()
                .with_read_only_hint(false)
                .with_destructive_hint(false)
                .with_idempotent_hint(false),
        )
}

impl Shared {
    async fn write(
        &self,
        cx: &Cx,
        health: &HealthCx,
        proposed: Proposed,
        commit: bool,
    ) -> Result<Disclosed, HandlerError> {
        let told = |error: ProposalError| HandlerError::from(health.tell(error.text()));
        let text = proposed.resource.get();
        let proposal = if commit {
            Proposal::commit(self.version, text)
        } else {
            Proposal::draft(self.version, text)
        };
        let proposal = proposal.map_err(told)?;
        // As it will be: policy and compartment know records alone.
        let record = Record::parse(&proposal.with_id("proposed").to_string());
        let record = record.map_err(|_| health.tell("The resource cannot be a record."))?;
        let permitted = health.may_write(&record)?;
        let mut agents = agents(cx, health, proposed.model);
        let mut writing = Writing::new(proposal, !commit);
        if commit {
            let shown = writing.clone().by(&agents, (self.now)());
            let confirmation = self.confirm(cx, health, &shown).await?;
            agents.confirmed_by = Some(confirmation.principal);
        }
        writing = writing.by(&agents, (self.now)());
        let stored = self.drafts.put(&writing).await;
        let stored = stored.map_err(|_| health.tell("What was proposed could not be stored."))?;
        let reference = stored.record.versioned_reference();
        let provenance = stored.provenance.as_str().to_owned();
        health.wrote(permitted, &[reference.clone(), provenance.clone()])?;
        let form = crate::provenance::draft_form(self.version, record.resource_type());
        let status = form.filter(|_| !commit);
        let written = Written {
            reference,
            provenance,
            draft: !commit,
            status: status.map(|form| Status { element: form.element, value: form.value }),
        };
        Ok(health.disclosure().content(&written)?)
    }

    /// Asks a person, or finds out that they have confirmed.
    async fn confirm(
        &self,
        cx: &Cx,
        health: &HealthCx,
        writing: &Writing,
    ) -> Result<Confirmation, HandlerError> {
        let unconfirmed = || health.tell("Nobody confirmed this. It can be stored as a draft.");
        let commits = self.commits.as_ref().ok_or_else(unconfirmed)?;
        let principal = cx.principal().ok_or_else(unconfirmed)?.clone();
        let digest = Digest::of(writing.proposal().to_string().as_bytes()).to_string();
        let now = || (self.now)().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let asking = async {
            let failed = || HandlerError::from(health.tell("Nobody can be asked."));
            let number = uuid().ok_or_else(failed)?;
            let address = commits.page.show(&number, writing).await.map_err(|_| failed())?;
            let until = now().saturating_add(commits.ttl.min(MAX_TTL).as_secs());
            Ok::<_, HandlerError>(Question { number, address, digest: digest.clone(), until })
        };
        let question: Question = cx.once(KEPT, asking).await?;
        if question.digest != digest || now() > question.until {
            return Err(health.tell("The time to confirm this has passed.").into());
        }
        let message = "A model wrote this record. Look at it, and confirm that it is to count.";
        match cx.elicit_url(KEY, message, question.address).await {
            Ok(()) => {}
            Err(InputError::Declined | InputError::Cancelled) => return Err(unconfirmed().into()),
            Err(error) => return Err(error.into()),
        }
        // The client says that the person went there. Whether they confirmed, and who they are, the page knows.
        let confirmed = commits.page.confirmed(&question.number).await;
        let confirmation = confirmed.ok().flatten().ok_or_else(unconfirmed)?;
        if confirmation.principal != principal.as_str() {
            return Err(health.deny(DenialCode::ContextMismatch).into());
        }
        let expires = UNIX_EPOCH + Duration::from_secs(question.until);
        match commits.nonces.use_up(&question.number, expires).await {
            Ok(true) => Ok(confirmation),
            _ => Err(unconfirmed().into()),
        }
    }
}

/// Who had a part: what the client says of itself, what the call says of the model, and for whom it is.
fn agents(cx: &Cx, health: &HealthCx, model: Option<String>) -> Agents {
    let named = |name: &str| -> String {
        let plain = name.chars().filter(|one| !one.is_control()).take(MAX_NAME);
        plain.collect::<String>().trim().to_owned()
    };
    let host = cx.client_info().map(|info| Agent {
        name: named(&info.name),
        version: Some(named(&info.version)).filter(|version| !version.is_empty()),
    });
    let host = host.filter(|host| !host.name.is_empty());
    let model = model.map(|model| named(&model)).filter(|model| !model.is_empty());
    let mut agents = Agents::of(Agent::new(model.unwrap_or_else(|| "unknown".to_owned())));
    agents.host = host;
    agents.principal = cx.principal().map(|principal| principal.as_str().to_owned());
    agents.purpose = health.purpose().map(str::to_owned);
    agents.patient = health.patient().cloned();
    agents
}
