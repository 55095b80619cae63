//! Objects used as maps, with the order of their members kept.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::in_field;
use crate::RawJson;

/// A JSON object used as a map: members keep the order in which they came or were added.
///
/// Reading refuses an object that repeats a key. Looking a key up takes time in proportion to the
/// number of members, which is small for everything the protocol uses this for. Two maps are equal
/// when they hold the same members in whatever order.
///
/// ```
/// use mcp_core::protocol::JsonMap;
///
/// let map: JsonMap<u8> = serde_json::from_str(r#"{"b":1,"a":2}"#)?;
/// assert_eq!(map.get("a"), Some(&2));
/// assert_eq!(serde_json::to_string(&map)?, r#"{"b":1,"a":2}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
pub struct JsonMap<V> {
    members: Vec<(String, V)>,
}

/// The fields of an object that this library has no name for, kept as they came.
///
/// ```
/// use mcp_core::protocol::Tool;
///
/// let text = r#"{"name":"now","inputSchema":{"type":"object"},"x-shop":{"price":3}}"#;
/// let tool: Tool = serde_json::from_str(text)?;
/// assert_eq!(tool.extra.get("x-shop").map(|raw| raw.get()), Some(r#"{"price":3}"#));
/// assert_eq!(serde_json::to_string(&tool)?, text);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub type Extra = JsonMap<RawJson>;

impl<V> JsonMap<V> {
    /// A map without members. Does not allocate.
    pub const fn new() -> Self {
        Self { members: Vec::new() }
    }

    /// Takes over members, unless a key is repeated: then the key is the error.
    pub(crate) fn from_members(members: Vec<(String, V)>) -> Result<Self, String> {
        // Few members are compared pairwise; many by sorting, so that a hostile message with many
        // thousand keys costs n log n and not n².
        let repeated = if members.len() <= 8 {
            members
                .iter()
                .enumerate()
                .find(|(at, (key, _))| members[..*at].iter().any(|(seen, _)| seen == key))
                .map(|(_, (key, _))| key)
        } else {
            let mut keys: Vec<&String> = members.iter().map(|(key, _)| key).collect();
            keys.sort_unstable();
            keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
        };
        match repeated {
            Some(key) => Err(key.clone()),
            None => Ok(Self { members }),
        }
    }

    /// The number of members.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The value at a key.
    pub fn get(&self, key: &str) -> Option<&V> {
        self.members.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The value at a key, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut V> {
        self.members.iter_mut().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Whether there is a member with this key.
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Sets the value at a key and returns the one it replaces, which keeps its place.
    pub fn insert(&mut self, key: impl Into<String>, value: V) -> Option<V> {
        let key = key.into();
        match self.get_mut(&key) {
            Some(place) => Some(std::mem::replace(place, value)),
            None => {
                self.members.push((key, value));
                None
            }
        }
    }

    /// Takes a member out; the others keep their order.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let at = self.members.iter().position(|(name, _)| name == key)?;
        Some(self.members.remove(at).1)
    }

    /// The members in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &V)> {
        self.members.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|(key, _)| key.as_str())
    }

    /// The values in order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &V> {
        self.members.iter().map(|(_, value)| value)
    }
}

impl JsonMap<RawJson> {
    /// The value at a key as a type, or `None` when there is no such member.
    ///
    /// # Errors
    ///
    /// When the value does not have the shape of `T`. The message starts with the key.
    pub fn parse<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, serde_json::Error> {
        self.get(key).map(|raw| raw.parse().map_err(|error| in_field(key, error))).transpose()
    }
}

impl<V> Default for JsonMap<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: fmt::Debug> fmt::Debug for JsonMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<V: PartialEq> PartialEq for JsonMap<V> {
    fn eq(&self, other: &Self) -> bool {
        fn sorted<V>(map: &JsonMap<V>) -> Vec<(&str, &V)> {
            let mut members: Vec<_> = map.iter().collect();
            members.sort_unstable_by_key(|(key, _)| *key);
            members
        }
        self.len() == other.len() && (self.is_empty() || sorted(self) == sorted(other))
    }
}

impl<V> IntoIterator for JsonMap<V> {
    type Item = (String, V);
    type IntoIter = std::vec::IntoIter<(String, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<K: Into<String>, V> FromIterator<(K, V)> for JsonMap<V> {
    /// Of members with the same key the last one wins, in the place of the first.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(members: I) -> Self {
        let mut map = Self::new();
        map.extend(members);
        map
    }
}

impl<K: Into<String>, V> Extend<(K, V)> for JsonMap<V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, members: I) {
        for (key, value) in members {
            self.insert(key, value);
        }
    }
}

impl<K: Into<String>, V, const N: usize> From<[(K, V); N]> for JsonMap<V> {
    fn from(members: [(K, V); N]) -> Self {
        members.into_iter().collect()
    }
}

impl<V: Serialize> Serialize for JsonMap<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.members.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for JsonMap<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for MembersVisitor<V> {
            type Value = JsonMap<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<JsonMap<V>, A::Error> {
                let mut members = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let value = map.next_value().map_err(|error| in_field(&key, error))?;
                    members.push((key, value));
                }
                JsonMap::from_members(members).map_err(|key| {
                    de::Error::custom(format_args!("the object repeats the key `{key}`"))
                })
            }
        }

        deserializer.deserialize_map(MembersVisitor(PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for JsonMap<V> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "additionalProperties": generator.subschema_for::<V>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::JsonMap;

    #[test]
    fn order_is_kept_and_does_not_matter_for_equality() {
        let map: JsonMap<u8> = serde_json::from_str(r#"{"b":1,"a":2}"#).unwrap();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!(map, JsonMap::from([("a", 2), ("b", 1)]));
        assert_ne!(map, JsonMap::from([("a", 2), ("c", 1)]));
    }

    #[test]
    fn inserting_replaces_in_place() {
        let mut map = JsonMap::from([("a", 1), ("b", 2)]);
        assert_eq!(map.insert("a", 3), Some(1));
        assert_eq!(map.iter().collect::<Vec<_>>(), [("a", &3), ("b", &2)]);
        assert_eq!(map.remove("a"), Some(3));
        assert_eq!(map.remove("a"), None);
    }

    #[test]
    fn a_repeated_key_is_refused_in_small_and_large_objects() {
        for filler in [0, 50] {
            let mut text = String::from("{");
            for at in 0..filler {
                text.push_str(&format!("\"k{at}\":0,"));
            }
            text.push_str(r#""same":1,"\u0073ame":2}"#);
            let error = serde_json::from_str::<JsonMap<u8>>(&text).unwrap_err().to_string();
            assert!(error.contains("repeats the key `same`"), "{error}");
        }
    }

    #[test]
    fn a_wrong_value_is_reported_with_its_key() {
        let error = serde_json::from_str::<JsonMap<u8>>(r#"{"a":1,"b":"x"}"#).unwrap_err();
        assert!(error.to_string().starts_with("b: invalid type: string"), "{error}");
    }
}
