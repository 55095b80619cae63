//! A server's card from memory, beside bare hyper that serves the same bytes.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use bench_support::Result;
use serde_json::{Map, Value};

use super::{instructions, rotated};
use crate::{
    build,
    options::Options,
    report::{Report, Series, Table, number},
    server::Server,
    subject::{FLOOR, IDENTITY, OURS},
};

const CONNECTIONS: usize = 16;
const REQUESTS: u64 = 16_000;
/// Runs under valgrind, whose difference leaves out start and end.
const INSTRUCTIONS: [u64; 2] = [320, 1600];
const TARGET: f64 = 1.2;
/// The columns, and the mode of each.
const COLUMNS: [(&str, &str); 2] = [(FLOOR, "floor"), (OURS, "site")];

/// What is asked for.
#[derive(Clone, Copy)]
enum Case {
    Card,
    Unchanged,
}

impl Case {
    const ALL: [Self; 2] = [Self::Card, Self::Unchanged];

    fn label(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Unchanged => "304",
        }
    }
}

pub(crate) fn run(options: &Options, report: &mut Report) -> Result<()> {
    build::subjects(&[IDENTITY])?;
    cpu(options, report)?;
    match build::output(Command::new("valgrind").arg("--version")) {
        Ok(_) => counted(options, report)?,
        Err(error) => eprintln!("no instructions are counted: valgrind: {error}"),
    }
    allocations(report)
}

fn cpu(options: &Options, report: &mut Report) -> Result<()> {
    let start = |(_, mode)| Server::start(&IDENTITY.program(false), mode, options.workers);
    let mut servers = COLUMNS.map(start).into_iter().collect::<Result<Vec<_>>>()?;
    same_answers(&servers)?;
    let title = "Server card: µs of the server's CPU per request = ratio to the floor [quartiles]";
    let mut table = Table::new(title, COLUMNS.map(|(name, _)| name));
    for case in Case::ALL {
        let mut series = COLUMNS.map(|(subject, _)| Series { subject, values: Vec::new() });
        for round in 0..options.rounds {
            for at in rotated(COLUMNS.len(), round) {
                let (Some(server), Some(series)) = (servers.get_mut(at), series.get_mut(at)) else {
                    continue;
                };
                let mut load = Load::connect(server.address()?, case)?;
                load.run(10 * CONNECTIONS as u64)?;
                let requests = options.scaled(REQUESTS);
                let before = server.cpu()?;
                load.run(requests)?;
                let used = server.cpu()? - before;
                series.values.push(used.as_nanos() as f64 / 1000.0 / requests as f64);
            }
        }
        let label = format!("{}, {CONNECTIONS} connections", case.label());
        let ours = table.compare(&label, &series);
        report.target(format!("CPU of {label}, x floor"), TARGET, ours);
    }
    report.add(table);
    servers.into_iter().try_for_each(Server::finish)
}

fn counted(options: &Options, report: &mut Report) -> Result<()> {
    let title = "Server card: thousands of instructions per request = ratio to the floor";
    let mut table = Table::new(title, COLUMNS.map(|(name, _)| name));
    for case in Case::ALL {
        let mut series = COLUMNS.map(|(subject, _)| Series { subject, values: Vec::new() });
        for ((_, mode), series) in COLUMNS.iter().zip(&mut series) {
            let count = |requests| -> Result<u64> {
                let mut program = Command::new(IDENTITY.program(false));
                program.arg(mode);
                let mut command = instructions::under_valgrind(&program);
                let server = Server::start_command(&mut command, options.workers)?;
                Load::connect(server.address()?, case)?.run(requests)?;
                server.finish()?;
                instructions::counted()
            };
            let [few, many] = INSTRUCTIONS;
            let added = count(many)?.saturating_sub(count(few)?);
            series.values.push(added as f64 / 1000.0 / (many - few) as f64);
        }
        let ours = table.compare(case.label(), &series);
        report.target(format!("instructions of {}, x floor", case.label()), TARGET, ours);
    }
    report.add(table);
    Ok(())
}

