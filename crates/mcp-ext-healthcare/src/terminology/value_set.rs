//! Value sets, and the codes that they come to.
//!
//! Source: FHIR R4 and R5, *ValueSet → Composition rules* and *CodeSystem → filters that are always there*.

use std::collections::{BTreeSet, HashSet};

use serde::Deserialize;

use super::LocalTerminology;
use super::code_system::{CodeSystem, Concept};
use crate::server::OperationError;

/// A value set as a resource has it.
#[derive(Deserialize)]
pub(super) struct ValueSet {
    #[serde(default)]
    pub(super) url: String,
    pub(super) version: Option<String>,
    compose: Option<Compose>,
    expansion: Option<Expansion>,
}

#[derive(Deserialize)]
struct Compose {
    inactive: Option<bool>,
    #[serde(default)]
    include: Vec<Include>,
    #[serde(default)]
    exclude: Vec<Include>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Include {
    system: Option<String>,
    version: Option<String>,
    #[serde(default)]
    concept: Vec<Listed>,
    #[serde(default)]
    filter: Vec<Filter>,
    #[serde(default)]
    value_set: Vec<String>,
}

#[derive(Deserialize)]
struct Listed {
    code: String,
    display: Option<String>,
}

#[derive(Deserialize)]
struct Filter {
    property: String,
    op: String,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize)]
struct Expansion {
    #[serde(default)]
    contains: Vec<Contained>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Contained {
    system: Option<String>,
    version: Option<String>,
    code: Option<String>,
    display: Option<String>,
    #[serde(rename = "abstract", default)]
    is_abstract: bool,
    #[serde(default)]
    inactive: bool,
    #[serde(default)]
    contains: Vec<Contained>,
}

/// A code of a value set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) system: String,
    pub(super) version: Option<String>,
    pub(super) code: String,
    pub(super) display: Option<String>,
    pub(super) is_abstract: bool,
    pub(super) is_inactive: bool,
}

/// How many codes a value set may come to.
const MOST: usize = 100_000;
/// How deep value sets may be made of others.
const DEEPEST: usize = 16;

/// All codes of a value set, in the order in which it names them, none twice.
pub(super) fn expand(
    terminology: &LocalTerminology,
    canonical: &str,
) -> Result<Vec<Member>, OperationError> {
    Expanding { terminology, open: Vec::new(), seen: 0 }.value_set(canonical)
}

struct Expanding<'a> {
    terminology: &'a LocalTerminology,
    /// The value sets that are being expanded, one within the other.
    open: Vec<String>,
    /// How many codes were looked at.
    seen: usize,
}

impl Expanding<'_> {
    fn value_set(&mut self, canonical: &str) -> Result<Vec<Member>, OperationError> {
        let value_set = self.terminology.value_set(canonical)?;
        let name = format!("{}|{}", value_set.url, value_set.version.as_deref().unwrap_or(""));
        if self.open.contains(&name) || self.open.len() >= DEEPEST {
            return Err(OperationError::NotPossible);
        }
        self.open.push(name);
        let members = self.members(value_set);
        self.open.pop();
        members
    }

    fn members(&mut self, value_set: &ValueSet) -> Result<Vec<Member>, OperationError> {
        let Some(compose) = &value_set.compose else {
            let expansion = value_set.expansion.as_ref().ok_or(OperationError::NotPossible)?;
            let mut members = Vec::new();
            self.expanded(&expansion.contains, &mut members)?;
            return Ok(members);
        };
        let mut excluded = HashSet::new();
        for exclude in &compose.exclude {
            let members = self.part(exclude)?;
            excluded.extend(members.into_iter().map(|member| (member.system, member.code)));
        }
        let mut members = Vec::new();
        let mut seen = HashSet::new();
        for include in &compose.include {
            for member in self.part(include)? {
                let key = (member.system.clone(), member.code.clone());
                let is_left_out = compose.inactive == Some(false) && member.is_inactive;
                if !is_left_out && !excluded.contains(&key) && seen.insert(key) {
                    members.push(member);
                }
            }
        }
        Ok(members)
    }

    fn expanded(
        &mut self,
        contains: &[Contained],
        to: &mut Vec<Member>,
    ) -> Result<(), OperationError> {
        for one in contains {
            self.count(1)?;
            if let (Some(system), Some(code)) = (&one.system, &one.code) {
                to.push(Member {
                    system: system.clone(),
                    version: one.version.clone(),
                    code: code.clone(),
                    display: one.display.clone(),
                    is_abstract: one.is_abstract,
                    is_inactive: one.inactive,
                });
            }
            self.expanded(&one.contains, to)?;
        }
        Ok(())
    }

    /// The codes of an include or an exclude: those that are in its system's part and in all of its value sets.
    fn part(&mut self, part: &Include) -> Result<Vec<Member>, OperationError> {
        let mut members = match &part.system {
            Some(system) => Some(self.of_system(part, system)?),
            None => None,
        };
        for canonical in &part.value_set {
            let others = self.value_set(canonical)?;
            members = Some(match members {
                None => others,
                Some(members) => {
                    let others: HashSet<_> =
                        others.into_iter().map(|one| (one.system, one.code)).collect();
                    let is_in =
                        |one: &Member| others.contains(&(one.system.clone(), one.code.clone()));
                    members.into_iter().filter(is_in).collect()
                }
            });
        }
        members.ok_or(OperationError::NotPossible)
    }

    fn of_system(&mut self, part: &Include, url: &str) -> Result<Vec<Member>, OperationError> {
        let system = self.terminology.code_system(url, part.version.as_deref());
        if !part.concept.is_empty() {
            self.count(part.concept.len())?;
            // What is listed needs no code system; where there is one, it says more of the codes.
            let system = system.ok();
            let listed = part.concept.iter().map(|listed| {
                let concept = system.and_then(|system| system.concept(&listed.code));
                let display = concept.and_then(|concept| concept.display.clone());
                Member {
                    system: url.to_owned(),
                    version: system.and_then(|system| system.version.clone()),
                    code: listed.code.clone(),
                    display: listed.display.clone().or(display),
                    is_abstract: concept.is_some_and(Concept::is_abstract),
                    is_inactive: concept.is_some_and(Concept::is_inactive),
                }
            });
            return Ok(listed.collect());
        }
        let system = system?;
        if !system.is_complete {
            // Codes would be missing, and nothing would say so.
            return Err(OperationError::NotPossible);
        }
        let mut wanted: BTreeSet<usize> = (0..system.concepts.len()).collect();
        for filter in &part.filter {
            let passing = passing(system, filter)?;
            wanted = wanted.intersection(&passing).copied().collect();
        }
        self.count(wanted.len())?;
        let concepts = wanted.iter().filter_map(|number| system.concepts.get(*number));
        Ok(concepts.map(|concept| member(system, concept)).collect())
    }

    fn count(&mut self, more: usize) -> Result<(), OperationError> {
        self.seen = self.seen.saturating_add(more);
        if self.seen > MOST { Err(OperationError::TooCostly) } else { Ok(()) }
    }
}

