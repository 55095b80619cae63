//! Views of tasks that are answered without asking the database.
//!
//! A view that is kept counts only while three things are known, none of them longer ago than the bound:
//!
//! - that news arrive: a heartbeat that this instance told itself came back over the connection for news;
//! - what time it is by the database, for the end of a task's life;
//! - that the task still had that revision: by reading it, or by a question about all kept views together.
//!
//! The third is why no view is ever older than the bound, whatever becomes of news: whoever dies between a change and its
//! news tells nothing. News are why views are mostly not old at all. Whenever something about a task is learned, what is still being
//! read of it is not kept: it may be from before.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::rows::revision;
use crate::store::lately::Lately;
use crate::store::{Clock, TaskId, TaskView, Timestamp};

/// So many views are kept, of so many bytes together.
const VIEWS: usize = 2048;
const BYTES: usize = 8 * 1024 * 1024;
/// Tasks share counts of what was learned of them; two that share one cost each other a question now and then.
const COUNTS: usize = 1024;
/// A view that nobody asked for while so many heartbeats were sent is not kept.
const UNASKED: u64 = 5;

/// The kept views of a store.
pub(super) struct Views {
    /// The oldest answer; zero keeps nothing.
    within: Duration,
    shelf: Mutex<Shelf>,
    kept_one: Notify,
}

struct Shelf {
    views: Lately<Kept>,
    /// Whether the connection for news listens.
    listening: bool,
    /// The last heartbeat, and when it was sent.
    beat: (u64, Instant),
    /// When the last heartbeat was sent that came back.
    heard: Option<Instant>,
    /// What time it was by the database, at the earliest at that moment here.
    time: Option<(Timestamp, Instant)>,
    counts: Vec<u64>,
    /// Counts how often everything was dropped.
    cleared: u64,
}

struct Kept {
    view: Arc<TaskView>,
    /// The task had this revision then, or later.
    seen: Instant,
    /// The last heartbeat before somebody asked for it.
    asked: u64,
}

/// Taken before a task is read; says whether what was read may be kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ticket {
    count: u64,
    cleared: u64,
    at: Instant,
}

/// What is asked of the database for all kept views at once.
#[derive(Debug)]
pub(super) struct Round {
    /// The number of its heartbeat.
    pub(super) beat: u64,
    /// When it began.
    pub(super) at: Instant,
    pub(super) ids: Vec<TaskId>,
    pub(super) revisions: Vec<i64>,
}

impl Views {
    /// Nothing yet; `within` is how old an answer may be, zero for no keeping at all.
    pub(super) fn new(within: Duration) -> Self {
        let shelf = Shelf {
            views: Lately::new(VIEWS, BYTES),
            listening: false,
            beat: (0, Instant::now()),
            heard: None,
            time: None,
            counts: vec![0; COUNTS],
            cleared: 0,
        };
        Self { within, shelf: Mutex::new(shelf), kept_one: Notify::new() }
    }

