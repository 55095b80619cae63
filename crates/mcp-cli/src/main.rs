//! The command `mcp`: finds servers of the Model Context Protocol, checks that they are what they say, lists what they
//! offer, calls their tools.
//!
//! Each command makes a [`report::Report`]: lines for people, one JSON object for scripts (`--json`), and whether the
//! answer is yes. What goes wrong on the way is a [`failure::Failure`], which has a name and an exit code.
#![forbid(unsafe_code)]

mod arguments;
mod ask;
mod call;
mod card;
mod cli;
mod connect;
mod discover;
mod failure;
mod files;
mod keys;
mod list;
mod receipts;
mod report;
mod sign;
mod text;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{CardCommand, Cli, Command, KeysCommand, ReceiptsCommand};
use crate::failure::Failure;
use crate::report::{Report, Style};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = error.exit_code();
            // Help goes to standard output, mistakes to standard error; nobody may be reading.
            let _ = error.print();
            return ExitCode::from(u8::try_from(code).unwrap_or(2));
        }
    };
    let json = cli.json;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Err(error) => Err(Failure::System(error)),
        Ok(runtime) => {
            let outcome = runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted),
                    outcome = run(cli.command) => outcome,
                }
            });
            // A question that nobody answers any more must not keep the program.
            runtime.shutdown_background();
            outcome
        }
    };
    finish(outcome, json)
}

async fn run(command: Command) -> Result<Report, Failure> {
    match command {
        Command::Discover(options) => discover::run(options).await,
        Command::Card(CardCommand::Show(options)) => card::show(options).await,
        Command::Card(CardCommand::Verify(options)) => card::verify(options).await,
        Command::Card(CardCommand::Sign(options)) => sign::run(options).await,
        Command::Card(CardCommand::Drift(options)) => card::drift(options).await,
        Command::Keys(KeysCommand::New(options)) => keys::new(&options),
        Command::Keys(KeysCommand::Show(options)) => keys::show(&options),
        Command::List(options) => list::run(options).await,
        Command::Call(options) => call::run(options).await,
        Command::Receipts(ReceiptsCommand::Verify(options)) => receipts::verify(&options),
    }
}

/// Says how it went, and says it by the exit code too.
fn finish(outcome: Result<Report, Failure>, json: bool) -> ExitCode {
    let failure = match outcome {
        Ok(report) => {
            let text = match json {
                true => report.json(),
                false => report.text(Style::of_stdout()),
            };
            let mut out = std::io::stdout().lock();
            match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                // Whoever read has seen enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                    return report.code();
                }
                Err(error) => Failure::Output(error),
                Ok(()) => return report.code(),
            }
        }
        Err(failure) => failure,
    };
    let text = if json { failure.json() } else { failure.text(Style::of_stderr()) };
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    ExitCode::from(failure.code())
}
