//! Looking at a few members of an object before it is read as a type.

use std::fmt;

use serde::de::{self, Deserializer, MapAccess, Visitor};

use super::wire::{Key, in_field};
use crate::RawJson;

/// Looks for members of an object without reading the rest: for each key, its value's text.
///
/// Anything but an object has no members. A repeated key shows its first occurrence; reading the
/// object in full refuses the repetition.
pub fn peek<const N: usize>(
    raw: &RawJson,
    keys: [&str; N],
) -> Result<[Option<RawJson>; N], serde_json::Error> {
    struct PeekVisitor<'k, const N: usize>([&'k str; N]);

    impl<'de, const N: usize> Visitor<'de> for PeekVisitor<'_, N> {
        type Value = [Option<RawJson>; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut found = [const { None }; N];
            while let Some(key) = map.next_key::<Key<'de>>()? {
                let slot = self.0.iter().zip(&mut found).find(|(name, _)| **name == key.as_str());
                match slot {
                    Some((_, slot @ None)) => *slot = Some(map.next_value()?),
                    _ => {
                        map.next_value::<de::IgnoredAny>()?;
                    }
                }
            }
            Ok(found)
        }
    }

    let mut deserializer = serde_json::Deserializer::from_str(raw.get());
    deserializer.deserialize_map(PeekVisitor(keys))
}

/// The text of the member that tells the variants of a union apart.
pub fn peek_tag(raw: &RawJson, key: &str) -> Result<Option<String>, serde_json::Error> {
    let [tag] = peek(raw, [key])?;
    tag.map(|tag| tag.parse().map_err(|error| in_field(key, error))).transpose()
}

/// Parses a value as one variant of a union, with the error type of the caller.
pub fn parse_as<T, E>(raw: &RawJson) -> Result<T, E>
where
    T: de::DeserializeOwned,
    E: de::Error,
{
    raw.parse().map_err(E::custom)
}
