//! A running subject: its process and the channel it reports on.

use std::{
    io::{BufRead, BufReader, ErrorKind, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use bench_support::{CONTROL_VARIABLE, Result, WORKERS_VARIABLE};

/// How long a server may take until it is ready; valgrind is slow.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running server. Dropping it ends the process.
pub(crate) struct Server {
    child: Child,
    control: BufReader<TcpStream>,
    address: Option<SocketAddr>,
}

impl Server {
    /// Starts `program mode` and waits until it is ready.
    pub(crate) fn start(program: &Path, mode: &str, workers: usize) -> Result<Self> {
        Self::start_command(Command::new(program).arg(mode), workers)
    }

    /// Starts a command that ends in a server.
    pub(crate) fn start_command(command: &mut Command, workers: usize) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let child = command
            .env(CONTROL_VARIABLE, listener.local_addr()?.to_string())
            .env(WORKERS_VARIABLE, workers.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{command:?}: {error}"))?;
        let mut child = KilledOnDrop(Some(child));
        let stream =
            accept(&listener, child.0.as_mut()).map_err(|error| format!("{command:?}: {error}"))?;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(START_LIMIT))?;
        let mut control = BufReader::new(stream);
        let ready = line(&mut control).map_err(|error| format!("{command:?}: {error}"))?;
        let address = if ready == "stdio" { None } else { Some(ready.parse()?) };
        let child = child.0.take().ok_or("the server is gone")?;
        Ok(Self { child, control, address })
    }

    /// Where it serves HTTP.
    pub(crate) fn address(&self) -> Result<SocketAddr> {
        self.address.ok_or_else(|| "this server speaks stdio".into())
    }

    /// Its input and output; once.
    pub(crate) fn pipes(&mut self) -> Result<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take()).ok_or_else(|| "taken twice".into())
    }

    /// The CPU time it has used, all threads, user and system.
    pub(crate) fn cpu(&mut self) -> Result<Duration> {
        let nanoseconds = self.ask("cpu")?.ok_or("the server does not know its CPU time")?;
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Its resident memory in bytes, where the system tells.
    pub(crate) fn rss(&mut self) -> Result<Option<u64>> {
        self.ask("rss")
    }

    /// The bytes that it has allocated and not freed, if its allocator counts.
    pub(crate) fn heap(&mut self) -> Result<Option<u64>> {
        self.ask("heap")
    }

    /// Lets the server end by itself.
    pub(crate) fn finish(mut self) -> Result<()> {
        self.control.get_ref().shutdown(std::net::Shutdown::Both)?;
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("the server ended: {status}").into()) }
    }

    fn ask(&mut self, question: &str) -> Result<Option<u64>> {
        writeln!(self.control.get_mut(), "{question}")?;
        match line(&mut self.control)?.as_str() {
            "unknown" => Ok(None),
            number => Ok(Some(number.parse()?)),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A child that must not outlive an error between its start and [`Server`].
struct KilledOnDrop(Option<Child>);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn accept(listener: &TcpListener, mut child: Option<&mut Child>) -> Result<TcpStream> {
    let deadline = Instant::now() + START_LIMIT;
    loop {
        match listener.accept() {
            Ok((stream, _)) => return Ok(stream),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        if let Some(status) = child.as_mut().and_then(|child| child.try_wait().transpose()) {
            return Err(format!("it ended before it was ready: {}", status?).into());
        }
        if Instant::now() > deadline {
            return Err(format!("it was not ready in {START_LIMIT:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn line(control: &mut BufReader<TcpStream>) -> Result<String> {
    let mut line = String::new();
    if control.read_line(&mut line)? == 0 {
        return Err("the server closed its control channel".into());
    }
    Ok(line.trim_end().to_owned())
}
