//! What the instances of a database tell each other: that a task has changed, that there is work.
//!
//! One connection listens and tells. News are told after their change is durable, in statements of their own: told within the
//! change's transaction, they would make all commits of the database wait for each other. So an instance that dies at the
//! wrong moment tells nothing; and while the connection is lost, nothing is heard. For both, everything that is watched is
//! looked at now and then. Views that are kept depend on the same connection: `views.rs`.

use std::collections::{BTreeSet, HashSet};
use std::future::poll_fn;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, sleep_until, timeout};
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Failure;
use super::rows::timestamp;
use super::tables::Statements;
use super::views::{Round, Views};
use crate::store::{Hub, TaskId, Timestamp};

/// So much is told in one statement.
const BATCH: usize = 200;
/// The longest pause before the database is tried again.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum News {
    /// A task has changed.
    Changed(TaskId),
    /// A task waits for a worker.
    Work,
    /// Something may have been missed.
    All,
}

impl News {
    fn write(&self, from: &str) -> String {
        match self {
            Self::Changed(id) => format!("{from} {id}"),
            Self::Work => format!("{from} work"),
            Self::All => format!("{from} all"),
        }
    }

    /// What another instance tells, and our own heartbeats; `None` for all else.
    fn read(text: &str, own: &str) -> Option<Heard> {
        let (from, said) = text.split_once(' ')?;
        if from == own {
            return said.strip_prefix(BEAT)?.parse().ok().map(Heard::Beat);
        }
        Some(Heard::News(match said {
            "work" => Self::Work,
            "all" => Self::All,
            id => Self::Changed(TaskId::parse(id)?),
        }))
    }

    /// Tells this instance. Who is told may look at once, and must not be shown what was kept before.
    pub(super) fn tell(&self, hub: &Hub, views: &Views) {
        match self {
            Self::Changed(id) => {
                views.changed(id);
                hub.tell(id);
            }
            Self::Work => hub.tell_work(),
            Self::All => {
                views.clear();
                hub.tell_all();
            }
        }
    }
}

/// What comes over the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Heard {
    News(News),
    /// Our own heartbeat, by its number.
    Beat(u64),
}

/// What heartbeats begin with.
const BEAT: &str = "beat ";

/// Everything that the connection for news needs.
pub(super) struct Newsroom {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) statements: Arc<Statements>,
    pub(super) hub: Arc<Hub>,
    pub(super) views: Arc<Views>,
    pub(super) own_name: String,
    pub(super) timeout: Duration,
    pub(super) look_every: Duration,
}

/// The task that drives a connection; it ends with this.
struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Driver {
    /// Ends it, and what it was just doing.
    async fn stop(&mut self) {
        self.0.abort();
        if !self.0.is_finished() {
            // It was aborted: that is no news.
            let _ = (&mut self.0).await;
        }
    }
}

impl Newsroom {
    /// Listens and tells until `outgoing` is closed.
    pub(super) async fn run(self, mut outgoing: mpsc::UnboundedReceiver<News>) {
        let mut pause = Duration::from_millis(100);
        loop {
            match self.connect().await {
                Ok((client, mut driver)) => {
                    pause = Duration::from_millis(100);
                    // Both sides may have missed something.
                    self.views.start_over(true);
                    self.hub.tell_all();
                    let ended = tokio::select! {
                        ended = self.exchange(&client, &mut driver, &mut outgoing) => ended,
                        failure = self.keep_certain(&client) => {
                            tracing::warn!(%failure, "what is kept of tasks cannot be checked");
                            ControlFlow::Continue(())
                        }
                    };
                    self.views.start_over(false);
                    if ended.is_break() {
                        return;
                    }
                    driver.stop().await;
                    tracing::warn!("the connection for news of tasks was lost; connecting again");
                }
                Err(error) => {
                    tracing::warn!(%error, "no connection for news of tasks; trying again")
                }
            }
            if outgoing.is_closed() && outgoing.is_empty() {
                return;
            }
            // When they are connected again, all are told to look at everything.
            while outgoing.try_recv().is_ok() {}
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(MAX_PAUSE);
        }
    }