fn member(system: &CodeSystem, concept: &Concept) -> Member {
    Member {
        system: system.url.clone(),
        version: system.version.clone(),
        code: concept.code.clone(),
        display: concept.display.clone(),
        is_abstract: concept.is_abstract(),
        is_inactive: concept.is_inactive(),
    }
}

/// The numbers of the concepts that pass a filter. One that is not understood is an error: leaving it out would give more.
fn passing(system: &CodeSystem, filter: &Filter) -> Result<BTreeSet<usize>, OperationError> {
    let all = || (0..system.concepts.len()).collect::<BTreeSet<usize>>();
    let anchor = || system.number(&filter.value).ok_or(OperationError::UnknownCode);
    let with = |wanted: &dyn Fn(&Concept) -> bool| {
        let concepts = system.concepts.iter().enumerate();
        concepts.filter(|(_, concept)| wanted(concept)).map(|(number, _)| number).collect()
    };
    let values = |concept: &Concept| -> Vec<String> {
        match filter.property.as_str() {
            "concept" | "code" => vec![concept.code.clone()],
            "display" => concept.display.iter().cloned().collect(),
            "parent" => {
                let parents = concept.parents.iter().filter_map(|one| system.concepts.get(*one));
                parents.map(|parent| parent.code.clone()).collect()
            }
            property => {
                let own = concept.properties.iter().filter(|one| one.code == property);
                own.filter_map(|one| one.text().map(|text| text.into_owned())).collect()
            }
        }
    };
    let listed: BTreeSet<&str> = filter.value.split(',').map(str::trim).collect();
    let is_hierarchy = matches!(filter.property.as_str(), "concept" | "code");
    Ok(match (filter.op.as_str(), is_hierarchy) {
        ("is-a", true) => {
            let anchor = anchor()?;
            let mut below = system.below(anchor);
            below.insert(anchor);
            below
        }
        ("descendent-of", true) => system.below(anchor()?),
        ("child-of", true) => {
            let anchor = anchor()?;
            with(&|concept| concept.parents.contains(&anchor))
        }
        ("is-not-a", true) => {
            let anchor = anchor()?;
            let mut below = system.below(anchor);
            below.insert(anchor);
            all().difference(&below).copied().collect()
        }
        ("generalizes", true) => {
            let anchor = anchor()?;
            let mut above = system.above(anchor);
            above.insert(anchor);
            above
        }
        ("=", _) => with(&|concept| values(concept).contains(&filter.value)),
        ("in", _) => with(&|concept| values(concept).iter().any(|one| listed.contains(&**one))),
        ("not-in", _) => {
            with(&|concept| !values(concept).iter().any(|one| listed.contains(&**one)))
        }
        ("exists", _) => match filter.value.as_str() {
            "true" => with(&|concept| !values(concept).is_empty()),
            "false" => with(&|concept| values(concept).is_empty()),
            _ => return Err(OperationError::NotPossible),
        },
        _ => return Err(OperationError::NotPossible),
    })
}
