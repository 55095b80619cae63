//! What the command `mcp` finds of a docs-server on this machine.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::background::Server;
use crate::failure::{Context, Result};
use crate::{peers, workspace};

/// Discovers the server, and holds its card against it: as it is, and with another version. Gives what went wrong.
pub(super) fn problems(docs: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut command = Command::new(docs);
    command.arg(peers::folder().join("docs")).args(["--http", "127.0.0.1:0", "--identity"]);
    let mut server = Server::start(&mut command, folder)?;
    let mcp = workspace::program("bin", "mcp")?;
    let run = |arguments: &[&str]| -> Result<(Option<i32>, Value)> {
        let mut command = Command::new(&mcp);
        command.args(arguments).args(["--json", "--allow-loopback"]).stderr(Stdio::inherit());
        let output = command.output().context("cannot start mcp")?;
        let said = serde_json::from_slice(&output.stdout).context("mcp did not answer in JSON")?;
        Ok((output.status.code(), said))
    };

    let base = server.url().trim_end_matches("/mcp").to_owned();
    let (ended, found) = run(&["discover", &base])?;
    let named = found["servers"][0]["card"].clone();
    let is_listed = ended == Some(0)
        && found["servers"].as_array().is_some_and(|servers| servers.len() == 1)
        && found["servers"][0]["endpoints"][0] == server.url()
        && found["servers"][0]["trust"]["level"] == "digest-matched";

    let card = folder.join("card.json");
    let drift = |card: &Value, path: &Path| {
        std::fs::write(path, card.to_string())
            .context(format_args!("cannot write {}", path.display()))?;
        run(&["card", "drift", &path.to_string_lossy()])
    };
    let (same_ended, same) = drift(&named, &card)?;
    let mut changed = named;
    changed["version"] = "9.9.9".into();
    let (drift_ended, drifted) = drift(&changed, &card)?;
    let differing: Vec<&Value> = drifted["fields"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|field| field["verdict"] == "differs")
        .map(|field| &field["field"])
        .collect();

    let mut problems = Vec::new();
    for (what, is_so, said) in [
        ("discover", is_listed, &found),
        ("drift-of-none", same_ended == Some(0) && same["drift"] == false, &same),
        ("drift-of-version", drift_ended == Some(1) && differing == ["version"], &drifted),
    ] {
        println!("mcp/{what} {}", if is_so { "ok" } else { "FAILED" });
        if !is_so {
            problems.push(format!("mcp/{what}: {said}"));
        }
    }
    problems.extend(server.problem()?);
    Ok(problems)
}
