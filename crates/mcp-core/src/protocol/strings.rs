//! Enumerations that are strings on the wire.

/// Defines an enum of named strings. With `other`, any further string is kept in `Other`.
macro_rules! string_enum {
    (
        $(#[doc = $doc:literal])*
        $(#[derive($($derive:path),*)])?
        pub enum $name:ident $([inline = $inline:literal])? {
            $($(#[doc = $v_doc:literal])* $variant:ident = $text:literal,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash $($(, $derive)*)?)]
        pub enum $name {
            $($(#[doc = $v_doc])* $variant,)*
        }

        impl $name {
            /// Every value, in the order of their declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The value as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::protocol::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$variant),)*
                    _ => Err($crate::protocol::UnknownName::new(
                        stringify!($name),
                        text,
                        &[$($text),*],
                    )),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::protocol::wire::Key::deserialize(deserializer)?
                    .as_str()
                    .parse()
                    .map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            // The published schema repeats most enumerations where they are used.
            fn inline_schema() -> bool {
                true $(&& $inline)?
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $crate::protocol::wire_schema::description(
                        concat!($($doc, "\n"),*)
                    ),
                    "enum": [$($text),*],
                })
            }
        }
    };

    (
        $(#[doc = $doc:literal])*
        pub open enum $name:ident $([inline = $inline:literal])? {
            $($(#[doc = $v_doc:literal])* $variant:ident = $text:literal,)*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[doc = $v_doc])* $variant,)*
            /// A value this library has no name for.
            Other(String),
        }

        impl $name {
            /// The value as it stands on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)*
                    Self::Other(text) => text,
                }
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                match text {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text.to_owned()),
                }
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                match text.as_str() {
                    $($text => Self::$variant,)*
                    _ => Self::Other(text),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = $crate::protocol::wire::Key::deserialize(deserializer)?;
                Ok(text.as_str().into())
            }
        }

        impl schemars::JsonSchema for $name {
            // The published schema repeats most enumerations where they are used.
            fn inline_schema() -> bool {
                true $(&& $inline)?
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string",
                    "description": $crate::protocol::wire_schema::description(
                        concat!($($doc, "\n"),*)
                    ),
                })
            }
        }
    };
}

pub(crate) use string_enum;

/// A string that is none of the names an enumeration has.
///
/// ```
/// use mcp_core::protocol::Role;
///
/// let error = "system".parse::<Role>().unwrap_err();
/// assert_eq!(error.to_string(), "unknown Role \"system\", expected one of: user, assistant");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown {kind} {found:?}, expected one of: {}", expected.join(", "))]
pub struct UnknownName {
    kind: &'static str,
    found: String,
    expected: &'static [&'static str],
}

impl UnknownName {
    pub(crate) fn new(kind: &'static str, found: &str, expected: &'static [&'static str]) -> Self {
        Self { kind, found: found.to_owned(), expected }
    }

    /// The string that was found.
    pub fn found(&self) -> &str {
        &self.found
    }
}
