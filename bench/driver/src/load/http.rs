//! Load over HTTP: so many connections, on each of them one request after the other.

use std::{cell::RefCell, net::SocketAddr, rc::Rc, time::Duration};

use bench_support::{Error, Result, workload::Scenario};
use tokio::{runtime::Runtime, task::LocalSet, time::Instant};

use super::{Connection, FIRST_ID, answers::Answers, connection::Template};

/// Open connections to one server.
pub(crate) struct HttpLoad {
    runtime: Runtime,
    address: SocketAddr,
    connections: Vec<Connection>,
}

/// What all connections of one run share.
struct Run {
    next: u64,
    end: u64,
    answers: Answers,
    latencies: Vec<Duration>,
}

impl HttpLoad {
    /// Opens the connections.
    pub(crate) fn connect(address: SocketAddr, connections: usize) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let connections = runtime.block_on(async {
            let mut open = Vec::with_capacity(connections);
            for _ in 0..connections {
                open.push(Connection::open(address).await?);
            }
            Ok::<_, Error>(open)
        })?;
        Ok(Self { runtime, address, connections })
    }

    /// Asks `requests` requests over all connections together, and returns how long each took.
    pub(crate) fn run(&mut self, scenario: Scenario, requests: u64) -> Result<Vec<Duration>> {
        let template = Template::http(scenario, self.address)?;
        let run = Rc::new(RefCell::new(Run {
            next: FIRST_ID,
            end: FIRST_ID + requests,
            answers: Answers::new(scenario),
            latencies: Vec::with_capacity(usize::try_from(requests)?),
        }));
        let local = LocalSet::new();
        let tasks: Vec<_> = self
            .connections
            .drain(..)
            .map(|connection| local.spawn_local(drive(connection, template.clone(), run.clone())))
            .collect();
        self.connections = self.runtime.block_on(local.run_until(async {
            let mut back = Vec::with_capacity(tasks.len());
            for task in tasks {
                back.push(task.await??);
            }
            Ok::<_, Error>(back)
        }))?;
        Ok(std::mem::take(&mut run.borrow_mut().latencies))
    }
}

async fn drive(
    mut connection: Connection,
    mut template: Template,
    run: Rc<RefCell<Run>>,
) -> Result<Connection> {
    loop {
        let id = {
            let mut run = run.borrow_mut();
            if run.next == run.end {
                return Ok(connection);
            }
            run.next += 1;
            run.next - 1
        };
        let started = Instant::now();
        let (is_sse, body) = connection.exchange(template.with_id(id)?).await?;
        let mut run = run.borrow_mut();
        run.latencies.push(started.elapsed());
        run.answers.verify(id, body, is_sse)?;
    }
}
