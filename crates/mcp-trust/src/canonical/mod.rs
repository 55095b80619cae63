//! The one form of a JSON value that is digested and signed.
//!
//! RFC 8785 fixes everything that JSON leaves open: no white space, members sorted by the UTF-16 code units of
//! their keys, strings with as few escapes as possible, numbers as ECMAScript prints doubles. Two programs that
//! agree on a value agree on these bytes, so a signature survives a database, a proxy or another
//! language.
//!
//! It says nothing of texts that do not stand for one value. They are refused by [`strict`]
//! first, for a canonicaliser would silently choose a reading.
//!
//! The form is written by `serde_json_canonicalizer`; what we add is that nothing gets there unchecked.
//! `cargo run --release -p mcp-trust --example canonical-numbers` compares its numbers with Node's own.

mod finite;

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::digest::Digest;
use crate::strict::{self, StrictError};

/// Why a value has no canonical form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CanonicalError {
    /// The JSON text stands for more than one value, or for none.
    #[error("the JSON text is refused")]
    Strict(#[from] StrictError),
    /// The value cannot be expressed in JSON: a number is infinite or not a number, a key is no string, or its
    /// `Serialize` implementation failed. The source says why, and may quote the value.
    #[error("the value cannot be expressed in JSON")]
    Serialize(#[source] serde_json::Error),
}

/// A JSON value in canonical form.
///
/// ```
/// use mcp_trust::canonical::Canonical;
///
/// let canonical = Canonical::from_slice(br#"{ "b": 1.50, "a": "\u20ac" }"#)?;
/// assert_eq!(canonical.as_str(), r#"{"a":"€","b":1.5}"#);
/// # Ok::<(), mcp_trust::canonical::CanonicalError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Canonical(String);

impl Canonical {
    /// The canonical form of a JSON text.
    ///
    /// # Errors
    /// If the text is not [strict JSON](crate::strict).
    pub fn from_slice(text: &[u8]) -> Result<Self, CanonicalError> {
        let value: Value = strict::from_slice(text)?;
        let bytes = serde_json_canonicalizer::to_vec(&value).map_err(CanonicalError::Serialize)?;
        let wrong = |error| CanonicalError::Serialize(serde::ser::Error::custom(error));
        String::from_utf8(bytes).map(Self).map_err(wrong)
    }

    /// The canonical form of a value, as `serde_json` would send it.
    ///
    /// ```
    /// use mcp_trust::canonical::Canonical;
    ///
    /// #[derive(serde::Serialize)]
    /// struct Amount {
    ///     value: &'static str,
    ///     currency: &'static str,
    /// }
    ///
    /// let canonical = Canonical::of(&Amount { value: "12.50", currency: "EUR" })?;
    /// assert_eq!(canonical.as_str(), r#"{"currency":"EUR","value":"12.50"}"#);
    /// assert!(Canonical::of(&f64::NAN).is_err());
    /// # Ok::<(), mcp_trust::canonical::CanonicalError>(())
    /// ```
    ///
    /// # Errors
    /// If the value cannot be expressed in [strict JSON](crate::strict): it has a key twice, an integer
    /// beyond ±(2^53 − 1), a number that is not finite.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, CanonicalError> {
        finite::check(value).map_err(CanonicalError::Serialize)?;
        let text = serde_json::to_vec(value).map_err(CanonicalError::Serialize)?;
        Self::from_slice(&text)
    }

    /// Takes a text that is already in canonical form, as one that was signed has to be.
    ///
    /// # Errors
    /// If the text is not strict JSON. `Ok(None)` if it is, but not in canonical form.
    pub fn checked(text: &[u8]) -> Result<Option<Self>, CanonicalError> {
        let canonical = Self::from_slice(text)?;
        Ok((canonical.as_bytes() == text).then_some(canonical))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text's bytes, UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The text itself.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.as_bytes())
    }
}

/// Shows the length alone: values may hold what must not get into a log.
impl fmt::Debug for Canonical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Canonical({} bytes)", self.0.len())
    }
}

