//! `requestState`: the only thing by which a server knows an earlier round.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mcp_core::sealed::{Binding, Key, KeyRing, Sealer};
use mcp_core::server::{Args, Cx, HandlerError, Limits, ServedTool, Server, ServerBuilder};
use serde_json::{Value, json};

use crate::common::{answer_as, error, result, text};
use crate::support::{Name, Text, accept, call};

/// Two rounds, the first of which is remembered. `runs` counts how often the handler begins.
fn builder(runs: &Arc<AtomicUsize>) -> ServerBuilder {
    let runs = Arc::clone(runs);
    Server::builder("app", "1").tool(ServedTool::new(
        "two",
        move |cx: Cx, Args(text): Args<Text>| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move {
                let first = cx.elicit::<Name>("first", "First?").await?;
                let second = cx.elicit::<Name>("second", "Second?").await?;
                Ok::<_, HandlerError>(format!("{}: {} {}", text.text, first.name, second.name))
            }
        },
    ))
}

fn keyed(byte: u8) -> Server {
    builder(&Arc::default()).keys(KeyRing::new(Key::from_bytes([byte; 32]))).build().unwrap()
}

fn round(state: Value, key: &str) -> Value {
    let mut more = json!({ "inputResponses": {} });
    more["inputResponses"][key] = accept(json!({ "name": "Ada" }));
    if !state.is_null() {
        more["requestState"] = state;
    }
    call("two", json!({ "text": "x" }), more)
}

/// The state after the first answer.
async fn state_of(server: &Server) -> Value {
    let asked = result(server, &round(Value::Null, "first")).await;
    assert_eq!(asked["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["second"]);
    asked["requestState"].clone()
}

#[tokio::test]
async fn no_state_without_its_token() {
    let server = keyed(1);
    let state = state_of(&server).await;
    // Without it the call begins anew, whatever was answered before.
    let asked = result(&server, &round(Value::Null, "second")).await;
    assert_eq!(asked["inputRequests"].as_object().unwrap().keys().collect::<Vec<_>>(), ["first"]);
    assert_eq!(text(&result(&server, &round(state, "second")).await), "x: Ada Ada");
}

#[tokio::test]
async fn round_trip_over_two_servers() {
    let (one, other, stranger) = (keyed(1), keyed(1), keyed(2));
    let state = state_of(&one).await;
    drop(one);
    assert_eq!(text(&result(&other, &round(state.clone(), "second")).await), "x: Ada Ada");
    assert_eq!(error(&stranger, &round(state, "second")).await["code"], -32602);
}

#[tokio::test]
async fn garbage_states_are_refused() {
    let runs = Arc::default();
    let server = builder(&runs).build().unwrap();
    let good = state_of(&server).await;
    let good = good.as_str().unwrap();
    let mut wrong: Vec<_> = ["", "x", "=", "!!!", "AAAA", "\0", "\u{1f600}", "null", "{}"]
        .map(|text| json!(text))
        .into();
    wrong.extend([json!(7), json!([]), json!({}), json!(true)]);
    wrong.push(json!("A".repeat(1 << 20)));
    wrong.push(json!(format!("{good}{good}")));
    wrong.push(json!(format!(" {good}")));
    wrong.push(json!(&good[1..]));
    wrong.push(json!(&good[..good.len() / 2]));
    let before = runs.load(Ordering::SeqCst);
    for state in wrong {
        let refused = error(&server, &round(state.clone(), "second")).await;
        assert_eq!(refused["code"], -32602, "{state:.60}");
    }
    assert_eq!(runs.load(Ordering::SeqCst), before, "the handler does not run");
    assert!(result(&server, &round(json!(good), "second")).await["content"].is_array());
}

#[tokio::test]
async fn refused_state_says_nothing() {
    let server = keyed(1);
    let state = state_of(&server).await;
    let text = state.as_str().unwrap();
    let tampered = json!(format!("{}{}", &text[..text.len() - 4], "AAAA"));
    let foreign = state_of(&keyed(2)).await;
    let [fresh, expired] = [SystemTime::now, || UNIX_EPOCH].map(|clock| {
        let ring = KeyRing::new(Key::from_bytes([1; 32]));
        let binding = Binding {
            principal: None,
            method: "tools/call",
            target: "two",
            arguments: r#"{"text":"x"}"#,
        };
        let minutes = Duration::from_secs(600);
        json!(Sealer::with_clock(ring, clock).seal(&binding, minutes, b"{}").unwrap())
    });
    assert!(result(&server, &round(fresh, "second")).await["inputRequests"].is_object());
    let mut refusals = Vec::new();
    for state in [tampered, foreign, expired, json!("nonsense")] {
        refusals.push(error(&server, &round(state, "second")).await);
    }
    let mut other = round(state.clone(), "second");
    other["params"]["arguments"]["text"] = json!("y");
    refusals.push(error(&server, &other).await);
    let principal = answer_as(&server, "bob", &round(state.clone(), "second")).await;
    refusals.push(principal["error"].clone());
    assert_eq!(refusals[0]["code"], -32602);
    assert!(refusals.iter().all(|refusal| *refusal == refusals[0]), "{refusals:?}");
    assert!(result(&server, &round(state, "second")).await["content"].is_array());
}

#[tokio::test]
async fn abandoned_rounds_leave_nothing() {
    struct Alive(Arc<AtomicUsize>);
    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
    let alive = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&alive);
    // One at a time: a call that were still there would keep the next one out.
    let server = Server::builder("app", "1")
        .limits(Limits { in_flight: 1, ..Limits::default() })
        .tool(ServedTool::new("asks", move |cx: Cx| {
            counter.fetch_add(1, Ordering::SeqCst);
            let alive = Alive(Arc::clone(&counter));
            async move {
                let name = cx.elicit::<Name>("name", "Who?").await?.name;
                drop(alive);
                Ok::<_, HandlerError>(name)
            }
        }))
        .build()
        .unwrap();
    for _ in 0..10_000 {
        let asked = result(&server, &call("asks", json!({}), json!({}))).await;
        assert_eq!(asked["resultType"], "input_required");
        assert_eq!(alive.load(Ordering::SeqCst), 0);
    }
}
