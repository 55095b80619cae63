//! Telling those who wait that a task has changed, or that there is work.
//!
//! Changes are marks, not messages: a watcher that is slow learns of the newest state only, and
//! holds nothing up.

use std::collections::{BTreeSet, HashMap};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use tokio::sync::watch;

use super::TaskId;

/// Tells watchers of a process about changes of tasks. A store has one, and tells it every change.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), mcp_tasks::store::StoreError> {
/// use mcp_tasks::store::{Hub, TaskId};
///
/// let hub = Hub::default();
/// let id = TaskId::generate()?;
/// let mut watcher = hub.watch([id.clone()]);
/// hub.tell(&id);
/// hub.tell(&id);
/// assert_eq!(watcher.changed().await, id);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Hub {
    watchers: Arc<Mutex<Watchers>>,
    work: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Watchers {
    by_task: HashMap<TaskId, Vec<(u64, Arc<Marks>)>>,
    next: u64,
}

#[derive(Debug, Default)]
struct Marks(Mutex<Marked>);

#[derive(Debug, Default)]
struct Marked {
    changed: BTreeSet<TaskId>,
    waker: Option<Waker>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { watchers: Arc::default(), work: watch::Sender::new(0) }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Marks {
    fn mark(&self, id: &TaskId) {
        let waker = {
            let mut marked = lock(&self.0);
            marked.changed.insert(id.clone());
            marked.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Hub {
    /// Tells that a task has changed.
    pub fn tell(&self, id: &TaskId) {
        let told = lock(&self.watchers).by_task.get(id).cloned().unwrap_or_default();
        for (_, marks) in told {
            marks.mark(id);
        }
    }

    /// Tells that there may be work to claim.
    pub fn tell_work(&self) {
        self.work.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Marks every watched task: for a store that may have missed changes.
    pub fn tell_all(&self) {
        let all: Vec<_> = {
            let watchers = lock(&self.watchers);
            let each = |(id, list): (&TaskId, &Vec<(u64, Arc<Marks>)>)| (id.clone(), list.clone());
            watchers.by_task.iter().map(each).collect()
        };
        for (id, list) in all {
            for (_, marks) in list {
                marks.mark(&id);
            }
        }
        self.tell_work();
    }

    /// Watches tasks, from now on.
    pub fn watch(&self, ids: impl IntoIterator<Item = TaskId>) -> Watcher {
        let marks = Arc::new(Marks::default());
        let ids: BTreeSet<TaskId> = ids.into_iter().collect();
        let mut watchers = lock(&self.watchers);
        let key = watchers.next;
        watchers.next += 1;
        for id in &ids {
            watchers.by_task.entry(id.clone()).or_default().push((key, Arc::clone(&marks)));
        }
        drop(watchers);
        Watcher { watchers: Arc::clone(&self.watchers), key, ids, marks }
    }

    /// Counts the times that work was told: whoever waits for work waits for it to change.
    #[must_use]
    pub fn work(&self) -> watch::Receiver<u64> {
        self.work.subscribe()
    }

    /// The number of tasks that somebody watches.
    #[must_use]
    pub fn watched(&self) -> usize {
        lock(&self.watchers).by_task.len()
    }
}

/// Somebody who watches tasks; ends when it is dropped.
#[derive(Debug)]
pub struct Watcher {
    watchers: Arc<Mutex<Watchers>>,
    key: u64,
    ids: BTreeSet<TaskId>,
    marks: Arc<Marks>,
}

impl Watcher {
    /// Waits for the next task that has changed. Changes of one task that were not fetched yet
    /// count as one. Nothing is lost when the future is dropped.
    pub async fn changed(&mut self) -> TaskId {
        poll_fn(|context| {
            let mut marked = lock(&self.marks.0);
            match marked.changed.pop_first() {
                Some(id) => Poll::Ready(id),
                None => {
                    marked.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }

    /// Takes a task off the list.
    pub fn unwatch(&mut self, id: &TaskId) {
        if self.ids.remove(id) {
            forget(&mut lock(&self.watchers), self.key, id);
            lock(&self.marks.0).changed.remove(id);
        }
    }

    /// Marks a task as changed, so that it is looked at.
    pub fn mark(&self, id: &TaskId) {
        self.marks.mark(id);
    }

    /// The tasks that are watched.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &TaskId> {
        self.ids.iter()
    }
}

fn forget(watchers: &mut Watchers, key: u64, id: &TaskId) {
    if let Some(list) = watchers.by_task.get_mut(id) {
        list.retain(|(other, _)| *other != key);
        if list.is_empty() {
            watchers.by_task.remove(id);
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watchers = lock(&self.watchers);
        for id in &self.ids {
            forget(&mut watchers, self.key, id);
        }
    }
}
