//! Values of the `Mcp-Name` and `Mcp-Param-*` headers.
//!
//! A value that cannot stand in a header as it is travels as `=?base64?…?=`.
//!
//! Source: specification, *Streamable HTTP → Value encoding*.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const PREFIX: &str = "=?base64?";
const SUFFIX: &str = "?=";

/// A header value that means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderValueError {
    /// It has a byte that is no visible ASCII character, space or tab.
    #[error("the header value has a character that headers must not have")]
    Character,
    /// What stands between the base64 markers is no base64 (with padding).
    #[error("the header value is marked as base64 and is none")]
    Base64,
    /// What was encoded is no UTF-8.
    #[error("the header value decodes to something that is no UTF-8")]
    Utf8,
}

/// Encodes a value for a header.
///
/// ```
/// use mcp_core::header_value::encode;
///
/// assert_eq!(encode("us-west1"), "us-west1");
/// assert_eq!(encode(" padded "), "=?base64?IHBhZGRlZCA=?=");
/// ```
#[must_use]
pub fn encode(value: &str) -> Cow<'_, str> {
    let plain = value.bytes().all(is_plain)
        && !value.starts_with([' ', '\t'])
        && !value.ends_with([' ', '\t'])
        && !(value.starts_with(PREFIX) && value.ends_with(SUFFIX));
    if plain {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(format!("{PREFIX}{}{SUFFIX}", STANDARD.encode(value)))
    }
}

/// Decodes a header's value. White space around it is the header's, not the value's.
///
/// # Errors
/// If it has characters that headers must not have, or is marked as base64 and is none.
///
/// ```
/// use mcp_core::header_value::decode;
///
/// assert_eq!(decode(b" us-west1 ")?, "us-west1");
/// assert_eq!(decode("=?base64?w7w=?=".as_bytes())?, "ü");
/// # Ok::<(), mcp_core::header_value::HeaderValueError>(())
/// ```
pub fn decode(value: &[u8]) -> Result<Cow<'_, str>, HeaderValueError> {
    let text = std::str::from_utf8(value).map_err(|_| HeaderValueError::Character)?;
    let text = text.trim_matches([' ', '\t']);
    if !text.bytes().all(is_plain) {
        return Err(HeaderValueError::Character);
    }
    let Some(encoded) = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX)) else {
        return Ok(Cow::Borrowed(text));
    };
    let bytes = STANDARD.decode(encoded).map_err(|_| HeaderValueError::Base64)?;
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| HeaderValueError::Utf8)
}

fn is_plain(byte: u8) -> bool {
    byte == b'\t' || (0x20..=0x7e).contains(&byte)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        for (value, header) in [
            ("us-west1", "us-west1"),
            ("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="),
            (" padded ", "=?base64?IHBhZGRlZCA=?="),
            ("line1\nline2", "=?base64?bGluZTEKbGluZTI=?="),
            ("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="),
        ] {
            assert_eq!(encode(value), header);
            assert_eq!(decode(header.as_bytes()).unwrap(), value);
        }
    }

    #[test]
    fn what_is_not_quite_marked_is_literal() {
        for literal in ["=?BASE64?SGk=?=", "=?base64?SGk=", "SGk=?=", "=?base64?="] {
            assert_eq!(decode(literal.as_bytes()).unwrap(), literal);
        }
    }

    #[test]
    fn bad_values_are_named() {
        assert_eq!(decode(b"=?base64?SGk?="), Err(HeaderValueError::Base64), "padding");
        assert_eq!(decode(b"=?base64?S*k=?="), Err(HeaderValueError::Base64));
        assert_eq!(decode(b"=?base64?/w==?="), Err(HeaderValueError::Utf8));
        assert_eq!(decode(b"a\x00b"), Err(HeaderValueError::Character));
        assert_eq!(decode("ü".as_bytes()), Err(HeaderValueError::Character));
        assert_eq!(decode(b"\xff"), Err(HeaderValueError::Character));
    }

    proptest! {
        #[test]
        fn every_text_survives(text in ".*") {
            let header = encode(&text).into_owned();
            prop_assert_eq!(decode(header.as_bytes()).unwrap(), text);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode(&bytes);
        }
    }
}
