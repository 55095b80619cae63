//! Every element of every official example has a place in the tables.

use std::collections::BTreeSet;

use mcp_ext_healthcare::fhir::{Content, Definitions, FhirVersion, Json, Primitive, Shape};

use crate::corpus::examples;

#[derive(Default)]
struct Seen {
    elements: usize,
    decimals: usize,
    unknown: BTreeSet<String>,
}

impl Seen {
    fn resource(&mut self, definitions: &Definitions, resource: &Json<'_>) {
        let kind = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default();
        match definitions.resource(&kind) {
            Some(shape) => self.elements(definitions, shape, resource, &kind),
            None => drop(self.unknown.insert(kind.into_owned())),
        }
    }

    fn elements(&mut self, definitions: &Definitions, shape: Shape, value: &Json<'_>, path: &str) {
        let Some(members) = value.as_object() else {
            self.unknown.insert(format!("{path} is no object"));
            return;
        };
        for (name, value) in members {
            let name = name.get();
            let path = format!("{path}.{name}");
            // Some examples say `resourceType` of what is none, too.
            let plain = name.strip_prefix('_').unwrap_or(&name);
            if plain == "resourceType" {
                continue;
            }
            let Some(element) = definitions.member(shape, plain) else {
                self.unknown.insert(path);
                continue;
            };
            self.elements += 1;
            if value.as_array().is_some() != element.is_repeated {
                self.unknown.insert(format!("{path} is repeated, or is not"));
            }
            let one = [value];
            let values: Vec<&Json<'_>> = match value.as_array() {
                Some(values) => values.iter().collect(),
                None => one.to_vec(),
            };
            for value in values {
                match element.content {
                    Content::Elements(shape) => self.elements(definitions, shape, value, &path),
                    Content::Resource => self.resource(definitions, value),
                    Content::Primitive(_) if name.starts_with('_') => {}
                    Content::Primitive(primitive) => self.primitive(primitive, value, &path),
                }
            }
        }
    }

    fn primitive(&mut self, primitive: Primitive, value: &Json<'_>, path: &str) {
        let fits = match (primitive, value) {
            (_, Json::Null) => true,
            (Primitive::Boolean, value) => matches!(value, Json::Bool(_)),
            (Primitive::Decimal, Json::Number(_)) => {
                self.decimals += 1;
                true
            }
            (Primitive::Integer | Primitive::PositiveInt | Primitive::UnsignedInt, value) => {
                matches!(value, Json::Number(_))
            }
            (Primitive::Decimal, _) => false,
            (_, value) => matches!(value, Json::String(_)),
        };
        if !fits {
            self.unknown.insert(format!("{path} is of another kind"));
        }
    }
}

fn every_element_is_known(version: FhirVersion, decimals: usize) {
    let Some(examples) = examples(version) else { return };
    let mut seen = Seen::default();
    for example in examples {
        let json = Json::parse(example.text.as_bytes()).unwrap();
        seen.resource(version.definitions(), &json);
    }
    println!("{}: {} elements, {} decimals", version.number(), seen.elements, seen.decimals);
    assert_eq!(seen.unknown, BTreeSet::new());
    assert_eq!(seen.decimals, decimals);
}

#[test]
fn every_element_of_the_r4_examples_is_known() {
    every_element_is_known(FhirVersion::R4, 2_370);
}

#[test]
fn every_element_of_the_r5_examples_is_known() {
    every_element_is_known(FhirVersion::R5, 2_510);
}
