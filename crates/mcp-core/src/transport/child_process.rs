//! A server as a child process, called over its standard input and output.
//!
//! Source: specification, *Transports → stdio*.

use std::fmt;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::watch;

use super::line_client::End;
use super::{LineError, LineOptions, LineReader, LineTransport, Network};
use crate::client::transport::{
    ClientTransport, MessageStream, OutgoingNotification, OutgoingRequest, StrayHandler,
    TransportError,
};
use crate::{Shutdown, ShutdownTrigger};

/// Where a server's standard error goes. What is written there is no sign of an error.
#[derive(Clone, Default)]
pub enum Stderr {
    /// To this program's own.
    #[default]
    Inherit,
    /// Nowhere.
    Ignore,
    /// Line by line to a function. Of a line beyond 64 KiB only the beginning is passed; what is no
    /// UTF-8 is replaced.
    Lines(Arc<dyn Fn(&str) + Send + Sync>),
}

impl Stderr {
    /// Line by line to `take`.
    pub fn lines(take: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self::Lines(Arc::new(take))
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inherit => "Inherit",
            Self::Ignore => "Ignore",
            Self::Lines(_) => "Lines(..)",
        })
    }
}

/// How a [`ChildProcess`] is kept.
///
/// ```
/// use mcp_core::transport::{ChildOptions, Stderr};
///
/// let options = ChildOptions { stderr: Stderr::Ignore, ..ChildOptions::default() };
/// assert_eq!(options.restarts, 5);
/// ```
#[derive(Debug, Clone)]
pub struct ChildOptions {
    /// Where its standard error goes. Default: to this program's own.
    pub stderr: Stderr,
    /// How often it is started again in a row without having answered anything in between; 0 for
    /// never. It is started when the next request needs it, after a pause that grows. Default 5.
    pub restarts: u32,
    /// How long it may take to end after its input was closed, and again after it was asked to
    /// terminate (Unix), before it is killed. Default 5 s.
    pub grace: Duration,
    /// The bounds of its input and output.
    pub lines: LineOptions,
}

impl Default for ChildOptions {
    fn default() -> Self {
        Self {
            stderr: Stderr::Inherit,
            restarts: 5,
            grace: Duration::from_secs(5),
            lines: LineOptions::default(),
        }
    }
}

/// The longest pause before a restart.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Of a longer line of standard error only the beginning is passed.
const MAX_STDERR_LINE: usize = 64 * 1024;

/// A server that runs as a child process.
///
/// If the process ends unexpectedly, the requests in flight fail with
/// [`TransportError::ServerExited`] and the next request starts it again. Requests are never
/// repeated: only their caller knows whether they may be.
///
/// [`close`](ClientTransport::close) ends it in order: its input is closed, then it is asked to
/// terminate (Unix), then it is killed. The same goes on in the background when the transport is
/// dropped.
///
/// ```no_run
/// # async fn show() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_core::client::Client;
/// use mcp_core::transport::{ChildOptions, ChildProcess};
///
/// let mut command = std::process::Command::new("docs-server");
/// command.arg("./docs");
/// let transport = ChildProcess::spawn(command, ChildOptions::default())?;
/// let client = Client::builder("example", "1.0.0").connect(transport)?;
/// client.probe().await?;
/// println!("{} tools", client.list_tools().await?.len());
/// client.close().await;
/// # Ok(())
/// # }
/// ```
pub struct ChildProcess {
    command: Mutex<Command>,
    options: ChildOptions,
    stray: Mutex<Option<StrayHandler>>,
    current: tokio::sync::Mutex<State>,
    close: ShutdownTrigger,
    closing: Shutdown,
}

struct State {
    running: Running,
    /// Restarts in a row without an answer in between.
    restarts: u32,
}

/// A process that was started, and may have ended since.
struct Running {
    lines: Arc<LineTransport>,
    stop: ShutdownTrigger,
    exited: Exited,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.request();
    }
}

impl fmt::Debug for ChildProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChildProcess").field("options", &self.options).finish_non_exhaustive()
    }
}

