//! Load over stdio: so many requests in flight.

use std::{
    collections::HashSet,
    io::{Read, Write},
    process::{ChildStdin, ChildStdout},
    sync::mpsc,
    thread,
};

use bench_support::{Result, workload::Scenario};

use super::{FIRST_ID, LIMIT, answers::Answers, connection::Template};

/// The pipes of one server.
pub(crate) struct StdioLoad {
    input: ChildStdin,
    /// What a thread reads: a pipe has no timeout, a channel has.
    output: mpsc::Receiver<std::io::Result<Vec<u8>>>,
}

impl StdioLoad {
    pub(crate) fn new((input, mut output): (ChildStdin, ChildStdout)) -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            loop {
                let read = output.read(&mut chunk);
                let read = read.map(|length| chunk.get(..length).unwrap_or_default().to_vec());
                let is_last = read.as_ref().map_or(true, Vec::is_empty);
                if sender.send(read).is_err() || is_last {
                    return;
                }
            }
        });
        Self { input, output: receiver }
    }

    /// Asks `requests` requests, `in_flight` at a time: for every answer that a read brings, one
    /// more request goes out with the next write.
    pub(crate) fn run(&mut self, scenario: Scenario, requests: u64, in_flight: u64) -> Result<()> {
        let mut template = Template::line(scenario)?;
        let mut answers = Answers::new(scenario);
        let mut waiting = HashSet::new();
        let (mut next, end) = (FIRST_ID, FIRST_ID + requests);
        let (mut outgoing, mut received) = (Vec::new(), Vec::new());
        let mut room = in_flight;
        while next < end || !waiting.is_empty() {
            outgoing.clear();
            while room > 0 && next < end {
                outgoing.extend_from_slice(template.with_id(next)?);
                waiting.insert(next);
                next += 1;
                room -= 1;
            }
            self.input.write_all(&outgoing)?;
            let chunk = self.output.recv_timeout(LIMIT);
            let chunk = chunk.map_err(|_| format!("the server is silent for {LIMIT:?}"))??;
            if chunk.is_empty() {
                return Err("the server closed its output".into());
            }
            received.extend_from_slice(&chunk);
            let complete = received.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let lines = received.get(..complete).unwrap_or_default();
            for line in lines.split_inclusive(|byte| *byte == b'\n') {
                let line = line.strip_suffix(b"\n").unwrap_or(line);
                let id = answers.verify_any(line, |id| waiting.contains(&id))?;
                waiting.remove(&id);
                room += 1;
            }
            received.drain(..complete);
        }
        Ok(())
    }
}
