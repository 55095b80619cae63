//! Ids and references, as pseudonyms.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_trust::pseudonym::{Pseudonymizer, Scope};

use super::plan::Method;

/// Ids in de-identified records.
enum Deidentified {}

impl Scope for Deidentified {
    const NAME: &'static str = "dev.mcp-ext/healthcare safe-harbor";
}

/// Ids in limited data sets. They are others, so that nobody puts the dates of one to the records of the other.
enum Limited {}

impl Scope for Limited {
    const NAME: &'static str = "dev.mcp-ext/healthcare limited-data-set";
}

/// Characters of a pseudonym that name its key.
const KEY_ID: usize = 8;
/// Bytes of a pseudonym that name its key.
const KEY_ID_BYTES: usize = 6;

/// What a pseudonym stands for. Each kind has names of its own.
#[derive(Debug, Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A record of the server at `base`; of the operator's own without one.
    Record { base: Option<&'a str>, resource_type: &'a str, id: &'a str },
    /// A resource within a record.
    Contained { container: &'a str, id: &'a str },
    /// An entry of a Bundle, by its `urn:`.
    Urn(&'a str),
    /// A definition, by its canonical URL.
    Canonical(&'a str),
    /// A key (`linkId`).
    Key(&'a str),
}

/// Makes pseudonyms.
#[derive(Debug, Clone)]
pub(super) struct Names {
    pub(super) pseudonymizer: Pseudonymizer,
    pub(super) method: Method,
    /// Where the operator's own records are.
    pub(super) bases: Vec<String>,
}

impl Names {
    /// The public name of the key.
    pub(super) fn key_id(&self) -> String {
        let mut name = self.written("");
        name.truncate(KEY_ID);
        name
    }

    /// A pseudonym as an id of FHIR's form, which has `.` where base64url has `_`.
    pub(super) fn id(&self, subject: Subject<'_>) -> String {
        self.written(&self.subject(subject)).replace('_', ".")
    }

    /// A pseudonym as a `urn:uuid:`, of version 8 (RFC 9562): made of what the digest has.
    pub(super) fn urn(&self, subject: Subject<'_>) -> String {
        let written = self.written(&self.subject(subject));
        let bytes = URL_SAFE_NO_PAD.decode(written).unwrap_or_default();
        let mut uuid = [0_u8; 16];
        for (to, from) in uuid.iter_mut().zip(bytes.iter().skip(KEY_ID_BYTES)) {
            *to = *from;
        }
        let number = u128::from_be_bytes(uuid);
        let number = number & !(0xf << 76) | 8 << 76;
        let number = number & !(0b11 << 62) | 0b10 << 62;
        let digits = format!("{number:032x}");
        let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
        let (a, b, c, d, e) = (part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
        format!("urn:uuid:{a}-{b}-{c}-{d}-{e}")
    }

    /// Whether records at this address are the operator's own.
    pub(super) fn is_own(&self, base: &str) -> bool {
        self.bases.iter().any(|own| own == base)
    }

    fn written(&self, subject: &str) -> String {
        match self.method {
            Method::SafeHarbor => {
                self.pseudonymizer.of::<Deidentified>(subject.as_bytes()).to_string()
            }
            Method::Limited => self.pseudonymizer.of::<Limited>(subject.as_bytes()).to_string(),
        }
    }

    fn subject<'a>(&self, subject: Subject<'a>) -> Cow<'a, str> {
        match subject {
            Subject::Record { base, resource_type, id } => match base {
                Some(base) if !self.is_own(base) => format!("{base}/{resource_type}/{id}").into(),
                _ => format!("{resource_type}/{id}").into(),
            },
            Subject::Contained { container, id } => format!("{container}#{id}").into(),
            // RFC 8141: the scheme and namespace, and here the digits, mean the same in upper case.
            Subject::Urn(urn) => urn.to_ascii_lowercase().into(),
            Subject::Canonical(url) => format!("canonical {url}").into(),
            Subject::Key(key) => format!("key {key}").into(),
        }
    }
}
