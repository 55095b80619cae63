//! Searching what is in memory.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::condition::Condition;
use super::value::Value;
use super::{Inner, Key, Stored};
use crate::fhir::Definitions;
use crate::protocol::Reference;
use crate::server::{Found, Search, SourceError};

const UNKNOWN: SourceError = SourceError::UnknownParameter;

/// The order of results. Ids decide where it leaves a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    Id,
    Oldest,
    Newest,
}

/// A search that was understood.
struct Plan<'a> {
    conditions: Vec<(&'a str, Condition)>,
    order: Order,
    limit: usize,
    includes: Vec<Include<'a>>,
}

/// An `_include` or `_revinclude`.
struct Include<'a> {
    is_reverse: bool,
    /// The type that refers, by which parameter, and to which type.
    source: &'a str,
    parameter: &'a str,
    target: Option<&'a str>,
}

pub(super) fn search(
    inner: &Inner,
    definitions: &Definitions,
    search: &Search,
) -> Result<Found, SourceError> {
    let kind = search.resource_type.as_str();
    let plan = Plan::of(definitions, search)?;
    let confined = search
        .compartment
        .as_ref()
        .and_then(|patient| compartment(inner, definitions, kind, patient));
    let mut matches: Vec<(i128, &Arc<Stored>)> = confined
        .unwrap_or_else(|| candidates(inner, kind, &plan.conditions))
        .into_iter()
        .filter(|stored| {
            plan.conditions.iter().all(|(name, condition)| condition.fits(stored.values(name)))
        })
        .map(|stored| (plan.order.place(stored), stored))
        .collect();
    matches.sort_by(|(one, stored), (other, than)| {
        one.cmp(other)
            .then_with(|| stored.record.reference().id().cmp(than.record.reference().id()))
    });
    let after =
        search.page.as_deref().map(|page| Place::parse(page).ok_or(SourceError::UnknownPage));
    let after = after.transpose()?;
    let rest = matches.iter().filter(|(place, stored)| {
        let id = stored.record.reference().id();
        after.as_ref().is_none_or(|after| (*place, id) > (after.order, &after.id))
    });
    let mut page: Vec<&(i128, &Arc<Stored>)> = rest.take(plan.limit.saturating_add(1)).collect();
    let has_more = page.len() > plan.limit;
    page.truncate(plan.limit);
    let next = page.last().filter(|_| has_more).map(|(order, stored)| {
        Place { order: *order, id: stored.record.reference().id().to_owned() }.text()
    });
    let found: Vec<&Arc<Stored>> = page.into_iter().map(|(_, stored)| *stored).collect();
    Ok(Found {
        included: included(inner, &plan.includes, &found),
        matches: found.into_iter().map(|stored| stored.record.clone()).collect(),
        next,
    })
}

/// The records of a type in a patient's compartment; `None` if the type is in none.
fn compartment<'i>(
    inner: &'i Inner,
    definitions: &Definitions,
    kind: &str,
    patient: &Reference,
) -> Option<Vec<&'i Arc<Stored>>> {
    if kind == patient.resource_type() {
        return Some(inner.get(kind, patient.id()).into_iter().collect());
    }
    let parameters = definitions.compartment(kind);
    if parameters.is_empty() {
        return None;
    }
    let about = inner.about.get(patient.as_str()).into_iter().flatten();
    Some(
        about
            .filter(|(of, _)| of == kind)
            .filter_map(|(kind, id)| inner.get(kind, id))
            .filter(|stored| is_in(stored, parameters, patient))
            .collect(),
    )
}

fn is_in(stored: &Stored, parameters: &[&str], patient: &Reference) -> bool {
    parameters
        .iter()
        .any(|name| stored.references(Some(name)).any(|target| target == patient.as_str()))
}

