//! What was written or asked for lately.

use std::sync::Arc;

use crate::store::lately::Lately;
use crate::store::view::Views;
use crate::store::{TaskId, TaskRow, TaskView};

/// Rows that were written lately, and views that were asked for, so that asking for a task that is
/// alive needs no disk. The writer puts rows in after their commit, and takes views out that are no
/// longer true: what is here is what is on disk.
pub(super) struct Recent {
    rows: Lately<Arc<TaskRow>>,
    views: Views,
    /// Counts the commits, so that a reader knows whether what it has read may be old by now.
    commits: u64,
}

impl Default for Recent {
    fn default() -> Self {
        Self { rows: Lately::new(2048, 8 * 1024 * 1024), views: Views::default(), commits: 0 }
    }
}

impl Recent {
    pub(super) fn row(&self, id: &TaskId) -> Option<Arc<TaskRow>> {
        self.rows.get(id).cloned()
    }

    pub(super) fn view(&self, id: &TaskId) -> Option<Arc<TaskView>> {
        self.views.get(id).cloned()
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits
    }

    /// Keeps the view of a row that was read when there had been so many commits. What may be old by
    /// now is not kept, unless it cannot change any more.
    pub(super) fn put_view(&mut self, id: &TaskId, view: &Arc<TaskView>, commits: u64) {
        if self.commits == commits || view.status().is_terminal() {
            self.views.put(id, view);
        }
    }

    pub(super) fn update(&mut self, written: Vec<(TaskId, Option<(TaskRow, usize)>)>) {
        self.commits += 1;
        for (id, row) in written {
            self.views.written(&id, row.as_ref().map(|(row, _)| row.revision));
            match row {
                Some((row, size)) => self.rows.put(id, Arc::new(row), size),
                None => self.rows.remove(&id),
            }
        }
    }

    /// Forgets everything: it may not be what is on disk.
    pub(super) fn clear(&mut self) {
        self.commits += 1;
        self.rows.clear();
        self.views.clear();
    }
}
