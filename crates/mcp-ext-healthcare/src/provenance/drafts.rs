//! Where what a model wrote is put.

use std::fmt;

use async_trait::async_trait;

use super::{Proposal, object};
use crate::fhir::{Json, Text};
use crate::protocol::Reference;
use crate::record::Record;
use crate::store::MemoryRecords;

/// Something that a model wrote, with its *Provenance*. They are stored together or not at all.
#[derive(Clone)]
pub struct Writing {
    resource: Proposal,
    provenance: Json<'static>,
    is_draft: bool,
}

/// Why something was not stored. It holds nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DraftsError {
    /// It cannot be reached, or failed. Nothing was stored, or nobody knows.
    #[error("the store of drafts failed")]
    Unavailable,
    /// It does not take such a resource.
    #[error("the store of drafts does not take this")]
    Refused,
}

/// Where something was stored.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stored {
    /// The resource as it was stored.
    pub record: Record,
    /// Where its *Provenance* is.
    pub provenance: Reference,
}

impl Stored {
    /// It was stored so.
    #[must_use]
    pub fn new(record: Record, provenance: Reference) -> Self {
        Self { record, provenance }
    }
}

/// Where what a model wrote is put: a FHIR server, a queue of its own, or [`MemoryRecords`].
///
/// It is called when everything was checked. It stores both, or neither.
#[async_trait]
pub trait Drafts: Send + Sync + 'static {
    /// Stores a resource and its *Provenance*, under ids of its own.
    ///
    /// # Errors
    /// If they were not both stored.
    async fn put(&self, writing: &Writing) -> Result<Stored, DraftsError>;
}

/// The `fullUrl` of the resource within the transaction.
const TARGET: &str = "urn:uuid:7c9e6679-7425-40de-944b-e07fc1f90ae7";

impl Writing {
    pub(crate) fn new(resource: Proposal, is_draft: bool) -> Self {
        Self { resource, provenance: Json::Null, is_draft }
    }

    /// With the provenance that these agents make.
    #[must_use]
    pub(crate) fn by(mut self, agents: &super::Agents, now: std::time::SystemTime) -> Self {
        self.provenance = agents.provenance(&self.resource, TARGET, now);
        self
    }

    /// What was proposed.
    #[must_use]
    pub fn proposal(&self) -> &Proposal {
        &self.resource
    }

    /// Whether it is a draft. If not, a person confirmed it.
    #[must_use]
    pub fn is_draft(&self) -> bool {
        self.is_draft
    }

    /// Both as a *Bundle* of type `transaction`, for a FHIR server: it stores both or neither, and gives them their ids.
    #[must_use]
    pub fn transaction(&self) -> String {
        let entry = |resource: Json<'static>, url: &str, full_url: Option<&str>| {
            let mut members = Vec::new();
            members.extend(full_url.map(|url| (Text::new("fullUrl"), Json::text(url))));
            members.push((Text::new("resource"), resource));
            let request = object([("method", Json::text("POST")), ("url", Json::text(url))]);
            members.push((Text::new("request"), request));
            Json::Object(members)
        };
        object([
            ("resourceType", Json::text("Bundle")),
            ("type", Json::text("transaction")),
            (
                "entry",
                Json::Array(vec![
                    entry(
                        self.resource.resource().clone(),
                        self.resource.resource_type(),
                        Some(TARGET),
                    ),
                    entry(self.provenance.clone(), "Provenance", None),
                ]),
            ),
        ])
        .to_string()
    }

    /// Both as they are under these ids.
    ///
    /// # Errors
    /// If they are no ids of FHIR's form.
    pub fn records(&self, id: &str, provenance_id: &str) -> Result<[Record; 2], DraftsError> {
        let resource = self.resource.with_id(id).to_string();
        let mut provenance = self.provenance.clone();
        let target = format!("{}/{id}", self.resource.resource_type());
        let target = object([("reference", Json::text(&target))]);
        provenance.set("target", Json::Array(vec![target]));
        provenance.set("id", Json::text(provenance_id));
        let read = |text: &str| Record::parse(text).map_err(|_| DraftsError::Refused);
        Ok([read(&resource)?, read(&provenance.to_string())?])
    }
}

/// Shows its type alone.
impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Writing({}/..)", self.resource.resource_type())
    }
}

#[async_trait]
impl Drafts for MemoryRecords {
    async fn put(&self, writing: &Writing) -> Result<Stored, DraftsError> {
        if writing.proposal().version() != self.version() {
            return Err(DraftsError::Refused);
        }
        let id = || uuid().ok_or(DraftsError::Unavailable);
        let [record, provenance] = writing.records(&id()?, &id()?)?;
        let reference = provenance.reference().clone();
        self.insert(record.clone()).map_err(|_| DraftsError::Refused)?;
        self.insert(provenance).map_err(|_| DraftsError::Refused)?;
        Ok(Stored { record, provenance: reference })
    }
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uuid() -> Option<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).ok()?;
    let bits = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0b11 << 62) | (4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    let part = |from, to| hex.get(from..to).unwrap_or_default();
    Some([part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-"))
}
