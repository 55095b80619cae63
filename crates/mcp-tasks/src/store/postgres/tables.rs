//! The tables, and the statements on them.

use tokio_postgres::Client;

use super::connect::Failure;
use super::options::PostgresError;
use crate::store::engine::{CHECK_ID, CHECK_KEY, Codec};
use crate::store::{StoreError, TaskId};

/// The steps from nothing to the tables of today. A step that was released never changes.
///
/// 1: `body` is the row, JSON or sealed; `due` says how it can be claimed (0: it waits since `due_at`; 1: somebody has it until
/// `due_at`), and is null when it cannot; `version` counts the writes.
/// `tool` says when an instance that has a tool last asked for work.
///
/// 2: `revision` counts what clients can see change; it is null in rows that were not written since. What can be claimed is found by
/// its tool.
const STEPS: &[&str] = &["
    CREATE TABLE {schema}.task (
        id text PRIMARY KEY,
        version bigint NOT NULL,
        tool text NOT NULL,
        tool_version text NOT NULL,
        due smallint,
        due_at bigint,
        expires_at bigint,
        key_hash bigint,
        body bytea NOT NULL
    );
    CREATE INDEX task_due ON {schema}.task (due, due_at, id) WHERE due IS NOT NULL;
    CREATE INDEX task_expires ON {schema}.task (expires_at) WHERE expires_at IS NOT NULL;
    CREATE INDEX task_key ON {schema}.task (key_hash) WHERE key_hash IS NOT NULL;
    CREATE TABLE {schema}.tool (
        name text NOT NULL,
        version text NOT NULL,
        seen_at bigint NOT NULL,
        PRIMARY KEY (name, version)
    );
", "
    ALTER TABLE {schema}.task ADD COLUMN revision bigint;
    CREATE INDEX task_kind ON {schema}.task (tool, tool_version, due, due_at, id) WHERE due IS NOT NULL;
    DROP INDEX {schema}.task_due;
"];

/// The database's time in milliseconds.
const NOW: &str = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";

/// The kinds of tasks (a tool, a version) of which there is one that can be claimed, now or later: from one to the next by the index, so that
/// it does not matter how many tasks each has.
const KINDS: &str = "WITH RECURSIVE kind (tool, tool_version) AS (
        (SELECT tool, tool_version FROM {schema}.task WHERE due IS NOT NULL
        ORDER BY tool, tool_version LIMIT 1)
        UNION ALL
        SELECT next.tool, next.tool_version FROM kind CROSS JOIN LATERAL (
            SELECT tool, tool_version FROM {schema}.task
            WHERE due IS NOT NULL AND (tool, tool_version) > (kind.tool, kind.tool_version)
            ORDER BY tool, tool_version LIMIT 1
        ) next
    )";

/// The first that can be claimed of each wanted kind: $1 the time, $2 and $3 tools with their versions, $4 until when their tasks
/// must have been due. Once for each kind the index is entered, so tasks of other kinds are not seen.
fn firsts(schema: &str, which: &str, limit: &str) -> String {
    format!(
        "unnest($2::text[], $3::text[], $4::bigint[]) wanted (tool, version, until)
        CROSS JOIN LATERAL (
            SELECT id, due, due_at FROM {schema}.task
            WHERE tool = wanted.tool AND tool_version = wanted.version AND {which}
                AND (expires_at IS NULL OR expires_at > $1)
            ORDER BY due_at, id LIMIT {limit}
        ) found"
    )
}

/// All statements, with the schema's name in them.
#[derive(Debug)]
pub(super) struct Statements {
    pub(super) now: String,
    pub(super) get: String,
    pub(super) update: String,
    pub(super) insert: String,
    pub(super) lock_key: String,
    pub(super) by_key: String,
    pub(super) kinds: String,
    pub(super) orphans: String,
    pub(super) any_due: String,
    pub(super) seen: String,
    pub(super) queued: String,
    pub(super) over: String,
    pub(super) take: String,
    pub(super) sweep: String,
    pub(super) notify: String,
    pub(super) confirm: String,
    pub(super) channel: String,
}

