//! All matches of a search, for tools that put something together.

use super::health_cx::{HealthCx, HealthError, Unreleased};
use super::policy::{Interaction, Restriction};
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
        if self.restriction(Interaction::Search, &search.resource_type) == Restriction::Nothing {
            // As if there were none, like every record that is withheld.
            return Ok(Some(Vec::new()));
        }
        search.limit = most.saturating_add(1);
        search.compartment = self.patient().cloned();
        let (mut all, mut plain) = (Vec::new(), false);
        for _ in 0..PAGES {
            let found;
            (found, plain) = self.searched(&search, plain).await?;
            let matches = found.matches.into_iter();
            all.extend(matches.map(|record| Unreleased(record, Some(Interaction::Search))));
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
