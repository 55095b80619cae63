//! A process that is killed while it writes a log.

#![cfg(feature = "receipts")]

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use mcp_trust::receipts::{LogError, LogOptions, VerifiedLog};

const VARIABLE: &str = "MCP_TRUST_TEST_LOG";

fn options() -> LogOptions {
    LogOptions::new("example.com/receipts")
}

/// The other process: appends until it is killed, and says what was acknowledged. Does nothing in an ordinary run.
#[test]
fn writer() {
    let Ok(path) = std::env::var(VARIABLE) else { return };
    let (mut log, _) = options().open_or_create(path).unwrap();
    loop {
        let appended = log.append(&"x".repeat(log.size() as usize % 5000)).unwrap();
        // An answer that cannot be given ends the process, should its parent be gone.
        writeln!(std::io::stdout(), "appended {}", appended.index).unwrap();
    }
}

#[test]
fn what_was_acknowledged_is_there_after_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("receipts");
    let mut acknowledged = 0;
    for _ in 0..5 {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "writer", "--nocapture"])
            .env(VARIABLE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let indexes = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("appended ").and_then(|(_, index)| index.parse::<u64>().ok())
        });
        let mut locked = false;
        for index in indexes {
            // The first is enough to know that the other process has the log.
            if !locked {
                assert!(matches!(options().open(&path), Err(LogError::Locked)));
                locked = true;
            }
            acknowledged = index + 1;
            if acknowledged % 40 == 0 {
                writer.kill().unwrap();
            }
        }
        writer.wait().unwrap();
        assert!(locked);
        let (log, _torn) = options().open(&path).unwrap();
        assert!(log.size() >= acknowledged);
        drop(log);
        assert!(VerifiedLog::open(&path).unwrap().torn().is_none());
    }
}
