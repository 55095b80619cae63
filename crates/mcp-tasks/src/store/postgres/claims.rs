//! Claims: rows are locked, changed and given to a worker; those that others have locked are passed over.
//!
//! What can be claimed is found by its tool and version: the tasks of tools that this instance lacks are not looked at, however many
//! wait. They are asked for apart, and seldom: a kind of task that no instance has is wanted by all, to say that it
//! cannot be run.

use std::sync::PoisonError;
use std::time::Duration;

use deadpool_postgres::Object;
use tokio::time::Instant;
use tokio_postgres::types::ToSql;

use super::PostgresStore;
use super::connect::Trouble;
use super::news::News;
use super::rows::{due, millis, revision};
use crate::store::{Claim, StoreError, TaskId, TaskRow, Timestamp, Wanted, engine};

/// A row that this instance cannot read is left to others for so long before anybody looks at it again.
const UNREADABLE: Duration = Duration::from_secs(15);
/// How often an instance says which tools it has, and looks for tasks of tools that nobody has, at least.
const SEEN_EVERY: Duration = Duration::from_secs(10);
/// So many more of a kind are looked at than are wanted, because others may have locked some; and where that was not enough, so many
/// times more, so often.
const MORE: usize = 8;
const TIMES: usize = 8;
const TRIES: usize = 3;

/// What an instance remembers between its claims.
#[derive(Debug, Default)]
pub(super) struct Rhythm {
    /// When it last said which tools it has, and which.
    said: Option<(Instant, Wanted)>,
    /// The database's time when it last looked for tasks of tools that nobody has, and found none.
    no_orphans: Option<i64>,
}

/// The kinds of tasks that a claim takes: tools, versions, and until when their tasks must have been due.
#[derive(Debug, Default)]
struct Kinds {
    tools: Vec<String>,
    versions: Vec<String>,
    until: Vec<i64>,
}

impl Kinds {
    fn push(&mut self, tool: String, version: String, until: i64) {
        self.tools.push(tool);
        self.versions.push(version);
        self.until.push(until);
    }
}

impl PostgresStore {
    pub(super) async fn try_claim(
        &self,
        wanted: &Wanted,
        lease: Duration,
        limit: usize,
    ) -> Result<Vec<TaskRow>, Trouble> {
        let mut client = self.client().await?;
        let now = self.now(&client).await?;
        let time = millis(now);
        self.say_tools(&client, wanted, time).await?;
        if limit == 0 {
            return Ok(Vec::new());
        }
        let kinds = self.kinds(&client, wanted, time).await?;
        let values: [&(dyn ToSql + Sync); 4] = [&time, &kinds.tools, &kinds.versions, &kinds.until];
        // Most claims find nothing, and need no transaction.
        let any = client.prepare_cached(&self.statements.any_due).await?;
        if !client.query_one(&any, &values).await?.get::<_, bool>(0) {
            return Ok(Vec::new());
        }

        let transaction = client.transaction().await?;
        let mut taken = Taken::default();
        for statement in [&self.statements.queued, &self.statements.over] {
            let left = limit - taken.found;
            if left == 0 {
                break;
            }
            let statement = transaction.prepare_cached(statement).await?;
            let mut looked_at = left.saturating_mul(2).saturating_add(MORE);
            for last in 1..=TRIES {
                let (most, wanted) = (count(looked_at), count(left));
                let values = [&values[..], &[&most, &wanted]].concat();
                let found = transaction.query(&statement, &values).await?;
                // With none, it is not known how many there were.
                let all = found.first().is_some_and(|row| row.get::<_, i64>(2) < most);
                if found.len() < left && !all && last < TRIES {
                    // Those that were locked now are found again.
                    looked_at = looked_at.saturating_mul(TIMES);
                    continue;
                }
                for row in found {
                    taken.found += 1;
                    self.take(&mut taken, row.get(0), row.get(1), now, lease)?;
                }
                break;
            }
        }
        let values: [&(dyn ToSql + Sync); 5] =
            [&taken.ids, &taken.due, &taken.due_at, &taken.bodies, &taken.revisions];
        let take = transaction.prepare_cached(&self.statements.take).await?;
        transaction.execute(&take, &values).await?;
        transaction.commit().await?;
        for id in taken.failed {
            self.tell(News::Changed(id));
        }
        Ok(taken.claimed)
    }