impl ChildProcess {
    /// Starts a server. Its standard input and output are the connection, whatever `command` says of
    /// them; arguments, environment and working directory are as `command` has them.
    ///
    /// # Errors
    /// [`TransportError::Connect`] if it cannot be started, or outside a tokio runtime.
    pub fn spawn(
        command: impl Into<Command>,
        options: ChildOptions,
    ) -> Result<Self, TransportError> {
        tokio::runtime::Handle::try_current()
            .map_err(|error| TransportError::Connect(Box::new(error)))?;
        let mut command = command.into();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        command.stderr(match options.stderr {
            Stderr::Inherit => Stdio::inherit(),
            Stderr::Ignore => Stdio::null(),
            Stderr::Lines(_) => Stdio::piped(),
        });
        let running = start(&mut command, &options)?;
        let (close, closing) = Shutdown::new();
        Ok(Self {
            command: Mutex::new(command),
            options,
            stray: Mutex::new(None),
            current: tokio::sync::Mutex::new(State { running, restarts: 0 }),
            close,
            closing,
        })
    }

    /// The connection to a process that lives, started again if need be.
    async fn live(&self) -> Result<Arc<LineTransport>, TransportError> {
        let mut state = self.current.lock().await;
        if self.closing.is_requested() {
            return Err(TransportError::Closed);
        }
        if !state.running.lines.is_ended() {
            return Ok(Arc::clone(&state.running.lines));
        }
        if state.running.lines.has_answered() {
            state.restarts = 0;
        }
        if state.restarts >= self.options.restarts {
            // Its output may have ended a moment before it does.
            let exited = tokio::time::timeout(self.options.grace, state.running.exited.wait());
            return Err(TransportError::ServerExited { status: exited.await.unwrap_or_default() });
        }
        let pause = pause(state.restarts);
        tokio::select! {
            biased;
            () = self.closing.requested() => return Err(TransportError::Closed),
            () = tokio::time::sleep(pause) => {}
        }
        state.restarts += 1;
        tracing::warn!(restart = state.restarts, "the server's process ended; starting it again");
        let running = {
            let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
            start(&mut command, &self.options)?
        };
        if let Some(stray) = self.stray.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            running.lines.set_stray_handler(stray);
        }
        state.running = running;
        Ok(Arc::clone(&state.running.lines))
    }
}

/// No pause before the first restart, then longer and longer ones.
fn pause(restarts: u32) -> Duration {
    match restarts.checked_sub(1) {
        None => Duration::ZERO,
        Some(doublings) => {
            (Duration::from_millis(100) * (1 << doublings.min(10))).min(LONGEST_PAUSE)
        }
    }
}

#[async_trait]
impl ClientTransport for ChildProcess {
    fn network(&self) -> Option<Network> {
        Some(Network::Pipe)
    }

    async fn request(&self, request: OutgoingRequest) -> Result<MessageStream, TransportError> {
        loop {
            match self.live().await?.request(request.clone()).await {
                // It ended just now and nothing was sent; `live` decides whether to go on.
                Err(TransportError::Closed) if !self.closing.is_requested() => {}
                answer => return answer,
            }
        }
    }

    async fn notify(&self, notification: OutgoingNotification) -> Result<(), TransportError> {
        loop {
            match self.live().await?.notify(notification.clone()).await {
                Err(TransportError::Closed) if !self.closing.is_requested() => {}
                answer => return answer,
            }
        }
    }

    fn set_stray_handler(&self, handler: StrayHandler) {
        *self.stray.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&handler));
        // A client takes its transport before the first request, so the lock is free. Were it not,
        // the next process would have the handler.
        if let Ok(state) = self.current.try_lock() {
            state.running.lines.set_stray_handler(handler);
        }
    }

    async fn close(&self) {
        self.close.request();
        let exited = {
            let state = self.current.lock().await;
            state.running.lines.end(&End::Closed);
            state.running.stop.request();
            state.running.exited.clone()
        };
        exited.wait().await;
    }
}

/// How a process ended: `None` while it lives, `Some(code)` after that.
#[derive(Clone)]
struct Exited(watch::Receiver<Option<Option<i32>>>);

impl Exited {
    /// Waits for the end. If nobody is left to tell of it, it has come.
    async fn wait(&self) -> Option<i32> {
        let mut receiver = self.0.clone();
        match receiver.wait_for(Option::is_some).await {
            Ok(status) => status.flatten(),
            Err(_) => None,
        }
    }
}

