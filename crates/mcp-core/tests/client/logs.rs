//! What the client tells `tracing`.

use std::fmt::{Debug, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::support::{DONE, Scripted, result};

/// Writes spans and events down, one a line.
#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>, Arc<AtomicU64>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl Subscriber for Notes {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("mcp_core::client")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        self.0.lock().unwrap().push(line.0);
        Id::from_u64(self.1.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("record".to_owned());
        values.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn notes_of(run: impl Future<Output = ()>) -> Vec<String> {
    let notes = Notes::default();
    let kept = notes.clone();
    tracing::subscriber::with_default(notes, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run);
    });
    kept.0.lock().unwrap().clone()
}

#[test]
fn each_request_is_a_span_of_its_trace_and_shows_no_arguments() {
    use mcp_core::trace_context::TraceContext;

    let trace = TraceContext::new_root(true).unwrap();
    let id = trace.trace_id();
    let lines = notes_of(async move {
        let client = Scripted::new([result(DONE)]).client();
        let arguments = serde_json::json!({ "patient": "Jane Doe" });
        client.call("t").arguments(&arguments).trace(trace).send().await.unwrap();
    });
    let all = lines.join("\n");
    assert!(all.contains("span mcp.client.request"), "{all}");
    assert!(all.contains("\"tools/call\""), "{all}");
    assert!(all.contains(&id), "{all}");
    assert!(!all.contains("Jane"), "{all}");
}

#[test]
fn a_tool_that_is_left_out_is_named_with_the_reason() {
    let lines = notes_of(async {
        let list = r#"{"tools":[{"name":"broken","inputSchema":{"type":"object","properties":{
            "a":{"type":"number","x-mcp-header":"Amount"}}}}],"ttlMs":0,"cacheScope":"public"}"#;
        let client = Scripted::mirroring([result(list)]).client();
        assert!(client.list_tools().await.unwrap().is_empty());
    });
    let warning = lines.iter().find(|line| line.starts_with("WARN")).unwrap();
    assert!(warning.contains("broken") && warning.contains("Amount"), "{warning}");
}
