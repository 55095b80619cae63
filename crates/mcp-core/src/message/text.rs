//! Places in a message's text, and text decoded from them.

use std::borrow::Cow;
use std::ops::Range;

use serde_json::value::RawValue;

/// A place in the body: kept instead of a slice so that a request owns its text without copying it.
pub(super) type Span = Range<usize>;

/// Text that is either a slice of the body or, where the JSON text has escapes, decoded.
#[derive(Debug, Clone)]
pub(super) enum Text {
    Slice(Span),
    Decoded(Box<str>),
}

impl Text {
    pub(super) fn new(body: &str, text: Cow<'_, str>) -> Self {
        match text {
            Cow::Borrowed(text) => Self::Slice(span(body, text)),
            Cow::Owned(text) => Self::Decoded(text.into()),
        }
    }

    pub(super) fn get<'a>(&'a self, body: &'a str) -> &'a str {
        match self {
            Self::Slice(span) => slice(body, span),
            Self::Decoded(text) => text,
        }
    }
}

/// Where `part`, a slice of `whole`, lies in it.
pub(super) fn span(whole: &str, part: &str) -> Span {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    start..start.wrapping_add(part.len())
}

pub(super) fn slice<'a>(body: &'a str, span: &Span) -> &'a str {
    body.get(span.clone()).unwrap_or_default()
}

/// The decoded text of a JSON string, borrowed where it has no escapes; `None` for other values.
/// `json` is one JSON value without white space around it.
pub(super) fn string(json: &str) -> Option<Cow<'_, str>> {
    let text = json.strip_prefix('"')?;
    if !text.contains('\\') {
        // What has been read as JSON once ends with the only other quote.
        return text.strip_suffix('"').map(Cow::Borrowed);
    }
    serde_json::from_str(json).ok().map(Cow::Owned)
}

/// Where a raw value lies in the body.
pub(super) fn place(body: &str, raw: Option<&RawValue>) -> Option<Span> {
    raw.map(|raw| span(body, raw.get()))
}
