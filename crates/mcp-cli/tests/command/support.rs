//! Running the command, and the servers that it talks to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// What the command came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The name of the failure, as scripts get it.
    pub(crate) fn failure(&self) -> String {
        let error = self.err.lines().last().unwrap_or_default();
        let error: Value = serde_json::from_str(error).unwrap_or_else(|_| panic!("{self:?}"));
        error["error"]["name"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mcp"));
    command.stdin(Stdio::null()).env_remove("NO_COLOR");
    command
}

/// Runs `mcp` with these words.
pub(crate) fn mcp<S: AsRef<std::ffi::OsStr>>(words: &[S]) -> Ran {
    ran(command().args(words).output().unwrap())
}

pub(crate) fn mcp_with_input(words: &[&str], input: &str) -> Ran {
    let mut command = command();
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    ran(child.wait_with_output().unwrap())
}

fn ran(output: Output) -> Ran {
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// An example server of this workspace, built first: tests of one package do not build another's programs, and an older one would be
/// found otherwise.
pub(crate) fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_mcp")).parent().unwrap();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--locked", "--package", "examples"]);
        build.args(["--example", "docs-server", "--example", "task-server", "--target-dir"]);
        build.arg(folder.parent().unwrap());
        assert!(build.status().unwrap().success(), "the example servers cannot be built");
        folder.join("examples")
    });
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// A `docs-server` over a folder of its own.
pub(crate) struct Docs {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
}

impl Docs {
    pub(crate) fn start(more: &[&str]) -> Self {
        let folder = folder();
        let mut command = Command::new(example("docs-server"));
        command.arg(folder.path()).args(["--http", "127.0.0.1:0"]).args(more);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { child, url: line.trim().to_owned(), folder }
    }

    /// The address without the endpoint's path.
    pub(crate) fn origin(&self) -> &str {
        self.url.strip_suffix("/mcp").unwrap()
    }
}

impl Drop for Docs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A `task-server` over a folder with some texts.
pub(crate) struct Tasks {
    child: Child,
    pub(crate) url: String,
    pub(crate) folder: tempfile::TempDir,
    _store: tempfile::TempDir,
}

impl Tasks {
    pub(crate) fn start() -> Self {
        let (folder, store) = (folder(), tempfile::tempdir().unwrap());
        std::fs::create_dir(folder.path().join("texts")).unwrap();
        for n in 0..40 {
            let text = folder.path().join(format!("texts/{n}.txt"));
            std::fs::write(text, "x ".repeat(1000)).unwrap();
        }
        let mut command = Command::new(example("task-server"));
        command.arg("serve").arg(folder.path()).args(["--http", "127.0.0.1:0", "--tasks"]);
        command.arg(store.path().join("tasks.redb"));
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        Self { child, url: url.to_owned(), folder, _store: store }
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("note.md"), "# Leases\n\nA lease ends.\n").unwrap();
    folder
}

/// A host that plays a function on each connection, given the request's head and body.
pub(crate) fn host(
    play: impl Fn(String, String, &mut TcpStream) + Send + Sync + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let play = std::sync::Arc::new(play);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, play) = (stream.unwrap(), std::sync::Arc::clone(&play));
            std::thread::spawn(move || {
                if let Some((head, body)) = request(&mut stream) {
                    play(head, body, &mut stream);
                }
            });
        }
    });
    address
}

fn request(stream: &mut TcpStream) -> Option<(String, String)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8(body).ok()?))
}

/// Answers with a document.
pub(crate) fn answer(stream: &mut TcpStream, media_type: &str, body: &str) {
    let length = body.len();
    let _ = stream.write_all(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .as_bytes(),
    );
}
