//! JSON that can be read in one way only.
//!
//! Two readers of the same JSON text can see different values: one takes the first of two equal keys,
//! the other the last; one rounds `9007199254740993`, the other keeps it; one replaces half a surrogate pair,
//! the other drops it. Whoever verifies a signature with one reader and acts on what another reads can be
//! shown one thing and made to do another. This module refuses such texts, each for a reason with a name
//! and a position ([`StrictError`]), *before* anything is canonicalised, digested or verified: libraries for
//! the canonical form silently accept all of them.
//!
//! Source: RFC 8259; RFC 7493 (I-JSON), sections 2.1 to 2.3; RFC 8785, section 3.1.
//!
//! # What is refused
//!
//! Besides everything that is not JSON: a byte order mark, bytes that are not UTF-8, equal keys in an object
//! (after their escapes are resolved), halves of surrogate pairs, nesting beyond a limit, anything after the
//! value, numbers that no double can hold, and integers beyond ±(2^53 − 1). An integer is a number that is
//! written without fraction and exponent, or that would be so in canonical form: `1e20` is refused, `1e30` is
//! not, for its canonical form is `1e+30`, plainly a double. So what is accepted is accepted in canonical
//! form too.
//!
//! RFC 7493 also advises against noncharacters such as U+FFFF. All readers agree on them; they are
//! accepted.
//!
//! # Why a scanner of our own
//!
//! `serde_json` builds the values. It cannot say whether a number was written as an integer once that does
//! not fit into 64 bits, checks escapes only in strings that somebody asks for, has a fixed limit of depth, and
//! names its reasons in prose. So a text is scanned first, without recursion, and then read.

mod error;
mod scanner;
#[cfg(test)]
mod tests;

pub use error::StrictError;
#[cfg(feature = "receipts")]
pub(crate) use scanner::value_end;

use serde::de::DeserializeOwned;

/// How deep values may be nested unless a [`Reader`] says otherwise.
pub const DEFAULT_DEPTH: usize = 64;

/// The deepest nesting that a [`Reader`] can allow; `serde_json` reads no deeper.
pub const MAX_DEPTH: usize = 127;

/// Checks a text and hands it back as a string.
///
/// ```
/// use mcp_trust::strict::{self, StrictError};
///
/// assert_eq!(strict::check(br#"{"a": [1, 2.5]}"#)?, r#"{"a": [1, 2.5]}"#);
/// assert!(matches!(
///     strict::check(br#"{"amount": 1, "\u0061mount": 1000}"#),
///     Err(StrictError::DuplicateKey { at: 14 }),
/// ));
/// # Ok::<(), StrictError>(())
/// ```
///
/// # Errors
/// If the text is not strict JSON, nested at most [`DEFAULT_DEPTH`] deep.
pub fn check(text: &[u8]) -> Result<&str, StrictError> {
    Reader::new().check(text)
}

/// Reads a value from a strict text.
///
/// ```
/// # #[derive(serde::Deserialize)]
/// # struct Amount { value: String, currency: String }
/// let amount: Amount = mcp_trust::strict::from_slice(br#"{"value": "12.50", "currency": "EUR"}"#)?;
/// assert_eq!(amount.value, "12.50");
/// # assert_eq!(amount.currency, "EUR");
/// # Ok::<(), mcp_trust::strict::StrictError>(())
/// ```
///
/// # Errors
/// As [`check`], and [`StrictError::Form`] if the value is not a `T`.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, StrictError> {
    Reader::new().from_slice(text)
}

/// A strict reader with limits of its own.
///
/// ```
/// use mcp_trust::strict::{Reader, StrictError};
///
/// let reader = Reader::new().max_depth(2);
/// assert!(reader.check(b"[[1]]").is_ok());
/// assert!(matches!(reader.check(b"[[[1]]]"), Err(StrictError::TooDeep { at: 2, limit: 2 })));
/// ```
#[derive(Debug, Clone)]
pub struct Reader {
    max_depth: usize,
    any_number: bool,
}

impl Default for Reader {
    fn default() -> Self {
        Self { max_depth: DEFAULT_DEPTH, any_number: false }
    }
}

impl Reader {
    /// A reader with the default limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Allows arrays and objects to be nested so deep; no deeper than [`MAX_DEPTH`]. With 0, only scalars are
    /// accepted.
    #[must_use]
    pub fn max_depth(mut self, depth: usize) -> Self {
        self.max_depth = depth.min(MAX_DEPTH);
        self
    }

    /// Accepts numbers of any size and precision. Only for callers that keep numbers as text and never make doubles of
    /// them: two readers that do so could see different values.
    ///
    /// ```
    /// use mcp_trust::strict::Reader;
    ///
    /// let decimal = b"100000000000000000000.01";
    /// assert!(Reader::new().check(decimal).is_err());
    /// assert!(Reader::new().any_number().check(decimal).is_ok());
    /// ```
    #[must_use]
    pub fn any_number(mut self) -> Self {
        self.any_number = true;
        self
    }

    /// Checks a text and hands it back as a string. Memory: a few words for each key of the objects that
    /// are open at the same time.
    ///
    /// # Errors
    /// If the text is not strict JSON within the limits.
    pub fn check<'a>(&self, text: &'a [u8]) -> Result<&'a str, StrictError> {
        if text.starts_with(b"\xef\xbb\xbf") {
            return Err(StrictError::ByteOrderMark);
        }
        let text = std::str::from_utf8(text)
            .map_err(|error| StrictError::InvalidUtf8 { at: error.valid_up_to() })?;
        let end = scanner::value_end_with(text, self.max_depth, self.any_number)?;
        match scanner::skip_white_space(text, end) {
            at if at < text.len() => Err(StrictError::TrailingData { at }),
            _ => Ok(text),
        }
    }

    /// Reads a value from a strict text.
    ///
    /// # Errors
    /// As [`check`](Self::check), and [`StrictError::Form`] if the value is not a `T`.
    pub fn from_slice<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, StrictError> {
        serde_json::from_str(self.check(text)?).map_err(StrictError::Form)
    }
}
