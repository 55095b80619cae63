//! A wrapper around the client program that notes how the program ended.
//!
//! The suite takes a client that a signal killed for one that ended well. It also splits the
//! client's command at every space and hands it to a shell, so the suite is given only `xtask`
//! itself, by a relative path, and the real command travels in the environment.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use super::checks::Exit;
use crate::background;
use crate::failure::{Context, Failure, Result};

/// The word with which `xtask` is started as a recorder.
pub(crate) const WORD: &str = "record-exit";
/// The environment variable with the client's command, a JSON array of strings.
const COMMAND: &str = "XTASK_RECORD_COMMAND";
/// The environment variable with the file that gets one JSON line for each run.
const FILE: &str = "XTASK_RECORD_FILE";

/// Lets a command of the suite record how the client ends; returns what the suite shall start.
pub(crate) fn install(suite: &mut Command, client: &[String], file: &Path) -> Result<String> {
    let own = std::env::current_exe().context("cannot find the program that runs this")?;
    let folder = own.parent().context("this program lies in no folder")?;
    let name = own.file_name().and_then(OsStr::to_str).context("this program's name is odd")?;
    let client = serde_json::to_string(client).context("cannot pass on the client's command")?;
    suite.current_dir(folder).env(COMMAND, client).env(FILE, file);
    Ok(format!(".{}{name} {WORD}", std::path::MAIN_SEPARATOR))
}

/// Runs the client and ends as it does; called by the suite.
pub(crate) fn record(mut arguments: lexopt::Parser) -> Result<ExitCode> {
    let variable = |name| std::env::var(name).context(format_args!("{name} is not set"));
    let mut words: Vec<String> =
        serde_json::from_str(&variable(COMMAND)?).context(format_args!("cannot read {COMMAND}"))?;
    for word in arguments.raw_args()? {
        words.push(word.into_string().map_err(|_| Failure::new("an argument is not UTF-8"))?);
    }
    let status = background::command(&words)?.status();
    let exit = match &status {
        Ok(status) => exit(*status),
        Err(error) => Exit::Killed(format!("no start: {error}")),
    };
    let file = variable(FILE)?;
    let line = serde_json::to_string(&exit).context("cannot write an exit as JSON")?;
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&file)
        .context(format_args!("cannot open {file}"))?;
    writeln!(file, "{line}").context("cannot write how the client ended")?;
    Ok(match exit {
        Exit::Code(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Exit::Killed(_) => ExitCode::FAILURE,
    })
}

fn exit(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Killed(status.to_string()), Exit::Code)
}

/// Reads what was recorded; nothing if the suite never started the client.
pub(crate) fn recorded(file: &Path) -> Result<Vec<Exit>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context(format_args!("cannot read {}", file.display())),
    };
    text.lines()
        .map(|line| {
            serde_json::from_str(line).context(format_args!("cannot read {}", file.display()))
        })
        .collect()
}
