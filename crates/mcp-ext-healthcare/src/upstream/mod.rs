//! Records of a FHIR server, over HTTP.
//!
//! The server is taken for one that can be wrong, slow or hostile. Of its answers nothing is believed:
//!
//! - It is asked with this server's own [`Credentials`]; the token of an MCP request is out of reach here (SEC-1).
//! - A search is sent only if HL7 has each of its parameters, with `Prefer: handling=strict`, and its answer is used only if the `self` link
//!   has them all: else a parameter was not understood (DEN-2).
//! - With a patient in whose compartment matches have to be, a chain through other records is refused, unless these are of types that are
//!   nobody's: what another patient's record says must not decide what is found.
//! - Time, bytes, entries and pages are limited (SEC-5). Links and redirects to elsewhere are not followed.
//! - Records are read strictly, one by one; each is checked again by the layer, as those of any [`Records`] (SEC-2).
//! - What it says of errors is not read.

mod address;
mod builder;
mod bundle;
mod credentials;
mod exchange;
mod query;

pub use builder::{FhirServerBuilder, FhirServerError, SearchForm, UpstreamLimits};
pub use credentials::{Credentials, CredentialsError};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::{StatusCode, Uri};

use crate::fhir::FhirVersion;
use crate::protocol::Reference;
use crate::record::Record;
use crate::server::{Found, Records, Search, SourceError};

use address::Base;
use bundle::{Expected, Page};
use exchange::{Asked, Exchange};
use query::{Query, is_type};

/// A FHIR server. Clones share its connections.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::upstream::FhirServer;
///
/// let server = FhirServer::builder("http://127.0.0.1:8080/fhir", FhirVersion::R4).build()?;
/// // Healthcare::builder(policy, compartment, trail).records(server)
/// # let _ = server;
/// # Ok::<(), mcp_ext_healthcare::upstream::FhirServerError>(())
/// ```
#[derive(Clone)]
pub struct FhirServer {
    inner: Arc<Inner>,
}

struct Inner {
    base: Base,
    known_as: Vec<Base>,
    version: FhirVersion,
    form: SearchForm,
    exchange: Exchange,
}

impl FhirServer {
    /// Begins to set up the way to a server, by the address below which its records are (`https://fhir.example.org/r4`) and the version
    /// of FHIR that it speaks there.
    pub fn builder(base: &str, version: FhirVersion) -> FhirServerBuilder {
        FhirServerBuilder::new(base, version)
    }

    /// A server may refuse what is below a patient because it does not offer that, or because there is no such patient. That must
    /// look like one of whom nothing is given (RES-2).
    async fn unless_nobody(
        &self,
        found: Result<Found, SourceError>,
        patient: &Reference,
    ) -> Result<Found, SourceError> {
        match found {
            Err(SourceError::Unsupported) if self.read(patient).await?.is_none() => {
                Ok(Found::default())
            }
            found => found,
        }
    }
}

/// Says in the log why an answer was not used, in words that stand in the program.
fn failed(why: &'static str) -> SourceError {
    tracing::warn!(why, "an answer of a FHIR server is not used");
    SourceError::Unavailable
}

/// The status of an answer that is no success.
fn refused(status: StatusCode, on: On) -> SourceError {
    match (status, on) {
        (StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE, On::Page) => {
            SourceError::UnknownPage
        }
        (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, On::Search) => {
            SourceError::UnknownParameter
        }
        (
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::GONE
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_IMPLEMENTED,
            On::Search | On::Everything,
        ) => SourceError::Unsupported,
        _ => {
            tracing::warn!(status = status.as_u16(), "a FHIR server refused");
            SourceError::Unavailable
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy)]
enum On {
    Record,
    Search,
    Everything,
    Page,
}

/// A page, and how many there were before.
struct Place<'a> {
    number: u32,
    below: &'a str,
}

impl<'a> Place<'a> {
    fn parse(page: &'a str) -> Option<Self> {
        let (number, below) = page.split_once(' ')?;
        Some(Self { number: number.parse().ok()?, below })
    }
}

impl Inner {
    fn at(&self, below: &str) -> Result<Uri, SourceError> {
        self.base.below(below).ok_or_else(|| failed("an address that is none"))
    }

    /// What a link means below the server's address, whatever the server calls itself.
    fn own(&self, link: &str) -> Option<String> {
        std::iter::once(&self.base).chain(&self.known_as).find_map(|base| base.own(link))
    }

