//! Whatever bytes a client sends, the answer is one line of JSON-RPC with the request's id.
//!
//! Input: a message; then, after a zero byte (which no JSON has), the answers to what the server
//! asks, as an object of input responses.
#![no_main]

mod server;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use libfuzzer_sys::fuzz_target;
use mcp_core::protocol::RequestId;
use mcp_core::server::{RequestContext, Response, ResponseKind, Server, ServerMessage};
use mcp_core::{ClientMessage, RawJson};
use serde::Deserialize;

/// More messages than a request to this server can have.
const MESSAGES: usize = 64;
/// More rounds than a request to this server can take.
const ROUNDS: usize = 4;

static SERVER: LazyLock<Server> = LazyLock::new(|| server::build().unwrap());

/// An object's members, each as it was written: an answer may hold more levels than can be parsed.
type Members = BTreeMap<String, RawJson>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    jsonrpc: String,
    id: Option<RequestId>,
    result: Option<Members>,
    error: Option<WireError>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireError {
    code: i64,
    message: String,
    #[serde(default, rename = "data")]
    _data: Option<RawJson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Notification {
    jsonrpc: String,
    method: String,
    #[serde(default, rename = "params")]
    _params: Option<Members>,
}

fuzz_target!(|data: &[u8]| {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let mut body = parts.next().unwrap_or_default().to_vec();
    let responses = parts.next().and_then(|text| serde_json::from_slice::<RawJson>(text).ok());
    for _ in 0..ROUNDS {
        let sent = body.clone();
        let Some(result) = send(body) else { return };
        // Was something asked? Then answer it with what the input says.
        let kind = result.get("resultType").and_then(|kind| kind.parse::<String>().ok());
        if kind.as_deref() != Some("input_required") {
            return;
        }
        let Some(responses) = &responses else { return };
        let Ok(mut message) = serde_json::from_slice::<Members>(&sent) else { return };
        let Some(Ok(mut params)) = message.get("params").map(RawJson::parse::<Members>) else {
            return;
        };
        params.insert("inputResponses".to_owned(), responses.clone());
        if let Some(state) = result.get("requestState") {
            params.insert("requestState".to_owned(), state.clone());
        }
        message.insert("params".to_owned(), RawJson::from_serialize(&params).unwrap());
        body = serde_json::to_vec(&message).unwrap();
    }
});

/// Sends one message; gives the result, if there is one.
fn send(body: Vec<u8>) -> Option<Members> {
    let context = RequestContext::new();
    match ClientMessage::parse(body) {
        Err(rejection) => {
            let answer = check(&rejection.to_response(), rejection.id.as_ref());
            assert!(answer.is_none(), "a rejection is no result");
            None
        }
        Ok(ClientMessage::Notification(notification)) => {
            let mut handled = pin!(SERVER.notify(notification, context));
            let polled = handled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(polled.is_ready(), "a notification that nothing waits for was not handled");
            None
        }
        Ok(ClientMessage::Request(request)) => {
            let (id, method) = (request.id().clone(), request.method().to_owned());
            // What was read once is read again in the same way: requests are data.
            match ClientMessage::parse(request.body().as_bytes().to_vec()) {
                Ok(ClientMessage::Request(again)) => {
                    assert_eq!(again.id(), &id);
                    assert_eq!(again.method(), method);
                    assert_eq!(again.meta(), request.meta());
                }
                other => panic!("a request was read anew as {other:?}"),
            }
            let mut exchange = pin!(SERVER.dispatch(request, context));
            for _ in 0..MESSAGES {
                let next = exchange.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
                match next {
                    Poll::Ready(Some(ServerMessage::Notification(bytes))) => {
                        let notification: Notification = one_line(&bytes);
                        assert_eq!(notification.jsonrpc, "2.0");
                        assert!(notification.method.starts_with("notifications/"));
                    }
                    Poll::Ready(Some(ServerMessage::Response(response))) => {
                        let result = check(&response, Some(&id));
                        let next =
                            exchange.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
                        assert!(matches!(next, Poll::Ready(None)), "something followed the answer");
                        return result;
                    }
                    Poll::Ready(None) => panic!("{method} ended without an answer"),
                    Poll::Pending => {
                        // Only subscriptions wait for something that no client sends.
                        assert_eq!(method, "subscriptions/listen", "a request hangs");
                        return None;
                    }
                }
            }
            panic!("{method} has no end");
        }
    }
}

/// Checks an answer; gives its result, if it is none of an error.
fn check(response: &Response, id: Option<&RequestId>) -> Option<Members> {
    let answer: Answer = one_line(&response.body);
    assert_eq!(answer.jsonrpc, "2.0");
    assert_eq!(answer.id.as_ref(), id);
    match (answer.result, answer.error, response.kind) {
        (Some(result), None, ResponseKind::Result) => {
            assert!(result.contains_key("resultType"), "a result without a type");
            Some(result)
        }
        (None, Some(error), ResponseKind::MethodError(code) | ResponseKind::Rejected(code)) => {
            assert_eq!(error.code, code);
            assert!(!error.message.is_empty());
            // No input may bring down what the server itself has to get right.
            assert_ne!(code, -32603, "an internal error: {}", error.message);
            None
        }
        (_, _, kind) => panic!("{kind:?} does not go with its message"),
    }
}

fn one_line<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> T {
    assert!(!bytes.contains(&b'\n') && !bytes.contains(&b'\r'), "a line end within a message");
    serde_json::from_slice(bytes).unwrap_or_else(|error| {
        panic!("{error} in {}", String::from_utf8_lossy(bytes));
    })
}
