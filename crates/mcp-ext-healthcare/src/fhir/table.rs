//! Reading a table of definitions: [`Definitions::parse`] describes its form.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use super::definitions::{Content, Definitions, Element, Kind, Primitive, SearchParameter, Shape};

/// Why a text is no table of definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// A line has none of the forms there are.
    #[error("line {0} has none of the forms of a table")]
    Form(usize),
    /// An element names a type or an element that the table does not have.
    #[error("the table has no {0}")]
    Unknown(&'static str),
    /// There is more than can be counted.
    #[error("the table is too large")]
    TooLarge,
}

/// Types and elements as the lines have them. What they name is looked up when all have been read.
#[derive(Default)]
struct Lines {
    definitions: Definitions,
    /// What each type is derived from.
    bases: HashMap<&'static str, &'static str>,
    /// Elements by the path of what they are elements of.
    own: BTreeMap<String, Vec<Line>>,
}

struct Line {
    name: &'static str,
    choice: bool,
    is_modifier: bool,
    is_mandatory: bool,
    is_repeated: bool,
    types: &'static str,
}

pub(super) fn parse(table: &'static str) -> Result<Definitions, TableError> {
    let mut lines = Lines::default();
    // The path down to the element that was read last.
    let mut path: Vec<&'static str> = Vec::new();
    for (number, line) in table.lines().enumerate() {
        lines.read(line, &mut path).ok_or(TableError::Form(number + 1))?;
    }
    lines.resolve()
}

impl Lines {
    fn read(&mut self, line: &'static str, path: &mut Vec<&'static str>) -> Option<()> {
        let text = line.trim_start_matches(' ');
        let depth = line.len() - text.len();
        if depth > 0 {
            // No deeper than one below what was read last.
            if depth > path.len() {
                return None;
            }
            path.truncate(depth);
            let element = element(text)?;
            let name = element.name;
            self.own.entry(path.join(".")).or_default().push(element);
            path.push(name);
            return Some(());
        }
        let (word, rest) = text.split_once(' ')?;
        let definitions = &mut self.definitions;
        let kind = match word {
            "fhir" => {
                definitions.version = rest;
                return Some(());
            }
            "codes" => {
                let (name, codes) = rest.split_once(' ')?;
                let mut codes: Vec<_> = codes.split(' ').collect();
                codes.sort_unstable();
                definitions.codes.insert(name, codes);
                return Some(());
            }
            "search" => {
                let (base, rest) = rest.split_once(' ')?;
                let (name, rest) = rest.split_once(' ')?;
                let (kind, expression) = rest.split_once(' ')?;
                let expression = if expression == "-" { "" } else { expression };
                let parameter = SearchParameter { kind, expression };
                definitions.search.entry(base).or_default().insert(name, parameter);
                return Some(());
            }
            "compartment" => {
                let (name, parameters) = rest.split_once(' ')?;
                definitions.compartment.insert(name, parameters.split(' ').collect());
                return Some(());
            }
            "primitive" => Kind::Primitive,
            "complex" => Kind::Complex,
            "resource" => Kind::Resource,
            _ => return None,
        };
        let (name, base) = rest.split_once(' ')?;
        self.bases.insert(name, base);
        // The shape is given out when the elements are known.
        definitions.types.insert(name, (kind, Shape(0)));
        self.own.entry(name.to_owned()).or_default();
        *path = vec![name];
        Some(())
    }