/// The records of a type that may fit: those that refer to what is asked for, or all.
fn candidates<'i>(
    inner: &'i Inner,
    kind: &str,
    conditions: &[(&str, Condition)],
) -> Vec<&'i Arc<Stored>> {
    let narrowest = conditions
        .iter()
        .filter_map(|(_, condition)| condition.targets())
        .map(|targets| {
            let keys = targets.iter().filter_map(|target| inner.about.get(*target)).flatten();
            keys.filter(|(of, _)| of == kind).collect::<BTreeSet<&Key>>()
        })
        .min_by_key(BTreeSet::len);
    match narrowest {
        Some(keys) => keys.into_iter().filter_map(|(kind, id)| inner.get(kind, id)).collect(),
        None => inner.types.get(kind).into_iter().flat_map(|all| all.values()).collect(),
    }
}

/// What is included with matches, each once, and none that is a match itself.
fn included(inner: &Inner, includes: &[Include<'_>], found: &[&Arc<Stored>]) -> Vec<crate::Record> {
    let mut seen: BTreeSet<Key> = found.iter().map(|stored| stored.key()).collect();
    let mut records = Vec::new();
    let mut add = |stored: &Arc<Stored>| {
        if seen.insert(stored.key()) {
            records.push(stored.record.clone());
        }
    };
    for include in includes {
        for stored in found {
            let reference = stored.record.reference();
            if include.is_reverse {
                let fits = |target: &str| target == reference.as_str();
                for (kind, id) in inner.about.get(reference.as_str()).into_iter().flatten() {
                    if kind == include.source
                        && let Some(other) = inner.get(kind, id)
                        && other.references(Some(include.parameter)).any(fits)
                    {
                        add(other);
                    }
                }
            } else if reference.resource_type() == include.source {
                let targets = stored.references(Some(include.parameter));
                targets
                    .filter(|target| include.leads_to(target))
                    .filter_map(|target| inner.at(target))
                    .for_each(&mut add);
            }
        }
    }
    records
}

impl Include<'_> {
    fn leads_to(&self, target: &str) -> bool {
        let kind = target.split_once('/').map(|(kind, _)| kind);
        self.target.is_none_or(|wanted| kind == Some(wanted))
    }
}

impl<'a> Plan<'a> {
    fn of(definitions: &Definitions, search: &'a Search) -> Result<Self, SourceError> {
        let kind = search.resource_type.as_str();
        definitions.resource(kind).ok_or(UNKNOWN)?;
        let mut plan = Self {
            conditions: Vec::new(),
            order: Order::Id,
            limit: search.limit,
            includes: Vec::new(),
        };
        for (name, value) in &search.parameters {
            match name.as_str() {
                "_count" => plan.limit = plan.limit.min(value.parse().map_err(|_| UNKNOWN)?),
                "_sort" => plan.order = Order::parse(value)?,
                "_include" | "_revinclude" => {
                    let is_reverse = name == "_revinclude";
                    let include = include(definitions, value, is_reverse)?;
                    if !is_reverse && include.source != kind {
                        return Err(UNKNOWN);
                    }
                    plan.includes.push(include);
                }
                name => {
                    let (name, modifier) = match name.split_once(':') {
                        Some((name, modifier)) => (name, Some(modifier)),
                        None => (name, None),
                    };
                    let parameter = definitions.search_parameter(kind, name).ok_or(UNKNOWN)?;
                    definitions.paths(kind, name).map_err(|_| UNKNOWN)?;
                    let is_type =
                        |text: &str| text.starts_with(|first: char| first.is_ascii_uppercase());
                    // `subject:Patient`, and no chain such as `subject:Patient.name`.
                    if modifier.is_some_and(|it| is_type(it) && definitions.resource(it).is_none())
                    {
                        return Err(UNKNOWN);
                    }
                    plan.conditions.push((name, Condition::parse(parameter, modifier, value)?));
                }
            }
        }
        Ok(plan)
    }
}

