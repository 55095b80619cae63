//! Numbers that come back as they were written.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A JSON number, an integer or a fraction, that is written back as it was read: `50` stays `50`.
///
/// Equality is of the notation class as well: the integer 1 and the fraction 1.0 differ.
///
/// ```
/// use mcp_core::protocol::Number;
///
/// assert_eq!(serde_json::to_string(&Number::from(50))?, "50");
/// assert_eq!(serde_json::to_string(&Number::from(0.5))?, "0.5");
/// assert_eq!(Number::from(50).as_f64(), 50.0);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(serde_json::Number);

impl Number {
    /// The number as a float, rounded if it is an integer beyond 2⁵³.
    pub fn as_f64(&self) -> f64 {
        self.0.as_f64().unwrap_or(f64::NAN)
    }

    /// The number as a signed integer, if it is one and fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.as_i64()
    }

    /// The number as an unsigned integer, if it is one and fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.as_u64()
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<f64> for Number {
    /// JSON has no infinities and no NaN: like Rust's `as`, this saturates the former and turns the
    /// latter into zero.
    fn from(value: f64) -> Self {
        let finite = if value.is_nan() { 0.0 } else { value.clamp(f64::MIN, f64::MAX) };
        Self(serde_json::Number::from_f64(finite).unwrap_or_else(|| 0.into()))
    }
}

impl From<f32> for Number {
    fn from(value: f32) -> Self {
        f64::from(value).into()
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {
        $(
            impl From<$integer> for Number {
                fn from(value: $integer) -> Self {
                    Self(value.into())
                }
            }
        )*
    };
}

from_integers!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);

impl From<serde_json::Number> for Number {
    fn from(number: serde_json::Number) -> Self {
        Self(number)
    }
}

impl JsonSchema for Number {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

#[cfg(test)]
mod tests {
    use super::Number;

    #[test]
    fn numbers_come_back_as_they_were_written() {
        for text in ["0", "-7", "50", "50.0", "18446744073709551615", "-9223372036854775808", "0.1"]
        {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&number).unwrap(), text);
        }
    }

    #[test]
    fn what_json_cannot_write_is_saturated() {
        assert_eq!(Number::from(f64::NAN).as_f64(), 0.0);
        assert_eq!(Number::from(f64::INFINITY).as_f64(), f64::MAX);
        assert_eq!(Number::from(f64::NEG_INFINITY).as_f64(), f64::MIN);
    }

    #[test]
    fn other_values_are_refused() {
        for text in ["\"1\"", "null", "1e999", "[1]"] {
            assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
        }
    }
}
