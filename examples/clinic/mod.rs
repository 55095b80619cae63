//! A clinic: records of patients for models, with the healthcare extension around them.
//!
//! ```text
//! records (in memory, or a FHIR server's)  ──▶  tools (fhir_read, fhir_search, …)  ──▶  Healthcare: context, purpose, scopes, compartment,
//!                                                                   labels, break-glass, audit  ──▶  HTTP or stdio
//! ```
//!
//! `people` are who may ask, `policy` the clinic's rules, `page` where a person confirms an emergency, `exports` where files are fetched, `walk` a client's walk through it all.

pub mod exports;
pub mod page;
pub mod people;
pub mod policy;
pub mod records;
pub mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::http::{HeaderValue, StatusCode};
use mcp_core::Shutdown;
use mcp_core::server::{Cx, Middleware, Next, Outcome, Server};
use mcp_ext_healthcare::PatientCompartment;
use mcp_ext_healthcare::audit::LoggedTrail;
use mcp_ext_healthcare::bulk::{BulkExport, ExportFolder, Level};
use mcp_ext_healthcare::deid::SafeHarbor;
use mcp_ext_healthcare::protocol::{Reference, ServerSettings, VERSION};
use mcp_ext_healthcare::server::{Healthcare, MemoryNonces};
use mcp_ext_healthcare::smart::SmartPolicy;
use mcp_ext_healthcare::tools::{fhir_everything, fhir_read, fhir_search, ips_summary};
use mcp_http::{AuthenticateError, HttpService, ServeOptions};
use mcp_tasks::Tasks;
use mcp_tasks::store::MemoryStore;
use mcp_trust::keys::{Algorithm, SigningKey};
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
use mcp_trust::receipts::LogOptions;
use mcp_trust::receipts::note::NoteKey;
use tokio::net::TcpListener;

use page::EmergencyPage;
use people::{People, Person};
use policy::CareTeam;
use records::Source;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Who keeps the log of receipts.
pub const ORIGIN: &str = "clinic.example/audit";

/// How a clinic is set up.
pub struct Clinic {
    records: Source,
    /// Who may ask.
    pub people: People,
    trail: LoggedTrail,
    /// The folder of exports.
    pub exports: PathBuf,
    /// With it anybody verifies that a receipt is in the clinic's log.
    pub audit_key: NoteKey,
}

impl Clinic {
    /// A clinic with these records. Its doctor works with `patients`; without, with all of them but the last one of those that can be listed. `audit` is the
    /// file of the log of receipts, which is begun if there is none; exports are in a folder beside it.
    ///
    /// # Errors
    /// If the file cannot be used, or the system gives no random numbers.
    pub fn new(
        records: Source,
        patients: Option<BTreeSet<Reference>>,
        audit: &Path,
    ) -> Result<Self, Error> {
        let all_but_last = || {
            let mut all = records.patients()?;
            all.truncate(all.len().saturating_sub(1).max(1));
            Some(all.into_iter().collect())
        };
        let people = People::new(patients.or_else(all_but_last))?;
        let (trail, torn) = LoggedTrail::open(&LogOptions::new(ORIGIN), audit)?;
        if torn.is_some() {
            eprintln!("the audit log ended in half an entry, which was cut off");
        }
        // A clinic in use has one key for years, and publishes it.
        let key = SigningKey::generate(Algorithm::EdDsa)?;
        let audit_key = NoteKey::new(ORIGIN, key.verifying_key().clone())?;
        let exports = audit.with_extension("exports");
        Ok(Self { records, people, trail: trail.signed_by(Arc::new(key)), exports, audit_key })
    }

    /// The server, with its emergency page and the folder of its exports.
    ///
    /// # Errors
    /// If it does not fit together.
    pub fn server(&self, page: &EmergencyPage, exports: ExportFolder) -> Result<Server, Error> {
        let version = self.records.version();
        let types = self.records.types();
        let pseudonyms = Pseudonymizer::new(PseudonymKey::random()?);
        let policy = SmartPolicy::new(version, CareTeam { people: self.people.clone() });
        let compartment = PatientCompartment::new(version);
        let bulk = BulkExport::new(exports, [Level::Patient]);
        let healthcare = Healthcare::builder(policy, compartment, self.trail.clone())
            .name("clinic-server")
            .records(self.records.clone())
            .definitions(version)
            .settings(ServerSettings::new(VERSION).with_bulk(bulk.settings()))
            .deid(SafeHarbor::new(version, &pseudonyms))
            .pseudonyms(pseudonyms)
            .break_glass(page.clone(), MemoryNonces::new(), Duration::from_secs(300))
            .build()?;
        let server = Server::builder("clinic-server", env!("CARGO_PKG_VERSION"))
            .title("Clinic")
            .description("Records of patients, for models that may see them.")
            .layer("clinic.launch", -1, Launch { people: self.people.clone() })
            .tool(fhir_read(types.clone()))
            .tool(fhir_search(types.clone()))
            .tool(fhir_everything(types.clone()))
            .tool(ips_summary(version))
            .tool(bulk.tool(types))
            .extension(healthcare)
            // Tokens and the key for pseudonyms are made anew at each start, so a task of before could not go on.
            .extension(Tasks::new(MemoryStore::new()));
        Ok(server.build()?)
    }
}

/// Says what the token of whoever asks was issued for.
struct Launch {
    people: People,
}

#[async_trait]
impl Middleware for Launch {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, mcp_core::Error> {
        let launch =
            cx.principal().and_then(|who| self.people.named(who.as_str())).map(Person::launch);
        match launch {
            Some(launch) => next.run(cx.with_value(launch)).await,
            None => next.run(cx).await,
        }
    }
}

/// Serves a clinic over HTTP, with its emergency page beside it, until `shutdown`.
///
/// # Errors
/// If the listener is not usable, or the server does not fit together.
pub async fn serve(
    clinic: &Clinic,
    listener: TcpListener,
    shutdown: Shutdown,
) -> Result<(), Error> {
    let origin = format!("http://{}", listener.local_addr()?);
    let exports = exports::served(&clinic.exports, &origin)?;
    let page = EmergencyPage::new(origin, clinic.people.clone());
    let files = exports::routes(exports.clone(), clinic.people.clone());
    let people = clinic.people.clone();
    let service = HttpService::builder(clinic.server(&page, exports)?)
        .path("/mcp")
        .authenticate(move |head| {
            let header = head.headers.get("authorization").and_then(|header| header.to_str().ok());
            let person = header.and_then(|header| people.authorized(header));
            let unknown = || AuthenticateError {
                status: StatusCode::UNAUTHORIZED,
                challenge: Some(HeaderValue::from_static("Bearer")),
            };
            person.map(|person| Some(person.principal())).ok_or_else(unknown)
        })
        .build();
    let site = |service| page.routes().merge(files.clone()).fallback_service(service);
    mcp_http::serve_layered(listener, service, site, shutdown, ServeOptions::default()).await?;
    Ok(())
}
