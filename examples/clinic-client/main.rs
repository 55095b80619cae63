//! Walks through a clinic as a doctor's client: a search, a withheld record, an emergency, a de-identified export, receipts.
//!
//! ```text
//! cargo run --example clinic-client                          starts a clinic of its own, with made-up records
//! cargo run --example clinic-client -- URL TOKEN PASSWORD AUDIT-KEY [PATIENT OTHER]     one that is running
//! ```
#![forbid(unsafe_code)]

use std::process::ExitCode;

use examples::clinic::records::Source;
use examples::clinic::walk::{Visit, walk};
use examples::clinic::{Clinic, records, serve};
use mcp_core::Shutdown;
use tokio::net::TcpListener;

const USAGE: &str = "usage: clinic-client [URL TOKEN PASSWORD AUDIT-KEY [PATIENT OTHER]]";

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let walked = match arguments[..] {
        [] => own().await,
        [url, token, password, key] => {
            visit(url, token, password, key, "Patient/anna", "Patient/bert").await
        }
        [url, token, password, key, patient, other] => {
            visit(url, token, password, key, patient, other).await
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match walked {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("clinic-client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn visit(
    url: &str,
    token: &str,
    password: &str,
    key: &str,
    patient: &str,
    other: &str,
) -> Result<(), Error> {
    let audit_key = key.parse()?;
    walk(&Visit { url, token, password, patient, other, audit_key }).await.map(drop)
}

/// A clinic in this process, over HTTP all the same.
async fn own() -> Result<(), Error> {
    let audit = std::env::temp_dir().join(format!("clinic-{}.audit", std::process::id()));
    let clinic = Clinic::new(Source::Memory(records::shipped()?), None, &audit)?;
    let key = clinic.audit_key.to_string();
    let doctor = clinic.people.named("doctor").ok_or("the clinic has no doctor")?.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/mcp", listener.local_addr()?);
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(async move { serve(&clinic, listener, shutdown).await });
    let walked =
        visit(&url, &doctor.token, &doctor.password, &key, "Patient/anna", "Patient/bert").await;
    trigger.request();
    serving.await??;
    std::fs::remove_file(&audit)?;
    std::fs::remove_dir_all(audit.with_extension("exports"))?;
    walked
}
