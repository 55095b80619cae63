//! A process that is killed, and a disk that is full: AUD-2.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use mcp_ext_healthcare::audit::{AuditTrail, LoggedTrail};
use mcp_trust::receipts::VerifiedLog;
use serde_json::{Value, json};

use crate::world::*;

const KILLED: &str = "HEALTHCARE_TEST_KILLED";

/// The other process: is called until it is killed, and says which receipts were answered. Does nothing in an ordinary run.
#[tokio::test]
async fn caller() {
    let Ok(path) = std::env::var(KILLED) else { return };
    let (trail, _) = LoggedTrail::open(&options(), path).unwrap();
    let raw = client(&server(trail), Some("doctor:quinn"));
    loop {
        let answer = raw.send(call("search", json!({}))).await;
        writeln!(std::io::stdout(), "answered {}", receipt(&answer).id).unwrap();
    }
}

fn ids(path: &Path) -> Vec<String> {
    let archive = VerifiedLog::open(path).unwrap();
    assert!(archive.torn().is_none());
    let id = |entry: mcp_trust::receipts::Entry| {
        let kept: Value = serde_json::from_str(entry.receipt()).unwrap();
        kept["event"]["id"].as_str().unwrap().to_owned()
    };
    archive.entries(0).unwrap().map(|entry| id(entry.unwrap())).collect()
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let mut answered: Vec<String> = Vec::new();
    for _ in 0..3 {
        let mut caller = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "killed::caller", "--nocapture"])
            .env(KILLED, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(caller.stdout.take().unwrap()).lines();
        let mut since = 0;
        for line in lines.map_while(Result::ok) {
            let Some((_, id)) = line.rsplit_once("answered ") else { continue };
            answered.push(id.to_owned());
            since += 1;
            if since == 20 {
                caller.kill().unwrap();
            }
        }
        caller.wait().unwrap();
        let (trail, _torn) = LoggedTrail::open(&options(), &path).unwrap();
        for id in &answered {
            let kept = trail.event(id).await.unwrap().expect("what was answered is kept");
            assert_eq!(kept.principal.as_deref(), Some("doctor:quinn"));
        }
        drop(trail);
        assert!(ids(&path).len() >= answered.len());
    }
}

/// Wherever an append was cut, what was before is there, and the next goes on from it.
#[tokio::test]
async fn a_log_that_was_cut_anywhere_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    {
        let raw = client(&server(trail(&path, &Keys::new())), Some("doctor:quinn"));
        for _ in 0..3 {
            raw.send(call("search", json!({}))).await.assert_structured();
        }
    }
    let whole = std::fs::read(&path).unwrap();
    let all = ids(&path);
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in (last..whole.len()).step_by(7).chain([last + 1, whole.len() - 1]) {
        let copy = folder.path().join(format!("cut-{cut}"));
        std::fs::write(&copy, &whole[..cut]).unwrap();
        let (trail, torn) = LoggedTrail::open(&options(), &copy).unwrap();
        assert_eq!(torn.is_some(), cut > last, "{cut}");
        let raw = client(&server(trail.clone()), Some("doctor:quinn"));
        let next = receipt(&raw.send(call("search", json!({}))).await);
        raw.send(get(&all[1])).await.assert_result();
        raw.send(get(&all[2])).await.assert_error(-32602);
        raw.send(get(&next.id)).await.assert_result();
        drop((raw, trail));
        let after = ids(&copy);
        assert_eq!(after.len(), 3, "{cut}");
        assert_eq!((&after[..2], &after[2]), (&all[..2], &next.id));
    }
}

/// A log that somebody changed is not opened.
#[test]
fn a_log_that_was_changed_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let raw = client(&server(trail(&path, &Keys::new())), Some("doctor:quinn"));
        for _ in 0..2 {
            raw.send(call("search", json!({}))).await.assert_structured();
        }
    });
    drop(runtime);
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replacen("quinn", "robin", 1)).unwrap();
    assert!(LoggedTrail::open(&options(), &path).is_err());
}