    /// How old an answer may be; `None` if nothing is kept.
    pub(super) fn within(&self) -> Option<Duration> {
        (!self.within.is_zero()).then_some(self.within)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The view of a task, if it is certain enough, and this caller finds the task. All others are to ask the database: they
    /// wait as long for what is another's as for what is not there.
    pub(super) fn get(
        &self,
        id: &TaskId,
        principal: Option<&str>,
        clock: Option<&dyn Clock>,
    ) -> Option<Arc<TaskView>> {
        self.within()?;
        let given = clock.map(Clock::now);
        let now = Instant::now();
        let mut shelf = self.shelf();
        let Some(time) = shelf.time_now(now, self.within) else {
            // It was certain, and is no longer.
            if shelf.heard.is_some() {
                shelf.clear();
            }
            return None;
        };
        let beat = shelf.beat.0;
        let kept = shelf.views.get_mut(id)?;
        if now.duration_since(kept.seen) >= self.within {
            shelf.learn(id);
            return None;
        }
        if !kept.view.is_visible_to(principal, given.unwrap_or(time)) {
            return None;
        }
        kept.asked = beat;
        Some(Arc::clone(&kept.view))
    }

    /// To be taken before a task is read whose view may be kept.
    pub(super) fn ticket(&self, id: &TaskId) -> Ticket {
        let shelf = self.shelf();
        let count = shelf.counts.get(count_of(id)).copied().unwrap_or_default();
        Ticket { count, cleared: shelf.cleared, at: Instant::now() }
    }

    /// Keeps a view that was read from the database after the ticket was taken, unless it may be old by now.
    pub(super) fn put(&self, id: &TaskId, view: &Arc<TaskView>, ticket: Ticket) {
        if self.within.is_zero() {
            return;
        }
        let mut shelf = self.shelf();
        let count = shelf.counts.get(count_of(id)).copied().unwrap_or_default();
        if !shelf.listening || ticket.count != count || ticket.cleared != shelf.cleared {
            shelf.saw(id, view.revision());
            return;
        }
        shelf.learn(id);
        let kept = Kept { view: Arc::clone(view), seen: ticket.at, asked: shelf.beat.0 };
        shelf.views.put(id.clone(), kept, view.json().len());
        drop(shelf);
        self.kept_one.notify_one();
    }

    /// Somebody was shown this revision of a task: nobody here is shown an earlier one after that.
    pub(super) fn saw(&self, id: &TaskId, revision: u64) {
        self.shelf().saw(id, revision);
    }

    /// A task has changed, or is gone.
    pub(super) fn changed(&self, id: &TaskId) {
        self.shelf().learn(id);
    }

    /// Drops everything: news may have been missed. From now on there is a connection that listens, or there is none.
    pub(super) fn start_over(&self, listening: bool) {
        let mut shelf = self.shelf();
        shelf.clear();
        shelf.listening = listening;
    }

    /// Drops everything, while the connection stays as it is.
    pub(super) fn clear(&self) {
        self.shelf().clear();
    }

    /// Waits until there is something whose certainty must be kept up.
    pub(super) async fn wait_for_one(&self) {
        while self.shelf().views.is_empty() {
            self.kept_one.notified().await;
        }
    }

    /// Begins to make certain of what is kept, and gives up what nobody asks for any more. `None` if nothing is left.
    pub(super) fn begin(&self) -> Option<Round> {
        let mut shelf = self.shelf();
        let beat = shelf.beat.0 + 1;
        shelf.views.retain(|kept| beat - kept.asked <= UNASKED);
        if shelf.views.is_empty() {
            return None;
        }
        let at = Instant::now();
        shelf.beat = (beat, at);
        let listed = shelf.views.iter();
        let (ids, revisions) =
            listed.map(|(id, kept)| (id.clone(), revision(kept.view.revision()))).unzip();
        Some(Round { beat, at, ids, revisions })
    }

    /// A heartbeat came back. All that was told before it has been heard.
    pub(super) fn heard(&self, beat: u64) {
        let mut shelf = self.shelf();
        // One that was overtaken says nothing of when it was sent.
        if shelf.beat.0 == beat && shelf.listening {
            shelf.heard = Some(shelf.beat.1);
        }
    }

    /// Ends a round: the database said which tasks have their revision still, and what time it is. Says which have another, of which no news
    /// had come.
    pub(super) fn end(
        &self,
        round: &Round,
        unchanged: &HashSet<&str>,
        time: Timestamp,
    ) -> Vec<TaskId> {
        let mut changed = Vec::new();
        let mut shelf = self.shelf();
        shelf.time = Some((time, round.at));
        for (id, listed) in round.ids.iter().zip(&round.revisions) {
            let Some(kept) = shelf.views.get_mut(id) else { continue };
            if revision(kept.view.revision()) != *listed {
                continue;
            }
            if unchanged.contains(id.as_str()) {
                kept.seen = kept.seen.max(round.at);
            } else {
                shelf.learn(id);
                changed.push(id.clone());
            }
        }
        changed
    }
}

impl Shelf {
    /// The database's time, not before it really is, if it is certain and news arrive.
    fn time_now(&self, now: Instant, within: Duration) -> Option<Timestamp> {
        let fresh = |at: Instant| now.saturating_duration_since(at) < within;
        let (time, at) = self.time.filter(|(_, at)| fresh(*at))?;
        self.heard.filter(|at| fresh(*at))?;
        Some(time.after(now.saturating_duration_since(at) + Duration::from_millis(1)))
    }

    fn learn(&mut self, id: &TaskId) {
        self.views.remove(id);
        if let Some(count) = self.counts.get_mut(count_of(id)) {
            *count += 1;
        }
    }

    fn saw(&mut self, id: &TaskId, revision: u64) {
        if self.views.get(id).is_some_and(|kept| kept.view.revision() < revision) {
            self.views.remove(id);
        }
        if let Some(count) = self.counts.get_mut(count_of(id)) {
            *count += 1;
        }
    }

    fn clear(&mut self) {
        self.views.clear();
        self.heard = None;
        self.time = None;
        self.cleared += 1;
    }
}

fn count_of(id: &TaskId) -> usize {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(id);
    usize::try_from(hash % COUNTS as u64).unwrap_or(0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
