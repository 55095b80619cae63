//! De-identifies FHIR resources line by line (NDJSON), as a filter: `deid-lines r4|r5 [--limited] < resources.ndjson`.
//!
//! Each line that is withheld, or is no resource, becomes `null`, so that lines can be compared. The key is made anew at each start
//! unless the environment has `DEID_KEY`, 64 hexadecimal digits: ids are the same then from run to run.
#![allow(clippy::print_stderr, reason = "a program that talks to a terminal")]

use std::io::{BufRead, Write};
use std::process::ExitCode;

use mcp_ext_healthcare::deid::{LimitedDataSet, SafeHarbor};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};

type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("deid-lines: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (version, is_limited) = match arguments.as_slice() {
        ["r4"] => (FhirVersion::R4, false),
        ["r5"] => (FhirVersion::R5, false),
        ["r4", "--limited"] => (FhirVersion::R4, true),
        ["r5", "--limited"] => (FhirVersion::R5, true),
        _ => return Err("deid-lines r4|r5 [--limited] < resources.ndjson".into()),
    };
    let names = Pseudonymizer::new(key()?);
    let (safe, limited) = (SafeHarbor::new(version, &names), LimitedDataSet::new(version, &names));
    let mut to = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let given = if is_limited { limited.text(&line) } else { safe.text(&line) };
        writeln!(to, "{}", given.as_deref().unwrap_or("null"))?;
    }
    Ok(to.flush()?)
}

fn key() -> Result<PseudonymKey, Failure> {
    let Ok(digits) = std::env::var("DEID_KEY") else { return Ok(PseudonymKey::random()?) };
    let wrong = "DEID_KEY has 64 hexadecimal digits";
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.is_ascii() {
        return Err(wrong.into());
    }
    for (number, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * number..2 * number + 2).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
    }
    Ok(PseudonymKey::from_bytes(bytes))
}
