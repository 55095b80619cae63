//! How the structs of this module are read and written.
//!
//! [`wire!`] defines an object of the protocol: a struct with one field for each named member and
//! `extra` for the rest. serde's derive cannot do this, because its way to collect unknown members
//! (`flatten`) goes through a buffer that loses [`RawJson`] and costs a copy of
//! everything.
//!
//! Members come in six kinds, each in its own block:
//!
//! | block | on the wire | in Rust | in `new` |
//! |---|---|---|---|
//! | `required` | must be there | `T` | a parameter |
//! | `implied` | must be there | `T` | `T::default()` |
//! | `defaulted` | should be there; absent reads as the default | `T` | `T::default()` |
//! | `lenient` | should be there, peers exist that omit it | `Option<T>` | `Some(T::default())` |
//! | `optional` | may be there; `null` reads as absent | `Option<T>` | `None` |
//! | `nullable` | may be there; `null` is a value like others | `Option<T>` | `None` |
//!
//! A constant member (`type`, `method`) is declared in the head: `[tag "type" = "text"]`. Results
//! declare `[result "complete"]`: see [`result`](super::result) for what that means.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{self, SerializeMap};

use super::json_map::{Extra, JsonMap};
use crate::RawJson;

/// Puts the name of a member before an error that arose inside it, so that the whole message reads
/// as a path: `params: arguments: expected a JSON object`.
pub fn in_field<E: de::Error>(key: &str, error: E) -> E {
    E::custom(format_args!("{key}: {error}"))
}

/// A string, usually a key of an object, borrowed from the input where it has no escapes.
pub struct Key<'de>(Cow<'de, str>);

impl Key<'_> {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: de::Error>(self, key: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(key)))
            }

            fn visit_str<E: de::Error>(self, key: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }

            fn visit_string<E: de::Error>(self, key: String) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(key)))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Reads a member whose `null`, if its type takes one, is a value.
pub fn read<'de, A, T>(map: &mut A, key: &'static str, slot: &mut Option<T>) -> Result<(), A::Error>
where
    A: MapAccess<'de>,
    T: Deserialize<'de>,
{
    if slot.is_some() {
        return Err(de::Error::duplicate_field(key));
    }
    *slot = Some(map.next_value().map_err(|error| in_field(key, error))?);
    Ok(())
}

/// Reads a constant member.
pub fn read_tag<'de, A: MapAccess<'de>>(
    map: &mut A,
    key: &'static str,
    expected: &'static str,
    seen: &mut bool,
) -> Result<(), A::Error> {
    if *seen {
        return Err(de::Error::duplicate_field(key));
    }
    let value: Key<'de> = map.next_value().map_err(|error| in_field(key, error))?;
    if value.as_str() != expected {
        return Err(de::Error::custom(format_args!(
            "{key}: expected \"{expected}\", found {:?}",
            value.as_str()
        )));
    }
    *seen = true;
    Ok(())
}

/// Keeps a member without a name of its own.
pub fn read_extra<'de, A: MapAccess<'de>>(
    map: &mut A,
    key: Key<'de>,
    extra: &mut Vec<(String, RawJson)>,
) -> Result<(), A::Error> {
    let value = map.next_value().map_err(|error| in_field(key.as_str(), error))?;
    extra.push((key.0.into_owned(), value));
    Ok(())
}

/// Ends the reading of members without a name of their own.
pub fn finish_extra<E: de::Error>(extra: Vec<(String, RawJson)>) -> Result<Extra, E> {
    JsonMap::from_members(extra)
        .map_err(|key| E::custom(format_args!("the object repeats the key `{key}`")))
}

/// The value of a member that must be there.
pub fn present<T, E: de::Error>(
    slot: Option<T>,
    key: &'static str,
    object: &'static str,
) -> Result<T, E> {
    slot.ok_or_else(|| E::custom(format_args!("missing field `{key}` of `{object}`")))
}

/// Writes the members without a name of their own.
///
/// A member that has a field in the struct is refused here: the object would repeat its key.
pub fn write_extra<M: SerializeMap>(
    map: &mut M,
    extra: &Extra,
    known: &[&str],
    object: &str,
) -> Result<(), M::Error> {
    for (key, value) in extra.iter() {
        if known.contains(&key) {
            return Err(ser::Error::custom(format_args!(
                "`{key}` is a field of `{object}` and cannot be in its `extra` as well"
            )));
        }
        map.serialize_entry(key, value)?;
    }
    Ok(())
}

