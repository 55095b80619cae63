//! Where the clinic's records are: made-up ones of two patients, so that it works without any download; a folder's; a FHIR server's.

use async_trait::async_trait;
use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::Reference;
use mcp_ext_healthcare::server::{Found, Records, Search, SourceError};
use mcp_ext_healthcare::store::{LoadError, MemoryRecords};
use mcp_ext_healthcare::upstream::FhirServer;

/// The clinic's own records, one resource in each line.
const RECORDS: &str = include_str!("records.ndjson");

/// The clinic's own records, FHIR R4.
///
/// # Errors
/// If one of them is no record; a test sees to it that none is.
pub fn shipped() -> Result<MemoryRecords, LoadError> {
    let records = MemoryRecords::new(FhirVersion::R4);
    for line in RECORDS.lines() {
        records.load(line)?;
    }
    Ok(records)
}

/// Where records are.
#[derive(Clone)]
pub enum Source {
    /// In this process.
    Memory(MemoryRecords),
    /// In a FHIR server of this version.
    Server(FhirServer, FhirVersion),
}

impl Source {
    /// Which FHIR its records are.
    #[must_use]
    pub fn version(&self) -> FhirVersion {
        match self {
            Self::Memory(records) => records.version(),
            Self::Server(_, version) => *version,
        }
    }

    /// The types of records that there are, or can be.
    #[must_use]
    pub fn types(&self) -> Vec<String> {
        match self {
            Self::Memory(records) => records.counts().into_keys().collect(),
            Self::Server(_, version) => {
                let mut types: Vec<String> =
                    version.definitions().resources().map(str::to_owned).collect();
                types.sort();
                types
            }
        }
    }

    /// The patients whose records there are, where that can be listed.
    #[must_use]
    pub fn patients(&self) -> Option<Vec<Reference>> {
        match self {
            Self::Memory(records) => {
                let patients = records.all("Patient");
                Some(patients.iter().map(|patient| patient.reference().clone()).collect())
            }
            Self::Server(..) => None,
        }
    }
}

#[async_trait]
impl Records for Source {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        match self {
            Self::Memory(records) => records.read(reference).await,
            Self::Server(server, _) => server.read(reference).await,
        }
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        match self {
            Self::Memory(records) => records.search(search).await,
            Self::Server(server, _) => server.search(search).await,
        }
    }

    async fn everything(
        &self,
        patient: &Reference,
        limit: usize,
        page: Option<&str>,
    ) -> Result<Found, SourceError> {
        match self {
            Self::Memory(records) => records.everything(patient, limit, page).await,
            Self::Server(server, _) => server.everything(patient, limit, page).await,
        }
    }
}