    /// What there is to claim for this instance: the kinds of its own tools, and those that wait for a tool that nobody has.
    async fn kinds(&self, client: &Object, wanted: &Wanted, now: i64) -> Result<Kinds, Trouble> {
        let mut kinds = Kinds::default();
        let Some(names) = wanted.names() else {
            let statement = client.prepare_cached(&self.statements.kinds).await?;
            for row in client.query(&statement, &[]).await? {
                kinds.push(row.get(0), row.get(1), i64::MAX);
            }
            return Ok(kinds);
        };
        for (tool, version) in names {
            kinds.push(tool.to_owned(), version.to_owned(), i64::MAX);
        }
        let every = i64::try_from(every(wanted).as_millis()).unwrap_or(i64::MAX);
        let looked = self.rhythm.lock().unwrap_or_else(PoisonError::into_inner).no_orphans;
        // A clock that was put back, say by another database that took over, does not count.
        if looked.is_some_and(|at| (at..at.saturating_add(every)).contains(&now)) {
            return Ok(kinds);
        }
        let patience = i64::try_from(wanted.others_after().as_millis()).unwrap_or(i64::MAX);
        let since = now.saturating_sub(patience);
        let statement = client.prepare_cached(&self.statements.orphans).await?;
        let orphans = client.query(&statement, &[&kinds.tools, &kinds.versions, &since]).await?;
        if orphans.is_empty() {
            self.rhythm.lock().unwrap_or_else(PoisonError::into_inner).no_orphans = Some(now);
        }
        for row in orphans {
            kinds.push(row.get(0), row.get(1), since);
        }
        Ok(kinds)
    }

    /// Says now and then which tools this instance has: others then leave their tasks to it, however long they wait.
    async fn say_tools(&self, client: &Object, wanted: &Wanted, now: i64) -> Result<(), Trouble> {
        let Some(names) = wanted.names() else { return Ok(()) };
        let every = every(wanted);
        let is_said = {
            let rhythm = self.rhythm.lock().unwrap_or_else(PoisonError::into_inner);
            rhythm.said.as_ref().is_some_and(|(at, said)| at.elapsed() < every && said == wanted)
        };
        if is_said {
            return Ok(());
        }
        let (tools, versions): (Vec<&str>, Vec<&str>) = names.unzip();
        let statement = client.prepare_cached(&self.statements.seen).await?;
        client.execute(&statement, &[&tools, &versions, &now]).await?;
        self.rhythm.lock().unwrap_or_else(PoisonError::into_inner).said =
            Some((Instant::now(), wanted.clone()));
        Ok(())
    }

    /// Claims one row that is locked.
    fn take(
        &self,
        taken: &mut Taken,
        id: String,
        body: Vec<u8>,
        now: Timestamp,
        lease: Duration,
    ) -> Result<(), StoreError> {
        let row = TaskId::parse(&id).and_then(|id| self.decode(&id, body).ok());
        let Some(mut row) = row else {
            // It must not keep workers from the others; who has its key, or a newer library, may have it later.
            tracing::warn!(id, "a task that this instance cannot read is left to others");
            taken.leave(id, millis(now.after(UNREADABLE)));
            return Ok(());
        };
        match row.claim(now, lease) {
            Claim::Refused => return Ok(()),
            claim => {
                taken.push(id, &row, self.encode(&row, None)?);
                match claim {
                    Claim::Exhausted => taken.failed.push(row.id),
                    _ => taken.claimed.push(row),
                }
            }
        }
        Ok(())
    }
}

/// Far more often than others lose their patience with a tool that nobody has.
fn every(wanted: &Wanted) -> Duration {
    SEEN_EVERY.min(wanted.others_after() / 4)
}

fn count(of: usize) -> i64 {
    i64::try_from(of).unwrap_or(i64::MAX)
}

/// What a claim is about to write.
#[derive(Default)]
struct Taken {
    found: usize,
    ids: Vec<String>,
    due: Vec<Option<i16>>,
    due_at: Vec<Option<i64>>,
    bodies: Vec<Option<Vec<u8>>>,
    revisions: Vec<Option<i64>>,
    claimed: Vec<TaskRow>,
    failed: Vec<TaskId>,
}

impl Taken {
    /// Not before then.
    fn leave(&mut self, id: String, until: i64) {
        self.ids.push(id);
        self.due.push(Some(i16::from(engine::LEASED)));
        self.due_at.push(Some(until));
        self.bodies.push(None);
        self.revisions.push(None);
    }

