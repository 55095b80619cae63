//! One pass over a JSON text, without recursion.

use std::borrow::Cow;

use super::StrictError;

/// 2^53 − 1, the largest integer up to which doubles have no gaps.
const MAX_SAFE: u64 = (1 << 53) - 1;

/// Numbers from here on are canonically written with an exponent (ECMA-262, `Number::toString`).
const EXPONENT_FROM: f64 = 1e21;

/// Scans the first value of a text, with the white space before it, and says where it ends. What follows
/// is not looked at.
///
/// If the text is the beginning of an array or object that would be accepted, the error is
/// [`StrictError::UnexpectedEnd`].
#[cfg(feature = "receipts")]
pub(crate) fn value_end(text: &str, max_depth: usize) -> Result<usize, StrictError> {
    value_end_with(text, max_depth, false)
}

/// As `value_end`; numbers may be of any size, if the caller says that it keeps them as text.
pub(super) fn value_end_with(
    text: &str,
    max_depth: usize,
    any_number: bool,
) -> Result<usize, StrictError> {
    let (bytes, open, keys) = (text.as_bytes(), Vec::new(), Vec::new());
    Scanner { text, bytes, at: 0, max_depth, any_number, open, keys }.value()
}

/// The first place from `at` on that is no white space.
pub(super) fn skip_white_space(text: &str, at: usize) -> usize {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// An array or object that has not ended yet.
enum Open {
    Array,
    /// With the number of keys that the objects around it had when it began.
    Object(usize),
}

struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
    max_depth: usize,
    /// Whether numbers that doubles cannot hold are left to the caller.
    any_number: bool,
    open: Vec<Open>,
    /// The keys of all open objects and where they stand, those of the innermost object last. One list for
    /// all, so that an object costs no allocation.
    keys: Vec<(Cow<'a, str>, usize)>,
}

impl<'a> Scanner<'a> {
    fn value(mut self) -> Result<usize, StrictError> {
        loop {
            if self.begin()? {
                continue;
            }
            // A value has ended, and perhaps what it stands in ends with it.
            loop {
                match self.open.last() {
                    None => return Ok(self.at),
                    Some(Open::Array) => {
                        if self.after_item(b']')? {
                            break;
                        }
                    }
                    Some(&Open::Object(first)) => {
                        if self.after_item(b'}')? {
                            self.key()?;
                            break;
                        }
                        self.distinct(first)?;
                    }
                }
            }
        }
    }

    /// Begins a value. Says whether another one begins within it; if not, it has ended.
    fn begin(&mut self) -> Result<bool, StrictError> {
        match self.peek()? {
            b'"' => self.string().map(|_| false),
            b'-' | b'0'..=b'9' => self.number().map(|()| false),
            b't' => self.word("true").map(|()| false),
            b'f' => self.word("false").map(|()| false),
            b'n' => self.word("null").map(|()| false),
            b'[' => {
                self.enter(Open::Array)?;
                Ok(!self.ends_at_once(b']')?)
            }
            b'{' => {
                self.enter(Open::Object(self.keys.len()))?;
                if self.ends_at_once(b'}')? {
                    return Ok(false);
                }
                self.key()?;
                Ok(true)
            }
            _ => Err(StrictError::Unexpected { at: self.at }),
        }
    }

    fn enter(&mut self, open: Open) -> Result<(), StrictError> {
        if self.open.len() >= self.max_depth {
            return Err(StrictError::TooDeep { at: self.at, limit: self.max_depth });
        }
        self.open.push(open);
        self.at += 1;
        Ok(())
    }

    fn ends_at_once(&mut self, close: u8) -> Result<bool, StrictError> {
        let empty = self.peek()? == close;
        if empty {
            self.at += 1;
            self.open.pop();
        }
        Ok(empty)
    }

    /// Goes past the comma, or the closing bracket. Says whether it was a comma.
    fn after_item(&mut self, close: u8) -> Result<bool, StrictError> {
        let byte = self.peek()?;
        if byte != b',' && byte != close {
            return Err(StrictError::Unexpected { at: self.at });
        }
        self.at += 1;
        if byte == close {
            self.open.pop();
        }
        Ok(byte == b',')
    }

    /// Keeps a key and goes past its colon.
    fn key(&mut self) -> Result<(), StrictError> {
        if self.peek()? != b'"' {
            return Err(StrictError::Unexpected { at: self.at });
        }
        let start = self.at;
        let escaped = self.string()?;
        let quoted = self.text.get(start..self.at).unwrap_or_default();
        let key = if escaped {
            Cow::Owned(serde_json::from_str(quoted).map_err(StrictError::Form)?)
        } else {
            Cow::Borrowed(quoted.trim_matches('"'))
        };
        self.keys.push((key, start));
        if self.peek()? != b':' {
            return Err(StrictError::Unexpected { at: self.at });
        }
        self.at += 1;
        Ok(())
    }

    /// Whether all keys from `first` on differ. They are those of an object that has just ended, and
    /// are forgotten.
    fn distinct(&mut self, first: usize) -> Result<(), StrictError> {
        let keys = self.keys.get_mut(first..).unwrap_or_default();
        // Equal keys next to one another, in the order of the text.
        keys.sort_unstable();
        let twice = keys.windows(2).filter_map(|pair| match pair {
            [(one, _), (two, at)] if one == two => Some(*at),
            _ => None,
        });
        match twice.min() {
            Some(at) => Err(StrictError::DuplicateKey { at }),
            None => {
                self.keys.truncate(first);
                Ok(())
            }
        }
    }

    fn word(&mut self, word: &str) -> Result<(), StrictError> {
        for expected in word.bytes() {
            if self.here()? != expected {
                return Err(StrictError::Unexpected { at: self.at });
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), StrictError> {
        let start = self.at;
        if self.here()? == b'-' {
            self.at += 1;
        }
        let first = self.at;
        match self.here()? {
            b'0' => self.at += 1,
            b'1'..=b'9' => self.digits()?,
            _ => return Err(StrictError::Unexpected { at: self.at }),
        }
        let integer = self.text.get(first..self.at).unwrap_or_default();
        let mut plain = true;
        if self.bytes.get(self.at) == Some(&b'.') {
            plain = false;
            self.at += 1;
            self.digits()?;
        }
        let mut exponent = false;
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            (plain, exponent) = (false, true);
            self.at += 1;
            if let b'+' | b'-' = self.here()? {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at == self.bytes.len() && !self.open.is_empty() {
            // More digits may follow, and an exponent that makes it small.
            return Err(StrictError::UnexpectedEnd { at: self.at });
        }
        if self.any_number {
            return Ok(());
        }
        if plain {
            return match integer.parse::<u64>() {
                Ok(integer) if integer <= MAX_SAFE => Ok(()),
                _ => Err(StrictError::UnsafeInteger { at: start }),
            };
        }
        if !exponent && integer.len() < 16 {
            return Ok(());
        }
        // Everything from 2^53 on is an integer.
        match self.text.get(first..self.at).unwrap_or_default().parse::<f64>() {
            Ok(number) if number <= MAX_SAFE as f64 => Ok(()),
            Ok(number) if number < EXPONENT_FROM => Err(StrictError::UnsafeInteger { at: start }),
            Ok(number) if number.is_finite() => Ok(()),
            _ => Err(StrictError::NumberTooLarge { at: start }),
        }
    }

    /// Goes past one digit or more.
    fn digits(&mut self) -> Result<(), StrictError> {
        if !self.here()?.is_ascii_digit() {
            return Err(StrictError::Unexpected { at: self.at });
        }
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        Ok(())
    }

    /// Goes past a string. Says whether it has escapes.
    fn string(&mut self) -> Result<bool, StrictError> {
        self.at += 1;
        let mut escaped = false;
        loop {
            match self.here()? {
                b'"' => {
                    self.at += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    self.escape()?;
                }
                0..=0x1f => return Err(StrictError::ControlCharacter { at: self.at }),
                _ => self.at += 1,
            }
        }
    }

    fn escape(&mut self) -> Result<(), StrictError> {
        let start = self.at;
        self.at += 1;
        match self.here()? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => {
                self.at += 1;
                Ok(())
            }
            b'u' => match self.code_unit(start)? {
                0xd800..=0xdbff => {
                    // Only the other half may follow.
                    for expected in [b'\\', b'u'] {
                        if self.here()? != expected {
                            return Err(StrictError::LoneSurrogate { at: start });
                        }
                        // `code_unit` goes past the `u` itself.
                        self.at += usize::from(expected == b'\\');
                    }
                    match self.code_unit(start)? {
                        0xdc00..=0xdfff => Ok(()),
                        _ => Err(StrictError::LoneSurrogate { at: start }),
                    }
                }
                0xdc00..=0xdfff => Err(StrictError::LoneSurrogate { at: start }),
                _ => Ok(()),
            },
            _ => Err(StrictError::InvalidEscape { at: start }),
        }
    }

    /// Goes past `u` and four hexadecimal digits.
    fn code_unit(&mut self, start: usize) -> Result<u32, StrictError> {
        self.at += 1;
        let mut unit = 0;
        for _ in 0..4 {
            let digit = char::from(self.here()?).to_digit(16);
            unit = unit * 16 + digit.ok_or(StrictError::InvalidEscape { at: start })?;
            self.at += 1;
        }
        Ok(unit)
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Result<u8, StrictError> {
        self.at = skip_white_space(self.text, self.at);
        self.here()
    }

    fn here(&self) -> Result<u8, StrictError> {
        self.bytes.get(self.at).copied().ok_or(StrictError::UnexpectedEnd { at: self.text.len() })
    }
}
