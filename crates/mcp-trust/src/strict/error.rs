//! Why a JSON text is refused.

/// Why a JSON text is refused, and where. Positions are byte offsets into the text, from zero.
///
/// Neither keys nor values are part of a message: texts may hold what must not get into a log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StrictError {
    /// The text begins with a byte order mark (RFC 8259, section 8.1).
    #[error("the text begins with a byte order mark")]
    ByteOrderMark,
    /// The bytes are not UTF-8.
    #[error("byte {at} is not UTF-8")]
    InvalidUtf8 {
        /// The first byte that is not part of a character.
        at: usize,
    },
    /// The text ends within a value. More bytes could make it a whole one.
    #[error("the text ends at byte {at}, within a value")]
    UnexpectedEnd {
        /// The text's length.
        at: usize,
    },
    /// A byte stands where JSON has no use for it.
    #[error("byte {at} is not what JSON has there")]
    Unexpected {
        /// The byte.
        at: usize,
    },
    /// A control character stands in a string without being escaped (RFC 8259, section 7).
    #[error("byte {at} is a control character in a string")]
    ControlCharacter {
        /// The character.
        at: usize,
    },
    /// A backslash is followed by what is no escape.
    #[error("byte {at} begins an escape that JSON does not have")]
    InvalidEscape {
        /// The backslash.
        at: usize,
    },
    /// Half of a surrogate pair stands alone: no character, and no UTF-8 can express it.
    #[error("byte {at} begins one half of a surrogate pair")]
    LoneSurrogate {
        /// The backslash of its escape.
        at: usize,
    },
    /// An object has a key twice. Escapes do not make keys different.
    #[error("byte {at} begins a key that its object has already")]
    DuplicateKey {
        /// The key's opening quotation mark, the second time.
        at: usize,
    },
    /// An integer lies beyond ±(2^53 − 1): not every reader keeps it as written.
    #[error("byte {at} begins an integer beyond 2^53 - 1")]
    UnsafeInteger {
        /// The number's first byte.
        at: usize,
    },
    /// A number is larger than any double.
    #[error("byte {at} begins a number that is larger than any double")]
    NumberTooLarge {
        /// The number's first byte.
        at: usize,
    },
    /// Arrays and objects are nested deeper than allowed.
    #[error("byte {at} begins a value nested deeper than {limit}")]
    TooDeep {
        /// The opening bracket or brace.
        at: usize,
        /// How deep they may be nested.
        limit: usize,
    },
    /// Something follows the value.
    #[error("byte {at} follows the end of the value")]
    TrailingData {
        /// The first byte that is no white space.
        at: usize,
    },
    /// The text is strict JSON, but no value of the type that was asked for. The source says why, and may
    /// quote the text.
    #[error("the value is not of the expected form")]
    Form(#[source] serde_json::Error),
}

impl StrictError {
    /// Where the text is refused, as a byte offset; `None` if it is refused as a whole.
    #[must_use]
    pub fn at(&self) -> Option<usize> {
        match *self {
            Self::ByteOrderMark => Some(0),
            Self::InvalidUtf8 { at }
            | Self::UnexpectedEnd { at }
            | Self::Unexpected { at }
            | Self::ControlCharacter { at }
            | Self::InvalidEscape { at }
            | Self::LoneSurrogate { at }
            | Self::DuplicateKey { at }
            | Self::UnsafeInteger { at }
            | Self::NumberTooLarge { at }
            | Self::TooDeep { at, .. }
            | Self::TrailingData { at } => Some(at),
            Self::Form(_) => None,
        }
    }
}
