//! Identifiers that are strings or integers: request ids and progress tokens.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! string_or_integer {
    ($(#[doc = $doc:literal])* pub enum $name:ident, $what:literal) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            /// An integer.
            Integer(i64),
            /// A string.
            String(String),
        }

        impl fmt::Display for $name {
            /// The integer or the string itself, without quotes.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::Integer(integer) => integer.fmt(f),
                    Self::String(string) => string.fmt(f),
                }
            }
        }

        impl From<i64> for $name {
            fn from(integer: i64) -> Self {
                Self::Integer(integer)
            }
        }

        impl From<i32> for $name {
            fn from(integer: i32) -> Self {
                Self::Integer(integer.into())
            }
        }

        impl From<u32> for $name {
            fn from(integer: u32) -> Self {
                Self::Integer(integer.into())
            }
        }

        impl From<String> for $name {
            fn from(string: String) -> Self {
                Self::String(string)
            }
        }

        impl From<&str> for $name {
            fn from(string: &str) -> Self {
                Self::String(string.to_owned())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::Integer(integer) => serializer.serialize_i64(*integer),
                    Self::String(string) => serializer.serialize_str(string),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct IdVisitor;

                impl Visitor<'_> for IdVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!($what, " (a string or an integer of 64 bits)"))
                    }

                    fn visit_i64<E: de::Error>(self, integer: i64) -> Result<$name, E> {
                        Ok($name::Integer(integer))
                    }

                    fn visit_u64<E: de::Error>(self, integer: u64) -> Result<$name, E> {
                        i64::try_from(integer).map($name::Integer).map_err(|_| {
                            E::invalid_value(de::Unexpected::Unsigned(integer), &self)
                        })
                    }

                    fn visit_str<E: de::Error>(self, string: &str) -> Result<$name, E> {
                        Ok($name::String(string.to_owned()))
                    }

                    fn visit_string<E: de::Error>(self, string: String) -> Result<$name, E> {
                        Ok($name::String(string))
                    }
                }

                deserializer.deserialize_any(IdVisitor)
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": ["string", "integer"] })
            }
        }
    };
}

string_or_integer! {
    /// The id of a request: a string or an integer, never `null` and never a fraction.
    ///
    /// Responses repeat it, and `notifications/cancelled` and subscriptions refer to it
    /// (specification, "Requests").
    ///
    /// ```
    /// use mcp_core::protocol::RequestId;
    ///
    /// let id: RequestId = serde_json::from_str("7")?;
    /// assert_eq!(id, RequestId::from(7));
    /// assert_eq!(id.to_string(), "7");
    /// assert!(serde_json::from_str::<RequestId>("null").is_err());
    /// assert!(serde_json::from_str::<RequestId>("1.5").is_err());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum RequestId, "a request id"
}

string_or_integer! {
    /// The token that a client attaches to a request to be told of its progress.
    ///
    /// ```
    /// use mcp_core::protocol::ProgressToken;
    ///
    /// assert_eq!(serde_json::to_string(&ProgressToken::from("abc"))?, "\"abc\"");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum ProgressToken, "a progress token"
}

#[cfg(test)]
mod tests {
    use super::RequestId;

    #[test]
    fn strings_and_integers_come_back() {
        for text in ["0", "-1", "9223372036854775807", "\"\"", "\"7\"", "\"é\\\"\""] {
            let id: RequestId = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&id).unwrap(), text);
        }
        assert_ne!(RequestId::from(7), RequestId::from("7"));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let others = [
            "null",
            "1.5",
            "1.0",
            "1e3",
            "true",
            "[1]",
            "{}",
            "9223372036854775808",
            "18446744073709551616",
        ];
        for text in others {
            let error = serde_json::from_str::<RequestId>(text).unwrap_err().to_string();
            assert!(error.contains("expected a request id (a string or an integer"), "{error}");
        }
    }

    #[test]
    fn the_order_is_total() {
        let mut ids: Vec<RequestId> = vec!["b".into(), 2.into(), "a".into(), 1.into()];
        ids.sort();
        assert_eq!(ids, [1.into(), 2.into(), "a".into(), "b".into()]);
    }
}
