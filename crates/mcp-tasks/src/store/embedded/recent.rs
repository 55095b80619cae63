//! What was written lately.

use std::collections::HashMap;

use crate::store::{TaskId, TaskRow};

/// Rows that were written lately, so that asking for a task that is alive needs no disk. Only the
/// writer puts rows in, after their commit: what is here is what is on disk.
#[derive(Default)]
pub(super) struct Recent(pub(super) HashMap<TaskId, TaskRow>);

impl Recent {
    /// So many rows of so many bytes at most.
    const ROWS: usize = 1024;
    const BYTES: usize = 16 * 1024;

    pub(super) fn update(&mut self, written: Vec<(TaskId, Option<(TaskRow, usize)>)>) {
        for (id, row) in written {
            let Some((row, _)) = row.filter(|(_, bytes)| *bytes <= Self::BYTES) else {
                self.0.remove(&id);
                continue;
            };
            if self.0.len() >= Self::ROWS && !self.0.contains_key(&id) {
                // Any other: what is asked for again will be written again, or read.
                let Some(other) = self.0.keys().next().cloned() else { continue };
                self.0.remove(&other);
            }
            self.0.insert(id, row);
        }
    }
}
