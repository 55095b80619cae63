//! How wire types are defined.
//!
//! [`wire!`] makes a struct whose fields are named as in the schema, with what serde's derive cannot
//! give at once: unknown members survive as [`RawJson`](crate::RawJson) (serde's `flatten` would
//! buffer them, and break raw values), `null` counts as absent for optional members, a duplicate
//! member is an error, and the JSON Schema comes from the same lines.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Visitor};

use crate::RawJson;

/// Members that this version of the library does not know, by name.
pub type Extra = BTreeMap<String, RawJson>;

/// A member's name, borrowed from the text where possible.
pub(crate) struct Key<'de>(pub(crate) Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Joins doc lines into a description.
pub(crate) fn description(lines: &[&str]) -> String {
    lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ").trim().to_owned()
}

macro_rules! wire {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:ident),*)])?
        pub struct $name:ident {
            $(tag $tag:literal = $tag_value:literal;)?
            $(required { $($(#[doc = $r_doc:literal])* $r_json:literal $r:ident: $r_type:ty),* $(,)? })?
            $(nullable { $($(#[doc = $n_doc:literal])* $n_json:literal $n:ident),* $(,)? })?
            $(optional { $($(#[doc = $o_doc:literal])* $o_json:literal $o:ident: $o_type:ty),* $(,)? })?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq $($(, $derive)*)?)]
        #[non_exhaustive]
        pub struct $name {
            $($($(#[doc = $r_doc])* pub $r: $r_type,)*)?
            $($($(#[doc = $n_doc])* pub $n: Option<crate::RawJson>,)*)?
            $($($(#[doc = $o_doc])* pub $o: Option<$o_type>,)*)?
            /// Members that this version does not know.
            pub extra: crate::protocol::Extra,
        }

        impl $name {
            /// Makes one of its required members; the others are absent.
            #[allow(clippy::new_without_default, clippy::too_many_arguments)]
            pub fn new($($($r: impl Into<$r_type>),*)?) -> Self {
                Self {
                    $($($r: $r.into(),)*)?
                    $($($n: None,)*)?
                    $($($o: None,)*)?
                    extra: crate::protocol::Extra::new(),
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeMap;
                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($tag, $tag_value)?;)?
                $($(map.serialize_entry($r_json, &self.$r)?;)*)?
                $($(if let Some(value) = &self.$n { map.serialize_entry($n_json, value)?; })*)?
                $($(if let Some(value) = &self.$o { map.serialize_entry($o_json, value)?; })*)?
                for (key, value) in &self.extra {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            #[allow(unused_mut, unused_variables)]
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct WireVisitor;
                impl<'de> serde::de::Visitor<'de> for WireVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("an object (", stringify!($name), ")"))
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name, A::Error> {
                        use serde::de::Error as _;
                        $($(let mut $r: Option<$r_type> = None;)*)?
                        $($(let mut $n: Option<crate::RawJson> = None;)*)?
                        $($(let mut $o: Option<Option<$o_type>> = None;)*)?
                        let mut extra = crate::protocol::Extra::new();
                        while let Some(key) = map.next_key::<crate::protocol::wire::Key<'de>>()? {
                            match &*key.0 {
                                $($tag => {
                                    let tag: String = map.next_value()?;
                                    if tag != $tag_value {
                                        return Err(A::Error::custom(concat!(
                                            "`", $tag, "` must be `", $tag_value, "`"
                                        )));
                                    }
                                })?
                                $($($r_json => {
                                    if $r.is_some() {
                                        return Err(A::Error::duplicate_field($r_json));
                                    }
                                    $r = Some(map.next_value()?);
                                })*)?
                                $($($n_json => {
                                    if $n.is_some() {
                                        return Err(A::Error::duplicate_field($n_json));
                                    }
                                    $n = Some(map.next_value()?);
                                })*)?
                                $($($o_json => {
                                    if $o.is_some() {
                                        return Err(A::Error::duplicate_field($o_json));
                                    }
                                    $o = Some(map.next_value()?);
                                })*)?
                                _ => {
                                    let value = map.next_value()?;
                                    if extra.insert(key.0.into_owned(), value).is_some() {
                                        return Err(A::Error::custom("duplicate field"));
                                    }
                                }
                            }
                        }
                        Ok($name {
                            $($($r: $r.ok_or_else(|| A::Error::missing_field($r_json))?,)*)?
                            $($($n,)*)?
                            $($($o: $o.flatten(),)*)?
                            extra,
                        })
                    }
                }
                deserializer.deserialize_map(WireVisitor)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn schema_id() -> std::borrow::Cow<'static, str> {
                concat!(module_path!(), "::", stringify!($name)).into()
            }

            #[allow(unused_mut, unused_variables)]
            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let mut properties = serde_json::Map::new();
                let mut required: Vec<&str> = Vec::new();
                let mut add = |name: &str, mut schema: schemars::Schema, doc: &[&str]| {
                    let doc = crate::protocol::wire::description(doc);
                    if !doc.is_empty() {
                        schema.insert("description".to_owned(), doc.into());
                    }
                    properties.insert(name.to_owned(), schema.to_value());
                };
                $(
                    add($tag, schemars::json_schema!({ "type": "string", "const": $tag_value }), &[]);
                    required.push($tag);
                )?
                $($(
                    add($r_json, generator.subschema_for::<$r_type>(), &[$($r_doc),*]);
                    required.push($r_json);
                )*)?
                $($(add($n_json, schemars::Schema::default(), &[$($n_doc),*]);)*)?
                $($(add($o_json, generator.subschema_for::<$o_type>(), &[$($o_doc),*]);)*)?
                let mut schema = schemars::json_schema!({ "type": "object" });
                let doc = crate::protocol::wire::description(&[$($doc),*]);
                schema.insert("description".to_owned(), doc.into());
                schema.insert("properties".to_owned(), properties.into());
                if !required.is_empty() {
                    schema.insert("required".to_owned(), required.into());
                }
                schema
            }
        }
    };
}

/// An enum of objects that a member tells apart. The object is read into the type that the member
/// names, never by trying one after the other.
macro_rules! tagged {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident by $tag:literal {
            $($(#[doc = $v_doc:literal])* $value:literal => $variant:ident($type:ty)),* $(,)?
        }
        $(else $other:ident)?
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $v_doc])* $variant($type),)*
            $(
                /// One that this version does not know, as it came.
                $other(crate::RawJson),
            )?
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => value.serialize(serializer),)*
                    $(Self::$other(value) => value.serialize(serializer),)?
                }
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;
                #[derive(serde::Deserialize)]
                struct Tag {
                    #[serde(rename = $tag)]
                    tag: String,
                }
                let raw = crate::RawJson::deserialize(deserializer)?;
                let wrong = |error: serde_json::Error| {
                    D::Error::custom(crate::message::without_values(&error))
                };
                let Tag { tag } = raw.parse().map_err(wrong)?;
                match tag.as_str() {
                    $($value => raw.parse().map(Self::$variant).map_err(wrong),)*
                    #[allow(unreachable_patterns)]
                    $(_ => Ok(Self::$other(raw)),)?
                    #[allow(unreachable_patterns)]
                    _ => Err(D::Error::custom(concat!("unknown `", $tag, "`"))),
                }
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let options = [$(generator.subschema_for::<$type>().to_value()),*];
                schemars::json_schema!({ "anyOf": options })
            }
        }

        $(impl From<$type> for $name {
            fn from(value: $type) -> Self {
                Self::$variant(value)
            }
        })*
    };
}

/// An enum of strings.
macro_rules! strings {
    (
        $(#[$attribute:meta])*
        pub enum $name:ident { $($(#[doc = $v_doc:literal])* $variant:ident = $value:literal),* $(,)? }
    ) => {
        $(#[$attribute])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        pub enum $name {
            $($(#[doc = $v_doc])* #[serde(rename = $value)] $variant,)*
        }

        impl $name {
            /// As it stands on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $value,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($value),*] })
            }
        }
    };
}

/// The results of methods: `resultType` and `_meta` are written by whoever sends them.
macro_rules! results {
    ($($name:ident),* $(,)?) => {$(
        impl crate::protocol::ResultBody for $name {
            fn take_meta(&mut self) -> Option<crate::protocol::Meta> {
                self.result_type = None;
                self.meta.take()
            }
        }
    )*};
}

pub(crate) use {results, strings, tagged, wire};