    /// Asks for a page, and where it goes on.
    async fn page(
        &self,
        asked: Asked,
        on: On,
        kind: Option<&str>,
        place: Option<&Place<'_>>,
        query: Option<&Query>,
    ) -> Result<Found, SourceError> {
        let answer = self.exchange.ask(&asked).await?;
        if answer.status != StatusCode::OK {
            return Err(refused(answer.status, on));
        }
        let is_own = |link: &str| self.own(link).is_some();
        let expected = Expected { kind, entries: self.exchange.limits.entries, is_own: &is_own };
        let page = bundle::page(&answer.body, &expected)?;
        if let Some(query) = query
            && !page.own.as_deref().is_some_and(|link| query.is_in(link))
        {
            tracing::warn!("a FHIR server did not say that it understood each parameter");
            return Err(SourceError::UnknownParameter);
        }
        let next = self.next(&page, place)?;
        Ok(Found { matches: page.matches, included: page.included, next })
    }

    fn next(&self, page: &Page, place: Option<&Place<'_>>) -> Result<Option<String>, SourceError> {
        let Some(link) = &page.next else { return Ok(None) };
        let below = self.own(link).ok_or_else(|| failed("a page that is elsewhere"))?;
        let number = place.map_or(1, |place| place.number.saturating_add(1));
        if number >= self.exchange.limits.pages || place.is_some_and(|now| now.below == below) {
            return Err(failed("pages without end"));
        }
        Ok(Some(format!("{number} {below}")))
    }

    async fn further(&self, page: &str, kind: Option<&str>) -> Result<Found, SourceError> {
        let place = Place::parse(page).ok_or(SourceError::UnknownPage)?;
        let uri = self.base.below(place.below).ok_or(SourceError::UnknownPage)?;
        self.page(Asked::Get(uri), On::Page, kind, Some(&place), None).await
    }
}

#[async_trait]
impl Records for FhirServer {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        let inner = &*self.inner;
        if !is_type(inner.version.definitions(), reference.resource_type()) {
            return Ok(None);
        }
        let uri = inner.at(&format!("/{}", reference.as_str()))?;
        let answer = inner.exchange.ask(&Asked::Get(uri)).await?;
        match answer.status {
            StatusCode::OK => bundle::record(&answer.body, reference).map(Some),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(None),
            // It looks as if there were none (RES-2).
            StatusCode::FORBIDDEN => {
                tracing::warn!("a FHIR server refuses a record to these credentials");
                Ok(None)
            }
            status => Err(refused(status, On::Record)),
        }
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        let inner = &*self.inner;
        let definitions = inner.version.definitions();
        let kind = search.resource_type.as_str();
        let mut query = Query::of(definitions, search)?;
        if let Some(page) = &search.page {
            return inner.further(page, Some(kind)).await;
        }
        let in_path = search.compartment.as_ref().filter(|patient| {
            inner.form == SearchForm::Compartment
                && kind != patient.resource_type()
                && !definitions.compartment(kind).is_empty()
        });
        if let (None, Some(patient)) = (in_path, &search.compartment) {
            query.confine(definitions, kind, patient);
        }
        let asked = match (inner.form, in_path) {
            (SearchForm::Post, _) => {
                Asked::Post(inner.at(&format!("/{kind}/_search"))?, query.text())
            }
            (_, Some(patient)) => {
                Asked::Get(inner.at(&format!("/{}/{kind}?{}", patient.as_str(), query.text()))?)
            }
            (_, None) => Asked::Get(inner.at(&format!("/{kind}?{}", query.text()))?),
        };
        let found = inner.page(asked, On::Search, Some(kind), None, Some(&query)).await;
        match in_path {
            Some(patient) => self.unless_nobody(found, patient).await,
            None => found,
        }
    }

    async fn everything(
        &self,
        patient: &Reference,
        limit: usize,
        page: Option<&str>,
    ) -> Result<Found, SourceError> {
        let inner = &*self.inner;
        if let Some(page) = page {
            return inner.further(page, None).await;
        }
        let below = format!("/{}/$everything?_count={}", patient.as_str(), limit.max(1));
        let asked = Asked::Get(inner.at(&below)?);
        let found = inner.page(asked, On::Everything, None, None, None).await;
        self.unless_nobody(found, patient).await
    }
}

/// Shows where it is, without the path, and no credentials.
impl fmt::Debug for FhirServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FhirServer")
            .field("host", &self.inner.base.host())
            .field("version", &self.inner.version)
            .field("form", &self.inner.form)
            .finish_non_exhaustive()
    }
}