/// From a request to its answer, no network. A copy of the headers is what bare hyper needs as well.
fn allocations(report: &mut Report) -> Result<()> {
    let mut command = Command::new(IDENTITY.program(true));
    let printed = build::output(command.arg("allocations"))?;
    let counted: Map<String, Value> =
        serde_json::from_str(&printed).map_err(|error| format!("{error} in {printed:?}"))?;
    let mut table =
        Table::new("Server card: allocations per request", COLUMNS.map(|(name, _)| name));
    for case in Case::ALL {
        let of =
            |name: &str| counted.get(&format!("{name}, {}", case.label())).and_then(Value::as_f64);
        let values = [of("floor"), of("ours")];
        let cells = values.map(|value| value.map_or("-".to_owned(), number));
        table.row(case.label(), cells.to_vec(), values.to_vec().into());
        let [floor, ours] = values;
        let more = floor.zip(ours).map(|(floor, ours)| ours - floor);
        report.target(format!("allocations of {}, more than the floor", case.label()), 0.0, more);
    }
    report.add(table);
    Ok(())
}

/// Both must say the same, all but the time of day.
fn same_answers(servers: &[Server]) -> Result<()> {
    for case in Case::ALL {
        let mut answers = Vec::new();
        for server in servers {
            let mut load = Load::connect(server.address()?, case)?;
            load.run(1)?;
            answers.push(load.known);
        }
        if answers.windows(2).any(|pair| pair.first() != pair.last()) {
            return Err(format!("the floor and ours answer {} differently", case.label()).into());
        }
    }
    Ok(())
}

/// Some connections, on each of which requests follow one another.
struct Load {
    connections: Vec<BufReader<TcpStream>>,
    request: Vec<u8>,
    /// The answer that all must be: its head without the time of day, and its body.
    known: Option<Answer>,
}

type Answer = (Vec<String>, Vec<u8>);

impl Load {
    fn connect(address: SocketAddr, case: Case) -> Result<Self> {
        let open = || -> Result<BufReader<TcpStream>> {
            let stream = TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            Ok(BufReader::new(stream))
        };
        let connections = (0..CONNECTIONS).map(|_| open()).collect::<Result<Vec<_>>>()?;
        let request = |more: &str| {
            format!(
                "GET /mcp/server-card HTTP/1.1\r\nHost: {address}\r\n\
                 Accept: application/mcp-server-card+json\r\n{more}\r\n"
            )
        };
        let mut load = Self { connections, request: request("").into_bytes(), known: None };
        if let Case::Unchanged = case {
            load.run(1)?;
            let (head, _) = load.known.take().ok_or("no answer")?;
            let etag = head.iter().find_map(|line| line.strip_prefix("etag: ")).ok_or("no ETag")?;
            load.request = request(&format!("If-None-Match: {etag}\r\n")).into_bytes();
        }
        Ok(load)
    }

    /// Asks so many times, on all connections at once, and compares every answer.
    fn run(&mut self, requests: u64) -> Result<()> {
        let mut left = usize::try_from(requests)?;
        while left > 0 {
            let together = left.min(self.connections.len());
            for connection in self.connections.iter_mut().take(together) {
                connection.get_mut().write_all(&self.request)?;
            }
            for connection in self.connections.iter_mut().take(together) {
                let answer = read(connection)?;
                match &self.known {
                    None => self.known = Some(answer),
                    Some(known) if *known == answer => {}
                    Some(_) => return Err(format!("another answer than before: {answer:?}").into()),
                }
            }
            left -= together;
        }
        Ok(())
    }
}

fn read(connection: &mut BufReader<TcpStream>) -> Result<Answer> {
    let (mut head, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err("the server closed a connection".into());
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        if let Some(number) = line.strip_prefix("content-length: ") {
            length = number.parse()?;
        }
        if !line.starts_with("date: ") {
            head.push(line);
        }
    }
    if head.first().is_some_and(|status| status.contains(" 304 ")) {
        length = 0;
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((head, body))
}