fn start(command: &mut Command, options: &ChildOptions) -> Result<Running, TransportError> {
    let failed = |error: std::io::Error| TransportError::Connect(Box::new(error));
    let mut child = command.spawn().map_err(failed)?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(failed(std::io::Error::other("the process has no standard streams")));
    };
    if let (Stderr::Lines(take), Some(stderr)) = (&options.stderr, child.stderr.take()) {
        tokio::spawn(read_stderr(stderr, Arc::clone(take)));
    }
    let (tell, exited) = watch::channel(None);
    let exited = Exited(exited);
    let (stop, stopping) = Shutdown::new();
    let why = why_ended(exited.clone(), stop.clone(), options.grace);
    let lines = Arc::new(LineTransport::with_end(stdout, stdin, options.lines, Box::pin(why))?);
    tokio::spawn(supervise(child, stopping, tell, Arc::downgrade(&lines), options.grace));
    Ok(Running { lines, stop, exited })
}

/// After a process has closed its output: waits for it to end, and sees to it that it does.
async fn why_ended(exited: Exited, stop: ShutdownTrigger, grace: Duration) -> Option<End> {
    match tokio::time::timeout(grace, exited.wait()).await {
        Ok(status) => Some(End::Exited(status)),
        Err(_) => {
            stop.request();
            None
        }
    }
}

/// Waits for a process to end, or ends it.
async fn supervise(
    mut child: Child,
    stopping: Shutdown,
    tell: watch::Sender<Option<Option<i32>>>,
    lines: Weak<LineTransport>,
    grace: Duration,
) {
    let ended = tokio::select! {
        ended = child.wait() => ended,
        () = stopping.requested() => terminate(&mut child, &lines, grace).await,
    };
    let status = match ended {
        Ok(status) => {
            tracing::debug!(%status, "a server's process ended");
            status.code()
        }
        Err(error) => {
            tracing::warn!(%error, "waiting for a server's process failed");
            None
        }
    };
    tell.send_replace(Some(status));
    // Its output ends with it, unless a process of its own still has it.
    tokio::time::sleep(grace).await;
    // Requests in flight hear of it even where writing has failed before: that says less.
    if let Some(lines) = lines.upgrade() {
        lines.end(&End::Exited(status));
    }
}

/// Closes its input, then asks it to terminate, then kills it; waits in between.
async fn terminate(
    child: &mut Child,
    lines: &Weak<LineTransport>,
    grace: Duration,
) -> std::io::Result<std::process::ExitStatus> {
    // Where its output has ended already, the reader is about to say why.
    if let Some(lines) = lines.upgrade()
        && !lines.is_ended()
    {
        lines.end(&End::Closed);
    }
    if let Ok(ended) = tokio::time::timeout(grace, child.wait()).await {
        return ended;
    }
    #[cfg(unix)]
    {
        tracing::debug!("a server's process does not end; asking it to terminate");
        ask_to_terminate(child);
        if let Ok(ended) = tokio::time::timeout(grace, child.wait()).await {
            return ended;
        }
    }
    tracing::warn!("a server's process does not end; it is killed");
    child.start_kill()?;
    child.wait().await
}

/// SIGTERM. The process has not been waited for, so its number is still its own.
#[cfg(unix)]
fn ask_to_terminate(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw)
        && let Err(error) = rustix::process::kill_process(pid, rustix::process::Signal::TERM)
    {
        tracing::debug!(%error, "a server's process cannot be asked to terminate");
    }
}

async fn read_stderr(stderr: ChildStderr, take: Arc<dyn Fn(&str) + Send + Sync>) {
    let mut lines = LineReader::new(stderr, MAX_STDERR_LINE);
    while let Some(line) = lines.next().await {
        let line = match line {
            Ok(line) => line,
            Err(LineError::TooLong { start, .. }) => start.into_vec(),
            Err(LineError::Io(_)) => return,
        };
        let line = String::from_utf8_lossy(&line);
        // A panic in it must not let the pipe fill up.
        let taken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| take(&line)));
        if taken.is_err() {
            tracing::error!("the function that takes standard error panicked");
        }
    }
}
