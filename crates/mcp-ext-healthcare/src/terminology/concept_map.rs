//! Maps from the codes of one system to those of another.

use serde::Deserialize;

/// A map, as a resource of R4 or R5 has it.
#[derive(Deserialize)]
pub(super) struct ConceptMap {
    #[serde(default)]
    pub(super) url: String,
    pub(super) version: Option<String>,
    #[serde(default)]
    group: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    source: Option<String>,
    target: Option<String>,
    #[serde(default)]
    element: Vec<Element>,
}

#[derive(Deserialize)]
struct Element {
    code: Option<String>,
    display: Option<String>,
    #[serde(default)]
    target: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    code: Option<String>,
    display: Option<String>,
    /// R4's word for how the two are related.
    equivalence: Option<String>,
    /// R5's.
    relationship: Option<String>,
}

/// What a code is in another system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Match<'a> {
    pub(super) relationship: &'a str,
    pub(super) system: Option<&'a str>,
    pub(super) code: &'a str,
    pub(super) display: Option<&'a str>,
}

impl Match<'_> {
    /// Whether it says that there is something.
    pub(super) fn is_one(&self) -> bool {
        !matches!(self.relationship, "unmatched" | "disjoint" | "not-related-to")
    }
}

/// What is to be translated.
pub(super) struct Wanted<'a> {
    pub(super) system: &'a str,
    pub(super) code: &'a str,
    /// The system that the answer is to be of.
    pub(super) target: Option<&'a str>,
    /// Whether the map is read from its target to its source.
    pub(super) reverse: bool,
}

impl ConceptMap {
    /// Whether the map is from, or in reverse to, this system.
    pub(super) fn is_about(&self, wanted: &Wanted<'_>) -> bool {
        self.group.iter().any(|group| group.is_about(wanted))
    }

    /// Everything that the map says of a code.
    pub(super) fn matches<'a>(&'a self, wanted: &Wanted<'_>) -> Vec<Match<'a>> {
        let mut matches = Vec::new();
        for group in self.group.iter().filter(|group| group.is_about(wanted)) {
            for element in &group.element {
                for target in &element.target {
                    matches.extend(group.matched(element, target, wanted));
                }
            }
        }
        matches
    }
}

impl Group {
    fn is_about(&self, wanted: &Wanted<'_>) -> bool {
        let (mut from, mut to) = (self.source.as_deref(), self.target.as_deref());
        if wanted.reverse {
            std::mem::swap(&mut from, &mut to);
        }
        from.map(without_version) == Some(wanted.system)
            && wanted.target.is_none_or(|target| to.map(without_version) == Some(target))
    }

    fn matched<'a>(
        &'a self,
        element: &'a Element,
        target: &'a Target,
        wanted: &Wanted<'_>,
    ) -> Option<Match<'a>> {
        let relationship = target.relationship.as_deref().or(target.equivalence.as_deref());
        let relationship = relationship.unwrap_or("equivalent");
        let (from, system, code, display) = if wanted.reverse {
            (target.code.as_deref(), &self.source, element.code.as_deref(), &element.display)
        } else {
            (element.code.as_deref(), &self.target, target.code.as_deref(), &target.display)
        };
        let relationship = if wanted.reverse { reversed(relationship) } else { relationship };
        (from == Some(wanted.code)).then_some(Match {
            relationship,
            system: system.as_deref().map(without_version),
            code: code?,
            display: display.as_deref(),
        })
    }
}

/// `http://loinc.org|2.72` is of `http://loinc.org`.
fn without_version(canonical: &str) -> &str {
    canonical.split_once('|').map_or(canonical, |(url, _)| url)
}

/// The same relationship, seen from the other side.
fn reversed(relationship: &str) -> &str {
    match relationship {
        "wider" => "narrower",
        "narrower" => "wider",
        "subsumes" => "specializes",
        "specializes" => "subsumes",
        "source-is-narrower-than-target" => "source-is-broader-than-target",
        "source-is-broader-than-target" => "source-is-narrower-than-target",
        other => other,
    }
}
