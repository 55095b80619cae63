//! A PostgreSQL server for a test run.

use std::ffi::OsString;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The variable that demands a server: with it, a test may not be skipped because none is installed.
const REQUIRED: &str = "MCP_TEST_POSTGRES";

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestPostgresError {
    /// The programs were not found.
    #[error("PostgreSQL is not installed: there is no initdb on the path, nor where Debian has it")]
    NotInstalled,
    /// PostgreSQL does not run as root, and there is no other account.
    #[error(
        "PostgreSQL refuses to run as root, and there is neither an account `postgres` nor `nobody`"
    )]
    Root,
    /// A program failed.
    #[error("{program} failed: {reason}")]
    Program {
        /// Which.
        program: &'static str,
        /// What it said.
        reason: String,
    },
    /// Files or ports.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A PostgreSQL server of its own: on a free port of this machine, in a folder that goes with it, never as root.
///
/// It ends when it is dropped, or when the process ends, however it does: on Unix a watchdog waits for that.
///
/// Needs `initdb`, `pg_ctl` and `postgres`, on the path or where Debian puts them.
#[derive(Debug)]
pub struct TestPostgres {
    programs: Programs,
    folder: tempfile::TempDir,
    port: u16,
    synced: bool,
    watchdog: Option<Child>,
}

impl TestPostgres {
    /// Makes and starts one.
    ///
    /// # Errors
    /// See [`TestPostgresError`].
    pub fn start() -> Result<Self, TestPostgresError> {
        Self::start_as(false)
    }

    /// Makes and starts one that waits for the disk at each commit, as a database in use does: to measure.
    ///
    /// # Errors
    /// See [`TestPostgresError`].
    pub fn start_synced() -> Result<Self, TestPostgresError> {
        Self::start_as(true)
    }

    fn start_as(synced: bool) -> Result<Self, TestPostgresError> {
        let programs = Programs::find()?;
        let folder = tempfile::Builder::new().prefix("mcp-postgres-").tempdir()?;
        programs.own(folder.path())?;
        let data = folder.path().join("data");
        programs.run(
            "initdb",
            [
                "-D".into(),
                data.into(),
                "--username=mcp".into(),
                // Only this machine reaches it, and nothing is in it.
                "--auth=trust".into(),
                "--encoding=UTF8".into(),
                "--locale=C".into(),
                "--no-instructions".into(),
            ],
        )?;
        let mut server = Self { programs, folder, port: 0, synced, watchdog: None };
        // Between the choice of a port and its use, somebody else may take it.
        let mut tries = 3;
        loop {
            server.port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
            match server.up() {
                Ok(()) => break,
                Err(error) if tries == 0 => return Err(error),
                Err(_) => tries -= 1,
            }
        }
        server.watchdog = server.watch()?;
        Ok(server)
    }

    /// As [`start`](Self::start), for tests that are skipped where PostgreSQL is not installed: `None` then, and a note on
    /// standard output. With `MCP_TEST_POSTGRES=required` in the environment, as in this project's own test run, nothing is skipped.
    ///
    /// # Panics
    /// If there should be one, and it does not start.
    #[must_use]
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so where tests speak")]
    pub fn start_if_installed() -> Option<Self> {
        match Self::start() {
            Ok(server) => Some(server),
            Err(TestPostgresError::NotInstalled)
                if std::env::var_os(REQUIRED).is_none_or(|value| value != "required") =>
            {
                println!("skipped: {}", TestPostgresError::NotInstalled);
                None
            }
            Err(error) => crate::fail::fail(format_args!("no PostgreSQL to test with: {error}")),
        }
    }

    /// The address of its database.
    #[must_use]
    pub fn address(&self) -> String {
        format!("postgres://mcp@127.0.0.1:{}/postgres", self.port)
    }

    /// Ends it as a machine ends that loses its power: connections break, nothing is tidied up.
    ///
    /// # Errors
    /// If `pg_ctl` fails.
    pub fn crash(&self) -> Result<(), TestPostgresError> {
        self.down("immediate")
    }

    /// Ends it as an operator does: connections are told.
    ///
    /// # Errors
    /// If `pg_ctl` fails.
    pub fn stop(&self) -> Result<(), TestPostgresError> {
        self.down("fast")
    }

