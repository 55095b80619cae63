//! How long and by whom a result may be cached (specification, "Caching").

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::strings::string_enum;
use super::wire::wire;
use super::{Meta, ResultMetaObject, ResultType};

/// For how long a result stays fresh, in milliseconds. Zero, the default, is stale at once.
///
/// A negative value reads as zero, as the specification asks of clients.
///
/// ```
/// use std::time::Duration;
/// use mcp_core::protocol::TtlMs;
///
/// assert_eq!(TtlMs::from(Duration::from_secs(1)), TtlMs(1_000));
/// assert_eq!(serde_json::from_str::<TtlMs>("-5")?, TtlMs(0));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TtlMs(pub u64);

impl TtlMs {
    /// The time as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl From<u64> for TtlMs {
    fn from(milliseconds: u64) -> Self {
        Self(milliseconds)
    }
}

impl From<Duration> for TtlMs {
    /// Whole milliseconds; a duration of more than 2⁶⁴ of them is cut to that.
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Serialize for TtlMs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> Deserialize<'de> for TtlMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MillisecondsVisitor;

        impl Visitor<'_> for MillisecondsVisitor {
            type Value = TtlMs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of milliseconds")
            }

            fn visit_u64<E: de::Error>(self, milliseconds: u64) -> Result<TtlMs, E> {
                Ok(TtlMs(milliseconds))
            }

            fn visit_i64<E: de::Error>(self, milliseconds: i64) -> Result<TtlMs, E> {
                Ok(TtlMs(u64::try_from(milliseconds).unwrap_or(0)))
            }
        }

        deserializer.deserialize_any(MillisecondsVisitor)
    }
}

impl JsonSchema for TtlMs {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TtlMs".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0 })
    }
}

string_enum! {
    /// Who may use a cached result.
    pub enum CacheScope {
        /// Whoever has the same authorization as the one who asked.
        Private = "private",
        /// Everyone: nothing in the result belongs to a user.
        Public = "public",
    }
}

impl Default for CacheScope {
    /// `Private`, which shares nothing by mistake.
    fn default() -> Self {
        Self::Private
    }
}

wire! {
    /// The part that all cacheable results share. Parse a result as this to learn how long it may be
    /// kept, whatever its method; everything else is in `extra`.
    ///
    /// ```
    /// use mcp_core::protocol::{CacheScope, CacheableResult, TtlMs};
    ///
    /// let text = r#"{"resultType":"complete","tools":[],"ttlMs":5000,"cacheScope":"public"}"#;
    /// let result: CacheableResult = serde_json::from_str(text)?;
    /// assert_eq!(result.ttl_ms, Some(TtlMs(5000)));
    /// assert_eq!(result.cache_scope, Some(CacheScope::Public));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct CacheableResult {
        defaulted {
            /// How the result is to be read.
            result_type: ResultType = "resultType" => with_result_type,
        }
        lenient {
            /// For how long the result stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TtlMs;

    #[test]
    fn only_whole_milliseconds_are_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(0)),
            ("18446744073709551615", Some(u64::MAX)),
            ("1.5", None),
            ("\"1\"", None),
            ("null", None),
        ] {
            assert_eq!(
                serde_json::from_str::<TtlMs>(text).ok().map(|ttl| ttl.0),
                expected,
                "{text}"
            );
        }
    }
}
