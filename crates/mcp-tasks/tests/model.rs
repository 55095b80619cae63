//! An exhaustive search over the life of a task: everything that two workers, a client and the clock
//! can do, in every order, with workers that pause, crash and come back.
//!
//! The search runs over the very transitions that stores run, not over a copy of them in another
//! language: that is why it is written by hand (a breadth-first search is short) rather than with a
//! model checker, whose states would have to be written twice.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests fail by panicking"
)]

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use mcp_core::RawJson;
use mcp_core::protocol::{ElicitRequestUrlParams, ErrorObject, InputRequest, JsonObject};
use mcp_tasks::protocol::TaskStatus;
use mcp_tasks::store::{
    Claim, Ended, NewTask, Phase, Stale, TaskId, TaskRequest, TaskRow, Timestamp,
};
use serde_json::json;

const LEASE: u64 = 2;
const WORKERS: usize = 2;
/// The search ends here; each bound is reached, as the test checks.
const MAX_FENCE: u64 = 4;
const MAX_TIME: u64 = 6;
const TTL: u64 = 5;

#[derive(Clone)]
struct State {
    row: TaskRow,
    now: u64,
    /// The fence that each worker believes to hold; it forgets it only when it is told, or crashes.
    holds: [Option<u64>; WORKERS],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Action {
    Claim(usize),
    Heartbeat(usize),
    Checkpoint(usize),
    AskNew(usize),
    AskAgain(usize),
    Complete(usize),
    Fail(usize),
    Release(usize),
    /// A process that is killed. (One that only sleeps just does nothing for a while.)
    Crash(usize),
    Answer,
    AnswerUnknown,
    Cancel,
    Tick,
}

fn actions() -> Vec<Action> {
    let mut all = vec![Action::Answer, Action::AnswerUnknown, Action::Cancel, Action::Tick];
    for worker in 0..WORKERS {
        all.extend([
            Action::Claim(worker),
            Action::Heartbeat(worker),
            Action::Checkpoint(worker),
            Action::AskNew(worker),
            Action::AskAgain(worker),
            Action::Complete(worker),
            Action::Fail(worker),
            Action::Release(worker),
            Action::Crash(worker),
        ]);
    }
    all
}

fn question() -> InputRequest {
    InputRequest::elicit(ElicitRequestUrlParams::new("?", "https://example.com/"))
}

fn value(text: &str) -> RawJson {
    RawJson::from_serialize(text).unwrap()
}

/// What an action comes to: the next state, and what a worker was told.
fn step(state: &State, action: Action) -> Option<(State, Option<Result<(), Stale>>)> {
    let mut next = state.clone();
    let now = Timestamp::from_millis(state.now);
    let lease = Duration::from_millis(LEASE);
    let row = &mut next.row;
    let told = match action {
        Action::Claim(worker) => {
            if state.holds[worker].is_some() || row.fence >= MAX_FENCE {
                return None;
            }
            if row.claim(now, lease) == Claim::Taken {
                next.holds[worker] = Some(row.fence);
            }
            None
        }
        Action::Heartbeat(worker) => {
            let fence = state.holds[worker]?;
            Some(row.heartbeat(fence, now, lease, Some("on it".to_owned())))
        }
        Action::Checkpoint(worker) => {
            let fence = state.holds[worker]?;
            Some(row.checkpoint(fence, now, "step", value(&fence.to_string())))
        }
        Action::AskNew(worker) => {
            let fence = state.holds[worker]?;
            Some(row.ask(fence, now, [("a".to_owned(), question())].into()))
        }
        Action::AskAgain(worker) => {
            let fence = state.holds[worker]?;
            Some(
                row.discard(fence, now, "a")
                    .and_then(|()| row.ask(fence, now, [("a".to_owned(), question())].into())),
            )
        }
        Action::Complete(worker) => {
            let fence = state.holds[worker]?;
            let result = JsonObject::from_serialize(&json!({ "by": fence })).unwrap();
            Some(row.finish(fence, now, Ended::Completed(result)))
        }
        Action::Fail(worker) => {
            let fence = state.holds[worker]?;
            Some(row.finish(fence, now, Ended::Failed(ErrorObject::new(-32603, fence.to_string()))))
        }
        Action::Release(worker) => Some(row.release(state.holds[worker]?, now)),
        Action::Crash(worker) => {
            state.holds[worker]?;
            next.holds[worker] = None;
            None
        }
        Action::Answer => {
            let Phase::Parked { questions } = &state.row.phase else { return None };
            let answers = questions.keys().map(|key| (key.clone(), value("yes"))).collect();
            assert_eq!(row.answer(now, answers), questions.len());
            None
        }
        Action::AnswerUnknown => {
            let mut wrong = BTreeMap::from([("never".to_owned(), value("x"))]);
            // Keys that were answered before count as unknown, too.
            for key in &state.row.issued {
                let open = matches!(&state.row.phase, Phase::Parked { questions } if questions.contains_key(key));
                if !open {
                    wrong.insert(key.clone(), value("x"));
                }
            }
            assert_eq!(row.answer(now, wrong), 0);
            assert!(same(row, &state.row), "an answer to nothing changed something");
            return None;
        }
        Action::Cancel => {
            row.cancel(now);
            None
        }
        Action::Tick => {
            if state.now >= MAX_TIME {
                return None;
            }
            next.now += 1;
            None
        }
    };
    // A worker that is told that its claim is over, or gives the task away, stops.
    let worker = match action {
        Action::AskNew(worker)
        | Action::AskAgain(worker)
        | Action::Complete(worker)
        | Action::Fail(worker)
        | Action::Release(worker) => Some(worker),
        Action::Heartbeat(worker) | Action::Checkpoint(worker) if told == Some(Err(Stale)) => {
            Some(worker)
        }
        _ => None,
    };
    if let Some(worker) = worker {
        next.holds[worker] = None;
    }
    Some((next, told))
}

fn same(left: &TaskRow, right: &TaskRow) -> bool {
    left == right
}

/// What must hold for each step.
fn check(before: &State, action: Action, after: &State, told: Option<Result<(), Stale>>) {
    let (old, new) = (&before.row, &after.row);
    let place = || format!("{action:?} at {} on {old:?}", before.now);
    if old.status().is_terminal() {
        assert!(same(old, new), "a task that has ended changed: {}", place());
    }
    if let Some(told) = told {
        let worker = match action {
            Action::Heartbeat(worker)
            | Action::Checkpoint(worker)
            | Action::AskNew(worker)
            | Action::AskAgain(worker)
            | Action::Complete(worker)
            | Action::Fail(worker)
            | Action::Release(worker) => worker,
            _ => unreachable!(),
        };
        let expired = old.is_expired(Timestamp::from_millis(before.now));
        let current = matches!(old.phase, Phase::Running { .. })
            && before.holds[worker] == Some(old.fence)
            && !expired;
        assert_eq!(told.is_ok(), current, "the wrong one was let in: {}", place());
        if told.is_err() {
            assert!(same(old, new), "a refused write changed something: {}", place());
        }
    }
    assert!(new.fence == old.fence || new.fence == old.fence + 1, "{}", place());
    if new.fence > old.fence {
        assert!(matches!(action, Action::Claim(_)), "{}", place());
        match old.phase {
            Phase::Queued { .. } => {}
            Phase::Running { lease_until } => {
                assert!(
                    lease_until.as_millis() <= before.now,
                    "a live lease was taken: {}",
                    place()
                );
            }
            _ => panic!("claimed: {}", place()),
        }
    }
    let seen = |row: &TaskRow| {
        let questions = match &row.phase {
            Phase::Parked { questions } => questions.clone(),
            _ => BTreeMap::new(),
        };
        let end = match &row.phase {
            Phase::Completed { .. } | Phase::Failed { .. } => Some(row.phase.clone()),
            _ => None,
        };
        (row.status(), row.status_message.clone(), questions, end)
    };
    if seen(old) != seen(new) {
        // Working again is told with the answer that led to it, or not at all by a worker.
        assert!(new.revision > old.revision, "a visible change was not counted: {}", place());
        assert!(new.updated_at >= old.updated_at);
    }
    assert!(new.revision >= old.revision);
    if let Phase::Parked { questions } = &new.phase {
        assert!(!questions.is_empty(), "parked for nothing: {}", place());
        if !matches!(old.phase, Phase::Parked { .. }) {
            for key in questions.keys() {
                assert!(!old.issued.contains(key), "a key was used again: {}", place());
            }
        }
    }
    if !new.status().is_terminal() {
        assert!(old.issued.is_subset(&new.issued), "{}", place());
        for (key, value) in &old.checkpoints {
            assert_eq!(new.checkpoints.get(key), Some(value), "a checkpoint was lost: {}", place());
        }
    }
    assert!(new.attempt <= new.max_attempts, "{}", place());
    let holders = (0..WORKERS)
        .filter(|&worker| {
            after.holds[worker] == Some(new.fence) && matches!(new.phase, Phase::Running { .. })
        })
        .count();
    assert!(holders <= 1, "two workers may write: {}", place());
}

/// What makes two states the same: everything but counters that only grow.
fn key(state: &State) -> String {
    let mut row = state.row.clone();
    row.revision = 0;
    row.updated_at = Timestamp::default();
    if let Phase::Queued { since } = &mut row.phase {
        *since = Timestamp::default();
    }
    // The workers are alike: which of them holds what does not matter.
    let mut holds = state.holds;
    holds.sort_unstable();
    format!("{}|{}|{holds:?}", serde_json::to_string(&row).unwrap(), state.now)
}

fn search(ttl: Option<u64>) -> (usize, usize) {
    let mut task = NewTask::new(TaskRequest {
        method: "tools/call".to_owned(),
        tool: "t".to_owned(),
        version: None,
        params: RawJson::null(),
    });
    task.ttl = ttl.map(Duration::from_millis);
    task.max_attempts = 2;
    let id = TaskId::parse("aaaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    let first = State {
        row: TaskRow::new(id, task, Timestamp::from_millis(0)),
        now: 0,
        holds: [None; WORKERS],
    };
    let mut places: HashMap<String, usize> = HashMap::from([(key(&first), 0)]);
    let mut states = vec![first];
    let mut back: Vec<Vec<usize>> = vec![Vec::new()];
    let mut queue = VecDeque::from([0]);
    let mut steps = 0;
    let mut seen: BTreeSet<Action> = BTreeSet::new();
    while let Some(at) = queue.pop_front() {
        for action in actions() {
            let state = states[at].clone();
            let Some((next, told)) = step(&state, action) else { continue };
            check(&state, action, &next, told);
            steps += 1;
            seen.insert(action);
            let key = key(&next);
            let to = *places.entry(key).or_insert_with(|| {
                states.push(next.clone());
                back.push(Vec::new());
                queue.push_back(states.len() - 1);
                states.len() - 1
            });
            if to != at {
                back[to].push(at);
            }
        }
    }
    assert_eq!(seen.len(), actions().len() - 1, "an action never happened: {seen:?}");
    assert!(states.iter().any(|state| state.row.fence == MAX_FENCE));
    for status in [
        TaskStatus::Completed,
        TaskStatus::Failed,
        TaskStatus::Cancelled,
        TaskStatus::InputRequired,
    ] {
        assert!(states.iter().any(|state| state.row.status() == status), "{status}");
    }
    // From everywhere there is a way to an end: nothing is stuck for good.
    let done = |state: &State| {
        state.row.status().is_terminal() || state.row.is_expired(Timestamp::from_millis(state.now))
    };
    let mut ends = vec![false; states.len()];
    let mut queue: VecDeque<usize> = (0..states.len()).filter(|&at| done(&states[at])).collect();
    queue.iter().for_each(|&at| ends[at] = true);
    while let Some(at) = queue.pop_front() {
        for &before in &back[at] {
            if !ends[before] {
                ends[before] = true;
                queue.push_back(before);
            }
        }
    }
    let stuck = ends.iter().filter(|end| !**end).count();
    assert_eq!(stuck, 0, "states without a way to an end");
    (states.len(), steps)
}

#[test]
fn every_order_of_events_keeps_the_rules() {
    for ttl in [None, Some(TTL)] {
        let (states, steps) = search(ttl);
        println!("ttl {ttl:?}: {states} states, {steps} steps");
        assert!(states > 1000, "{states}");
    }
}

#[test]
fn a_poison_task_is_given_up_and_progress_is_not() {
    let request = TaskRequest {
        method: "tools/call".to_owned(),
        tool: "t".to_owned(),
        version: None,
        params: RawJson::null(),
    };
    let id = TaskId::parse("aaaaaaaaaaaaaaaaaaaaaaaaaaa").unwrap();
    let mut row = TaskRow::new(id, NewTask::new(request), Timestamp::from_millis(0));
    let lease = Duration::from_millis(10);
    let mut now = 0;
    let mut crash = |row: &mut TaskRow| {
        let claim = row.claim(Timestamp::from_millis(now), lease);
        now += 10;
        claim
    };
    // Runs that get somewhere may crash as often as they like.
    for step in 0..20 {
        assert_eq!(crash(&mut row), Claim::Taken);
        let fence = row.fence;
        row.checkpoint(fence, Timestamp::from_millis(0), &step.to_string(), RawJson::null())
            .unwrap();
    }
    for _ in 0..3 {
        assert_eq!(crash(&mut row), Claim::Taken);
    }
    assert_eq!(crash(&mut row), Claim::Exhausted);
    assert_eq!(row.status(), TaskStatus::Failed);
    assert!(row.status_message.as_deref().unwrap().contains("3 runs"), "{row:?}");
    assert_eq!(row.request.tool, "t", "kept for inspection");
}
