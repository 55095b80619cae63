//! Serves records of patients, with the healthcare extension around them.
//!
//! ```text
//! cargo run --example clinic-server                          made-up records, on http://127.0.0.1:8081/mcp
//! cargo run --example clinic-server -- FOLDER                records of a folder: FHIR resources, Synthea's Bundles, NDJSON
//! cargo run --example clinic-server -- --fhir r5 FOLDER      of FHIR R5 (otherwise R4)
//! cargo run --example clinic-server -- --fhir-url https://fhir.example.org/r4      in front of a FHIR server
//! cargo run --example clinic-server -- --http 127.0.0.1:0    on a free port
//! cargo run --example clinic-server -- --stdio doctor        on standard input and output, for one person
//! ```
//!
//! HL7's official examples are such a folder: `cargo xtask peers` downloads them to `.cache/fhir/node_modules/hl7.fhir.r4.examples`.
//! `--patient Patient/1`, once or more, says with whom the doctor works; without it, with all but the last patient of records in memory, and with everybody of
//! a FHIR server, whose bearer token the environment's `CLINIC_FHIR_TOKEN` holds. `--audit FILE` is where the log of receipts is kept, and beside it a folder with exports; without it, in a new file of the system's folder for temporary ones. Each person's token and
//! password are made anew and printed. `clinic-client` walks through it.
#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use examples::clinic::page::EmergencyPage;
use examples::clinic::records::Source;
use examples::clinic::{Clinic, exports, records, serve};
use mcp_core::Shutdown;
use mcp_core::server::RequestContext;
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::Reference;
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_ext_healthcare::upstream::FhirServer;
use tokio::net::TcpListener;

const USAGE: &str = "usage: clinic-server [FOLDER…] [--fhir r4|r5] [--audit FILE] [--http ADDRESS:PORT | --stdio PERSON]";

type Error = Box<dyn std::error::Error + Send + Sync>;

struct Options {
    folders: Vec<PathBuf>,
    fhir_url: Option<String>,
    patients: BTreeSet<Reference>,
    version: FhirVersion,
    audit: Option<PathBuf>,
    http: String,
    stdio: Option<String>,
}

#[allow(clippy::print_stdout, reason = "help, before anything is served")]
fn options() -> Result<Options, lexopt::Error> {
    use lexopt::prelude::*;
    let mut options = Options {
        folders: Vec::new(),
        fhir_url: None,
        patients: BTreeSet::new(),
        version: FhirVersion::R4,
        audit: None,
        http: "127.0.0.1:8081".to_owned(),
        stdio: None,
    };
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("fhir") => {
                options.version = match arguments.value()?.string()?.as_str() {
                    "r4" => FhirVersion::R4,
                    "r5" => FhirVersion::R5,
                    other => return Err(format!("`{other}` is neither r4 nor r5").into()),
                }
            }
            Long("fhir-url") => options.fhir_url = Some(arguments.value()?.string()?),
            Long("patient") => {
                let reference = arguments.value()?.string()?.parse();
                options.patients.insert(reference.map_err(|_| "a patient is Patient/ and an id")?);
            }
            Long("audit") => options.audit = Some(arguments.value()?.into()),
            Long("http") => options.http = arguments.value()?.string()?,
            Long("stdio") => options.stdio = Some(arguments.value()?.string()?),
            Value(folder) => options.folders.push(folder.into()),
            other => return Err(other.unexpected()),
        }
    }
    if options.fhir_url.is_some() && !options.folders.is_empty() {
        return Err("records are in folders or in a FHIR server".into());
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(error) => {
            eprintln!("clinic-server: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clinic-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn source(options: &Options) -> Result<Source, Error> {
    if let Some(url) = &options.fhir_url {
        let mut server = FhirServer::builder(url, options.version);
        if let Ok(token) = std::env::var("CLINIC_FHIR_TOKEN") {
            server = server.bearer(token);
        }
        return Ok(Source::Server(server.build()?, options.version));
    }
    if options.folders.is_empty() {
        return Ok(Source::Memory(records::shipped()?));
    }
    let records = MemoryRecords::new(options.version);
    for folder in &options.folders {
        let loaded = records.load_path(folder)?;
        eprintln!("clinic-server: {} records from {}", loaded.records, folder.display());
        for (path, number, error) in loaded.refused.iter().take(10) {
            eprintln!("clinic-server: left out: {} ({number}): {error}", path.display());
        }
        if loaded.refused.len() > 10 {
            eprintln!("clinic-server: and {} more", loaded.refused.len() - 10);
        }
    }
    eprintln!("clinic-server: {} records in all", records.len());
    Ok(Source::Memory(records))
}

#[allow(clippy::print_stdout)] // With HTTP, whoever starts it reads address and tokens there.
async fn run(options: Options) -> Result<(), Error> {
    let records = source(&options)?;
    let own = || std::env::temp_dir().join(format!("clinic-{}.audit", std::process::id()));
    let audit = options.audit.clone().unwrap_or_else(own);
    eprintln!("clinic-server: receipts in {}", audit.display());
    let patients = (!options.patients.is_empty()).then(|| options.patients.clone());
    let clinic = Clinic::new(records, patients, &audit)?;
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            trigger.request();
        }
    });
    if let Some(name) = &options.stdio {
        let person = clinic.people.named(name).ok_or("there is nobody of this name")?;
        // There is no page to send anybody to: emergencies are for HTTP.
        let page = EmergencyPage::new("http://127.0.0.1:0", clinic.people.clone());
        let context = RequestContext::new().with_principal(Some(person.principal()));
        let who = StdioOptions { context, ..StdioOptions::default() };
        let exports = exports::local(&clinic.exports)?;
        serve_stdio(clinic.server(&page, exports)?, who, shutdown).await?;
        return Ok(());
    }
    let listener = TcpListener::bind(&options.http).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    for person in clinic.people.all() {
        println!("{} token {} password {}", person.name, person.token, person.password);
    }
    println!("audit-key {}", clinic.audit_key);
    serve(&clinic, listener, shutdown).await
}