    fn push(&mut self, id: String, row: &TaskRow, body: Vec<u8>) {
        let (due, due_at) = due(row);
        self.ids.push(id);
        self.due.push(due);
        self.due_at.push(due_at);
        self.bodies.push(Some(body));
        self.revisions.push(Some(revision(row.revision)));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use mcp_testkit::TestPostgres;
    use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

    use super::*;
    use crate::store::postgres::tables::Statements;
    use crate::store::{NewTask, PostgresStore, TaskRequest, TaskStore};

    const FOREIGN: usize = 100_000;

    fn task(tool: &str) -> NewTask {
        NewTask::new(TaskRequest {
            method: "tools/call".to_owned(),
            tool: tool.to_owned(),
            version: None,
            params: mcp_core::RawJson::null(),
        })
    }

    /// The pages that a statement looks at, as it is planned for these values or for any.
    async fn pages(client: &Client, mode: &str, statement: &str, values: &str) -> u64 {
        let run = format!(
            "DEALLOCATE ALL; SET plan_cache_mode = {mode}; PREPARE it AS {statement};
            EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE it{values}"
        );
        let said = client.simple_query(&run).await.unwrap();
        let plan = said.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0),
            _ => None,
        });
        let plan: serde_json::Value = serde_json::from_str(plan.unwrap()).unwrap();
        let number = |name: &str| plan[0]["Plan"][name].as_u64().unwrap();
        number("Shared Hit Blocks") + number("Shared Read Blocks")
    }

    /// Pages, not time: they are the same on every machine.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_backlog_of_tools_that_an_instance_lacks_is_not_read() {
        let Some(server) = TestPostgres::start_if_installed() else { return };
        let store = PostgresStore::connect(&server.address()).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&server.address(), NoTls).await.unwrap();
        tokio::spawn(connection);
        // Older than all others: of three tools that other instances have, half of them with a worker that let its lease run out.
        let fill = format!(
            "INSERT INTO mcp_tasks.task (id, version, tool, tool_version, due, due_at, body)
            SELECT lpad(n::text, 27, 'f'), 1, 'foreign' || n % 3, '', n % 2, n, 'x'
            FROM generate_series(1, {FOREIGN}) n;
            INSERT INTO mcp_tasks.tool SELECT 'foreign' || n, '', 9e15 FROM generate_series(0, 2) n"
        );
        client.batch_execute(&fill).await.unwrap();
        let mut ids = Vec::new();
        for number in 0..40 {
            ids.push(store.create(task(["own", "too"][number % 2])).await.unwrap().row.id);
        }

        let statements = Statements::new("mcp_tasks");
        // The time, tools and versions, until when; then how many of a kind, and how many.
        let wanted = "(8000000000000, '{own,too,none}', '{\"\",\"\",1}', '{9e15,9e15,9e15}'";
        let wanted = wanted.replace("9e15", "9000000000000000");
        for analyzed in [false, true] {
            if analyzed {
                client.batch_execute("ANALYZE mcp_tasks.task").await.unwrap();
            }
            for mode in ["force_custom_plan", "force_generic_plan"] {
                for (statement, values) in [
                    (&statements.any_due, format!("{wanted})")),
                    (&statements.queued, format!("{wanted}, 40, 16)")),
                    (&statements.over, format!("{wanted}, 40, 16)")),
                    (&statements.kinds, String::new()),
                    (&statements.orphans, "('{own,too}', '{\"\",\"\"}', 8000000000000)".to_owned()),
                ] {
                    let pages = pages(&client, mode, statement, &values).await;
                    assert!(pages < 100, "{mode}, analyzed {analyzed}: {pages} for {statement}");
                }
            }
        }
        // What it would be if the backlog were read.
        let all = "SELECT count(*) FROM mcp_tasks.task WHERE body IS NOT NULL";
        assert!(pages(&client, "auto", all, "").await > 1000);

        // The oldest first, whatever their tool.
        let own = Wanted::tools([("own", None), ("too", None)], Duration::from_secs(600));
        let mut claimed = Vec::new();
        for limit in [1, 7, 32] {
            let rows = store.claim(&own, Duration::from_secs(60), limit).await.unwrap();
            assert_eq!(rows.len(), limit);
            claimed.extend(rows.into_iter().map(|row| (row.created_at, row.id)));
        }
        assert!(claimed.is_sorted(), "{claimed:?}");
        assert!(claimed.iter().all(|(_, id)| ids.contains(id)));
        assert!(store.claim(&own, Duration::from_secs(60), 1).await.unwrap().is_empty());
    }

    /// More than are looked at on the first try.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn tasks_behind_many_that_others_have_locked_are_found() {
        let Some(server) = TestPostgres::start_if_installed() else { return };
        let store = PostgresStore::connect(&server.address()).await.unwrap();
        let (client, connection) = tokio_postgres::connect(&server.address(), NoTls).await.unwrap();
        tokio::spawn(connection);
        for _ in 0..60 {
            store.create(task("own")).await.unwrap();
        }
        let lock = "BEGIN; SELECT FROM mcp_tasks.task ORDER BY due_at, id LIMIT 50 FOR UPDATE";
        client.batch_execute(lock).await.unwrap();
        let own = Wanted::tools([("own", None)], Duration::from_secs(600));
        let claim = async |limit| store.claim(&own, Duration::from_secs(60), limit).await.unwrap();
        assert_eq!(claim(4).await.len(), 4);
        assert_eq!(claim(100).await.len(), 6);
        assert!(claim(100).await.is_empty());
        client.batch_execute("ROLLBACK").await.unwrap();
        assert_eq!(claim(100).await.len(), 50);
    }
}
