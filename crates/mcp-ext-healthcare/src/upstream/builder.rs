//! Setting up the way to a FHIR server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use tokio::sync::Semaphore;

use super::address::Base;
use super::credentials::Fixed;
use super::exchange::{self, Exchange};
use super::{Credentials, FhirServer, Inner};
use crate::fhir::FhirVersion;

/// Why the way to a server cannot be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FhirServerError {
    /// The address is none, or has a query, a fragment, or steps upwards.
    #[error("the address is no address of a FHIR server")]
    Address,
    /// The address has a user name or a password.
    #[error("the address must not have a user name or password")]
    UserInfo,
    /// Records would go over a network unencrypted.
    #[error("`http:` to another machine needs FhirServerBuilder::allow_cleartext")]
    Cleartext,
    /// A header is malformed. Its value is not shown: it may be a secret.
    #[error("the header `{0}` is malformed, or is one that is set here")]
    Header(String),
    /// The system's certificates could not be loaded.
    #[error("the system's certificates could not be loaded")]
    Certificates,
}

/// What a server's answers may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct UpstreamLimits {
    /// The bytes of an answer. 16 MiB unless told otherwise.
    pub body: usize,
    /// The entries of a Bundle. 2,000 unless told otherwise.
    pub entries: usize,
    /// The pages of a search, over all calls that go on with it. 1,000 unless told otherwise.
    pub pages: u32,
    /// The time of a request, until the last byte of its answer. 30 seconds unless told otherwise.
    pub request: Duration,
    /// The time until there is a connection. 10 seconds unless told otherwise.
    pub connect: Duration,
    /// How many requests there may be at a time; others wait, within their own time. 32 unless told otherwise.
    pub concurrent: usize,
}

impl Default for UpstreamLimits {
    fn default() -> Self {
        Self {
            body: 16 * 1024 * 1024,
            entries: 2000,
            pages: 1000,
            request: Duration::from_secs(30),
            connect: Duration::from_secs(10),
            concurrent: 32,
        }
    }
}

/// How a search is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SearchForm {
    /// `POST Observation/_search`, with `patient=Patient/1` among the parameters: values do not stand in addresses, which servers and
    /// proxies write into their logs (SEC-3), and each FHIR server must know it. Records that are in the patient's compartment by another
    /// parameter alone (as a performer, say) are not found.
    #[default]
    Post,
    /// `GET Patient/1/Observation?…`: the compartment as FHIR has it, where a server offers that. Values stand in addresses.
    Compartment,
    /// `GET Observation?…`, with `patient=Patient/1` among the parameters, for servers that know no `_search`. Values stand in addresses.
    Get,
}

/// Sets a [`FhirServer`] up.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::upstream::{FhirServer, SearchForm};
///
/// let server = FhirServer::builder("http://127.0.0.1:8080/fhir", FhirVersion::R4)
///     .bearer("a token of this server's own")
///     .known_as("https://fhir.example.org/r4")
///     .searches(SearchForm::Compartment)
///     .build()?;
/// # let _ = server;
/// # Ok::<(), mcp_ext_healthcare::upstream::FhirServerError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct FhirServerBuilder {
    base: String,
    version: FhirVersion,
    known_as: Vec<String>,
    token: Option<String>,
    credentials: Option<Arc<dyn Credentials>>,
    headers: Vec<(String, String)>,
    limits: UpstreamLimits,
    form: SearchForm,
    cleartext: bool,
    tls: Option<rustls::ClientConfig>,
}

impl FhirServerBuilder {
    pub(super) fn new(base: &str, version: FhirVersion) -> Self {
        Self {
            base: base.to_owned(),
            version,
            known_as: Vec::new(),
            token: None,
            credentials: None,
            headers: Vec::new(),
            limits: UpstreamLimits::default(),
            form: SearchForm::default(),
            cleartext: false,
            tls: None,
        }
    }

    /// Another address by which the server calls itself in its answers, behind a proxy, say. It is never asked there; links below it are
    /// followed at the server's own address.
    pub fn known_as(mut self, base: impl Into<String>) -> Self {
        self.known_as.push(base.into());
        self
    }

    /// Sends a token that does not change.
    pub fn bearer(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Asks for the `Authorization` of each request, in place of a token that does not change.
    pub fn credentials(mut self, credentials: impl Credentials) -> Self {
        self.credentials = Some(Arc::new(credentials));
        self
    }

    /// Sends a header with every request, a tenant's name, say.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// What answers may cost.
    pub fn limits(mut self, limits: UpstreamLimits) -> Self {
        self.limits = limits;
        self
    }

    /// How searches are sent.
    pub fn searches(mut self, form: SearchForm) -> Self {
        self.form = form;
        self
    }

    /// Lets records and credentials go unencrypted to another machine, where the network itself is encrypted.
    pub fn allow_cleartext(mut self, allow: bool) -> Self {
        self.cleartext = allow;
        self
    }

    /// Says whom to trust and what to show over HTTPS: authorities of one's own, client certificates. Without it the system's
    /// authorities are trusted.
    pub fn tls_config(mut self, config: rustls::ClientConfig) -> Self {
        self.tls = Some(config);
        self
    }

    /// Makes it. Nothing is sent yet.
    ///
    /// # Errors
    /// If an address or a header is malformed, the connection would not be encrypted, or the system has no certificates.
    pub fn build(self) -> Result<FhirServer, FhirServerError> {
        let base = Base::parse(&self.base)?;
        let known_as: Result<Vec<Base>, _> =
            self.known_as.iter().map(|other| Base::parse(other)).collect();
        if base.is_exposed() && !self.cleartext {
            return Err(FhirServerError::Cleartext);
        }
        let mut headers = HeaderMap::new();
        let agent = concat!("mcp-ext-healthcare/", env!("CARGO_PKG_VERSION"));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in self.headers {
            let (key, value) = own_header(&name, &value).ok_or(FhirServerError::Header(name))?;
            headers.insert(key, value);
        }
        let fixed = |token: String| -> Result<Arc<dyn Credentials>, FhirServerError> {
            let value = HeaderValue::try_from(format!("Bearer {token}"));
            let value = value.map_err(|_| FhirServerError::Header("authorization".to_owned()))?;
            Ok(Arc::new(Fixed(value)))
        };
        let credentials = match self.credentials {
            Some(credentials) => Some(credentials),
            None => self.token.map(fixed).transpose()?,
        };
        let limits = self.limits;
        Ok(FhirServer {
            inner: Arc::new(Inner {
                exchange: Exchange {
                    client: exchange::client(self.tls, base.is_secure(), limits.connect)?,
                    credentials,
                    headers,
                    limits,
                    places: Semaphore::new(limits.concurrent.clamp(1, Semaphore::MAX_PERMITS)),
                },
                base,
                known_as: known_as?,
                version: self.version,
                form: self.form,
            }),
        })
    }
}

/// A header that is the operator's to set.
fn own_header(name: &str, value: &str) -> Option<(HeaderName, HeaderValue)> {
    let key = HeaderName::try_from(name).ok()?;
    let is_ours = [
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::AUTHORIZATION,
        header::CONNECTION,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::HOST,
        header::RANGE,
        header::TRANSFER_ENCODING,
    ]
    .contains(&key)
        || key == "prefer";
    let mut value = HeaderValue::try_from(value).ok().filter(|_| !is_ours)?;
    value.set_sensitive(true);
    Some((key, value))
}

/// Shows no headers and no address: both may hold secrets.
impl fmt::Debug for FhirServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FhirServerBuilder")
            .field("version", &self.version)
            .field("form", &self.form)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
