//! A task as it is kept, and everything that can happen to it.
//!
//! The methods here are the rules: pure, without a clock and without a database. A store reads a
//! row, applies one of them, and writes the row if it returned `Ok`; an exhaustive search over them
//! is in the tests (`tests/model.rs`).
//!
//! ```text
//!             claim                  finish
//!   Queued ───────────▶ Running ───────────────▶ Completed | Failed
//!     ▲  ▲                │ │ lease over: claim again, with a higher fence
//!     │  └── release ─────┘ │ ask
//!     │                     ▼
//!     └── last answer ─── Parked            anything but an end ── cancel ──▶ Cancelled
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::protocol::{ErrorObject, InputRequest, JsonObject};
use serde::{Deserialize, Serialize};

use super::view::is_visible;
use super::{Hold, TaskId, Timestamp};
use crate::protocol::TaskStatus;

/// The worker's claim is over; nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the claim is over")]
pub struct Stale;

/// The request that a task answers, as data: what a worker needs to run it anywhere.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskRequest {
    /// The method, `tools/call`.
    pub method: String,
    /// The tool.
    pub tool: String,
    /// The tool's version, if the tool has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The parameters, `_meta` included, as they came.
    pub params: RawJson,
}

/// A task to be created.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NewTask {
    /// The request.
    pub request: TaskRequest,
    /// Who asked, if that is known; nobody else finds the task then.
    pub principal: Option<String>,
    /// The client's key against doubles.
    pub idempotency_key: Option<String>,
    /// How long it is kept, from its creation; `None` for ever.
    pub ttl: Option<Duration>,
    /// How often clients should ask for it.
    pub poll_interval: Duration,
    /// How many runs may end without a word (a crash) before the task fails.
    pub max_attempts: u32,
    /// Answers that are known beforehand, by the keys that the handler asks with.
    pub answers: BTreeMap<String, RawJson>,
}

impl NewTask {
    /// A task with the defaults: kept for a day, polled every second, three attempts.
    #[must_use]
    pub fn new(request: TaskRequest) -> Self {
        Self {
            request,
            principal: None,
            idempotency_key: None,
            ttl: Some(Duration::from_secs(24 * 60 * 60)),
            poll_interval: Duration::from_secs(1),
            max_attempts: 3,
            answers: BTreeMap::new(),
        }
    }
}

/// A question to the client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// The key that the handler asks with. The client sees another if this one was used before.
    pub key: String,
    /// What is asked.
    pub request: InputRequest,
}

/// How a task ends.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// With a result, a tool's own failure included.
    Completed(JsonObject),
    /// With a JSON-RPC error.
    Failed(ErrorObject),
}

/// Where a task is on its way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// It waits for a worker.
    Queued {
        /// Since when.
        since: Timestamp,
    },
    /// A worker has it.
    Running {
        /// Until then; after that anybody may claim it.
        lease_until: Timestamp,
    },
    /// It waits for its client.
    Parked {
        /// The questions without an answer, by the keys that the client sees.
        questions: BTreeMap<String, Question>,
    },
    /// It has its result.
    Completed {
        /// The result.
        result: JsonObject,
    },
    /// It came to an error.
    Failed {
        /// The error.
        error: ErrorObject,
    },
    /// It was cancelled.
    Cancelled,
}

/// What came of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The task is the worker's.
    Taken,
    /// Its attempts are used up: it has failed instead.
    Exhausted,
    /// It is not to be had.
    Refused,
}

