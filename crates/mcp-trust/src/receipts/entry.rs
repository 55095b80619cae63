//! The lines of a log.
//!
//! ```text
//! {"format":"mcp-trust/receipts/1","origin":"example.com/receipts"} 5f0c…
//! {"after":"5f0c…","index":0,"receipt":{…}} 1b7e…
//! {"after":"1b7e…","index":1,"receipt":{…}} 90aa…
//! ```
//!
//! A line is a JSON value in canonical form, a space, and the digest of the value as a leaf of the tree; a line feed ends
//! it. Canonical JSON has no line feeds and no control characters at all, so lines can be told apart whatever
//! a receipt holds, and a region that was never written (zeros) is never taken for one.

use std::borrow::Cow;

use super::error::Damage;
use super::merkle;
use super::note::NoteError;
use crate::digest::{self, Digest};
use crate::strict::{self, StrictError};

/// How many bytes a receipt may have in canonical form.
pub const MAX_RECEIPT: usize = 1024 * 1024;
/// How many bytes a line may have: the receipt, and what stands around it.
pub(super) const MAX_LINE: usize = MAX_RECEIPT + 1024;
/// Nesting of a receipt, plus that of the entry.
const DEPTH: usize = strict::DEFAULT_DEPTH + 1;

const HEADER: &str = r#"{"format":"mcp-trust/receipts/1","origin":"#;
const AFTER: &str = r#"{"after":""#;
const INDEX: &str = r#"","index":"#;
const RECEIPT: &str = r#","receipt":"#;

/// An entry: a receipt and its place in the log. What is written, digested and proven.
///
/// Members: `after`, the digest of the entry before (hexadecimal); `index`, from zero; `receipt`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    json: String,
    index: u64,
    /// Where the receipt begins.
    receipt: usize,
}

impl Entry {
    /// Reads an entry's JSON, as a log has it and a proof is of it.
    ///
    /// # Errors
    /// If it has another form.
    pub fn parse(json: &str) -> Result<Self, NoteError> {
        Self::read(json).ok_or(NoteError::Entry)
    }

    fn read(json: &str) -> Option<Self> {
        let (after, rest) = json.strip_prefix(AFTER)?.split_once(INDEX)?;
        Digest::from_hex(after).ok()?;
        let (index, receipt) = rest.split_once(RECEIPT)?;
        let index = super::checkpoint::decimal(index)?;
        let value = receipt.strip_suffix('}')?;
        strict::check(value.as_bytes()).ok()?;
        Some(Self { json: json.to_owned(), index, receipt: json.len() - receipt.len() })
    }

    /// Its place in the log, from zero.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// The digest of the entry before, or of the log's header.
    #[must_use]
    pub fn after(&self) -> Option<Digest> {
        let from = AFTER.len();
        Digest::from_hex(self.json.get(from..from + 2 * digest::LENGTH)?).ok()
    }

    /// The receipt, in canonical form.
    #[must_use]
    pub fn receipt(&self) -> &str {
        self.json.get(self.receipt..self.json.len() - 1).unwrap_or_default()
    }

    /// The whole entry.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.json
    }

    /// Its digest as a leaf of the log's tree.
    #[must_use]
    pub fn digest(&self) -> Digest {
        merkle::leaf(self.json.as_bytes())
    }
}

/// The header's JSON.
pub(super) fn header(origin: &str) -> String {
    format!("{HEADER}{}}}", serde_json::Value::from(origin))
}

/// The origin that a header names.
pub(super) fn origin(json: &str) -> Option<String> {
    let origin = json.strip_prefix(HEADER)?.strip_suffix('}')?;
    let origin: String = strict::from_slice(origin.as_bytes()).ok()?;
    (header(&origin) == json).then_some(origin)
}

/// What every entry begins with that follows this one.
fn beginning(after: &Digest, index: u64) -> String {
    format!("{AFTER}{}{INDEX}{index}{RECEIPT}", after.to_hex())
}

/// Adds a receipt's line to a buffer, and says what its digest is.
pub(super) fn write(line: &mut Vec<u8>, after: &Digest, index: u64, receipt: &str) -> Digest {
    let start = line.len();
    line.extend_from_slice(beginning(after, index).as_bytes());
    line.extend_from_slice(receipt.as_bytes());
    line.push(b'}');
    end(line, start)
}

/// Adds the header's line to a buffer.
pub(super) fn write_header(line: &mut Vec<u8>, origin: &str) -> Digest {
    let start = line.len();
    line.extend_from_slice(header(origin).as_bytes());
    end(line, start)
}

fn end(line: &mut Vec<u8>, start: usize) -> Digest {
    let digest = merkle::leaf(line.get(start..).unwrap_or_default());
    line.push(b' ');
    line.extend_from_slice(digest.to_hex().as_bytes());
    line.push(b'\n');
    digest
}

/// Splits a line, its line feed removed, into its JSON and its digest, if the one is that of the other.
pub(super) fn whole(line: &[u8]) -> Option<(&str, Digest)> {
    let (json, digest) = line.split_at_checked(line.len().checked_sub(2 * digest::LENGTH + 1)?)?;
    let digest = std::str::from_utf8(digest).ok()?.strip_prefix(' ')?;
    let digest = Digest::from_hex(digest).ok().filter(|digest| merkle::leaf(json) == *digest)?;
    Some((std::str::from_utf8(json).ok()?, digest))
}

/// Checks that a line is whole, follows, and is an entry.
pub(super) fn check(line: &[u8], after: &Digest, index: u64) -> Result<Digest, Damage> {
    let (json, digest) = whole(line).ok_or(Damage::Digest)?;
    let receipt = json.strip_prefix(&beginning(after, index)).ok_or(Damage::Order)?;
    let receipt = receipt.strip_suffix('}').ok_or(Damage::Form)?;
    match strict::check(receipt.as_bytes()) {
        Ok(_) => Ok(digest),
        Err(_) => Err(Damage::Form),
    }
}

/// Whether these bytes can be what a crash left of an entry: its first bytes, and zeros where the file grew before it
/// was written.
pub(super) fn torn(tail: &[u8], after: &Digest, index: u64) -> bool {
    torn_line(tail, &beginning(after, index))
}

/// The same for the header.
pub(super) fn torn_header(tail: &[u8], origin: &str) -> bool {
    torn_line(tail, &header(origin))
}

fn torn_line(tail: &[u8], beginning: &str) -> bool {
    let written = tail.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let written = tail.get(..written).unwrap_or_default();
    if !written.starts_with(beginning.as_bytes()) {
        return beginning.as_bytes().starts_with(written);
    }
    let text = match std::str::from_utf8(written) {
        Ok(text) => Cow::Borrowed(text),
        // A character can be cut as well. Any other shows whether one may stand there.
        Err(error) if error.error_len().is_none() => {
            let whole = written.get(..error.valid_up_to()).unwrap_or_default();
            Cow::Owned(String::from_utf8_lossy(whole).into_owned() + "\u{fffd}")
        }
        Err(_) => return false,
    };
    match strict::value_end(&text, DEPTH) {
        Err(StrictError::UnexpectedEnd { .. }) => true,
        Err(_) => false,
        Ok(end) => {
            let (json, rest) = text.split_at_checked(end).unwrap_or_default();
            format!(" {}", merkle::leaf(json.as_bytes()).to_hex()).starts_with(rest)
        }
    }
}