/// How a number is written in canonical form: as ECMAScript does it, with the fewest digits that lead back to
/// the same double. `None` if it is infinite or not a number.
///
/// This is the bare form, for comparison with other implementations. Whether the number may stand in a text is
/// [`strict`]'s question.
///
/// ```
/// use mcp_trust::canonical;
///
/// assert_eq!(canonical::number(1e21).as_deref(), Some("1e+21"));
/// assert_eq!(canonical::number(-0.0).as_deref(), Some("0"));
/// assert_eq!(canonical::number(f64::NAN), None);
/// ```
#[must_use]
pub fn number(number: f64) -> Option<String> {
    String::from_utf8(serde_json_canonicalizer::to_vec(&number).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::value::RawValue;

    use super::*;

    fn canonical(text: &str) -> String {
        Canonical::from_slice(text.as_bytes()).unwrap().into_string()
    }

    /// RFC 8785, section 3.2.2 to 3.2.4 (and the files of its reference repository that say the same).
    #[test]
    fn the_example_of_the_rfc() {
        let input = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = [
            r#"{"literals":[null,true,false],"#,
            r#""numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#,
        ];
        assert_eq!(canonical(input), expected.concat());
    }

    /// RFC 8785, section 3.2.3.
    #[test]
    fn members_are_sorted_by_utf_16() {
        let input = r#"{
            "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
            "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control", "\u00f6": "o"
        }"#;
        let sorted = canonical(input);
        let order = ["Carriage", "One", "Control", "\"o\"", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| sorted.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{sorted}");
        let nested = canonical(r#"{"b":{"\ud83d\ude00":1,"\ufb33":2},"a":[]}"#);
        assert_eq!(nested, "{\"a\":[],\"b\":{\"\u{1f600}\":1,\"\u{fb33}\":2}}");
    }

    /// RFC 8785, appendix B.
    #[test]
    fn numbers_of_the_rfc() {
        for (bits, expected) in [
            (0x0000000000000000, "0"),
            (0x8000000000000000, "0"),
            (0x0000000000000001, "5e-324"),
            (0x8000000000000001, "-5e-324"),
            (0x7fefffffffffffff, "1.7976931348623157e+308"),
            (0xffefffffffffffff, "-1.7976931348623157e+308"),
            (0x4340000000000000, "9007199254740992"),
            (0xc340000000000000, "-9007199254740992"),
            (0x4430000000000000, "295147905179352830000"),
            (0x44b52d02c7e14af5, "9.999999999999997e+22"),
            (0x44b52d02c7e14af6, "1e+23"),
            (0x44b52d02c7e14af7, "1.0000000000000001e+23"),
            (0x444b1ae4d6e2ef4e, "999999999999999700000"),
            (0x444b1ae4d6e2ef4f, "999999999999999900000"),
            (0x444b1ae4d6e2ef50, "1e+21"),
            (0x3eb0c6f7a0b5ed8c, "9.999999999999997e-7"),
            (0x3eb0c6f7a0b5ed8d, "0.000001"),
            (0x41b3de4355555553, "333333333.3333332"),
            (0x41b3de4355555554, "333333333.33333325"),
            (0x41b3de4355555555, "333333333.3333333"),
            (0x41b3de4355555556, "333333333.3333334"),
            (0x41b3de4355555557, "333333333.33333343"),
            (0xbecbf647612f3696, "-0.0000033333333333333333"),
            (0x43143ff3c1cb0959, "1424953923781206.2"),
        ] {
            assert_eq!(number(f64::from_bits(bits)).unwrap(), expected, "{bits:016x}");
        }
        for bits in [0x7fffffffffffffff_u64, 0x7ff0000000000000, 0xfff0000000000000] {
            assert_eq!(number(f64::from_bits(bits)), None);
        }
    }

    #[test]
    fn values_are_checked_as_texts_are() {
        assert!(matches!(
            Canonical::of(&u64::MAX),
            Err(CanonicalError::Strict(StrictError::UnsafeInteger { at: 0 }))
        ));
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(matches!(Canonical::of(&[bad]), Err(CanonicalError::Serialize(_))));
            #[derive(Serialize)]
            enum Held {
                Tuple(u8, f64),
                Struct { held: (f32,) },
                Newtype(f64),
            }
            let held = Held::Struct { held: (bad as f32,) };
            for held in [held, Held::Tuple(1, bad), Held::Newtype(bad)] {
                assert!(matches!(Canonical::of(&[held]), Err(CanonicalError::Serialize(_))));
            }
            assert!(matches!(
                Canonical::of(&BTreeMap::from([("a", Some(bad))])),
                Err(CanonicalError::Serialize(_))
            ));
        }

        /// Writes a key twice, as `flatten` can.
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("a", 1), ("a", 2)])
            }
        }
        assert!(matches!(
            Canonical::of(&Twice),
            Err(CanonicalError::Strict(StrictError::DuplicateKey { at: 7 }))
        ));
    }

    #[test]
    fn values_are_written_as_they_are_sent() {
        assert_eq!(Canonical::of(&0.1_f32).unwrap().as_str(), "0.1");
        assert_eq!(
            Canonical::of(&BTreeMap::from([(10, 'a'), (9, 'b')])).unwrap().as_str(),
            r#"{"10":"a","9":"b"}"#
        );
        let raw = RawValue::from_string(r#"{ "b" : 1.0, "a" : [ ] }"#.to_owned()).unwrap();
        assert_eq!(Canonical::of(&raw).unwrap().as_str(), r#"{"a":[],"b":1}"#);
        assert_eq!(Canonical::of(&[raw]).unwrap().as_str(), r#"[{"a":[],"b":1}]"#);
    }

    #[test]
    fn only_the_canonical_form_passes_for_it() {
        assert!(Canonical::checked(br#"{"a":1,"b":[]}"#).unwrap().is_some());
        for other in [r#"{"b":1,"a":1}"#, r#"{"a": 1}"#, "1.0", "-0", "1e3", r#""\u0041""#, " 1"] {
            assert!(Canonical::checked(other.as_bytes()).unwrap().is_none(), "{other}");
        }
        assert!(Canonical::checked(b"{").is_err());
    }

    proptest! {
        #[test]
        fn the_form_of_the_form_is_itself(text in r#"\{("[a-zé😀]{1,3}":(-?[1-9][0-9]{0,14}(\.[0-9]{1,20})?(e-?[0-9]{1,2})?|"[^"\\\x00-\x1f]{0,9}"|\[\]),?){0,5}\}"#) {
            if let Ok(once) = Canonical::from_slice(text.as_bytes()) {
                let twice = Canonical::from_slice(once.as_bytes()).unwrap();
                prop_assert_eq!(&twice, &once);
                // No value is changed.
                let before: Value = serde_json::from_str(&text).unwrap();
                let after: Value = serde_json::from_str(once.as_str()).unwrap();
                prop_assert!(same(&before, &after), "{} {}", before, after);
            }
        }

        #[test]
        fn every_double_survives(bits: u64) {
            let double = f64::from_bits(bits);
            if let Some(text) = number(double) {
                prop_assert_eq!(text.parse::<f64>().unwrap(), double);
            }
        }
    }

    /// Equal, with integers and doubles being one kind of number.
    fn same(a: &Value, b: &Value) -> bool {
        match (a, b) {
            (Value::Object(a), Value::Object(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
            }
            (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
            _ => a == b,
        }
    }
}
