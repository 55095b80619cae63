//! The floor: what no correct server of the workload can leave out.
//!
//! It reads the whole envelope, `_meta`, parameters and arguments with serde into borrowed
//! structs, checks the headers against them, runs the tool and writes the answer into one
//! buffer. It has no registry, no extensions, no schema validation, no cancellation, no limits
//! and no dynamic dispatch.

mod answer;
mod http;
mod request;
mod stdio;

use bench_support::{Control, HeapProbe, Result, count_allocations, workload};

/// Runs the mode named on the command line: `http`, `stdio`, `stdio-blocking` or `allocations`.
///
/// # Errors
///
/// An unknown mode, no control channel, or what the mode failed with.
pub fn run(heap: Option<HeapProbe>) -> Result<()> {
    match (std::env::args().nth(1).as_deref(), heap) {
        (Some("http"), _) => {
            let control = Control::connect(heap)?;
            bench_support::runtime()?.block_on(http::serve(control))
        }
        (Some("stdio"), _) => {
            let control = Control::connect(heap)?;
            bench_support::runtime()?.block_on(stdio::serve(control))
        }
        (Some("stdio-blocking"), _) => stdio::serve_blocking(Control::connect(heap)?),
        (Some("allocations"), Some(heap)) => allocations(heap),
        (Some("allocations"), None) => Err("counted by bench-floor-counted".into()),
        (mode, _) => Err(format!("no mode {mode:?}").into()),
    }
}

/// Prints the allocations from bytes to bytes of each kind of request, one JSON object.
fn allocations(heap: HeapProbe) -> Result<()> {
    let server = answer::Server::new();
    let mut counted = serde_json::Map::new();
    for scenario in workload::COUNTED {
        let line = scenario.request(1_000_000);
        let mean = count_allocations(heap, || {
            let answer = server.answer_bytes(line.as_bytes());
            if answer.is_empty() { Err("no answer".into()) } else { Ok(()) }
        })?;
        counted.insert(scenario.label().to_owned(), mean.into());
    }
    println!("{}", serde_json::Value::Object(counted));
    Ok(())
}