/// A task as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TaskRow {
    /// Identifies it.
    pub id: TaskId,
    /// Who asked, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    /// The client's key against doubles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The request.
    pub request: TaskRequest,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its client could last see a change.
    pub updated_at: Timestamp,
    /// How many milliseconds it is kept, from its creation; `None` for ever.
    pub ttl_ms: Option<u64>,
    /// How often clients should ask for it, in milliseconds.
    pub poll_interval_ms: u64,
    /// How many runs may end without a word before it fails.
    pub max_attempts: u32,
    /// Runs since the last sign of progress (a checkpoint, a question).
    pub attempt: u32,
    /// The number of the last claim.
    pub fence: u64,
    /// Counts the changes that its client can see.
    pub revision: u64,
    /// The state in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    /// Keys of questions that the client has seen; none is used for another question.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub issued: BTreeSet<String>,
    /// Answers by the keys that the handler asks with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, RawJson>,
    /// Values that runs have kept for later runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checkpoints: BTreeMap<String, RawJson>,
    /// Where it is on its way.
    pub phase: Phase,
}

impl TaskRow {
    /// A new task.
    #[must_use]
    pub fn new(id: TaskId, task: NewTask, now: Timestamp) -> Self {
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Self {
            id,
            principal: task.principal,
            idempotency_key: task.idempotency_key,
            request: task.request,
            created_at: now,
            updated_at: now,
            ttl_ms: task.ttl.map(millis),
            poll_interval_ms: millis(task.poll_interval),
            max_attempts: task.max_attempts.max(1),
            attempt: 0,
            fence: 0,
            revision: 1,
            status_message: None,
            // A question with the key of an answer that is known is not asked again under that key.
            issued: task.answers.keys().cloned().collect(),
            answers: task.answers,
            checkpoints: BTreeMap::new(),
            phase: Phase::Queued { since: now },
        }
    }

    /// What its client sees.
    #[must_use]
    pub fn status(&self) -> TaskStatus {
        match self.phase {
            Phase::Queued { .. } | Phase::Running { .. } => TaskStatus::Working,
            Phase::Parked { .. } => TaskStatus::InputRequired,
            Phase::Completed { .. } => TaskStatus::Completed,
            Phase::Failed { .. } => TaskStatus::Failed,
            Phase::Cancelled => TaskStatus::Cancelled,
        }
    }