/// AUD-2: a log that somebody else writes to takes nothing more until it is opened again, by itself.
#[tokio::test]
async fn a_log_that_failed_denies_and_then_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let raw = client(&server(trail(&path, &Keys::new())), Some("doctor:quinn"));
    raw.send(call("search", json!({}))).await.assert_structured();
    // The beginning of an entry: as if a write had stopped in the middle.
    let whole = std::fs::read(&path).unwrap();
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"after\":\"").unwrap();
    let answer = raw.send(call("search", json!({}))).await;
    let denial = &answer.assert_result()["_meta"][format!("{H}.denial")];
    assert_eq!(denial["code"], "audit_unavailable");
    assert!(!answer.response().to_string().contains("Observation"));
    // The next call opens it again, cut to its last whole entry.
    let next = receipt(&raw.send(call("search", json!({}))).await);
    assert!(std::fs::read(&path).unwrap().starts_with(&whole));
    raw.send(get(&next.id)).await.assert_result();
    assert_eq!(ids(&path).len(), 2);
}

/// Where it must not be opened again at once, it is left alone.
#[tokio::test]
async fn a_log_that_failed_is_left_alone_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit");
    let trail = trail(&path, &Keys::new()).retry_after(Duration::from_secs(3_600));
    let raw = client(&server(trail), Some("doctor:quinn"));
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{").unwrap();
    for _ in 0..3 {
        raw.send(call("search", json!({}))).await.assert_tool_error();
    }
}

#[cfg(unix)]
mod full {
    use super::*;

    const FULL: &str = "HEALTHCARE_TEST_FULL";

    /// The other process, which may not write more than a few blocks. Does nothing in an ordinary run.
    #[tokio::test]
    async fn writer() {
        let Ok(path) = std::env::var(FULL) else { return };
        let (trail, _) = LoggedTrail::open(&options(), path).unwrap();
        let raw = client(&server(trail.retry_after(Duration::ZERO)), Some("doctor:quinn"));
        let mut denied = 0;
        while denied < 3 {
            let answer = raw.send(call("search", json!({}))).await;
            let result = answer.assert_result();
            if result["isError"] == true {
                let code = &result["_meta"][format!("{H}.denial")]["code"];
                assert_eq!(*code, "audit_unavailable");
                assert!(!result.to_string().contains("weight"));
                denied += 1;
            } else {
                writeln!(std::io::stdout(), "answered {}", receipt(&answer).id).unwrap();
            }
        }
        writeln!(std::io::stdout(), "denied").unwrap();
    }

    /// A full disk, as the system has it for one process: no file may grow over a limit.
    #[tokio::test]
    async fn a_full_disk_denies_and_loses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let test = std::env::current_exe().unwrap();
        // 512 or 1,024 bytes a block, as the shell has it.
        let script =
            "trap '' XFSZ; ulimit -f 40; exec \"$0\" --exact killed::full::writer --nocapture";
        let output = Command::new("sh")
            .args(["-c", script])
            .arg(&test)
            .env(FULL, &path)
            .stderr(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("denied"), "{text}");
        let answered: Vec<_> = text
            .lines()
            .filter_map(|line| line.rsplit_once("answered "))
            .map(|(_, id)| id)
            .collect();
        assert!(!answered.is_empty());
        let (trail, _) = LoggedTrail::open(&options(), &path).unwrap();
        drop(trail);
        let kept = ids(&path);
        assert!(answered.iter().all(|id| kept.iter().any(|own| own == id)));
        println!("{} answered before the disk was full", answered.len());
        // With room again, it goes on.
        let raw = client(&server(super::trail(&path, &Keys::new())), Some("doctor:quinn"));
        raw.send(call("search", json!({}))).await.assert_structured();
    }
}
