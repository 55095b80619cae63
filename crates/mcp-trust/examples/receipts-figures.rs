//! How many receipts a second this machine and disk take, and how fast they are verified.
//!
//!     cargo run --release -p mcp-trust --example receipts-figures [folder] [--quick]
//!
//! The log is written to a folder that is made within the given one (the current one unless told otherwise), and
//! removed again. Figures depend on the disk, so what bare writes with a synchronisation each give stands beside
//! them.

#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use mcp_trust::canonical::Canonical;
use mcp_trust::jws::{self, Header, JwsVerifier};
use mcp_trust::keys::{Algorithm, SigningKey};
use mcp_trust::receipts::{LogError, LogOptions, SharedLog, SyncPolicy, VerifiedLog, verify};
use serde_json::{Value, json};

/// How long each figure is measured.
fn time() -> Duration {
    if std::env::args().any(|argument| argument == "--quick") {
        return Duration::from_millis(250);
    }
    Duration::from_secs(2)
}

fn main() -> Result<(), Box<dyn Error>> {
    let within = std::env::args().skip(1).find(|argument| argument != "--quick");
    let within = within.unwrap_or_else(|| ".".to_owned());
    // Removed when it is dropped, also if somebody no longer reads what is printed.
    let folder = tempfile::tempdir_in(within)?;
    figures(folder.path())
}

/// A decision as a payment server would record it.
fn receipt(number: u64) -> Value {
    json!({
        "callId": format!("call-{number:08}"),
        "kind": "decision",
        "principal": "https://bank.example/clients/4711",
        "policyDigest": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        "ruleIds": ["limit.daily", "payee.known"],
        "linkDigest": "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "outcome": "executed",
        "ts": 1_790_000_000 + number,
    })
}

fn figures(folder: &Path) -> Result<(), Box<dyn Error>> {
    let line = Canonical::of(&receipt(0))?;
    println!(
        "a receipt has {} bytes, an entry about {}",
        line.as_bytes().len(),
        line.as_bytes().len() + 180
    );

    let mut bare = File::create(folder.join("bare"))?;
    let bytes = vec![b'x'; line.as_bytes().len() + 180];
    show("bare write and synchronisation", 1, || {
        bare.write_all(&bytes)?;
        Ok(bare.sync_data()?)
    })?;
    show("bare write of 100, one synchronisation", 100, || {
        bare.write_all(&bytes.repeat(100))?;
        Ok(bare.sync_data()?)
    })?;

    let options = LogOptions::new("example.com/receipts");
    let mut number = 0;
    let mut next = || {
        number += 1;
        receipt(number)
    };
    let mut log = options.create(folder.join("each"))?;
    show("append, synchronised each", 1, || {
        log.append(&next())?;
        Ok(())
    })?;
    let log = SharedLog::new(options.create(folder.join("shared"))?)?;
    for threads in [4, 16, 64] {
        shared(&log, threads)?;
    }
    let mut log = options.create(folder.join("batches"))?;
    show("append in batches of 100, synchronised each", 100, || {
        let receipts: Result<Vec<_>, _> = (0..100).map(|_| Canonical::of(&next())).collect();
        log.append_all(&receipts?)?;
        Ok(())
    })?;
    let mut log = options.clone().sync(SyncPolicy::OnRequest).create(folder.join("many"))?;
    show("append, not synchronised", 1, || {
        log.append(&next())?;
        Ok(())
    })?;
    let size = log.size();
    drop(log);

    let path = folder.join("many");
    let length = fs::metadata(&path)?.len();
    let start = Instant::now();
    let summary = verify(&mut BufReader::new(File::open(&path)?))?;
    rate("verify a log", summary.checkpoint.size(), start.elapsed());
    println!(
        "{:>12.0} MB/s  of {:.0} MB",
        length as f64 / 1e6 / start.elapsed().as_secs_f64(),
        length as f64 / 1e6
    );
    let start = Instant::now();
    let archive = VerifiedLog::open(&path)?;
    rate("verify a log and keep its tree", size, start.elapsed());
    let key = SigningKey::generate(Algorithm::EdDsa)?;
    let note = summary.checkpoint.sign_now(&key)?;
    let mut index = 0;
    show("prove an entry", 1, || {
        index = (index + 7919) % size;
        archive.prove(index, &note)?;
        Ok(())
    })?;

    for algorithm in Algorithm::ALL {
        let key = SigningKey::generate(algorithm)?;
        show(&format!("sign a receipt, {algorithm}"), 1, || {
            jws::sign_now(Header::new(), line.as_bytes(), &key)?;
            Ok(())
        })?;
        let text = jws::sign_now(Header::new(), line.as_bytes(), &key)?.compact();
        let verifier = JwsVerifier::new(key.verifying_key());
        show(&format!("verify a signed receipt, {algorithm}"), 1, || {
            verifier.compact(&text)?;
            Ok(())
        })?;
    }
    show("canonical form of a receipt, from text", 1, || {
        Canonical::from_slice(line.as_bytes())?;
        Ok(())
    })?;
    show("strict check of a receipt", 1, || {
        mcp_trust::strict::check(line.as_bytes())?;
        Ok(())
    })
}

/// Threads that each append, and wait until it is on the disk, again and again.
fn shared(log: &SharedLog, threads: u64) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let counts: Result<Vec<u64>, LogError> = std::thread::scope(|scope| {
        let append = || {
            let mut count = 0;
            while start.elapsed() < time() {
                log.append(&receipt(count))?;
                count += 1;
            }
            Ok(count)
        };
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(append)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(LogError::Failed))).collect()
    });
    let what = format!("append by {threads} threads, synchronised each before it is acknowledged");
    rate(&what, counts?.iter().sum(), start.elapsed());
    Ok(())
}

/// Does something again and again, and shows how often a second; each time counts as `times`.
fn show(
    what: &str,
    times: u64,
    mut once: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < time() {
        once()?;
        count += times;
    }
    rate(what, count, start.elapsed());
    Ok(())
}

fn rate(what: &str, count: u64, time: Duration) {
    println!("{:>12.0} /s  {what}", count as f64 / time.as_secs_f64());
}
