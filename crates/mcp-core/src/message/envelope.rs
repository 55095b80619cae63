//! The one pass over a message: which member stands where.
//!
//! Values are kept as the text they came in; only `params` is taken apart in the same pass, because
//! skipping a value costs more than reading it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The JSON-RPC envelope, with parameters read as `P`.
#[derive(Deserialize)]
pub(super) struct Envelope<'a, P> {
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) method: Option<&'a RawValue>,
    #[serde(default = "none")]
    pub(super) params: Option<P>,
}

/// (The derived default would ask for one of `P`.)
fn none<P>() -> Option<P> {
    None
}

/// So many members of other names are kept.
const OTHERS: usize = 16;

/// The parameters of the core's methods, by place, and those of other methods by name.
#[derive(Default)]
pub(super) struct Params<'a> {
    pub(super) meta: Option<&'a RawValue>,
    pub(super) name: Option<&'a RawValue>,
    pub(super) uri: Option<&'a RawValue>,
    pub(super) cursor: Option<&'a RawValue>,
    pub(super) arguments: Option<&'a RawValue>,
    pub(super) input_responses: Option<&'a RawValue>,
    pub(super) request_state: Option<&'a RawValue>,
    pub(super) others: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// Whether there are more others than are kept.
    pub(super) more: bool,
}

/// The name of a member, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Cow<'de, str>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(name))
            }

            fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(name.to_owned()))
            }
        }
        deserializer.deserialize_identifier(NameVisitor).map(Name)
    }
}

// By hand: a derived one has to drop members that it does not know, or to copy them.
impl<'de: 'a, 'a> Deserialize<'de> for Params<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ParamsVisitor<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for ParamsVisitor<'a> {
            type Value = Params<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Params<'a>, A::Error> {
                let mut params = Params::default();
                // A member that is `null` counts as absent, but not twice.
                let mut seen = [false; 7];
                while let Some(Name(name)) = map.next_key()? {
                    let (index, known, member) = match &*name {
                        "_meta" => (0, "_meta", &mut params.meta),
                        "name" => (1, "name", &mut params.name),
                        "uri" => (2, "uri", &mut params.uri),
                        "cursor" => (3, "cursor", &mut params.cursor),
                        "arguments" => (4, "arguments", &mut params.arguments),
                        "inputResponses" => (5, "inputResponses", &mut params.input_responses),
                        "requestState" => (6, "requestState", &mut params.request_state),
                        _ if params.others.len() < OTHERS => {
                            params.others.push((name, map.next_value()?));
                            continue;
                        }
                        _ => {
                            params.more = true;
                            map.next_value::<IgnoredAny>()?;
                            continue;
                        }
                    };
                    if seen.get(index).copied().unwrap_or_default() {
                        return Err(A::Error::duplicate_field(known));
                    }
                    if let Some(seen) = seen.get_mut(index) {
                        *seen = true;
                    }
                    *member = map.next_value()?;
                }
                Ok(params)
            }
        }
        deserializer.deserialize_map(ParamsVisitor(PhantomData))
    }
}

/// The protocol's own members of a request's `_meta`.
#[derive(Deserialize)]
pub(super) struct MetaMembers<'a> {
    #[serde(borrow, rename = "progressToken", default)]
    pub(super) progress_token: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion", default)]
    pub(super) protocol_version: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo", default)]
    pub(super) client_info: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientCapabilities", default)]
    pub(super) client_capabilities: Option<&'a RawValue>,
    #[serde(borrow, rename = "io.modelcontextprotocol/logLevel", default)]
    pub(super) log_level: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) traceparent: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) tracestate: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) baggage: Option<&'a RawValue>,
}

/// Tells a member that is `null` from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads an object only: a derived struct alone would also take an array for its members in order.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// The text of the parameters alone, by another pass.
pub(super) fn params_text(body: &str) -> Option<&str> {
    #[derive(Deserialize)]
    struct Message<'a> {
        #[serde(borrow, default)]
        params: Option<&'a RawValue>,
    }
    let message: Message<'_> = serde_json::from_str(body).ok()?;
    message.params.map(RawValue::get)
}