fn include<'a>(
    definitions: &Definitions,
    value: &'a str,
    is_reverse: bool,
) -> Result<Include<'a>, SourceError> {
    let mut parts = value.split(':');
    let (source, parameter) = (parts.next().ok_or(UNKNOWN)?, parts.next().ok_or(UNKNOWN)?);
    let target = parts.next();
    let is_type = |kind: &str| definitions.resource(kind).is_some();
    let known = definitions.search_parameter(source, parameter).is_some_and(|known| {
        known.kind == "reference" && definitions.paths(source, parameter).is_ok()
    });
    if known && parts.next().is_none() && target.is_none_or(is_type) {
        Ok(Include { is_reverse, source, parameter, target })
    } else {
        Err(UNKNOWN)
    }
}

impl Order {
    fn parse(text: &str) -> Result<Self, SourceError> {
        match text {
            "_id" => Ok(Self::Id),
            "_lastUpdated" => Ok(Self::Oldest),
            "-_lastUpdated" => Ok(Self::Newest),
            _ => Err(UNKNOWN),
        }
    }

    fn place(self, stored: &Stored) -> i128 {
        let updated = || match stored.values("_lastUpdated") {
            [Value::Date(period), ..] => period.from,
            _ => 0,
        };
        match self {
            Self::Id => 0,
            Self::Oldest => updated(),
            Self::Newest => updated().saturating_neg(),
        }
    }
}

/// After which record the next page begins.
struct Place {
    order: i128,
    id: String,
}

impl Place {
    fn text(&self) -> String {
        format!("{} {}", self.order, self.id)
    }

    fn parse(text: &str) -> Option<Self> {
        let (order, id) = text.split_once(' ')?;
        Some(Self { order: order.parse().ok()?, id: id.to_owned() })
    }
}

/// The patient, what is in the compartment, and what that refers to and is in nobody's.
pub(super) fn everything(
    inner: &Inner,
    definitions: &Definitions,
    patient: &Reference,
    limit: usize,
    page: Option<&str>,
) -> Result<Found, SourceError> {
    let after =
        page.map(|page| page.split_once('/').ok_or(SourceError::UnknownPage)).transpose()?;
    let itself = (patient.resource_type().to_owned(), patient.id().to_owned());
    let mut keys: BTreeSet<&Key> = BTreeSet::from([&itself]);
    let refers = |(kind, id): &&Key| {
        let stored = inner.get(kind, id);
        stored.is_some_and(|stored| is_in(stored, definitions.compartment(kind), patient))
    };
    keys.extend(inner.about.get(patient.as_str()).into_iter().flatten().filter(refers));
    // The patient first, then by type and id.
    let mut ordered: Vec<&Key> = keys.into_iter().collect();
    ordered.sort_by_key(|key| (**key != itself, *key));
    let from = match after {
        None => 0,
        Some((kind, id)) => {
            let is_it = |key: &&Key| key.0 == kind && key.1 == id;
            ordered.iter().position(is_it).ok_or(SourceError::UnknownPage)? + 1
        }
    };
    let rest = ordered.get(from..).unwrap_or_default();
    let found: Vec<&Arc<Stored>> =
        rest.iter().take(limit).filter_map(|(kind, id)| inner.get(kind, id)).collect();
    let next = rest
        .get(limit.saturating_sub(1))
        .filter(|_| rest.len() > limit)
        .map(|(kind, id)| format!("{kind}/{id}"));
    let mut seen = BTreeSet::new();
    let supporting = found
        .iter()
        .flat_map(|stored| stored.references(None))
        .filter_map(|target| inner.at(target))
        .filter(|stored| {
            let kind = stored.record.resource_type();
            kind != "Patient" && definitions.compartment(kind).is_empty()
        })
        .filter(|stored| seen.insert(stored.key()))
        .map(|stored| stored.record.clone())
        .collect();
    Ok(Found {
        matches: found.into_iter().map(|stored| stored.record.clone()).collect(),
        included: supporting,
        next,
    })
}
