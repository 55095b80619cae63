//! SPEC.md, DEN-1, SEC-3, CTX-6 and PUR-4: nothing of a person in errors and logs.

use std::io::Write;
use std::sync::{Arc, Mutex};

use mcp_testkit::{Message, call_tool};
use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use crate::world::*;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// Names of patients, in every place of a request that there is.
fn requests() -> Vec<Message> {
    let search = || call_tool("search", search_for("Observation"));
    let reads = |reference: &str| call_tool("read", json!({ "reference": reference }));
    let planted = format!("Patient/{PLANTED}");
    let reason = json!({ "code": "TREAT", "reason": PLANTED });
    vec![
        for_anna(search()),
        for_anna(search()).meta(&key("purpose"), reason),
        for_anna(search()).meta(&key("context"), json!({ "patient": planted })),
        for_anna(search()).meta(&key("context"), json!({ "patient": PLANTED })),
        for_anna(search()).meta(&key("context"), json!({ "patient": ANNA, "encounter": PLANTED })),
        for_anna(search()).meta(&key("purpose"), json!({ "code": PLANTED })),
        for_anna(search()).meta(&key("minimize"), json!({ "deid": PLANTED })),
        for_anna(search()).meta(&key("minimize"), json!({ "since": PLANTED })),
        for_anna(reads(&planted)),
        for_anna(reads(PLANTED)),
        for_anna(reads(BERT)),
        for_anna(call_tool("read", json!({ "reference": [PLANTED] }))),
        for_anna(call_tool("read", json!({ "nobody": PLANTED }))),
        for_anna(call_tool("search", json!({ "type": PLANTED }))),
        for_anna(call_tool(
            "search",
            json!({ "type": "Patient", "parameters": [[PLANTED, PLANTED]] }),
        )),
        for_anna(call_tool("careless", json!({ "reference": "text" }))),
        for_anna(call_tool("careless", json!({ "reference": "tell" }))),
        for_anna(call_tool("careless", json!({ "reference": "invalid" }))),
        for_anna(call_tool("denies", json!({}))),
        treating(search(), ANNA),
        treating(search(), ANNA).declaring_raw(H, json!({ "version": PLANTED })),
        treating(search(), ANNA)
            .declaring_raw(H, json!({ "version": "0.1", "maxConfidentiality": PLANTED })),
    ]
}

#[tokio::test]
async fn no_error_and_no_log_holds_anything_of_a_person() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    for fails in [false, true] {
        let clinic = Clinic::new();
        clinic.trail.fails.store(fails, std::sync::atomic::Ordering::SeqCst);
        for (number, message) in requests().into_iter().enumerate() {
            let answer = clinic.send(message).await;
            let is_good = answer.error().is_none() && answer.assert_result()["isError"] != true;
            if is_good {
                continue;
            }
            let shown = answer.response().to_string();
            for secret in [PLANTED, "anna-4711", "bert-0815", "a-normal"] {
                assert!(!shown.contains(secret), "{number}: {shown}");
            }
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    // Something was logged, so that this can fail.
    assert!(logged.contains("Disclosed"), "{logged}");
    for secret in [PLANTED, "anna-4711", "bert-0815", "a-normal"] {
        let line = logged.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret}");
    }
}
