//! Unions whose variants are told apart by the value of one member.

/// Defines an enum over objects that are told apart by the text of one member.
///
/// Reading looks at that member first and then reads the variant it names; nothing is tried in turn.
/// With `other`, objects of an unknown kind are kept as they came. It implements `Serialize`,
/// `Deserialize`, `JsonSchema`, and `From` each variant.
///
/// ```
/// mcp_core::wire! {
///     /// A dog.
///     pub struct Dog [tag "kind" = "dog"] {}
/// }
/// mcp_core::wire! {
///     /// A cat.
///     pub struct Cat [tag "kind" = "cat"] {}
/// }
/// mcp_core::tagged_union! {
///     /// An animal.
///     pub enum Animal by "kind" {
///         /// A dog.
///         Dog(Dog) = "dog",
///         /// A cat.
///         Cat(Cat) = "cat",
///     }
/// }
/// assert!(matches!(serde_json::from_str(r#"{"kind":"cat"}"#)?, Animal::Cat(_)));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[macro_export]
macro_rules! tagged_union {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident by $key:literal $([inline = $inline:literal])? {
            $($(#[doc = $v_doc:literal])* $variant:ident($ty:ty) = $tag:expr,)*
        }
        $(other $other:ident)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $v_doc])* $variant($ty),)*
            $(
                /// An object of a kind this library does not know, as it came.
                $other($crate::RawJson),
            )?
        }

        impl $crate::__private::serde::Serialize for $name {
            fn serialize<S: $crate::__private::serde::Serializer>(
                &self,
                serializer: S,
            ) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(value) => value.serialize(serializer),)*
                    $(Self::$other(value) => value.serialize(serializer),)?
                }
            }
        }

        impl<'de> $crate::__private::serde::Deserialize<'de> for $name {
            fn deserialize<D: $crate::__private::serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use $crate::__private::serde::de::Error as _;
                use $crate::protocol::{peek, wire};

                let raw = $crate::RawJson::deserialize(deserializer)?;
                let tag = peek::peek_tag(&raw, $key).map_err(D::Error::custom)?;
                match wire::present(tag, $key, stringify!($name))?.as_str() {
                    $(tag if tag == $tag => peek::parse_as(&raw).map(Self::$variant),)*
                    $(tag if !tag.is_empty() => Ok(Self::$other(raw)),)?
                    tag => Err(D::Error::custom(format_args!(
                        "{}: unknown {} {tag:?}, expected one of: {}",
                        $key,
                        stringify!($name),
                        [$($tag),*].join(", "),
                    ))),
                }
            }
        }

        impl $crate::__private::schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                false $(|| $inline)?
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut $crate::__private::schemars::SchemaGenerator) -> $crate::__private::schemars::Schema {
                $crate::__private::schemars::json_schema!({
                    "description": $crate::protocol::wire_schema::description(
                        concat!($($doc, "\n"),*)
                    ),
                    "anyOf": [$(generator.subschema_for::<$ty>()),*],
                })
            }
        }

        $(
            impl From<$ty> for $name {
                fn from(variant: $ty) -> Self {
                    Self::$variant(variant)
                }
            }
        )*
    };
}

pub use crate::tagged_union;