impl Statements {
    pub(super) fn new(schema: &str) -> Self {
        let table = format!("{schema}.task");
        let kinds = KINDS.replace("{schema}", schema);
        let (queued, over) =
            ("due = 0 AND due_at <= wanted.until", "due = 1 AND due_at <= least(wanted.until, $1)");
        // $5 of each kind are looked at, of which $6 are locked: some may be locked by others. How many there were is said, too.
        let claimable = |which: &str| {
            let firsts = firsts(schema, which, "$5");
            format!(
                "SELECT task.id, task.body, first.count FROM (
                    SELECT found.*, count(*) OVER () FROM {firsts} ORDER BY due_at, id LIMIT $5
                ) first
                JOIN {table} task ON task.id = first.id AND task.due = first.due
                ORDER BY first.due_at, first.id LIMIT $6 FOR UPDATE OF task SKIP LOCKED"
            )
        };
        Self {
            now: format!("SELECT {NOW}"),
            get: format!("SELECT body, version, {NOW} FROM {table} WHERE id = $1"),
            update: format!(
                "UPDATE {table} SET version = version + 1, due = $3, due_at = $4, body = $5, revision = $6
                WHERE id = $1 AND version = $2"
            ),
            insert: format!(
                "INSERT INTO {table}
                (id, version, tool, tool_version, due, due_at, expires_at, key_hash, body, revision)
                VALUES ($1, 1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (id) DO NOTHING"
            ),
            lock_key: "SELECT pg_advisory_xact_lock($1)".to_owned(),
            by_key: format!("SELECT id, body FROM {table} WHERE key_hash = $1"),
            kinds: format!("{kinds} SELECT tool, tool_version FROM kind"),
            orphans: format!(
                "{kinds} SELECT tool, tool_version FROM kind
                WHERE (tool, tool_version) NOT IN (SELECT * FROM unnest($1::text[], $2::text[]))
                AND NOT EXISTS (
                    SELECT FROM {schema}.tool had
                    WHERE had.name = kind.tool AND had.version = kind.tool_version AND had.seen_at > $3
                )"
            ),
            any_due: format!(
                "SELECT EXISTS (SELECT FROM {}) OR EXISTS (SELECT FROM {})",
                firsts(schema, queued, "1"),
                firsts(schema, over, "1")
            ),
            seen: format!(
                "INSERT INTO {schema}.tool (name, version, seen_at)
                SELECT name, version, $3 FROM unnest($1::text[], $2::text[]) own (name, version)
                ORDER BY name, version
                ON CONFLICT (name, version) DO UPDATE SET seen_at = greatest(tool.seen_at, excluded.seen_at)"
            ),
            queued: claimable(queued),
            over: claimable(over),
            take: format!(
                "UPDATE {table} t
                SET version = t.version + 1, due = n.due, due_at = n.due_at,
                    body = coalesce(n.body, t.body), revision = coalesce(n.revision, t.revision)
                FROM unnest($1::text[], $2::smallint[], $3::bigint[], $4::bytea[], $5::bigint[])
                    n (id, due, due_at, body, revision)
                WHERE t.id = n.id"
            ),
            sweep: format!(
                "DELETE FROM {table} WHERE id IN (
                    SELECT id FROM {table} WHERE expires_at <= $1
                    ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED
                ) RETURNING id"
            ),
            notify: "SELECT pg_notify($1, said) FROM unnest($2::text[]) said".to_owned(),
            // Tells, on $1, that $2, and says what time it is and which of $3 have their revision $4 still.
            confirm: format!(
                "SELECT pg_notify($1, $2), {NOW}, ARRAY(
                    SELECT kept.id FROM unnest($3::text[], $4::bigint[]) kept (id, revision)
                    JOIN {table} task ON task.id = kept.id AND task.revision = kept.revision
                )"
            ),
            channel: format!("{schema}_news"),
        }
    }
}

/// Brings the tables to what they are today, and finds out whether their content can be read.
pub(super) async fn prepare(
    client: &mut Client,
    schema: &str,
    codec: &dyn Codec,
) -> Result<(), PostgresError> {
    let known = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    let failed = |error: tokio_postgres::Error| PostgresError::from(Failure::from(error));
    let transaction = client.transaction().await.map_err(failed)?;
    // Instances that start together take turns.
    transaction
        .execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))",
            &[&format!("mcp-tasks {schema}")],
        )
        .await
        .map_err(failed)?;
    let exists = transaction
        .query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&schema])
        .await
        .map_err(failed)?;
    // Only if it has to be: who may not create schemas may still use one.
    if !exists.get::<_, bool>(0) {
        transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await.map_err(failed)?;
    }
    let exists = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&format!("{schema}.about")])
        .await
        .map_err(failed)?;
    if !exists.get::<_, bool>(0) {
        let create =
            format!("CREATE TABLE {schema}.about (name text PRIMARY KEY, value bytea NOT NULL)");
        transaction.batch_execute(&create).await.map_err(failed)?;
    }
    let read = format!("SELECT value FROM {schema}.about WHERE name = $1");
    let write = format!(
        "INSERT INTO {schema}.about (name, value) VALUES ($1, $2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    );
    let found = transaction.query_opt(&read, &[&"version"]).await.map_err(failed)?;
    let found = found.and_then(|row| {
        std::str::from_utf8(row.get::<_, &[u8]>(0)).ok().and_then(|text| text.parse().ok())
    });
    let found: i64 = found.unwrap_or(0);
    if found > known {
        return Err(PostgresError::Version { found, known });
    }
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.batch_execute(&step.replace("{schema}", schema)).await.map_err(failed)?;
    }
    if found < known {
        let version = known.to_string();
        transaction.execute(&write, &[&"version", &version.as_bytes()]).await.map_err(failed)?;
    }

    let id = TaskId::parse(CHECK_ID)
        .ok_or_else(|| PostgresError::Content(StoreError::unavailable("no mark")))?;
    if let Some(mark) = transaction.query_opt(&read, &[&"mark"]).await.map_err(failed)?
        && !codec.decode(&id, mark.get(0)).is_ok_and(|mark| mark == CHECK_KEY)
    {
        return Err(PostgresError::Content(StoreError::unavailable(
            "the tasks are encrypted with a key that was not given, or not at all",
        )));
    }
    // Anew each time, with the current key: an old one can be retired once no task needs it.
    let mark = codec.encode(&id, CHECK_KEY.to_vec()).map_err(PostgresError::Content)?;
    transaction.execute(&write, &[&"mark", &mark]).await.map_err(failed)?;
    transaction.commit().await.map_err(failed)
}