/// Defines an object of the wire: a struct with a field for each named member, and `extra` for the
/// members that nobody named, which survive byte for byte.
///
/// It implements `Serialize`, `Deserialize` and `JsonSchema`. This library's own types are made by it, and
/// extensions may make theirs by it.
///
/// Members come in six kinds, each in its own block and in this order:
///
/// | block | on the wire | in Rust | in `new` |
/// |---|---|---|---|
/// | `required` | must be there | `T` | a parameter |
/// | `implied` | must be there | `T` | `T::default()` |
/// | `defaulted` | should be there; absent reads as the default | `T` | `T::default()` |
/// | `lenient` | should be there, peers exist that omit it | `Option<T>` | `Some(T::default())` |
/// | `optional` | may be there; `null` reads as absent | `Option<T>` | `None` |
/// | `nullable` | may be there; `null` is a value like others | `Option<T>` | `None` |
///
/// A constant member is declared in the head, `[tag "type" = "text"]`; so is the type of a result,
/// `[result "complete"]`, which is checked when it is there and written by
/// [`Tagged`](crate::protocol::Tagged).
///
/// ```
/// mcp_core::wire! {
///     /// A word and what it means.
///     pub struct Entry {
///         required {
///             /// The word.
///             word: String = "word",
///         }
///         optional {
///             /// Who wrote it.
///             author: String = "author" => with_author,
///         }
///     }
/// }
///
/// let entry: Entry = serde_json::from_str(r#"{"word":"a","since":1.50}"#)?;
/// assert_eq!(entry.word, "a");
/// assert_eq!(serde_json::to_string(&entry)?, r#"{"word":"a","since":1.50}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! wire {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:path),*)])?
        pub struct $name:ident
        $(as $schema_name:literal)?
        $([tag $tag_key:literal = $tag:literal])?
        $([result $result:literal])?
        $([inline = $inline:literal])?
        {
            $(required {$(
                $(#[doc = $r_doc:literal])*
                $r:ident: $r_ty:ty $(as $r_schema_ty:ty)? = $r_key:literal $({ $($r_schema:tt)* })?,
            )*})?
            $(implied {$(
                $(#[doc = $i_doc:literal])*
                $i:ident: $i_ty:ty = $i_key:literal => $i_with:ident,
            )*})?
            $(defaulted {$(
                $(#[doc = $d_doc:literal])*
                $d:ident: $d_ty:ty = $d_key:literal => $d_with:ident,
            )*})?
            $(lenient {$(
                $(#[doc = $l_doc:literal])*
                $l:ident: $l_ty:ty $(as $l_schema_ty:ty)? = $l_key:literal => $l_with:ident,
            )*})?
            $(optional {$(
                $(#[doc = $o_doc:literal])*
                $o:ident: $o_ty:ty $(as $o_schema_ty:ty)? = $o_key:literal => $o_with:ident
                    $({ $($o_schema:tt)* })?,
            )*})?
            $(nullable {$(
                $(#[doc = $n_doc:literal])*
                $n:ident: $n_ty:ty = $n_key:literal => $n_with:ident,
            )*})?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq $($(, $derive)*)?)]
        #[non_exhaustive]
        pub struct $name {
            $($($(#[doc = $r_doc])* pub $r: $r_ty,)*)?
            $($($(#[doc = $i_doc])* pub $i: $i_ty,)*)?
            $($($(#[doc = $d_doc])* pub $d: $d_ty,)*)?
            $($($(#[doc = $l_doc])* pub $l: Option<$l_ty>,)*)?
            $($($(#[doc = $o_doc])* pub $o: Option<$o_ty>,)*)?
            $($($(#[doc = $n_doc])* pub $n: Option<$n_ty>,)*)?
            /// Members without a field of their own, kept as they came.
            pub extra: $crate::protocol::Extra,
        }

        impl $name {
            #[doc = concat!("A `", stringify!($name), "` with the fields that must be given.")]
            // Not every object has something to choose, so some have a `Default` besides this.
            #[allow(clippy::new_without_default)]
            #[allow(clippy::too_many_arguments)]
            pub fn new($($($r: impl Into<$r_ty>),*)?) -> Self {
                Self {
                    $($($r: $r.into(),)*)?
                    $($($i: Default::default(),)*)?
                    $($($d: Default::default(),)*)?
                    $($($l: Some(Default::default()),)*)?
                    $($($o: None,)*)?
                    $($($n: None,)*)?
                    extra: $crate::protocol::Extra::new(),
                }
            }

            $($(
                #[doc = concat!("Sets [`", stringify!($i), "`](Self#structfield.", stringify!($i), ").")]
                #[must_use]
                pub fn $i_with(mut self, $i: impl Into<$i_ty>) -> Self {
                    self.$i = $i.into();
                    self
                }
            )*)?
            $($(
                #[doc = concat!("Sets [`", stringify!($d), "`](Self#structfield.", stringify!($d), ").")]
                #[must_use]
                pub fn $d_with(mut self, $d: impl Into<$d_ty>) -> Self {
                    self.$d = $d.into();
                    self
                }
            )*)?
            $($(
                #[doc = concat!("Sets [`", stringify!($l), "`](Self#structfield.", stringify!($l), ").")]
                #[must_use]
                pub fn $l_with(mut self, $l: impl Into<$l_ty>) -> Self {
                    self.$l = Some($l.into());
                    self
                }
            )*)?
            $($(
                #[doc = concat!("Sets [`", stringify!($o), "`](Self#structfield.", stringify!($o), ").")]
                #[must_use]
                pub fn $o_with(mut self, $o: impl Into<$o_ty>) -> Self {
                    self.$o = Some($o.into());
                    self
                }
            )*)?
            $($(
                #[doc = concat!("Sets [`", stringify!($n), "`](Self#structfield.", stringify!($n), ").")]
                #[must_use]
                pub fn $n_with(mut self, $n: impl Into<$n_ty>) -> Self {
                    self.$n = Some($n.into());
                    self
                }
            )*)?
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use $crate::__private::serde::ser::SerializeMap as _;

                let mut map = serializer.serialize_map(None)?;
                $(map.serialize_entry($tag_key, $tag)?;)?
                $($(map.serialize_entry($r_key, &self.$r)?;)*)?
                $($(map.serialize_entry($i_key, &self.$i)?;)*)?
                $($(map.serialize_entry($d_key, &self.$d)?;)*)?
                $($(if let Some(value) = &self.$l { map.serialize_entry($l_key, value)?; })*)?
                $($(if let Some(value) = &self.$o { map.serialize_entry($o_key, value)?; })*)?
                $($(if let Some(value) = &self.$n { map.serialize_entry($n_key, value)?; })*)?
                $crate::protocol::wire::write_extra(
                    &mut map,
                    &self.extra,
                    &[
                        $($tag_key,)?
                        $({ let _ = $result; "resultType" },)?
                        $($($r_key,)*)? $($($i_key,)*)? $($($d_key,)*)?
                        $($($l_key,)*)? $($($o_key,)*)? $($($n_key,)*)?
                    ],
                    stringify!($name),
                )?;
                map.end()
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor;

                impl<'de> $crate::__private::serde::de::Visitor<'de> for ObjectVisitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str(concat!("a `", stringify!($name), "` object"))
                    }

                    fn visit_map<A: $crate::__private::serde::de::MapAccess<'de>>(
                        self,
                        mut map: A,
                    ) -> Result<$name, A::Error> {
                        use $crate::protocol::wire;

                        $(let mut tag_seen = { let _ = $tag; false };)?
                        $(let mut result_type_seen = { let _ = $result; false };)?
                        $($(let mut $r: Option<$r_ty> = None;)*)?
                        $($(let mut $i: Option<$i_ty> = None;)*)?
                        $($(let mut $d: Option<Option<$d_ty>> = None;)*)?
                        $($(let mut $l: Option<Option<$l_ty>> = None;)*)?
                        $($(let mut $o: Option<Option<$o_ty>> = None;)*)?
                        $($(let mut $n: Option<$n_ty> = None;)*)?
                        let mut extra = Vec::new();
                        while let Some(key) = map.next_key::<wire::Key<'de>>()? {
                            match key.as_str() {
                                $($tag_key => {
                                    wire::read_tag(&mut map, $tag_key, $tag, &mut tag_seen)?
                                })?
                                $("resultType" => wire::read_tag(
                                    &mut map,
                                    "resultType",
                                    $result,
                                    &mut result_type_seen,
                                )?,)?
                                $($($r_key => wire::read(&mut map, $r_key, &mut $r)?,)*)?
                                $($($i_key => wire::read(&mut map, $i_key, &mut $i)?,)*)?
                                $($($d_key => wire::read(&mut map, $d_key, &mut $d)?,)*)?
                                $($($l_key => wire::read(&mut map, $l_key, &mut $l)?,)*)?
                                $($($o_key => wire::read(&mut map, $o_key, &mut $o)?,)*)?
                                $($($n_key => wire::read(&mut map, $n_key, &mut $n)?,)*)?
                                _ => wire::read_extra(&mut map, key, &mut extra)?,
                            }
                        }
                        $(wire::present(tag_seen.then_some(()), $tag_key, stringify!($name))?;)?
                        Ok($name {
                            $($($r: wire::present($r, $r_key, stringify!($name))?,)*)?
                            $($($i: wire::present($i, $i_key, stringify!($name))?,)*)?
                            $($($d: $d.flatten().unwrap_or_default(),)*)?
                            $($($l: $l.flatten(),)*)?
                            $($($o: $o.flatten(),)*)?
                            $($($n,)*)?
                            extra: wire::finish_extra(extra)?,
                        })
                    }
                }

                deserializer.deserialize_map(ObjectVisitor)
            }
        }

        impl $crate::__private::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                $crate::wire!(@inline $($inline)?)
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $crate::wire!(@schema_name $name $($schema_name)?).into()
            }

            fn json_schema(generator: &mut $crate::__private::schemars::SchemaGenerator) -> $crate::__private::schemars::Schema {
                // Not every object has named members.
                #[allow(unused_mut)]
                let mut object = $crate::protocol::wire_schema::ObjectSchema::new(
                    generator,
                    concat!($($doc, "\n"),*),
                );
                $(object.constant($tag_key, $tag);)?
                $(object.result_type($result);)?
                $($(object.property::<$crate::wire!(@or $r_ty $(, $r_schema_ty)?)>(
                    $r_key, true, concat!($($r_doc, "\n"),*), $crate::wire!(@schema $($($r_schema)*)?),
                );)*)?
                $($(object.property::<$i_ty>(
                    $i_key, true, concat!($($i_doc, "\n"),*), $crate::__private::serde_json::json!({}),
                );)*)?
                $($(object.property::<$d_ty>(
                    $d_key, true, concat!($($d_doc, "\n"),*), $crate::__private::serde_json::json!({}),
                );)*)?
                $($(object.property::<$crate::wire!(@or $l_ty $(, $l_schema_ty)?)>(
                    $l_key, true, concat!($($l_doc, "\n"),*), $crate::__private::serde_json::json!({}),
                );)*)?
                $($(object.property::<$crate::wire!(@or $o_ty $(, $o_schema_ty)?)>(
                    $o_key, false, concat!($($o_doc, "\n"),*), $crate::wire!(@schema $($($o_schema)*)?),
                );)*)?
                $($(object.property::<$n_ty>(
                    $n_key, false, concat!($($n_doc, "\n"),*), $crate::__private::serde_json::json!({}),
                );)*)?
                object.finish()
            }
        }
    };

    (@inline) => { false };
    (@inline $inline:literal) => { $inline };

    (@schema_name $name:ident) => { stringify!($name) };
    (@schema_name $name:ident $schema_name:literal) => { $schema_name };

    (@schema) => { $crate::__private::serde_json::json!({}) };
    (@schema $($schema:tt)+) => { $crate::__private::serde_json::json!({ $($schema)+ }) };

    (@or $ty:ty) => { $ty };
    (@or $ty:ty, $schema_ty:ty) => { $schema_ty };
}

pub use crate::wire;
