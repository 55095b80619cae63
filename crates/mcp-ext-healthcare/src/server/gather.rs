//! All matches of a search, for tools that put something together.

use super::health_cx::{HealthCx, HealthError, Unreleased};
use super::policy::{Interaction, Restriction};
use super::records::{Search, SourceError};

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
        search: Search,
        most: usize,
    ) -> Result<Option<Vec<Unreleased>>, HealthError> {
        self.source()?;
        self.try_gather(search, most).await.map_err(|error| self.of_source(error))
    }

    /// The same, without a word to the caller about what went wrong.
    ///
    /// # Errors
    /// If the source has no answer.
    pub(crate) async fn try_gather(
        &self,
        mut search: Search,
        most: usize,
    ) -> Result<Option<Vec<Unreleased>>, SourceError> {
        let source = self.call.shared.records.as_ref().ok_or(SourceError::Unavailable)?;
        // What scopes do not reach looks as if there were none.
        if self.restriction(Interaction::Search, &search.resource_type) == Restriction::Nothing {
            return Ok(Some(Vec::new()));
        }
        search.limit = most.saturating_add(1);
        search.compartment = self.patient().cloned();
        let mut all = Vec::new();
        for _ in 0..PAGES {
            let found = source.search(&search).await?;
            let found_by = |record| Unreleased(record, Some(Interaction::Search));
            all.extend(found.matches.into_iter().map(found_by));
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
