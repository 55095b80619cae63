//! The channel on which the driver asks a server what it has used.
//!
//! The server reports about itself, over a TCP connection beside the measured transport: CPU
//! time of a process is portable only from inside (`CLOCK_PROCESS_CPUTIME_ID`,
//! `GetProcessTimes`), has nanoseconds instead of the 10 ms ticks of `/proc/<pid>/stat`, and
//! includes threads that have ended. The end of the connection ends the server, so that none
//! outlives the driver.

use std::{
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpStream},
    thread,
};

use cpu_time::ProcessTime;

use crate::{HeapProbe, Result};

/// The environment variable with the driver's address.
pub const CONTROL_VARIABLE: &str = "BENCH_CONTROL";

/// A connection to the driver, not yet told that the server is ready.
pub struct Control {
    stream: TcpStream,
    heap: Option<HeapProbe>,
}

impl Control {
    /// Connects to the driver named by [`CONTROL_VARIABLE`].
    ///
    /// # Errors
    ///
    /// The variable is missing, or nobody listens at its address.
    pub fn connect(heap: Option<HeapProbe>) -> Result<Self> {
        let address =
            std::env::var(CONTROL_VARIABLE).map_err(|e| format!("{CONTROL_VARIABLE}: {e}"))?;
        // A thousand listeners need more descriptors than the usual soft limit.
        rlimit::increase_nofile_limit(u64::MAX)?;
        Ok(Self { stream: TcpStream::connect(address)?, heap })
    }

    /// Tells the driver that the server serves (at `address`, unless it speaks stdio), and
    /// answers questions on a thread of its own from then on.
    ///
    /// # Errors
    ///
    /// The driver is gone.
    pub fn ready(mut self, address: Option<SocketAddr>) -> Result<()> {
        match address {
            Some(address) => writeln!(self.stream, "{address}")?,
            None => writeln!(self.stream, "stdio")?,
        }
        thread::Builder::new().name("control".to_owned()).spawn(move || {
            let outcome = self.answer();
            if let Err(error) = &outcome {
                eprintln!("control channel: {error}");
            }
            std::process::exit(i32::from(outcome.is_err()));
        })?;
        Ok(())
    }

    fn answer(&mut self) -> Result<()> {
        for question in BufReader::new(self.stream.try_clone()?).lines() {
            let answer = match question?.as_str() {
                "cpu" => Some(ProcessTime::try_now()?.as_duration().as_nanos()),
                "rss" => memory_stats::memory_stats().map(|memory| memory.physical_mem as u128),
                "heap" => self.heap.map(|heap| heap.live_bytes() as u128),
                other => return Err(format!("unknown question {other:?}").into()),
            };
            match answer {
                Some(number) => writeln!(self.stream, "{number}")?,
                None => writeln!(self.stream, "unknown")?,
            }
        }
        Ok(())
    }
}
