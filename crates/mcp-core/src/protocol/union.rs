//! Unions whose variants are told apart by the value of one member.

/// Defines an enum over objects. Reading looks at the tag first and then reads the variant it names;
/// nothing is tried in turn. With `other`, objects of an unknown tag are kept as they came.
macro_rules! tagged_union {
    (
        $(#[doc = $doc:literal])*
        pub enum $name:ident by $key:literal $([inline = $inline:literal])? {
            $($(#[doc = $v_doc:literal])* $variant:ident($ty:ty) = $tag:expr,)*
        }
        $(other $other:ident)?
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        #[serde(untagged)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[doc = $v_doc])* $variant($ty),)*
            $(
                /// An object of a kind this library does not know, as it came.
                $other($crate::RawJson),
            )?
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                use serde::de::Error as _;
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

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                false $(|| $inline)?
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
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

pub(crate) use tagged_union;
