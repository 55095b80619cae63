//! The services that an operator allows, and how they are reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;
use tokio::time::{Duration, Instant};

use super::cards::shown;
use crate::fhir::Json;
use crate::protocol::ClientSettings;

/// Why a service gave no cards. It holds nothing of what was sent or answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub enum CdsError {
    /// It cannot be reached, or failed.
    Unavailable,
    /// It took too long.
    TimedOut,
    /// Its answer is larger than is read.
    TooLarge,
    /// Its answer is not what CDS Hooks says.
    Malformed,
    /// It refuses the request.
    Refused,
    /// It says that it is elsewhere, where the operator has not allowed to go.
    Redirected,
}

impl CdsError {
    /// Its text, which stands in the program.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unavailable => "The decision support service did not answer.",
            Self::TimedOut => "The decision support service took too long.",
            Self::TooLarge => "The decision support service's answer is too large.",
            Self::Malformed => "The decision support service's answer cannot be read.",
            Self::Refused => "The decision support service refuses the request.",
            Self::Redirected => {
                "The decision support service says that it is elsewhere, where it may not be asked."
            }
        }
    }
}

/// The way to the services of one server. Over HTTP: `HttpCds`, with the feature `upstream`.
#[async_trait]
pub trait CdsTransport: Send + Sync + 'static {
    /// What `GET {base}/cds-services` answers, as JSON.
    ///
    /// # Errors
    /// If there is no answer, in time and of a size that can be read.
    async fn discover(&self) -> Result<String, CdsError>;

    /// What `POST {base}/cds-services/{service}` answers, as JSON. The id of the service is made of letters, digits, `-`, `_` and `.`.
    ///
    /// # Errors
    /// If there is no answer, in time and of a size that can be read.
    async fn call(&self, service: &str, request: String) -> Result<String, CdsError>;
}

/// What a service offered, and when it said so.
type Known = Option<(Instant, Arc<Vec<Service>>)>;

/// A server of services that the operator allows.
///
/// What is sent there leaves the operator's hands, as what is sent to a model does. So it is described as a client is: how confidential
/// records may be that it gets, where they go (`modelEgress`), and what it is bound to keep. Without a word it gets nothing that
/// identifies, which is nothing at all, since each request names the patient.
///
/// ```
/// use mcp_ext_healthcare::protocol::{ClientSettings, Confidentiality, ModelEgress};
/// use mcp_ext_healthcare::tools::cds_hook::{CdsError, CdsServer, CdsTransport};
///
/// # struct Ours;
/// # #[async_trait::async_trait]
/// # impl CdsTransport for Ours {
/// #     async fn discover(&self) -> Result<String, CdsError> { Err(CdsError::Unavailable) }
/// #     async fn call(&self, _: &str, _: String) -> Result<String, CdsError> { Err(CdsError::Unavailable) }
/// # }
/// // Bound by agreement, so that it may have what is restricted.
/// let may_have = ClientSettings::current()
///     .with_model_egress(ModelEgress::Covered)
///     .with_max_confidentiality(Confidentiality::Restricted);
/// let server = CdsServer::new("interactions", Ours, may_have).services(["drug-interactions"]);
/// # let _ = server;
/// ```
#[derive(Clone)]
pub struct CdsServer {
    pub(super) name: String,
    pub(super) may_have: ClientSettings,
    transport: Arc<dyn CdsTransport>,
    allowed: Option<BTreeSet<String>>,
    known: Arc<Mutex<Known>>,
}

/// A service, as its server describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) id: String,
    pub(super) hook: String,
    pub(super) title: Option<String>,
    pub(super) description: String,
    /// Names and templates.
    pub(super) prefetch: Vec<(String, String)>,
}

/// For how long a description is believed.
const FRESH: Duration = Duration::from_secs(600);
/// How much of a description is read.
const MAX_SERVICES: usize = 100;
const MAX_PREFETCH: usize = 20;

impl CdsServer {
    /// A server under a name of the operator's, and what it may have.
    pub fn new(
        name: impl Into<String>,
        transport: impl CdsTransport,
        may_have: ClientSettings,
    ) -> Self {
        Self {
            name: name.into(),
            may_have,
            transport: Arc::new(transport),
            allowed: None,
            known: Arc::default(),
        }
    }

    /// Allows these of its services alone. Without it, all that it names are allowed.
    #[must_use]
    pub fn services(mut self, ids: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.allowed = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// What it offers, of what is allowed. Asked for again after ten minutes.
    pub(super) async fn offered(&self) -> Result<Arc<Vec<Service>>, CdsError> {
        let mut known = self.known.lock().await;
        if let Some((at, services)) = &*known
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(services));
        }
        let text = self.transport.discover().await?;
        let mut services = discovered(&text).ok_or(CdsError::Malformed)?;
        if let Some(allowed) = &self.allowed {
            services.retain(|service| allowed.contains(&service.id));
        }
        let services = Arc::new(services);
        *known = Some((Instant::now(), Arc::clone(&services)));
        Ok(services)
    }

    pub(super) async fn call(&self, service: &str, request: String) -> Result<String, CdsError> {
        self.transport.call(service, request).await
    }
}

fn discovered(text: &str) -> Option<Vec<Service>> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let all = json.get("services")?.as_array()?.iter().take(MAX_SERVICES);
    Some(all.filter_map(service).collect())
}

/// A service; one without an id, a hook or a description, or with an id that is no step of a path, is none.
fn service(json: &Json<'_>) -> Option<Service> {
    let text = |name: &str| json.get(name).and_then(Json::as_str);
    let id = text("id").filter(|id| is_service_id(id))?.into_owned();
    let prefetch = json.get("prefetch").and_then(Json::as_object).unwrap_or_default();
    let prefetch = prefetch.iter().take(MAX_PREFETCH).filter_map(|(name, template)| {
        let template = template.as_str().filter(|template| template.len() <= 2048)?;
        (name.get().len() <= 256).then(|| (name.get().into_owned(), template.into_owned()))
    });
    Some(Service {
        id,
        hook: text("hook")?.into_owned(),
        title: text("title").map(|title| shown(&title, 200)),
        description: shown(&text("description")?, 1000),
        prefetch: prefetch.collect(),
    })
}

pub(super) fn is_service_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=128).contains(&id.len()) && id.bytes().all(allowed) && !id.starts_with('.')
}
