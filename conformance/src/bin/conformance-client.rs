//! `conformance-client URL`: the client fixture. What to do is in the environment.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use conformance::client::{Scenario, run};

#[tokio::main]
async fn main() -> ExitCode {
    let Some(url) = std::env::args().next_back().filter(|last| last.contains("://")) else {
        eprintln!("usage: conformance-client URL");
        return ExitCode::from(2);
    };
    let scenario = Scenario::from_env();
    match run(&url, &scenario).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance-client: {}: {error}", scenario.name);
            ExitCode::FAILURE
        }
    }
}
