//! `mcp receipts verify`.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use mcp_trust::receipts::note::{NoteError, NoteKey, SignedNote};
use mcp_trust::receipts::{Checkpoint, LogError, VerifiedLog, verify as verify_log};
use serde_json::{Value, json};

use crate::cli::ReceiptsOptions;
use crate::failure::Failure;
use crate::report::{Mark, Report};
use crate::{files, text};

pub(crate) fn verify(options: &ReceiptsOptions) -> Result<Report, Failure> {
    let mut keys = Vec::new();
    for key in &options.key {
        keys.push(note_key(key)?);
    }
    let checkpoint = options.checkpoint.as_deref().map(read_checkpoint).transpose()?;
    let (log, checkpoint) = match judge(&options.log, checkpoint.as_ref(), &keys) {
        Ok(judged) => judged,
        Err(LogError::Io { action, source }) => {
            return Err(Failure::File { action, path: options.log.clone(), source });
        }
        Err(error) => return Ok(refused(&error)),
    };
    let torn = log.torn.is_some();
    let mut report = Report::new(json!({
        "ok": true,
        "origin": log.checkpoint.origin(),
        "entries": log.checkpoint.size(),
        "root": log.checkpoint.root().to_string(),
        "torn": torn,
        "checkpoint": checkpoint.value(),
    }));
    report.line(Mark::Good, format!("whole: {} entries", log.checkpoint.size()));
    report.line(Mark::Plain, format!("  origin {}", text::short(log.checkpoint.origin(), 300)));
    report.line(Mark::Plain, format!("  root {}", log.checkpoint.root()));
    if torn {
        report.line(Mark::Note, "  the last entry is incomplete: a crash, or it is being written");
    }
    let (mark, words) = match checkpoint {
        Compared::None => (Mark::Note, "no checkpoint: whether the end was cut off is not known"),
        Compared::Unverified(_) => (
            Mark::Note,
            "goes on from the checkpoint; nobody looked whether that is signed (--key)",
        ),
        Compared::Signed(_) => (Mark::Good, "goes on from the checkpoint, which is signed"),
    };
    report.line(mark, format!("  {words}"));
    Ok(report)
}

/// Whether a checkpoint was there, with its number of entries.
enum Compared {
    None,
    Unverified(u64),
    Signed(u64),
}

impl Compared {
    fn value(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Unverified(entries) => json!({ "entries": entries, "signed": false }),
            Self::Signed(entries) => json!({ "entries": entries, "signed": true }),
        }
    }
}

fn judge(
    path: &Path,
    checkpoint: Option<&SignedNote>,
    keys: &[NoteKey],
) -> Result<(mcp_trust::receipts::Summary, Compared), LogError> {
    let file = File::open(path).map_err(|source| LogError::Io { action: "open", source })?;
    let log = verify_log(&mut BufReader::with_capacity(1 << 16, file))?;
    let Some(note) = checkpoint else { return Ok((log, Compared::None)) };
    let (parsed, signed) = match keys {
        [] => (unverified(note).parse::<Checkpoint>()?, false),
        keys => (Checkpoint::verify(note, log.checkpoint.origin(), keys)?, true),
    };
    VerifiedLog::open(path)?.check(&parsed)?;
    let entries = parsed.size();
    Ok((log, if signed { Compared::Signed(entries) } else { Compared::Unverified(entries) }))
}

/// What a note says, whoever signed it.
fn unverified(note: &SignedNote) -> String {
    let note = note.to_string();
    // A blank line divides the text from the signatures.
    note.split_once("\n\n\u{2014} ").map_or(String::new(), |(text, _)| format!("{text}\n"))
}

/// The log or the checkpoint is not what it should be: an answer, not a failure.
fn refused(error: &LogError) -> Report {
    let name = match error {
        LogError::NotALog => "not-a-log",
        LogError::OtherOrigin => "other-origin",
        LogError::Tampered { .. } => "tampered",
        LogError::LineTooLong { .. } => "line-too-long",
        LogError::Truncated { .. } => "truncated",
        LogError::Rewritten { .. } => "rewritten",
        LogError::Note(NoteError::UnknownKey) => "checkpoint-unknown-key",
        LogError::Note(NoteError::Signature) => "checkpoint-signature",
        LogError::Note(_) => "checkpoint",
        _ => "refused",
    };
    let message = error.to_string();
    let mut report = Report::new(json!({ "ok": false, "name": name, "message": message }));
    report.line(Mark::Bad, text::line(&message));
    report.no_if(true)
}

fn read_checkpoint(path: &Path) -> Result<SignedNote, Failure> {
    let bytes = files::read(path)?;
    let note = std::str::from_utf8(&bytes).ok().and_then(|text| text.parse().ok());
    note.ok_or_else(|| Failure::Content {
        path: path.to_owned(),
        reason: "it is no signed note".to_owned(),
    })
}

/// A key as text, or a file that has it.
fn note_key(text: &str) -> Result<NoteKey, Failure> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let path = Path::new(text);
    let bytes = files::read(path)?;
    let key = std::str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
    key.ok_or_else(|| Failure::Content {
        path: path.to_owned(),
        reason: "it is no key of signed notes".to_owned(),
    })
}
