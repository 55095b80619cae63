//! The table, applied to all elements of a version of FHIR: what becomes of each is looked up by one search.

use std::collections::HashMap;

use super::rule::Rule;
use super::table::{Rules, Table};
use crate::fhir::{Content, Definitions, Element, Primitive, Shape};

/// Types that no resource is of.
const ABSTRACT: [&str; 4] = ["Resource", "DomainResource", "CanonicalResource", "MetadataResource"];

/// Which column of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Method {
    SafeHarbor,
    Limited,
}

/// An element, and what becomes of it.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) rule: Rule,
    /// The shape of its elements, if it has any.
    pub(super) shape: usize,
    pub(super) is_repeated: bool,
    pub(super) is_primitive: bool,
    /// Whether something is said where it was dropped: it must be there, or others mean something else without it.
    pub(super) is_missed: bool,
    pub(super) primitive: Option<Primitive>,
    pub(super) codes: &'static [&'static str],
}

/// What becomes of all elements.
#[derive(Debug, Default)]
pub(super) struct Plan {
    shapes: Vec<Vec<Member>>,
    resources: HashMap<&'static str, usize>,
    /// The shape of extensions.
    pub(super) extension: usize,
}

impl Plan {
    pub(super) fn new(definitions: &'static Definitions, table: &Table, method: Method) -> Self {
        let mut building = Building {
            definitions,
            table,
            method,
            paths: paths(definitions, table),
            numbers: HashMap::new(),
            open: Vec::new(),
        };
        let mut plan = Self::default();
        let mut names: Vec<_> =
            definitions.resources().filter(|name| !ABSTRACT.contains(name)).collect();
        names.sort_unstable();
        for name in names {
            if let Some(shape) = definitions.resource(name) {
                plan.resources.insert(name, building.number(shape));
            }
        }
        plan.extension =
            definitions.datatype("Extension").map_or(usize::MAX, |shape| building.number(shape));
        let resources: Vec<usize> = plan.resources.values().copied().collect();
        while let Some(shape) = building.open.get(plan.shapes.len()).copied() {
            let is_resource = resources.contains(&plan.shapes.len());
            let members = definitions
                .elements(shape)
                .iter()
                .map(|element| building.member(shape, element, is_resource))
                .collect();
            plan.shapes.push(members);
        }
        plan
    }

    /// The shape of a resource type; `None` if there is no such type.
    pub(super) fn resource(&self, name: &str) -> Option<(&'static str, usize)> {
        self.resources.get_key_value(name).map(|(name, shape)| (*name, *shape))
    }

    /// An element of a shape, and its number in it.
    pub(super) fn member(&self, shape: usize, name: &str) -> Option<(usize, &Member)> {
        let members = self.members(shape);
        let at = members.binary_search_by(|member| member.name.as_str().cmp(name)).ok()?;
        Some((at, members.get(at)?))
    }

    /// The elements of a shape.
    pub(super) fn members(&self, shape: usize) -> &[Member] {
        self.shapes.get(shape).map_or(&[], Vec::as_slice)
    }
}

struct Building<'a> {
    definitions: &'static Definitions,
    table: &'a Table,
    method: Method,
    paths: HashMap<(Shape, &'static str), Rules>,
    numbers: HashMap<Shape, usize>,
    /// Shapes in the order of their numbers.
    open: Vec<Shape>,
}

impl Building<'_> {
    fn number(&mut self, shape: Shape) -> usize {
        *self.numbers.entry(shape).or_insert_with(|| {
            self.open.push(shape);
            self.open.len() - 1
        })
    }

    fn member(&mut self, shape: Shape, element: &Element, is_resource: bool) -> Member {
        let name = element.name.as_ref();
        let column = |rules: &Rules| match self.method {
            Method::SafeHarbor => rules.safe_harbor,
            Method::Limited => rules.limited,
        };
        let is_primitive = matches!(element.content, Content::Primitive(_));
        let fits = |rule: Rule| match rule {
            Rule::Drop | Rule::Withhold => true,
            rule => rule.is_of_elements() != is_primitive,
        };
        // A name can be that of an element without elements here, and of one with elements there.
        let name_of_all = || self.table.names.get(name).filter(|rules| fits(column(rules)));
        let rules = self
            .paths
            .get(&(shape, name))
            .or_else(|| if is_resource { self.of_every_resource(name) } else { None })
            .or_else(name_of_all)
            .or_else(|| self.table.types.get(element.datatype));
        let mut rule = rules.map_or(Rule::Drop, column);
        let mut primitive = None;
        let shape = match element.content {
            Content::Primitive(of) => {
                primitive = Some(of);
                usize::MAX
            }
            Content::Resource => {
                rule = Rule::Resource;
                usize::MAX
            }
            Content::Elements(shape) => {
                // An element with elements of its own, whatever it is derived from.
                if rules.is_none() {
                    rule = Rule::Walk;
                }
                self.number(shape)
            }
        };
        if rule != Rule::Resource && !fits(rule) {
            rule = Rule::Drop;
        }
        Member {
            name: name.to_owned(),
            rule,
            shape,
            is_repeated: element.is_repeated,
            is_primitive,
            is_missed: element.is_mandatory || element.is_modifier,
            primitive,
            codes: element.codes.and_then(|set| self.definitions.codes(set)).unwrap_or_default(),
        }
    }

    fn of_every_resource(&self, name: &str) -> Option<&Rules> {
        let mut paths = self.table.paths.iter();
        paths.find(|(path, _)| path.strip_prefix("Resource.") == Some(name)).map(|(_, rules)| rules)
    }
}

