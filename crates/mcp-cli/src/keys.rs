//! `mcp keys`.

use mcp_trust::keys::{Algorithm, SigningKey};
use mcp_trust::receipts::note::NoteKey;
use serde_json::{Value, json};

use crate::cli::{KeyAlgorithm, NewKeyOptions, ShowKeyOptions};
use crate::failure::Failure;
use crate::report::{Mark, Report};
use crate::{files, text};

pub(crate) fn new(options: &NewKeyOptions) -> Result<Report, Failure> {
    let algorithm = match options.algorithm {
        KeyAlgorithm::Es256 => Algorithm::Es256,
        KeyAlgorithm::Ed25519 => Algorithm::EdDsa,
    };
    let mut key =
        SigningKey::generate(algorithm).map_err(|error| Failure::Sign(Box::new(error)))?;
    if let Some(id) = &options.id {
        if id.is_empty() {
            return Err(Failure::usage("a key's name is not empty"));
        }
        key = key.with_key_id(id);
    }
    let mut secret = key.to_secret_jwk();
    secret.push('\n');
    files::write(&options.file, secret.as_bytes(), true, options.force)?;
    Ok(public(&key))
}

pub(crate) fn show(options: &ShowKeyOptions) -> Result<Report, Failure> {
    let key = read(&options.file)?;
    let Some(name) = &options.note else { return Ok(public(&key)) };
    let note = NoteKey::new(name, key.verifying_key().clone())
        .map_err(|error| Failure::usage(error.to_string()))?;
    let mut report = Report::new(json!({ "note": note.to_string() }));
    report.line(Mark::Plain, text::line(&note.to_string()));
    Ok(report)
}

/// Reads a secret key, and says so if others can as well.
pub(crate) fn read(path: &std::path::Path) -> Result<SigningKey, Failure> {
    let bytes = files::read(path)?;
    if files::is_exposed(path) == Some(true) {
        use std::io::Write;
        let path = text::line(&path.display().to_string());
        let _ = writeln!(std::io::stderr(), "mcp: {path} can be read by others than its owner");
    }
    SigningKey::from_jwk(&bytes)
        .map_err(|error| Failure::Content { path: path.to_owned(), reason: error.to_string() })
}

/// The public part, named as the whole key is.
fn public(key: &SigningKey) -> Report {
    let mut jwk = key.verifying_key().to_jwk();
    jwk.kid = Some(key.key_id().to_owned());
    let text = jwk.to_json();
    let mut report = Report::new(serde_json::from_str(&text).unwrap_or(Value::Null));
    report.line(Mark::Plain, text::line(&text));
    report
}