    async fn connect(&self) -> Result<(Client, Driver), Failure> {
        let connected = timeout(self.timeout, self.config.connect(self.tls.clone())).await;
        let (client, mut connection) = connected.map_err(|_| Failure::slow(self.timeout))??;
        let (hub, views) = (Arc::clone(&self.hub), Arc::clone(&self.views));
        let own_name = self.own_name.clone();
        let driver = Driver(tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                let AsyncMessage::Notification(said) = message else { continue };
                match News::read(said.payload(), &own_name) {
                    Some(Heard::News(news)) => news.tell(&hub, &views),
                    Some(Heard::Beat(number)) => views.heard(number),
                    None => {}
                }
            }
            views.clear();
        }));
        let listen = format!("LISTEN {}", self.statements.channel);
        self.within(client.batch_execute(&listen)).await?;
        self.send(&client, &[News::All.write(&self.own_name)]).await?;
        Ok((client, driver))
    }

    async fn exchange(
        &self,
        client: &Client,
        driver: &mut Driver,
        outgoing: &mut mpsc::UnboundedReceiver<News>,
    ) -> ControlFlow<()> {
        let mut look = tokio::time::interval(self.look_every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                _ = &mut driver.0 => return ControlFlow::Continue(()),
                count = outgoing.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return ControlFlow::Break(());
                    }
                    // The same news twice is the same news.
                    let said: BTreeSet<News> = batch.drain(..).collect();
                    let said: Vec<_> = said.iter().map(|news| news.write(&self.own_name)).collect();
                    if let Err(error) = self.send(client, &said).await {
                        tracing::warn!(%error, "news of tasks were not told");
                        return ControlFlow::Continue(());
                    }
                }
                _ = look.tick() => {
                    // Also finds out whether the connection is still there.
                    if self.within(client.batch_execute("SELECT 1")).await.is_err() {
                        return ControlFlow::Continue(());
                    }
                    // Who looks asks the database.
                    self.views.clear();
                    self.hub.tell_all();
                }
            }
        }
    }

    /// Keeps up the certainty of kept views while there are any, until the connection fails.
    async fn keep_certain(&self, client: &Client) -> Failure {
        let Some(within) = self.views.within() else { return std::future::pending().await };
        let confirm = self.within(client.prepare(&self.statements.confirm)).await;
        let confirm = match confirm {
            Ok(statement) => statement,
            Err(failure) => return failure,
        };
        loop {
            self.views.wait_for_one().await;
            let Some(round) = self.views.begin() else { continue };
            match timeout(within, self.confirm(client, &confirm, &round)).await {
                Ok(Ok((time, unchanged))) => {
                    let unchanged = unchanged.iter().map(String::as_str).collect::<HashSet<_>>();
                    for id in self.views.end(&round, &unchanged, time) {
                        // Nobody told of its change, or not yet.
                        self.hub.tell(&id);
                    }
                }
                Ok(Err(failure)) => return failure,
                Err(_) => {
                    tracing::warn!(?within, "the database is slow; each poll of a task asks it");
                    self.views.clear();
                }
            }
            sleep_until(round.at + within / 2).await;
        }
    }

    /// Sends the heartbeat of a round, and asks which tasks have their revision still: what time it is, and their ids.
    async fn confirm(
        &self,
        client: &Client,
        statement: &Statement,
        round: &Round,
    ) -> Result<(Timestamp, Vec<String>), Failure> {
        let beat = format!("{} {BEAT}{}", self.own_name, round.beat);
        let ids: Vec<&str> = round.ids.iter().map(TaskId::as_str).collect();
        let channel = self.statements.channel.as_str();
        let values: [&(dyn ToSql + Sync); 4] = [&channel, &beat, &ids, &round.revisions];
        let row = client.query_one(statement, &values).await?;
        Ok((timestamp(row.get(1)), row.get(2)))
    }

    async fn send(&self, client: &Client, said: &[String]) -> Result<(), Failure> {
        let channel = self.statements.channel.as_str();
        self.within(client.execute(self.statements.notify.as_str(), &[&channel, &said])).await?;
        Ok(())
    }

    async fn within<T>(
        &self,
        work: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, Failure> {
        Ok(timeout(self.timeout, work).await.map_err(|_| Failure::slow(self.timeout))??)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn news_are_read_as_they_were_written_and_of_ones_own_only_heartbeats() {
        let id = TaskId::generate().unwrap();
        for news in [News::Changed(id), News::Work, News::All] {
            assert_eq!(News::read(&news.write("a"), "b"), Some(Heard::News(news.clone())));
            assert_eq!(News::read(&news.write("a"), "a"), None);
        }
        for nonsense in ["", "a", "a ", "a b c", "all", "a ' OR 1", "a beat ", "a beat 1"] {
            assert_eq!(News::read(nonsense, "b"), None, "{nonsense}");
        }
        assert_eq!(News::read("a beat 17", "a"), Some(Heard::Beat(17)));
        assert_eq!(News::read("a beat x", "a"), None);
    }
}
