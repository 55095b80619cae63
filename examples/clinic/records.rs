//! Made-up records of two patients, so that the clinic works without any download.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::store::{LoadError, MemoryRecords};

/// The records, one resource in each line.
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
