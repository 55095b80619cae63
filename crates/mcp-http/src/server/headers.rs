//! Headers that mirror the body: they must be there, and agree.
//!
//! They are compared as they came with the request as it was read: nothing is copied or serialised.
//!
//! Source: specification, *Streamable HTTP → Request metadata* and *Server validation*.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use mcp_core::header_value::decode;
use mcp_core::protocol::methods;
use mcp_core::server::Server;
use mcp_core::{Error, IncomingRequest};

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");

/// # Errors
/// `-32020` for the first header that is missing, doubled, malformed or different.
pub(crate) fn check(
    server: &Server,
    request: &IncomingRequest,
    headers: &HeaderMap,
) -> Result<(), Error> {
    let version = one(headers, &PROTOCOL_VERSION, "MCP-Protocol-Version")?;
    if trimmed(version) != request.protocol_version().as_bytes() {
        return Err(differs("MCP-Protocol-Version"));
    }
    let method = one(headers, &METHOD, "Mcp-Method")?;
    if trimmed(method) != request.method().as_bytes() {
        return Err(differs("Mcp-Method"));
    }
    match server.routing_name(request) {
        // The specification asks for it with three methods. Extensions ask their clients for it with more,
        // but not all send it (FastMCP 4.1.2 with tasks): whoever routes by it has nothing to be misled by.
        Some(Some(_)) if !headers.contains_key(&NAME) && !needs_name(request.method()) => {}
        Some(Some(name)) if decoded(one(headers, &NAME, "Mcp-Name")?, "Mcp-Name")? != name => {
            return Err(differs("Mcp-Name"));
        }
        // The body lacks what the header mirrors. Without the header the method says so.
        Some(None) if headers.contains_key(&NAME) => return Err(differs("Mcp-Name")),
        _ => {}
    }
    server
        .with_param_headers(request, |params| check_params(request, params, headers))
        .unwrap_or(Ok(()))
}

/// Source: specification, *Streamable HTTP → Standard request headers*.
fn needs_name(method: &str) -> bool {
    matches!(method, methods::TOOLS_CALL | methods::RESOURCES_READ | methods::PROMPTS_GET)
}

fn check_params(
    request: &IncomingRequest,
    params: &mcp_core::param_headers::ParamHeaders,
    headers: &HeaderMap,
) -> Result<(), Error> {
    // Arguments that are no object are for the method to refuse.
    let Ok(arguments) = request.arguments() else { return Ok(()) };
    for (param, value) in params.values(arguments) {
        let name = format!("Mcp-Param-{}", param.name);
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Error::HeaderMismatch(format!("`{name}` is no header name")))?;
        match (headers.contains_key(&key), value) {
            // A value of another type than the parameter's cannot be mirrored; the tool refuses it.
            (false, Ok(None) | Err(_)) => {}
            (false, Ok(Some(_))) => return Err(missing(&name)),
            (true, Ok(Some(value))) => {
                let header = decoded(one(headers, &key, &name)?, &name)?;
                if !param.kind.same(&header, &value) {
                    return Err(differs(&name));
                }
            }
            (true, Ok(None) | Err(_)) => return Err(differs(&name)),
        }
    }
    Ok(())
}

/// The only value of a header.
fn one<'a>(headers: &'a HeaderMap, key: &HeaderName, name: &str) -> Result<&'a HeaderValue, Error> {
    let mut values = headers.get_all(key).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(missing(name)),
        (Some(_), Some(_)) => Err(Error::HeaderMismatch(format!("`{name}` is there twice"))),
    }
}

fn decoded<'a>(value: &'a HeaderValue, name: &str) -> Result<std::borrow::Cow<'a, str>, Error> {
    decode(value.as_bytes()).map_err(|error| Error::HeaderMismatch(format!("`{name}`: {error}")))
}

fn trimmed(value: &HeaderValue) -> &[u8] {
    value.as_bytes().trim_ascii()
}

fn missing(name: &str) -> Error {
    Error::HeaderMismatch(format!("`{name}` is missing"))
}

fn differs(name: &str) -> Error {
    Error::HeaderMismatch(format!("`{name}` differs from the body"))
}

/// Whether the body is said to be JSON as it is.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let is_json = match (types.next(), types.next()) {
        (Some(value), None) => value
            .to_str()
            .ok()
            .and_then(|value| value.split(';').next())
            .is_some_and(|media| media.trim().eq_ignore_ascii_case("application/json")),
        _ => false,
    };
    let is_plain = headers
        .get_all(header::CONTENT_ENCODING)
        .iter()
        .all(|coding| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"));
    is_json && is_plain
}

/// What clients send as a rule, so that it need not be taken apart.
const USUAL: [&[u8]; 2] =
    [b"application/json, text/event-stream", b"text/event-stream, application/json"];

/// Whether the client takes both forms of answers. No `Accept` at all means anything (RFC 9110).
pub(crate) fn accepts(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::ACCEPT).iter();
    match (values.next(), values.next()) {
        (None, _) => return true,
        (Some(value), None) if USUAL.contains(&value.as_bytes()) => return true,
        _ => {}
    }
    takes(headers, "application", "json") && takes(headers, "text", "event-stream")
}

/// Whether one of the media ranges covers a type; the most specific one that does decides.
fn takes(headers: &HeaderMap, kind: &str, subtype: &str) -> bool {
    let mut best = (0, false);
    for value in headers.get_all(header::ACCEPT) {
        let Ok(value) = value.to_str() else { continue };
        for range in value.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let (range_kind, range_subtype) =
                parts.next().and_then(|media| media.split_once('/')).unwrap_or_default();
            let specificity = match (
                range_kind.eq_ignore_ascii_case(kind),
                range_subtype.eq_ignore_ascii_case(subtype),
            ) {
                (true, true) => 3,
                (true, false) if range_subtype == "*" => 2,
                _ if range_kind == "*" && range_subtype == "*" => 1,
                _ => continue,
            };
            if specificity > best.0 {
                best = (specificity, parts.all(is_wanted));
            }
        }
    }
    best.1
}

/// Whether a parameter of what a client accepts leaves it acceptable: a weight of zero does not.
pub(crate) fn is_wanted(parameter: &str) -> bool {
    match parameter.split_once('=') {
        Some((name, weight)) if name.trim().eq_ignore_ascii_case("q") => {
            weight.trim().parse::<f32>().is_ok_and(|weight| weight > 0.0)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn both_forms_must_be_accepted() {
        for yes in [
            "application/json, text/event-stream",
            "text/event-stream;q=0.5,APPLICATION/JSON",
            "*/*",
            "application/*, text/*;q=0.1",
        ] {
            assert!(accepts(&with(header::ACCEPT, yes)), "{yes}");
        }
        for no in [
            "application/json",
            "text/event-stream",
            "application/json, text/event-stream;q=0",
            "*/*, text/event-stream;q=0",
            "text/html",
            "",
        ] {
            assert!(!accepts(&with(header::ACCEPT, no)), "{no}");
        }
        assert!(accepts(&HeaderMap::new()));
    }

    #[test]
    fn only_json_is_json() {
        for yes in ["application/json", "Application/JSON; charset=utf-8"] {
            assert!(is_json(&with(header::CONTENT_TYPE, yes)), "{yes}");
        }
        for no in ["text/plain", "application/jsonp", "application/json-rpc", ""] {
            assert!(!is_json(&with(header::CONTENT_TYPE, no)), "{no}");
        }
        let mut coded = with(header::CONTENT_TYPE, "application/json");
        coded.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        assert!(!is_json(&coded));
    }
}
