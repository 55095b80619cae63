//! `cargo xtask identity`: what our docs-server says of itself, read with the validators and SDKs of others, and what
//! they sign, verified by ours.
//!
//! The programs are `tests/interop/identity.py` (jsonschema, PyJWT, a2a-sdk), `tests/interop/identity.mjs` (ajv, jose,
//! @a2a-js/sdk) and the example `agent-card` of `mcp-identity`; then what our own command finds there.

mod command;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;

use crate::background::{self, Server};
use crate::failure::{Context, Failure, Result};
use crate::peers::{self, Node, Python};
use crate::{process, workspace};

/// The public address that the server is told to have; nobody asks it there.
const ORIGIN: &str = "https://docs.example.com";
/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Who signs cards for ours, each card, and what ours says of it. The SDKs leave out of a card what is empty.
const SIGNED: &[(&str, &str, &str)] = &[
    ("python", "plain", "signed by python"),
    ("python", "empty", "signed by python, of the pruned card"),
    ("node", "plain", "signed by node"),
    ("node", "empty", "signed by node, of the pruned card"),
];

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    if let Some(argument) = arguments.next()? {
        return Err(argument.unexpected().into());
    }
    step()
}

/// One line that a program prints.
#[derive(Debug, Deserialize)]
struct Line {
    step: String,
    ok: bool,
    error: Option<String>,
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    let folder = workspace::members()?.results()?.join("identity");
    std::fs::create_dir_all(&folder).context(format_args!("cannot make {}", folder.display()))?;
    let cards = workspace::program("example", "agent-card")?;
    let docs = workspace::program("example", "docs-server")?;
    let key = folder.join("docs-server.jwk");
    let secret = process::capture(Command::new(&cards).args(["key", "docs"]))?;
    std::fs::write(&key, secret).context(format_args!("cannot write {}", key.display()))?;

    let mut problems = command::problems(&docs, &folder)?;

    let mut command = Command::new(docs);
    command.arg(peers::folder().join("docs")).args(["--http", "127.0.0.1:0"]);
    command.args(["--identity", "--origin", ORIGIN, "--key"]).arg(&key);
    let mut server = Server::start(&mut command, &folder)?;
    let base = server.url().trim_end_matches("/mcp").to_owned();

    let requirements = peers::folder().join("identity-requirements.txt");
    let python = Python::with("python-identity", &requirements)?.script("identity.py");
    let node = Node::ready()?.script("identity.mjs")?;
    let schema = schema();
    for (name, mut words, origin) in [("python", python, Some(ORIGIN)), ("node", node, None)] {
        words.extend(["--base".to_owned(), base.clone()]);
        words.extend(origin.into_iter().flat_map(|it| ["--origin".to_owned(), it.to_owned()]));
        words.extend(["--schema".to_owned(), schema.display().to_string()]);
        words.extend(["--folder".to_owned(), folder.display().to_string()]);
        problems.extend(follow(name, &mut background::command(&words)?)?);
    }
    for (who, card, expected) in SIGNED {
        let problem = verify(&cards, &folder, who, card, expected)?;
        println!("ours/{who}-{card} {}", if problem.is_none() { "ok" } else { "FAILED" });
        problems.extend(problem);
    }
    problems.extend(server.problem()?);
    if problems.is_empty() { Ok(()) } else { Err(Failure::new(problems.join("\n"))) }
}

/// The published schema of server cards where it is at hand, else the one that ours follows from the types.
fn schema() -> PathBuf {
    let root = workspace::root();
    let published =
        root.ancestors().map(|folder| folder.join("shared/spec/server-card.schema.json"));
    let ours = root.join("schema").join("mcp-identity.json");
    published.into_iter().find(|file| file.is_file()).unwrap_or_else(|| {
        println!("the published schema is not here; {} stands in", ours.display());
        ours
    })
}

/// Runs a program and tells what its steps found.
fn follow(name: &str, command: &mut Command) -> Result<Vec<String>> {
    let mut lines: Vec<Line> = Vec::new();
    let status = process::follow(command, LIMIT, |text| lines.extend(serde_json::from_str(text)))?;
    let mut problems = Vec::new();
    for line in &lines {
        println!("{name}/{} {}", line.step, if line.ok { "ok" } else { "FAILED" });
        if !line.ok {
            let why = line.error.as_deref().unwrap_or("no reason given");
            problems.push(format!("{name}/{}: {why}", line.step));
        }
    }
    if lines.is_empty() || (problems.is_empty() && !status.success()) {
        problems.push(format!("{name} ended with {status} after {} steps", lines.len()));
    }
    Ok(problems)
}

/// Whether our verifier knows who signed a card, and refuses the same card under another name.
fn verify(
    program: &Path,
    folder: &Path,
    who: &str,
    card: &str,
    expected: &str,
) -> Result<Option<String>> {
    let name = format!("{who}-{card}.json");
    let file = folder.join(&name);
    let text =
        std::fs::read_to_string(&file).context(format_args!("cannot read {}", file.display()))?;
    let changed = folder.join(format!("{who}-{card}-changed.json"));
    std::fs::write(&changed, text.replace("Wetter", "Wette"))
        .context(format_args!("cannot write {}", changed.display()))?;
    let key = folder.join(format!("{who}.jwk"));
    let run = |file: &Path| {
        let input = std::fs::File::open(file);
        let input = input.context(format_args!("cannot open {}", file.display()))?;
        let mut command = Command::new(program);
        command.arg("verify").arg(&key).stdin(input).stderr(Stdio::piped());
        command.output().context("cannot start agent-card")
    };
    let (good, bad) = (run(&file)?, run(&changed)?);
    let said = String::from_utf8_lossy(&good.stdout).trim().to_owned();
    if said != expected {
        let error = String::from_utf8_lossy(&good.stderr).trim().to_owned();
        return Ok(Some(format!("{name}: ours says {said:?} {error}")));
    }
    Ok(bad.status.success().then(|| format!("{name}: ours accepts a changed card")))
}