    /// When it may be forgotten; `None` for never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.ttl_ms.map(|ttl| self.created_at.after(Duration::from_millis(ttl)))
    }

    /// Whether it has outlived its ttl.
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|expires| expires <= now)
    }

    /// Whether this caller finds it at all. A task without a principal is found by whoever knows
    /// its id.
    #[must_use]
    pub fn is_visible_to(&self, principal: Option<&str>, now: Timestamp) -> bool {
        is_visible(self.principal.as_deref(), self.expires_at(), principal, now)
    }

    /// The right to write that the last claim gave.
    #[must_use]
    pub fn hold(&self) -> Hold {
        Hold { id: self.id.clone(), fence: self.fence }
    }

    /// Whether a worker may claim it now.
    #[must_use]
    pub fn is_claimable(&self, now: Timestamp) -> bool {
        match self.phase {
            Phase::Queued { .. } => !self.is_expired(now),
            Phase::Running { lease_until } => lease_until <= now && !self.is_expired(now),
            _ => false,
        }
    }

    /// A worker claims it for as long as `lease`.
    pub fn claim(&mut self, now: Timestamp, lease: Duration) -> Claim {
        if !self.is_claimable(now) {
            return Claim::Refused;
        }
        if self.attempt >= self.max_attempts {
            let message = format!(
                "given up after {} runs that ended without a result or progress",
                self.attempt
            );
            self.status_message = Some(message.clone());
            self.end(Phase::Failed { error: ErrorObject::new(-32603, message) }, now);
            return Claim::Exhausted;
        }
        self.attempt += 1;
        self.fence += 1;
        self.phase = Phase::Running { lease_until: now.after(lease) };
        Claim::Taken
    }

    /// Whether the worker with this fence still has it.
    fn check(&self, fence: u64, now: Timestamp) -> Result<(), Stale> {
        match self.phase {
            Phase::Running { .. } if fence == self.fence && !self.is_expired(now) => Ok(()),
            _ => Err(Stale),
        }
    }

    /// The worker keeps it, and says how far it is if there is something new to say.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn heartbeat(
        &mut self,
        fence: u64,
        now: Timestamp,
        lease: Duration,
        message: Option<String>,
    ) -> Result<(), Stale> {
        self.check(fence, now)?;
        self.phase = Phase::Running { lease_until: now.after(lease) };
        if message.is_some() && message != self.status_message {
            self.status_message = message;
            self.changed(now);
        }
        Ok(())
    }

    /// The worker keeps a value for later runs. The first value of a key stays.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn checkpoint(
        &mut self,
        fence: u64,
        now: Timestamp,
        key: &str,
        value: RawJson,
    ) -> Result<(), Stale> {
        self.check(fence, now)?;
        self.checkpoints.entry(key.to_owned()).or_insert(value);
        self.attempt = 0;
        Ok(())
    }

    /// The worker asks the client and gives the task back.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn ask(
        &mut self,
        fence: u64,
        now: Timestamp,
        questions: BTreeMap<String, InputRequest>,
    ) -> Result<(), Stale> {
        self.check(fence, now)?;
        let mut open = BTreeMap::new();
        for (key, request) in questions {
            if !self.answers.contains_key(&key) {
                let shown = self.issue(&key);
                open.insert(shown, Question { key, request });
            }
        }
        self.attempt = 0;
        if open.is_empty() {
            self.phase = Phase::Queued { since: now };
        } else {
            self.phase = Phase::Parked { questions: open };
            self.changed(now);
        }
        Ok(())
    }

    /// A key that the client has not seen: the handler's own, or that with a number.
    fn issue(&mut self, key: &str) -> String {
        let mut shown = key.to_owned();
        let mut number = 1_u64;
        while !self.issued.insert(shown.clone()) {
            number += 1;
            shown = format!("{key}#{number}");
        }
        shown
    }

    /// The worker throws an answer away.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn discard(&mut self, fence: u64, now: Timestamp, key: &str) -> Result<(), Stale> {
        self.check(fence, now)?;
        self.answers.remove(key);
        Ok(())
    }

    /// The worker gives it back unfinished. This run does not count.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn release(&mut self, fence: u64, now: Timestamp) -> Result<(), Stale> {
        self.check(fence, now)?;
        self.attempt = self.attempt.saturating_sub(1);
        self.phase = Phase::Queued { since: now };
        Ok(())
    }

    /// The worker ends it.
    ///
    /// # Errors
    /// [`Stale`].
    pub fn finish(&mut self, fence: u64, now: Timestamp, ended: Ended) -> Result<(), Stale> {
        self.check(fence, now)?;
        let phase = match ended {
            Ended::Completed(result) => Phase::Completed { result },
            Ended::Failed(error) => {
                self.status_message = Some(error.message.clone());
                Phase::Failed { error }
            }
        };
        self.end(phase, now);
        Ok(())
    }

    /// The client answers. Says how many answers had an open question.
    pub fn answer(&mut self, now: Timestamp, answers: BTreeMap<String, RawJson>) -> usize {
        let Phase::Parked { questions } = &mut self.phase else { return 0 };
        let mut taken = 0;
        for (shown, answer) in answers {
            if let Some(question) = questions.remove(&shown) {
                self.answers.insert(question.key, answer);
                taken += 1;
            }
        }
        if questions.is_empty() {
            self.phase = Phase::Queued { since: now };
        }
        if taken > 0 {
            self.changed(now);
        }
        taken
    }

    /// The client cancels. Says whether that changed anything.
    pub fn cancel(&mut self, now: Timestamp) -> bool {
        if self.status().is_terminal() {
            return false;
        }
        self.end(Phase::Cancelled, now);
        true
    }

    fn end(&mut self, phase: Phase, now: Timestamp) {
        self.phase = phase;
        // Nobody runs it again: what runs keep for each other is only weight now.
        self.issued.clear();
        self.answers.clear();
        self.checkpoints.clear();
        self.changed(now);
    }

    fn changed(&mut self, now: Timestamp) {
        self.revision += 1;
        self.updated_at = self.updated_at.max(now);
    }
}
