//! Places in a message's text, and text decoded from them.

use std::borrow::Cow;
use std::ops::Range;

use serde::Deserialize;
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
pub(super) fn string(json: &str) -> Option<Cow<'_, str>> {
    /// (Serde borrows a `Cow`, but not one inside of another type.)
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Borrowed<'_>>(json).ok().map(|text| text.0)
}

/// Where a raw value lies in the body.
pub(super) fn place(body: &str, raw: Option<&RawValue>) -> Option<Span> {
    raw.map(|raw| span(body, raw.get()))
}