/// The rules of paths, by the shape that the path's last element is in.
fn paths(definitions: &Definitions, table: &Table) -> HashMap<(Shape, &'static str), Rules> {
    let found = table.paths.iter().filter_map(|(path, rules)| {
        let (parent, name) = path.rsplit_once('.')?;
        Some(((shape(definitions, parent)?, name), *rules))
    });
    found.collect()
}

/// The shape at a path.
fn shape(definitions: &Definitions, path: &str) -> Option<Shape> {
    if let Some(shape) = definitions.resource(path).or_else(|| definitions.datatype(path)) {
        return Some(shape);
    }
    match definitions.element(path)?.content {
        Content::Elements(shape) => Some(shape),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::TABLE;
    use super::*;
    use crate::fhir::FhirVersion;

    #[test]
    fn the_table_has_a_line_for_each_datatype_and_no_path_that_leads_nowhere() {
        let table = Table::parse(TABLE).unwrap();
        let text: String =
            include_str!("../../tables/r4.txt").to_owned() + include_str!("../../tables/r5.txt");
        for line in text.lines() {
            let mut words = line.split(' ');
            if let (Some("primitive" | "complex"), Some(name)) = (words.next(), words.next()) {
                assert!(table.types.contains_key(name), "{name}");
            }
        }
        for (path, _) in &table.paths {
            let is_there = FhirVersion::ALL.iter().any(|version| {
                let definitions = version.definitions();
                path.starts_with("Resource.") || definitions.element(path).is_some()
            });
            assert!(is_there, "{path}");
        }
    }

    #[test]
    fn rules_fit_what_they_are_of() {
        let table = Table::parse(TABLE).unwrap();
        for version in FhirVersion::ALL {
            for method in [Method::SafeHarbor, Method::Limited] {
                let plan = Plan::new(version.definitions(), &table, method);
                assert!(plan.shapes.len() > 500);
                let rule = |kind: &str, name: &str| {
                    let (_, shape) = plan.resource(kind).unwrap();
                    plan.member(shape, name).unwrap().1.rule
                };
                assert_eq!(rule("Patient", "id"), Rule::Pseudonym);
                assert_eq!(rule("Patient", "name"), Rule::Drop);
                assert_eq!(rule("Patient", "contained"), Rule::Resource);
                assert_eq!(rule("Patient", "modifierExtension"), Rule::Withhold);
                assert_eq!(rule("Patient", "contact"), Rule::Walk);
                assert_eq!(rule("Location", "position"), Rule::Drop);
                assert_eq!(rule("Location", "language"), Rule::Language);
                // A code there, a concept here.
                let (_, response) = plan.resource("ClaimResponse").unwrap();
                let note = plan.member(response, "processNote").unwrap().1.shape;
                assert_eq!(plan.member(note, "language").unwrap().1.rule, Rule::Walk);
                assert_eq!(rule("Bundle", "entry"), Rule::Entry);
                for members in &plan.shapes {
                    for member in members {
                        let fits = member.is_primitive != member.rule.is_of_elements();
                        let anything =
                            matches!(member.rule, Rule::Drop | Rule::Withhold | Rule::Resource);
                        assert!(fits || anything, "{} {:?}", member.name, member.rule);
                    }
                }
            }
        }
        let plan = Plan::new(FhirVersion::R4.definitions(), &table, Method::SafeHarbor);
        assert!(plan.resource("Nobody").is_none() && plan.resource("HumanName").is_none());
    }

    #[test]
    fn another_line_is_refused_by_its_number() {
        for text in
            ["x", "type string", "type string what", "system http://a b", "extension http://a b"]
        {
            assert_eq!(Table::parse(text).unwrap_err(), 1, "{text}");
        }
    }
}
