//! All matches of a search, for tools that put something together.

use super::health_cx::{HealthCx, HealthError, Unreleased};
use super::records::Search;

/// How many pages of a source are read.
const PAGES: usize = 50;

impl HealthCx {
    /// All matches of a search; `None` if there are more than `most`, or in more pages than are read. What is said in the audit event
    /// is the caller's to say.
    ///
    /// # Errors
    /// As [`search`](Self::search).
    pub(crate) async fn gather(
        &self,
        mut search: Search,
        most: usize,
    ) -> Result<Option<Vec<Unreleased>>, HealthError> {
        search.limit = most.saturating_add(1);
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let found = self.source()?.search(&search).await;
            let found = found.map_err(|error| self.of_source(error))?;
            all.extend(found.matches.into_iter().map(Unreleased));
            if all.len() > most {
                return Ok(None);
            }
            match found.next {
                None => return Ok(Some(all)),
                next => search.page = next,
            }
        }
        Ok(None)
    }
}
