//! Nothing of another patient, whatever a FHIR server answers.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::upstream::SearchForm;

use crate::facade::{Manners, serve};
use crate::honest::to;
use crate::loaded::loaded;
use crate::random::nothing_foreign;

#[tokio::test]
async fn nothing_foreign_of_an_honest_server() {
    let Some((records, all)) = loaded(FhirVersion::R4) else { return };
    let fake = serve(records.clone(), Manners::Honest).await;
    let server = to(&fake).searches(SearchForm::Compartment).build().unwrap();
    nothing_foreign(FhirVersion::R4, server, all, 300, 50).await;
}

#[tokio::test]
async fn nothing_foreign_of_a_server_that_gives_anything_to_anybody() {
    let Some((records, all)) = loaded(FhirVersion::R4) else { return };
    let fake = serve(records.clone(), Manners::Leaky).await;
    let server = to(&fake).build().unwrap();
    nothing_foreign(FhirVersion::R4, server, all, 200, 50).await;
}

/// A server of somebody else, with the R4 examples in it: `cargo xtask fhir-servers` starts it, and says where it is.
#[tokio::test]
#[ignore = "needs a FHIR server"]
async fn nothing_foreign_of_another_server() {
    let url = std::env::var("MCP_FHIR_SERVER").expect("MCP_FHIR_SERVER says where it is");
    let (_, all) = loaded(FhirVersion::R4).expect("the examples are there");
    let server = mcp_ext_healthcare::upstream::FhirServer::builder(&url, FhirVersion::R4);
    nothing_foreign(FhirVersion::R4, server.build().unwrap(), all, 1000, 20).await;
}
