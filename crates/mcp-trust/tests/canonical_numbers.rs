//! Canonical numbers against an independent implementation: Node's own printing of doubles.

mod numbers;

/// A bounded amount; `cargo run --release -p mcp-trust --example canonical-numbers` compares ten million.
#[test]
fn numbers_are_printed_as_node_prints_them() {
    match numbers::differences(8785, 100_000).unwrap() {
        None => println!("skipped: no node on this machine"),
        Some((differences, first)) => assert_eq!(differences, 0, "{first}"),
    }
}
