//! Running other programs: shown, timed, and never left behind.

use std::io::{BufRead, BufReader, IsTerminal};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Context, Failure, Result};

/// How long a pipe may stay open after its program ended. Only a grandchild can hold it open.
const LINGER: Duration = Duration::from_secs(2);

/// The command line as one would type it; the program without its folder.
pub(crate) fn shown(command: &Command) -> String {
    let mut line = String::new();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            line += &format!("{}={:?} ", name.display(), value.display().to_string());
        }
    }
    let program = Path::new(command.get_program());
    line += &program.file_name().unwrap_or(program.as_os_str()).to_string_lossy();
    for argument in command.get_args() {
        let argument = argument.to_string_lossy();
        let plain = !argument.is_empty() && !argument.contains([' ', '"', '\'', '$', '*']);
        line += &if plain { format!(" {argument}") } else { format!(" {argument:?}") };
    }
    line
}

/// Runs a program with the terminal as its output; a failure unless it succeeds.
pub(crate) fn run(command: &mut Command) -> Result {
    println!("$ {}", shown(command));
    let status = command.status().context(format_args!("cannot start {}", shown(command)))?;
    succeeded(command, status)
}

/// Runs a program and returns its standard output; its standard error goes to the terminal.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .context(format_args!("cannot start {}", shown(command)))?;
    succeeded(command, output.status)?;
    String::from_utf8(output.stdout)
        .context(format_args!("the output of {} is not UTF-8", shown(command)))
}

/// Whether a program can be started at all, asked for its version.
pub(crate) fn is_installed(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn succeeded(command: &Command, status: ExitStatus) -> Result {
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(format!("{} ended with {status}", shown(command))))
    }
}

/// Runs a program whose output and errors come through one pipe, so that they keep their order.
///
/// Every line is handed to `line`. After `limit` the program and everything that it started are
/// killed and the run is a failure.
pub(crate) fn follow(
    command: &mut Command,
    limit: Duration,
    mut line: impl FnMut(&str),
) -> Result<ExitStatus> {
    let name = shown(command);
    let (reader, writer) = std::io::pipe().context("cannot make a pipe")?;
    let second = writer.try_clone().context("cannot make a pipe")?;
    command.stdin(Stdio::null()).stdout(writer).stderr(second);
    let mut child = ProcessTree::spawn(command)?;
    // The command still owns the pipe's writing ends; only dropping them lets the reader see an end.
    command.stdout(Stdio::null()).stderr(Stdio::null());

    let (lines, incoming) = mpsc::channel();
    thread::spawn(move || {
        for text in BufReader::new(reader).split(b'\n').map_while(std::io::Result::ok) {
            let text = String::from_utf8_lossy(&text).trim_end_matches('\r').to_owned();
            if lines.send(text).is_err() {
                break;
            }
        }
    });

    let started = Instant::now();
    let mut ended: Option<Instant> = None;
    loop {
        match incoming.recv_timeout(Duration::from_millis(200)) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                if ended.is_none() && child.has_ended()?.is_some() {
                    ended = Some(Instant::now());
                }
                if ended.is_some_and(|at| at.elapsed() > LINGER) {
                    break;
                }
            }
        }
        if started.elapsed() > limit {
            child.kill();
            return Err(Failure::new(format!("{name} did not end within {} s", limit.as_secs())));
        }
    }
    child.wait()
}

/// A running program that is killed, with all that it started, when the value is dropped.
#[derive(Debug)]
pub(crate) struct ProcessTree {
    child: Child,
    grouped: bool,
}

impl ProcessTree {
    pub(crate) fn spawn(command: &mut Command) -> Result<Self> {
        // A group of its own can be killed whole. At a terminal it would also stop Ctrl-C from
        // reaching the program, so there it stays in ours.
        let grouped = cfg!(unix) && !std::io::stdin().is_terminal();
        #[cfg(unix)]
        if grouped {
            std::os::unix::process::CommandExt::process_group(command, 0);
        }
        let child = command.spawn().context(format_args!("cannot start {}", shown(command)))?;
        Ok(Self { child, grouped })
    }

    /// The program's handle, for its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The exit status, if the program has ended.
    pub(crate) fn has_ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().context("cannot ask for a program's state")
    }

    /// Waits for the program's end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().context("cannot wait for a program")
    }

    /// Kills the program and what it started.
    pub(crate) fn kill(&mut self) {
        let id = self.child.id().to_string();
        let mut killer = if cfg!(windows) {
            let mut killer = Command::new("taskkill");
            killer.args(["/T", "/F", "/PID", &id]);
            killer
        } else {
            let mut killer = Command::new("kill");
            killer.args(["-KILL", "--", &format!("-{id}")]);
            killer
        };
        // Either may fail because the program has just ended; then there is nothing to kill.
        if self.grouped || cfg!(windows) {
            let _ = killer.stdout(Stdio::null()).stderr(Stdio::null()).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ProcessTree {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(Some(_))) {
            self.kill();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn output_and_errors_keep_their_order() {
        let mut lines = Vec::new();
        let status = follow(
            &mut shell("echo one; echo two >&2; echo three; exit 3"),
            Duration::from_secs(60),
            |line| lines.push(line.to_owned()),
        )
        .unwrap();
        assert_eq!(lines, ["one", "two", "three"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed_and_named() {
        let failure =
            follow(&mut shell("sleep 600"), Duration::from_millis(300), |_| {}).unwrap_err();
        assert!(failure.to_string().contains("sleep 600"), "{failure}");
        assert!(failure.to_string().contains("did not end"), "{failure}");
    }

    #[test]
    fn a_grandchild_that_holds_the_pipe_does_not_hold_us() {
        let status =
            follow(&mut shell("sleep 30 & echo started"), Duration::from_secs(20), |_| {}).unwrap();
        assert!(status.success());
    }

    #[test]
    fn the_command_line_is_shown_as_typed() {
        let mut command = Command::new("cargo");
        command.args(["test", "--", "a b"]).env("RUSTFLAGS", "-D warnings");
        assert_eq!(shown(&command), r#"RUSTFLAGS="-D warnings" cargo test -- "a b""#);
    }
}
