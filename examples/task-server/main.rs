//! Indexes folders of any size, as a task that survives.
//!
//! ```text
//! cargo run --example task-server -- serve <root>             on http://127.0.0.1:8090/mcp
//! cargo run --example task-server -- index <folder>           starts, shows how far it is, waits
//! cargo run --example task-server -- resume                   goes on with the last one
//! cargo run --example task-server -- cluster <root> --database-url postgres://…
//! ```
//!
//! `index` writes `<root>/<folder>.index.tsv`: path, SHA-256, bytes, lines and words of every file that
//! Git would not ignore. It asks before it overwrites one. Kill the server or the client at any moment and
//! start it again: the work goes on where it was. The client keeps what it needs for that in
//! `task-server.json`.
//!
//! `cluster` is the same with two instances on a PostgreSQL database, behind a proxy that gives them the requests by turns.
//! Kill either at any moment: the other goes on, and it is started again.
#![forbid(unsafe_code)]

mod client;
mod cluster;
mod index;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use mcp_core::Shutdown;
use mcp_core::sealed::{Key, KeyRing};
use mcp_http::HttpService;
use mcp_tasks::Tasks;
use mcp_tasks::store::{EmbeddedStore, PostgresStore};
use tokio::net::TcpListener;

const USAGE: &str = "usage: task-server serve <root> [--http ADDRESS:PORT] [--tasks FILE | --database-url URL]
       task-server cluster <root> [--http ADDRESS:PORT] --database-url URL
       task-server index <folder> [--url URL]
       task-server resume [--url URL]

What is in TASK_SERVER_DATABASE counts as --database-url: a password is better there.
TASK_SERVER_KEY is 64 hexadecimal digits: instances that answer each other's clients need the same.";

enum Command {
    Serve { root: PathBuf, address: String, tasks: PathBuf, database: Option<String> },
    Cluster { root: PathBuf, address: String, database: String },
    Index { folder: String, url: String },
    Resume { url: String },
}

#[allow(clippy::print_stdout, reason = "help, before anything is served")]
fn command() -> Result<Command, lexopt::Error> {
    use lexopt::prelude::*;
    let mut words = Vec::new();
    let mut address = "127.0.0.1:8090".to_owned();
    let mut tasks = PathBuf::from("task-server.redb");
    let mut database = std::env::var("TASK_SERVER_DATABASE").ok();
    let mut url = "http://127.0.0.1:8090/mcp".to_owned();
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("help") | Short('h') => {
                println!("{USAGE}");
                std::process::exit(0);
            }
            Long("http") => address = arguments.value()?.string()?,
            Long("tasks") => tasks = arguments.value()?.into(),
            Long("database-url") => database = Some(arguments.value()?.string()?),
            Long("url") => url = arguments.value()?.string()?,
            Value(word) => words.push(word.string()?),
            other => return Err(other.unexpected()),
        }
    }
    match &*words {
        [serve, root] if serve == "serve" => {
            Ok(Command::Serve { root: root.into(), address, tasks, database })
        }
        [cluster, root] if cluster == "cluster" => match database {
            Some(database) => Ok(Command::Cluster { root: root.into(), address, database }),
            None => Err("a cluster needs --database-url".into()),
        },
        [index, folder] if index == "index" => Ok(Command::Index { folder: folder.clone(), url }),
        [resume] if resume == "resume" => Ok(Command::Resume { url }),
        _ => Err("no command is given".into()),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let command = match command() {
        Ok(command) => command,
        Err(error) => {
            eprintln!("task-server: {error}\n{USAGE}");
            return ExitCode::FAILURE;
        }
    };
    let ended = match command {
        Command::Serve { root, address, tasks, database } => {
            serve(root, &address, &tasks, database.as_deref()).await
        }
        Command::Cluster { root, address, database } => {
            cluster::run(&root, &address, &database).await
        }
        Command::Index { folder, url } => client::index(&folder, &url).await,
        Command::Resume { url } => client::resume(&url).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("task-server: {error}");
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stdout)] // Whoever starts it reads the address there.
async fn serve(
    root: PathBuf,
    address: &str,
    tasks: &std::path::Path,
    database: Option<&str>,
) -> Result<(), Box<dyn std::error::Error>> {
    let root = root.canonicalize().map_err(|error| format!("{}: {error}", root.display()))?;
    let tasks = match database {
        Some(database) => Tasks::new(PostgresStore::connect(database).await?),
        None => Tasks::new(EmbeddedStore::open(tasks)?),
    };
    let server = index::server(root, tasks, keys()?)?;
    let listener = TcpListener::bind(address).await?;
    println!("http://{}/mcp", listener.local_addr()?);
    let (trigger, shutdown) = Shutdown::new();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            trigger.request();
        }
    });
    mcp_http::serve(listener, HttpService::builder(server).build(), shutdown).await?;
    Ok(())
}

/// The key that instances share.
fn keys() -> Result<Option<KeyRing>, &'static str> {
    let Ok(digits) = std::env::var("TASK_SERVER_KEY") else { return Ok(None) };
    let wrong = "TASK_SERVER_KEY is not 64 hexadecimal digits";
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return Err(wrong);
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * at..2 * at + 2).ok_or(wrong)?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong)?;
    }
    Ok(Some(KeyRing::new(Key::from_bytes(bytes))))
}