    fn resolve(mut self) -> Result<Definitions, TableError> {
        let mut shapes = HashMap::new();
        for (number, path) in self.own.keys().enumerate() {
            let number = u32::try_from(number).map_err(|_| TableError::TooLarge)?;
            shapes.insert(path.as_str(), Shape(number));
        }
        for (name, (_, shape)) in &mut self.definitions.types {
            *shape = *shapes.get(name).ok_or(TableError::Unknown(name))?;
        }
        let mut resolved = Vec::new();
        for path in self.own.keys() {
            let mut elements: BTreeMap<Cow<'static, str>, Element> = BTreeMap::new();
            // From the type itself to what it is derived from: the first that says something of an element is right.
            let mut from = Some(path.as_str());
            while let Some(path) = from {
                for line in self.own.get(path).into_iter().flatten() {
                    for element in self.elements(path, line, &shapes)? {
                        elements.entry(element.name.clone()).or_insert(element);
                    }
                }
                from = self.base(path);
            }
            resolved.push(elements.into_values().collect());
        }
        let mut definitions = self.definitions;
        definitions.shapes = resolved;
        Ok(definitions)
    }

    /// What a type, or an element with elements, is derived from.
    fn base(&self, path: &str) -> Option<&str> {
        let base = match path.rsplit_once('.') {
            None => self.bases.get(path)?,
            Some((parent, name)) => {
                self.own.get(parent)?.iter().find(|line| line.name == name)?.types
            }
        };
        self.own.contains_key(base).then_some(base)
    }

    /// The elements that a line stands for: several, if it is a choice.
    fn elements(
        &self,
        path: &str,
        line: &Line,
        shapes: &HashMap<&str, Shape>,
    ) -> Result<Vec<Element>, TableError> {
        let own = format!("{path}.{}", line.name);
        let mut elements = Vec::new();
        for text in split(line.types) {
            let (text, targets) = match text.strip_suffix(')').and_then(|text| text.split_once('('))
            {
                Some((text, targets)) => (text, targets.split(',').collect()),
                None => (text, Vec::new()),
            };
            let (datatype, codes) = match text.split_once('=') {
                Some((datatype, codes)) => (datatype, Some(codes)),
                None => (text, None),
            };
            let content = if let Some(path) = datatype.strip_prefix('@') {
                Content::Elements(*shapes.get(path).ok_or(TableError::Unknown(path))?)
            } else if let Some(shape) = shapes.get(own.as_str()) {
                Content::Elements(*shape)
            } else {
                match self.definitions.types.get(datatype) {
                    Some((Kind::Primitive, _)) => Content::Primitive(
                        Primitive::of_name(datatype).ok_or(TableError::Unknown(datatype))?,
                    ),
                    Some((Kind::Complex, shape)) => Content::Elements(*shape),
                    Some((Kind::Resource, _)) => Content::Resource,
                    None => return Err(TableError::Unknown(datatype)),
                }
            };
            let name = match line.choice {
                true => Cow::Owned(chosen(line.name, datatype)),
                false => Cow::Borrowed(line.name),
            };
            elements.push(Element {
                name,
                choice: line.choice.then_some(line.name),
                is_mandatory: line.is_mandatory,
                is_repeated: line.is_repeated,
                is_modifier: line.is_modifier,
                datatype,
                content,
                targets,
                codes,
            });
        }
        Ok(elements)
    }
}

/// `deceased` and `boolean` make `deceasedBoolean`.
fn chosen(name: &str, datatype: &str) -> String {
    let mut chosen = name.to_owned();
    let mut letters = datatype.chars();
    chosen.extend(letters.next().map(|first| first.to_ascii_uppercase()));
    chosen.push_str(letters.as_str());
    chosen
}

