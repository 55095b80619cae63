//! Nothing of another patient, whatever is searched for.
//!
//! A thousand calls in the test run; `MCP_ISOLATION_CALLS=10000 cargo test -p mcp-ext-healthcare --test records isolation` makes as many
//! as it says.

use mcp_ext_healthcare::fhir::FhirVersion;

use crate::loaded::loaded;
use crate::random::nothing_foreign;

async fn of_examples(version: FhirVersion) {
    let Some((records, all)) = loaded(version) else { return };
    nothing_foreign(version, records.clone(), all, 1000, 50).await;
}

#[tokio::test]
async fn nothing_foreign_of_the_r4_examples() {
    of_examples(FhirVersion::R4).await;
}

#[tokio::test]
async fn nothing_foreign_of_the_r5_examples() {
    of_examples(FhirVersion::R5).await;
}
