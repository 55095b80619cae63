//! A code system, held for questions.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use serde::Deserialize;

use crate::fhir::Json;

/// A code system as a resource has it, as far as questions need it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CodeSystemResource {
    #[serde(default)]
    pub(super) url: String,
    pub(super) version: Option<String>,
    name: Option<String>,
    case_sensitive: Option<bool>,
    #[serde(default)]
    content: String,
    hierarchy_meaning: Option<String>,
    #[serde(default)]
    concept: Vec<ConceptResource>,
}

#[derive(Deserialize)]
struct ConceptResource {
    code: String,
    display: Option<String>,
    definition: Option<String>,
    #[serde(default)]
    designation: Vec<Designation>,
    #[serde(default)]
    property: Vec<Box<serde_json::value::RawValue>>,
    #[serde(default)]
    concept: Vec<ConceptResource>,
}

/// What a code is called elsewhere.
#[derive(Deserialize)]
pub(super) struct Designation {
    pub(super) language: Option<String>,
    pub(super) value: String,
}

/// A code system.
pub(super) struct CodeSystem {
    pub(super) url: String,
    pub(super) version: Option<String>,
    pub(super) name: Option<String>,
    /// Whether it has all codes that there are.
    pub(super) is_complete: bool,
    /// Whether what is below a code is a case of it.
    pub(super) is_hierarchy: bool,
    folds_case: bool,
    pub(super) concepts: Vec<Concept>,
    by_code: HashMap<String, usize>,
}

/// A code.
pub(super) struct Concept {
    pub(super) code: String,
    pub(super) display: Option<String>,
    pub(super) definition: Option<String>,
    pub(super) designations: Vec<Designation>,
    pub(super) properties: Vec<Property>,
    /// The numbers of those right above it.
    pub(super) parents: Vec<usize>,
}

/// A property of a code, with its value as it is written.
pub(super) struct Property {
    pub(super) code: String,
    /// `valueCode`, `valueDecimal` and so on.
    pub(super) kind: String,
    pub(super) value: Json<'static>,
}

impl Property {
    /// The value, as text; of a coding, its code.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        text_of(&self.value)
    }
}

/// A primitive value as text; of a coding, its code.
pub(crate) fn text_of<'a>(value: &'a Json<'_>) -> Option<Cow<'a, str>> {
    match value {
        Json::String(text) => Some(text.get()),
        Json::Number(digits) => Some(Cow::Borrowed(digits)),
        Json::Bool(true) => Some(Cow::Borrowed("true")),
        Json::Bool(false) => Some(Cow::Borrowed("false")),
        Json::Object(_) => value.get("code").and_then(Json::as_str),
        _ => None,
    }
}

/// How deep concepts are read. JSON itself is not read much deeper.
const DEEPEST: usize = 64;

impl CodeSystem {
    pub(super) fn new(resource: CodeSystemResource) -> Self {
        let mut system = Self {
            url: resource.url,
            version: resource.version,
            name: resource.name,
            is_complete: resource.content == "complete",
            is_hierarchy: resource.hierarchy_meaning.is_none_or(|meaning| meaning == "is-a"),
            folds_case: resource.case_sensitive == Some(false),
            concepts: Vec::new(),
            by_code: HashMap::new(),
        };
        system.take(resource.concept, None, 0);
        system.link();
        system
    }

    fn take(&mut self, concepts: Vec<ConceptResource>, parent: Option<usize>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        for concept in concepts {
            let key = self.key(&concept.code);
            let number = match self.by_code.get(&key) {
                // A code with several parents stands below each of them in some systems.
                Some(number) => *number,
                None => {
                    let number = self.concepts.len();
                    let properties = concept.property.iter().filter_map(|raw| property(raw.get()));
                    self.concepts.push(Concept {
                        code: concept.code,
                        display: concept.display,
                        definition: concept.definition,
                        designations: concept.designation,
                        properties: properties.collect(),
                        parents: Vec::new(),
                    });
                    self.by_code.insert(key, number);
                    number
                }
            };
            if let (Some(parent), Some(own)) = (parent, self.concepts.get_mut(number)) {
                own.parents.push(parent);
            }
            self.take(concept.concept, Some(number), depth + 1);
        }
    }

    /// Hierarchies that are told by properties.
    fn link(&mut self) {
        let mut links = Vec::new();
        for (number, concept) in self.concepts.iter().enumerate() {
            for property in &concept.properties {
                let Some(other) = property.text().and_then(|code| self.number(&code)) else {
                    continue;
                };
                match property.code.as_str() {
                    "parent" | "subsumedBy" => links.push((number, other)),
                    "child" => links.push((other, number)),
                    _ => {}
                }
            }
        }
        for (child, parent) in links {
            if let Some(concept) = self.concepts.get_mut(child)
                && !concept.parents.contains(&parent)
            {
                concept.parents.push(parent);
            }
        }
    }

    fn key(&self, code: &str) -> String {
        if self.folds_case { code.to_lowercase() } else { code.to_owned() }
    }

    pub(super) fn number(&self, code: &str) -> Option<usize> {
        self.by_code.get(&self.key(code)).copied()
    }

    pub(super) fn concept(&self, code: &str) -> Option<&Concept> {
        self.concepts.get(self.number(code)?)
    }

    /// All above a concept, however far.
    pub(super) fn above(&self, number: usize) -> BTreeSet<usize> {
        let mut above = BTreeSet::new();
        let mut open = vec![number];
        while let Some(next) = open.pop() {
            for parent in self.concepts.get(next).map_or(&[][..], |concept| &concept.parents) {
                if above.insert(*parent) {
                    open.push(*parent);
                }
            }
        }
        above
    }

    /// All below a concept, however far.
    pub(super) fn below(&self, number: usize) -> BTreeSet<usize> {
        let mut children: HashMap<usize, Vec<usize>> = HashMap::new();
        for (child, concept) in self.concepts.iter().enumerate() {
            for parent in &concept.parents {
                children.entry(*parent).or_default().push(child);
            }
        }
        let mut below = BTreeSet::new();
        let mut open = vec![number];
        while let Some(next) = open.pop() {
            for child in children.get(&next).into_iter().flatten() {
                if below.insert(*child) {
                    open.push(*child);
                }
            }
        }
        below
    }
}

impl Concept {
    /// Whether a property says so.
    fn is(&self, names: [&str; 2]) -> bool {
        self.properties
            .iter()
            .any(|one| names.contains(&one.code.as_str()) && one.value == Json::Bool(true))
    }

    /// Whether it only stands for those below it.
    pub(super) fn is_abstract(&self) -> bool {
        self.is(["notSelectable", "abstract"])
    }

    /// Whether it is no longer used.
    pub(super) fn is_inactive(&self) -> bool {
        let is_status = |one: &&Property| one.code == "status";
        let mut status = self.properties.iter().filter(is_status).filter_map(Property::text);
        self.is(["inactive", "inactive"]) || status.any(|status| status == "retired")
    }
}

/// A property of a concept, out of the resource's text.
fn property(text: &str) -> Option<Property> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let code = json.get("code")?.as_str()?.into_owned();
    let (kind, value) =
        json.as_object()?.iter().find(|(name, _)| name.get().starts_with("value"))?;
    Some(Property { code, kind: kind.get().into_owned(), value: value.clone().into_owned() })
}
