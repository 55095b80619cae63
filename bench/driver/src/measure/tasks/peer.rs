//! FastMCP's task system on Redis, as processes of their own.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use bench_support::Result;

use super::Folder;
use crate::build;

/// The Python that has FastMCP installed, and Redis; `cargo xtask bench` sets both.
const PYTHON: &str = "BENCH_FASTMCP_PYTHON";
const REDIS: &str = "BENCH_REDIS";
/// Why they are not there.
const MISSING: &str = "BENCH_FASTMCP_MISSING";
const LIMIT: Duration = Duration::from_secs(60);

/// The two running processes.
pub(super) struct Peer {
    server: Process,
    redis: Process,
    address: SocketAddr,
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Peer {
    /// Starts both; `None`, with a reason on the error stream, where they are not installed.
    pub(super) fn start(folder: &Folder, synced: bool) -> Result<Option<Self>> {
        let (Some(python), Some(redis)) = (std::env::var_os(PYTHON), std::env::var_os(REDIS))
        else {
            let why = std::env::var(MISSING).unwrap_or_else(|_| {
                "`cargo xtask bench` installs it; this is the driver".to_owned()
            });
            eprintln!("not measured: FastMCP on Redis: {why}");
            return Ok(None);
        };
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new(redis);
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--dir"]).arg(folder);
        if synced {
            command.args(["--appendonly", "yes", "--appendfsync", "always"]);
        }
        let redis = Process(command.stdout(Stdio::null()).spawn()?);
        until_open(port)?;
        let script = build::workspace().join("fastmcp").join("server.py");
        let mut command = Command::new(python);
        command.arg(script).arg(format!("redis://127.0.0.1:{port}/0"));
        let mut server = Process(command.stdout(Stdio::piped()).spawn()?);
        let mut line = String::new();
        let output = server.0.stdout.take().ok_or("no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let address: SocketAddr =
            line.trim().parse().map_err(|error| format!("its address {line:?}: {error}"))?;
        until_open(address.port())?;
        Ok(Some(Self { server, redis, address }))
    }

    /// FastMCP and its version.
    pub(super) fn name(&self) -> String {
        let pins = std::fs::read_to_string(build::workspace().join("fastmcp/requirements.txt"));
        let version = pins.ok().and_then(|pins| {
            pins.lines().find_map(|line| line.strip_prefix("fastmcp[tasks]==").map(str::to_owned))
        });
        format!("FastMCP {}", version.unwrap_or_default())
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The CPU time of both, where the system tells.
    pub(super) fn cpu(&mut self) -> Result<Option<Duration>> {
        Ok(cpu(self.server.0.id())
            .zip(cpu(self.redis.0.id()))
            .map(|(server, redis)| server + redis))
    }
}

/// User and system time of a process, in the ticks of `/proc`: 10 ms.
fn cpu(process: u32) -> Option<Duration> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat"));
    // The name, in parentheses, may hold anything.
    let stat = stat.ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(Duration::from_millis(10 * (ticks()? + ticks()?)))
}

fn until_open(port: u16) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    while let Err(error) = TcpStream::connect(("127.0.0.1", port)) {
        if Instant::now() > deadline {
            return Err(format!("nothing answers at port {port}: {error}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