    /// Starts it again, at the same address.
    ///
    /// # Errors
    /// If `pg_ctl` fails.
    pub fn up(&self) -> Result<(), TestPostgresError> {
        // What a test's should survive is the end of its processes, not of the machine.
        let sync = if self.synced { "on" } else { "off" };
        let settings = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync={sync} -c max_connections=200",
            self.port
        );
        self.programs.run(
            "pg_ctl",
            [
                "start".into(),
                "-w".into(),
                "-D".into(),
                self.data().into(),
                "-l".into(),
                self.folder.path().join("log").into(),
                "-o".into(),
                settings.into(),
            ],
        )
    }

    fn down(&self, how: &str) -> Result<(), TestPostgresError> {
        let args: [OsString; 6] =
            ["stop".into(), "-w".into(), "-D".into(), self.data().into(), "-m".into(), how.into()];
        self.programs.run("pg_ctl", args)
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Stops the server and removes its folder when our end of a pipe closes: when this process ends.
    #[cfg(unix)]
    fn watch(&self) -> io::Result<Option<Child>> {
        let script = r#"cat > /dev/null; "$0" stop -s -D "$1/data" -m immediate; rm -rf "$1""#;
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(self.programs.path("pg_ctl")).arg(self.folder.path());
        self.programs.as_account(&mut command);
        let quiet = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        quiet.spawn().map(Some)
    }

    #[cfg(not(unix))]
    fn watch(&self) -> io::Result<Option<Child>> {
        Ok(None)
    }
}

impl Drop for TestPostgres {
    fn drop(&mut self) {
        match &mut self.watchdog {
            Some(watchdog) => {
                drop(watchdog.stdin.take());
                let _ = watchdog.wait();
            }
            None => {
                let _ = self.down("immediate");
            }
        }
    }
}

/// Where the programs are, and as whom they run.
#[derive(Debug)]
struct Programs {
    folder: PathBuf,
    /// Somebody else than root, if we are root: user and group.
    account: Option<(u32, u32)>,
}

impl Programs {
    fn find() -> Result<Self, TestPostgresError> {
        let name = format!("initdb{}", std::env::consts::EXE_SUFFIX);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut folders: Vec<_> = std::env::split_paths(&path).collect();
        // Debian has a folder for each version; the newest first.
        let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())))
            .collect();
        versions.sort();
        folders.extend(versions.into_iter().rev().map(|(_, folder)| folder.join("bin")));
        let folder = folders.into_iter().find(|folder| folder.join(&name).is_file());
        let folder = folder.ok_or(TestPostgresError::NotInstalled)?;
        Ok(Self { folder, account: unprivileged()? })
    }

    fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }

    /// Gives a folder to the account.
    #[cfg(unix)]
    fn own(&self, folder: &Path) -> io::Result<()> {
        match self.account {
            Some((user, group)) => std::os::unix::fs::chown(folder, Some(user), Some(group)),
            None => Ok(()),
        }
    }

    #[cfg(not(unix))]
    fn own(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn as_account(&self, command: &mut Command) {
        use std::os::unix::process::CommandExt;
        if let Some((user, group)) = self.account {
            command.gid(group).uid(user);
        }
        // Signals of a terminal are ours, not the server's.
        command.process_group(0).current_dir("/");
    }

    #[cfg(not(unix))]
    fn as_account(&self, _: &mut Command) {}

    fn run(
        &self,
        program: &'static str,
        args: impl IntoIterator<Item = OsString>,
    ) -> Result<(), TestPostgresError> {
        let mut command = Command::new(self.path(program));
        command.args(args).stdin(Stdio::null());
        self.as_account(&mut command);
        // Into files: a server that stays would keep pipes open.
        let said = tempfile::tempfile()?;
        command.stdout(said.try_clone()?).stderr(said.try_clone()?);
        if command.status()?.success() {
            return Ok(());
        }
        let mut said = said;
        let mut reason = String::new();
        io::Seek::rewind(&mut said)?;
        io::Read::read_to_string(&mut said, &mut reason)?;
        Err(TestPostgresError::Program { program, reason: reason.trim().to_owned() })
    }
}

/// The account to run as, if we are root.
#[cfg(unix)]
fn unprivileged() -> Result<Option<(u32, u32)>, TestPostgresError> {
    use std::os::unix::fs::MetadataExt;
    // Whose a new file is tells who we are.
    let probe = tempfile::tempfile()?;
    if probe.metadata()?.uid() != 0 {
        return Ok(None);
    }
    let accounts = std::fs::read_to_string("/etc/passwd")?;
    let find = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            let found = fields.next()? == name;
            let (user, group) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
            (found && user != 0).then_some((user, group))
        })
    };
    find("postgres").or_else(|| find("nobody")).map(Some).ok_or(TestPostgresError::Root)
}

#[cfg(not(unix))]
fn unprivileged() -> Result<Option<(u32, u32)>, TestPostgresError> {
    // There, PostgreSQL gives its rights up by itself.
    Ok(None)
}
