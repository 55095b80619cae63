//! A laboratory's own server, which takes the healthcare extension up: its records, its rules and one tool, in less than a hundred lines.
//!
//! `cargo run -p mcp-ext-healthcare --example laboratory` serves it on standard input and output.
#![forbid(unsafe_code)]

use async_trait::async_trait;
use mcp_core::Shutdown;
use mcp_core::server::{Args, ServedTool, Server};
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_ext_healthcare::audit::LoggedTrail;
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::{Label, Reference, ToolMetadata};
use mcp_ext_healthcare::server::{
    Access, AccessPolicy, CallDecision, Disclosed, Found, HealthCx, HealthError, Healthcare,
    RecordDecision, RecordTool, Records, Search, SourceError,
};
use mcp_ext_healthcare::{PatientCompartment, Record};
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
use mcp_trust::receipts::LogOptions;

/// Where the laboratory's results are: any database would do.
struct Results(Vec<Record>);

#[async_trait]
impl Records for Results {
    async fn read(&self, reference: &Reference) -> Result<Option<Record>, SourceError> {
        Ok(self.0.iter().find(|result| result.reference() == reference).cloned())
    }

    async fn search(&self, search: &Search) -> Result<Found, SourceError> {
        // It knows no search parameters, and says so. Whose records these are is checked afterwards.
        if !search.parameters.is_empty() || search.page.is_some() {
            return Err(SourceError::UnknownParameter);
        }
        let fits = |result: &&Record| result.resource_type() == search.resource_type;
        Ok(Found::all(self.0.iter().filter(fits).cloned().collect()))
    }
}

/// Who may ask: whoever the transport knows. Which records they get depends on patient, purpose and label, too.
struct KnownPeople;

impl AccessPolicy for KnownPeople {
    fn call(&self, _: &Access) -> CallDecision {
        CallDecision::Permit
    }

    fn record(&self, _: &Access, _: &Record, _: &Label) -> RecordDecision {
        RecordDecision::Permit
    }
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Latest {
    /// How many results at the most.
    count: usize,
}

/// The latest results of the patient whose record is open.
async fn latest(health: HealthCx, Args(asked): Args<Latest>) -> Result<Disclosed, HealthError> {
    let mut search = Search::new("Observation");
    search.limit = asked.count.clamp(1, 50);
    let mut disclosure = health.disclosure();
    let next = health.fill(&mut disclosure, search, None).await?;
    disclosure.page(next)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let result = r#"{"resourceType":"Observation","id":"1","status":"final","subject":{"reference":"Patient/anna"},
        "code":{"coding":[{"system":"http://loinc.org","code":"4548-4"}]},"valueQuantity":{"value":6.90,"unit":"%"}}"#;
    let audit = std::env::temp_dir().join(format!("laboratory-{}.audit", std::process::id()));
    let (trail, _) = LoggedTrail::open(&LogOptions::new("laboratory.example/audit"), &audit)?;
    let pseudonyms = Pseudonymizer::new(PseudonymKey::random()?);
    let healthcare =
        Healthcare::builder(KnownPeople, PatientCompartment::new(FhirVersion::R4), trail)
            .records(Results(vec![Record::parse(result)?]))
            .definitions(FhirVersion::R4)
            .deid(SafeHarbor::new(FhirVersion::R4, &pseudonyms))
            .pseudonyms(pseudonyms)
            .build()?;
    let about = ToolMetadata::new(["Observation".to_owned()], ["patient/Observation.s".to_owned()]);
    let server = Server::builder("laboratory", "1.0.0")
        .tool(ServedTool::new("latest", latest).records(about))
        .extension(healthcare)
        .build()?;
    let (_trigger, shutdown) = Shutdown::new();
    serve_stdio(server, StdioOptions::default(), shutdown).await?;
    Ok(())
}
