//! Filling a result from the pages of a source, and going on where it was full.
//!
//! What is withheld leaves no gap: pages are asked for until the result is full, so that its length says nothing of how many records
//! were withheld (RES-1). Where it goes on is sealed: a source's own words for it can hold a query (SEC-3).

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mcp_core::sealed::Binding;
use serde::{Deserialize, Serialize};

use super::disclosure::Disclosure;
use super::health_cx::{HealthCx, HealthError, Unreleased};
use super::policy::Interaction;
use super::records::{Found, Search, SourceError};
use crate::protocol::Reference;

/// How long a cursor is good for.
const CURSOR_TTL: Duration = Duration::from_secs(60 * 60);
/// How many pages of a source one result may take. Then it ends where it is, with a cursor.
const PAGES: usize = 50;
/// After how long no further page of a source is asked for. Then it ends where it is, with a cursor (SEC-5).
const TIME: Duration = Duration::from_secs(60);

/// Where a result goes on.
#[derive(Default, Serialize, Deserialize)]
struct Place {
    /// The source's page, and how many were asked of it.
    page: Option<String>,
    limit: usize,
    /// How many matches of the page are done with.
    skip: usize,
    /// Whether the source was asked for more than scopes allow, since it does not understand how they restrict it.
    plain: bool,
}

enum Query {
    Search(Search),
    Everything(Reference),
}

impl Query {
    /// What a cursor belongs to.
    fn text(&self) -> String {
        match self {
            Self::Search(search) => search.query(),
            Self::Everything(patient) => format!("{}/$everything", patient.as_str()),
        }
    }

    /// How records are found by it. What an operation does is neither reading nor searching alone.
    fn interaction(&self) -> Option<Interaction> {
        match self {
            Self::Search(_) => Some(Interaction::Search),
            Self::Everything(_) => None,
        }
    }
}

impl HealthCx {
    /// Adds the matches of a search, and what they include, until the result is full: [`Search::limit`] matches, or a limit of the server's.
    /// Gives the cursor with which the same search goes on; `None` at its end. A cursor is good for an hour, for the same principal,
    /// patient, tool and search.
    ///
    /// ```
    /// use mcp_core::server::Args;
    /// use mcp_ext_healthcare::server::{Disclosed, HealthCx, HealthError, Search};
    ///
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Weights {
    ///     cursor: Option<String>,
    /// }
    ///
    /// async fn weights(health: HealthCx, Args(asked): Args<Weights>) -> Result<Disclosed, HealthError> {
    ///     let mut disclosure = health.disclosure();
    ///     let search = Search::new("Observation").parameter("code", "29463-7");
    ///     let next = health.fill(&mut disclosure, search, asked.cursor.as_deref()).await?;
    ///     disclosure.page(next)
    /// }
    /// # let _ = weights;
    /// ```
    ///
    /// # Errors
    /// If the extension has no records, they have no answer, or the cursor is not one of this search; a parameter that they do
    /// not know denies the call (`unknown_search_param`).
    pub async fn fill(
        &self,
        disclosure: &mut Disclosure,
        mut search: Search,
        cursor: Option<&str>,
    ) -> Result<Option<String>, HealthError> {
        // Nothing else would be given.
        search.compartment = self.patient().cloned();
        let limit = search.limit;
        self.fill_from(disclosure, &Query::Search(search), limit, cursor).await
    }

    /// Adds everything of a patient, as [`fill`](Self::fill) does.
    ///
    /// # Errors
    /// As [`fill`](Self::fill).
    pub async fn fill_everything(
        &self,
        disclosure: &mut Disclosure,
        patient: &Reference,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Option<String>, HealthError> {
        let query = Query::Everything(patient.clone());
        self.fill_from(disclosure, &query, limit, cursor).await
    }

    async fn fill_from(
        &self,
        disclosure: &mut Disclosure,
        query: &Query,
        limit: usize,
        cursor: Option<&str>,
    ) -> Result<Option<String>, HealthError> {
        let text = query.text();
        self.note_query(&text);
        let most = self.call.shared.limits.max_resources;
        let most = most.min(self.call.minimize.max_resources.unwrap_or(u64::MAX));
        let limit = limit.min(usize::try_from(most).unwrap_or(usize::MAX));
        let mut place = match cursor {
            Some(cursor) => self.opened(cursor, &text)?,
            None => Place { limit, ..Place::default() },
        };
        let mut given = 0;
        let began = Instant::now();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for _ in 0..PAGES {
            let found = self.fetched(query, &mut place).await?;
            for record in found.matches.into_iter().skip(place.skip) {
                if given == limit {
                    return self.sealed(&place, &text).map(Some);
                }
                let reference = record.versioned_reference();
                if seen.contains(&reference) {
                    place.skip += 1;
                    continue;
                }
                let has_room = disclosure.try_add(Unreleased(record, query.interaction()));
                // One that is too large even for an empty result is never given.
                if has_room.is_err() && given > 0 {
                    return self.sealed(&place, &text).map(Some);
                }
                place.skip += 1;
                if has_room == Ok(true) {
                    given += 1;
                    seen.insert(reference);
                }
            }
            for record in found.included {
                if seen.insert(record.versioned_reference()) {
                    disclosure.add(Unreleased(record, query.interaction()));
                }
            }
            let Some(next) = found.next else { return Ok(None) };
            let left = limit.saturating_sub(given);
            place = Place { page: Some(next), limit: left.max(1), skip: 0, plain: place.plain };
            if left == 0 || began.elapsed() > TIME {
                break;
            }
        }
        self.sealed(&place, &text).map(Some)
    }

    async fn fetched(&self, query: &Query, place: &mut Place) -> Result<Found, HealthError> {
        match query {
            Query::Search(search) => {
                let mut search = search.clone();
                (search.limit, search.page) = (place.limit, place.page.clone());
                let (found, plain) = self.searched(&search, place.plain).await?;
                place.plain = plain;
                Ok(found)
            }
            Query::Everything(patient) => {
                let source = self.source()?;
                let found = source.everything(patient, place.limit, place.page.as_deref()).await;
                let found = found.map_err(|error| self.of_source(error))?;
                self.consult_for(found.matches.iter().chain(&found.included)).await?;
                Ok(found)
            }
        }
    }

    fn sealed(&self, place: &Place, text: &str) -> Result<String, HealthError> {
        let sealed = serde_json::to_vec(place).ok().and_then(|place| {
            let sealer = &self.call.shared.cursors;
            self.bound(text, |binding| sealer.seal(binding, CURSOR_TTL, &place).ok())
        });
        sealed.ok_or_else(|| self.tell("The result is not whole, and no cursor could be made."))
    }

    fn opened(&self, cursor: &str, text: &str) -> Result<Place, HealthError> {
        let sealer = &self.call.shared.cursors;
        let opened = self.bound(text, |binding| sealer.open(binding, cursor).ok());
        let place = opened.and_then(|place| serde_json::from_slice(&place).ok());
        place.ok_or_else(|| self.of_source(SourceError::UnknownPage))
    }

    fn bound<T>(&self, text: &str, with: impl FnOnce(&Binding<'_>) -> Option<T>) -> Option<T> {
        let access = &self.call.access;
        let patient = access.patient().map(Reference::as_str);
        let arguments = serde_json::to_string(&(patient, text)).ok()?;
        with(&Binding {
            principal: access.principal.as_ref().map(mcp_core::Principal::as_str),
            method: "cursor",
            target: &access.tool,
            arguments: &arguments,
        })
    }
}