/// Types between bars; targets in parentheses have none.
fn split(types: &'static str) -> impl Iterator<Item = &'static str> {
    types.split('|')
}

fn element(text: &'static str) -> Option<Line> {
    let (name, rest) = text.split_once(' ')?;
    let (cardinality, types) = rest.split_once(' ').unwrap_or(("", rest));
    let (name, is_modifier) = match name.strip_suffix('!') {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (name, choice) = match name.strip_suffix("[x]") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (is_mandatory, is_repeated) = match cardinality {
        "" => (false, false),
        "1" => (true, false),
        "*" => (false, true),
        "+" => (true, true),
        other => {
            let (min, max) = other.split_once("..")?;
            (min != "0", max != "1")
        }
    };
    let is_empty = name.is_empty() || types.is_empty();
    let line = Line { name, choice, is_modifier, is_mandatory, is_repeated, types };
    (!is_empty).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::super::FhirVersion;
    use super::*;

    const R4: &str = include_str!("../../tables/r4.txt");
    const R5: &str = include_str!("../../tables/r5.txt");

    #[test]
    fn both_tables_can_be_read_and_are_whole() {
        for (table, version, resources) in [(R4, "4.0.1", 148), (R5, "5.0.0", 162)] {
            let definitions = Definitions::parse(table).unwrap();
            assert_eq!(definitions.version(), version);
            assert!(definitions.resources().count() >= resources, "{version}");
        }
        // Both in the program: well under a megabyte.
        assert!(R4.len() + R5.len() < 800_000);
        for version in FhirVersion::ALL {
            assert_eq!(version.definitions().version(), version.number());
        }
    }

    #[test]
    fn elements_have_what_hl7_says_of_them() {
        let r4 = FhirVersion::R4.definitions();
        let status = r4.element("Observation.status").unwrap();
        assert!(status.is_mandatory && status.is_modifier && !status.is_repeated);
        let codes = r4.codes(status.codes.unwrap()).unwrap();
        assert!(codes.contains(&"final") && !codes.contains(&"Smith"));
        let subject = r4.element("Observation.subject").unwrap();
        assert_eq!(subject.targets, ["Device", "Group", "Location", "Patient"]);
        // Inherited, from a type and from an element.
        assert!(r4.element("Patient.modifierExtension").unwrap().is_modifier);
        assert!(r4.element("Patient.contact.modifierExtension").unwrap().is_modifier);
        assert!(r4.element("Timing.modifierExtension").is_some());
        // By a reference to other content, however deep.
        let nested = "Questionnaire.item.item.item.linkId";
        assert!(r4.element(nested).unwrap().is_mandatory);
        assert_eq!(r4.element("Bundle.entry.resource").unwrap().content, Content::Resource);
        assert_eq!(r4.element("Patient.contained").unwrap().content, Content::Resource);
        assert!(r4.element("Condition.onsetAge.value").is_some());
        assert!(r4.element("Patient.deceased").is_none());
        assert!(r4.element("Patient").is_none() && r4.element("Patient.birthDate.x").is_none());
        assert!(r4.resource("HumanName").is_none() && r4.datatype("Patient").is_none());
        assert_eq!(r4.mandatory("Observation"), ["code", "status"]);
        let r5 = FhirVersion::R5.definitions();
        assert!(r5.element("MedicationRequest.medication.reference.display").is_some());
        assert!(r5.element("Attachment.size").is_some());
    }

    #[test]
    fn search_parameters_are_of_a_type_or_of_all() {
        let r4 = FhirVersion::R4.definitions();
        let born = r4.search_parameter("Patient", "birthdate").unwrap();
        assert_eq!((born.kind, born.expression), ("date", "Patient.birthDate"));
        assert_eq!(r4.search_parameter("Patient", "_id").unwrap().kind, "token");
        assert!(r4.search_parameter("Patient", "code").is_none());
        assert!(r4.search_parameter("Nobody", "_id").is_none());
    }

    #[test]
    fn other_texts_are_refused_by_line_or_name() {
        for (table, error) in [
            ("x", TableError::Form(1)),
            ("fhir 1\n a b", TableError::Form(2)),
            ("resource A -\n  b string", TableError::Form(2)),
            ("resource A -\n b", TableError::Form(2)),
            ("resource A -\n b x..y..z", TableError::Unknown("x..y..z")),
            ("resource A -\n b 1-2 string", TableError::Form(2)),
            ("resource A -\n b string", TableError::Unknown("string")),
            ("resource A -\n b @A.c", TableError::Unknown("A.c")),
            ("primitive thing -\nresource A -\n b thing", TableError::Unknown("thing")),
        ] {
            assert_eq!(Definitions::parse(table).unwrap_err(), error, "{table}");
        }
    }
}
