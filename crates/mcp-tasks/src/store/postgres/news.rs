//! What the instances of a database tell each other: that a task has changed, that there is work.
//!
//! One connection listens and tells. News are told after their change is durable, in statements of their own: told within the
//! change's transaction, they would make all commits of the database wait for each other. So an instance that dies at the
//! wrong moment tells nothing; and while the connection is lost, nothing is heard. For both, everything that is watched is
//! looked at now and then.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, timeout};
use tokio_postgres::{AsyncMessage, Client, Config};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Failure;
use super::tables::Statements;
use crate::store::{Hub, TaskId};

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

    /// What another instance tells; `None` for our own words, and for what is no news.
    fn read(text: &str, own: &str) -> Option<Self> {
        match text.split_once(' ')? {
            (from, _) if from == own => None,
            (_, "work") => Some(Self::Work),
            (_, "all") => Some(Self::All),
            (_, id) => TaskId::parse(id).map(Self::Changed),
        }
    }

    pub(super) fn tell(&self, hub: &Hub) {
        match self {
            Self::Changed(id) => hub.tell(id),
            Self::Work => hub.tell_work(),
            Self::All => hub.tell_all(),
        }
    }
}

/// Everything that the connection for news needs.
pub(super) struct Newsroom {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    pub(super) statements: Arc<Statements>,
    pub(super) hub: Arc<Hub>,
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

impl Newsroom {
    /// Listens and tells until `outgoing` is closed.
    pub(super) async fn run(self, mut outgoing: mpsc::UnboundedReceiver<News>) {
        let mut pause = Duration::from_millis(100);
        loop {
            match self.connect().await {
                Ok((client, driver)) => {
                    pause = Duration::from_millis(100);
                    // Both sides may have missed something.
                    self.hub.tell_all();
                    if self.exchange(&client, driver, &mut outgoing).await.is_break() {
                        return;
                    }
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
        let (hub, own_name) = (Arc::clone(&self.hub), self.own_name.clone());
        let driver = Driver(tokio::spawn(async move {
            while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await
            {
                if let AsyncMessage::Notification(said) = message
                    && let Some(news) = News::read(said.payload(), &own_name)
                {
                    news.tell(&hub);
                }
            }
        }));
        let listen = format!("LISTEN {}", self.statements.channel);
        self.within(client.batch_execute(&listen)).await?;
        self.send(&client, &[News::All.write(&self.own_name)]).await?;
        Ok((client, driver))
    }

    async fn exchange(
        &self,
        client: &Client,
        mut driver: Driver,
        outgoing: &mut mpsc::UnboundedReceiver<News>,
    ) -> std::ops::ControlFlow<()> {
        let mut look = tokio::time::interval(self.look_every);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.reset();
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                _ = &mut driver.0 => return std::ops::ControlFlow::Continue(()),
                count = outgoing.recv_many(&mut batch, BATCH) => {
                    if count == 0 {
                        return std::ops::ControlFlow::Break(());
                    }
                    // The same news twice is the same news.
                    let said: BTreeSet<News> = batch.drain(..).collect();
                    let said: Vec<_> = said.iter().map(|news| news.write(&self.own_name)).collect();
                    if let Err(error) = self.send(client, &said).await {
                        tracing::warn!(%error, "news of tasks were not told");
                        return std::ops::ControlFlow::Continue(());
                    }
                }
                _ = look.tick() => {
                    // Also finds out whether the connection is still there.
                    if self.within(client.batch_execute("SELECT 1")).await.is_err() {
                        return std::ops::ControlFlow::Continue(());
                    }
                    self.hub.tell_all();
                }
            }
        }
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
    fn news_are_read_as_they_were_written_but_not_ones_own() {
        let id = TaskId::generate().unwrap();
        for news in [News::Changed(id), News::Work, News::All] {
            assert_eq!(News::read(&news.write("a"), "b"), Some(news.clone()));
            assert_eq!(News::read(&news.write("a"), "a"), None);
        }
        for nonsense in ["", "a", "a ", "a b c", "all", "a ' OR 1"] {
            assert_eq!(News::read(nonsense, "b"), None, "{nonsense}");
        }
    }
}
