//! Requests, borrowed from the bytes they came in.

use std::borrow::Cow;

use bench_support::workload::PROTOCOL_VERSION;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::value::RawValue;

/// A JSON-RPC error before it is written: code and message.
pub(crate) type RpcError = (i32, &'static str);

/// A request of any method: the parameters of all methods of the workload together, so that one
/// pass over the bytes is enough.
#[derive(Deserialize)]
pub(crate) struct Request<'a> {
    #[serde(borrow)]
    jsonrpc: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) id: &'a RawValue,
    #[serde(borrow)]
    pub(crate) method: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) params: Params<'a>,
}

#[derive(Deserialize)]
pub(crate) struct Params<'a> {
    #[serde(borrow, rename = "_meta")]
    pub(crate) meta: Meta<'a>,
    #[serde(borrow, default)]
    pub(crate) name: Text<'a>,
    /// Raw: what it holds depends on the tool, whose name may come after it.
    #[serde(borrow)]
    pub(crate) arguments: Option<&'a RawValue>,
    pub(crate) notifications: Option<Notifications>,
}

#[derive(Deserialize)]
pub(crate) struct Meta<'a> {
    #[serde(borrow, rename = "io.modelcontextprotocol/protocolVersion")]
    pub(crate) protocol_version: Cow<'a, str>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities")]
    _client_capabilities: ClientCapabilities,
    #[serde(borrow, rename = "io.modelcontextprotocol/clientInfo")]
    _client_info: Option<Implementation<'a>>,
    #[serde(borrow, rename = "progressToken")]
    pub(crate) progress_token: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct ClientCapabilities {
    #[serde(rename = "elicitation")]
    _elicitation: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Implementation<'a> {
    #[serde(borrow, rename = "name")]
    _name: Cow<'a, str>,
    #[serde(borrow, rename = "version")]
    _version: Cow<'a, str>,
}

/// A string that is only copied if it has escapes; empty where there is none. (Serde borrows a
/// `Cow`, but not one in an `Option`.)
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

#[derive(Clone, Copy, Deserialize)]
pub(crate) struct Notifications {
    #[serde(default, rename = "toolsListChanged")]
    pub(crate) tools_list_changed: bool,
}

/// The arguments of the tools that take a text.
#[derive(Deserialize)]
pub(crate) struct TextArguments<'a> {
    #[serde(borrow)]
    pub(crate) text: Cow<'a, str>,
}

impl<'a> Request<'a> {
    /// Reads one request.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, RpcError> {
        let request: Self = serde_json::from_slice(bytes).map_err(|error| {
            if error.is_data() { (-32602, "Invalid params") } else { (-32700, "Parse error") }
        })?;
        if request.jsonrpc != "2.0" || !is_id(request.id) {
            return Err((-32600, "Invalid request"));
        }
        if request.params.meta.protocol_version != PROTOCOL_VERSION {
            return Err((-32022, "Unsupported protocol version"));
        }
        Ok(request)
    }
}

/// An id is a string or an integer.
fn is_id(id: &RawValue) -> bool {
    match id.get().as_bytes() {
        [b'"', ..] => true,
        number => number.iter().all(|byte| matches!(byte, b'-' | b'0'..=b'9')),
    }
}
