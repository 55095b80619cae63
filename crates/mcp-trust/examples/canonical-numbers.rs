//! Compares canonical numbers with Node's own printing of doubles.
//!
//!     cargo run --release -p mcp-trust --example canonical-numbers [count [seed]]
//!
//! Ten million unless told otherwise. Ends with 1 if any differ, with 2 if they cannot be compared.

#![allow(clippy::print_stdout)]

#[path = "../tests/numbers/mod.rs"]
mod numbers;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (count, seed) = match (arguments.next(), arguments.next()) {
        (None, _) => (10_000_000, 8785),
        (Some(Ok(count)), None) => (count, 8785),
        (Some(Ok(count)), Some(Ok(seed))) => (count, seed),
        _ => {
            eprintln!("usage: canonical-numbers [count [seed]]");
            return ExitCode::from(2);
        }
    };
    match numbers::differences(seed, usize::try_from(count).unwrap_or(usize::MAX)) {
        Ok(Some((differences, first))) => {
            println!("{count} numbers, {differences} differ from Node's {first}");
            ExitCode::from(u8::from(differences > 0))
        }
        Ok(None) => {
            eprintln!("node cannot be started");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}
