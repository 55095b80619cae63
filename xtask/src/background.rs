//! A server that runs while something is tried on it.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use crate::failure::{Context, Failure, Result};
use crate::process::{self, ProcessTree};

/// How long a server may take from its start to the line with its URL.
const START: Duration = Duration::from_secs(60);
/// How many of a server's last lines are kept to explain a failure.
const KEPT: usize = 40;

/// A server in the background. It is killed when the value is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    process: ProcessTree,
    name: String,
    url: String,
    said: Arc<Mutex<Said>>,
}

/// What a server wrote.
#[derive(Debug, Default)]
struct Said {
    last: VecDeque<String>,
    panics: Vec<String>,
}

impl Server {
    /// Starts a server and waits for the line in which it says its URL.
    pub(crate) fn start(command: &mut Command, folder: &Path) -> Result<Self> {
        let name = process::shown(command);
        command.current_dir(folder).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = ProcessTree::spawn(command)?;
        let said = Arc::new(Mutex::new(Said::default()));
        let (found, urls) = mpsc::channel();
        if let Some(output) = process.child().stdout.take() {
            listen(output, Arc::clone(&said), found.clone());
        }
        if let Some(errors) = process.child().stderr.take() {
            listen(errors, Arc::clone(&said), found);
        }
        let mut server = Self { process, name, url: String::new(), said };
        server.url = match urls.recv_timeout(START) {
            Ok(url) => url,
            Err(problem) => {
                let why = match problem {
                    mpsc::RecvTimeoutError::Timeout => {
                        format!("said no URL within {} s", START.as_secs())
                    }
                    mpsc::RecvTimeoutError::Disconnected => "ended without saying a URL".to_owned(),
                };
                return Err(Failure::new(format!(
                    "{} {why}\n{}",
                    server.name,
                    server.last_words()
                )));
            }
        };
        Ok(server)
    }

    /// Where the server listens.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What is wrong with the server, if anything: it ended, or one of its threads panicked.
    pub(crate) fn problem(&mut self) -> Result<Option<String>> {
        if let Some(status) = self.process.has_ended()? {
            return Ok(Some(self.ended(status)));
        }
        Ok(locked(&self.said).panics.first().map(|panic| format!("the server panicked: {panic}")))
    }

    fn ended(&self, status: ExitStatus) -> String {
        format!("the server ended with {status}\n{}", self.last_words())
    }

    /// The server's last lines, indented.
    pub(crate) fn last_words(&self) -> String {
        let said = locked(&self.said);
        said.last.iter().map(|line| format!("    | {line}\n")).collect()
    }
}

/// A poisoned lock only means that a reader thread panicked; what it read so far is still good.
fn locked(said: &Mutex<Said>) -> MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(pipe: impl Read + Send + 'static, said: Arc<Mutex<Said>>, found: mpsc::Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(std::io::Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(url) = url_in(&line) {
                // Nobody waits any more after the first; later URLs are ordinary log lines.
                let _ = found.send(url.to_owned());
            }
            let mut said = locked(&said);
            if line.contains("panicked at") {
                said.panics.push(line.clone());
            }
            if said.last.len() == KEPT {
                said.last.pop_front();
            }
            said.last.push_back(line);
        }
    });
}

/// The first http URL of a line.
fn url_in(line: &str) -> Option<&str> {
    let start = line.find("http://")?;
    let url = line.get(start..)?;
    let end = url.find(|c: char| c.is_whitespace() || "\"'<>,;)".contains(c)).unwrap_or(url.len());
    url.get(..end)
}

/// A command for a program, with its arguments.
pub(crate) fn command(words: &[String]) -> Result<Command> {
    let (program, arguments) = words.split_first().context("an empty command")?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::url_in;

    #[test]
    fn the_url_is_found_in_any_wording() {
        assert_eq!(url_in("listening on http://127.0.0.1:9/mcp"), Some("http://127.0.0.1:9/mcp"));
        assert_eq!(url_in(r#"{"url":"http://[::1]:9/mcp"}"#), Some("http://[::1]:9/mcp"));
        assert_eq!(url_in("http://localhost:1/ (press Ctrl-C)"), Some("http://localhost:1/"));
        assert_eq!(url_in("listening"), None);
    }

    #[cfg(unix)]
    mod processes {
        use crate::background::Server;
        use std::path::Path;
        use std::process::Command;
        use std::time::{Duration, Instant};

        fn shell(script: &str) -> Command {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            command
        }

        #[test]
        fn a_server_that_ends_at_once_is_a_failure_with_its_last_words() {
            let failure =
                Server::start(&mut shell("echo no port left >&2; exit 1"), Path::new("."))
                    .unwrap_err();
            assert!(failure.to_string().contains("no port left"), "{failure}");
        }

        #[test]
        fn a_panic_and_an_end_are_both_noticed() {
            let script = "echo http://127.0.0.1:1/mcp; echo \"thread 'x' panicked at src/a.rs:1:1:\" >&2; sleep 60";
            let mut server = Server::start(&mut shell(script), Path::new(".")).unwrap();
            assert_eq!(server.url(), "http://127.0.0.1:1/mcp");
            let asked = Instant::now();
            let problem = loop {
                if let Some(problem) = server.problem().unwrap() {
                    break problem;
                }
                assert!(asked.elapsed() < Duration::from_secs(30), "the panic was never noticed");
                std::thread::yield_now();
            };
            assert!(problem.contains("panicked at src/a.rs"), "{problem}");

            let mut server =
                Server::start(&mut shell("echo http://127.0.0.1:1/mcp; exit 7"), Path::new("."))
                    .unwrap();
            let asked = Instant::now();
            let problem = loop {
                if let Some(problem) = server.problem().unwrap() {
                    break problem;
                }
                assert!(asked.elapsed() < Duration::from_secs(30), "the end was never noticed");
                std::thread::yield_now();
            };
            assert!(problem.contains("exit status: 7"), "{problem}");
        }
    }
}
