//! Whether all elements of a resource are known, and its codings.

use std::collections::{BTreeMap, BTreeSet};

use mcp_ext_healthcare::fhir::{Content, Definitions, Json, Primitive, Shape};

/// What was found in a resource, by HL7's definitions alone.
#[derive(Default)]
pub(crate) struct Found {
    /// Elements that are not known, are repeated or not as they should be, or hold another kind of value.
    pub(crate) unknown: BTreeSet<String>,
    /// Elements that must be there and are not.
    pub(crate) missing: BTreeSet<String>,
    /// Codings with a system and a code.
    pub(crate) codings: usize,
    /// How many of which system.
    pub(crate) systems: BTreeMap<String, usize>,
}

impl Found {
    pub(crate) fn of(definitions: &Definitions, json: &Json<'_>) -> Self {
        let mut found = Self::default();
        found.resource(definitions, json);
        found
    }

    fn resource(&mut self, definitions: &Definitions, resource: &Json<'_>) {
        let kind = resource.get("resourceType").and_then(Json::as_str).unwrap_or_default();
        match definitions.resource(&kind) {
            Some(shape) => self.members(definitions, shape, resource, &kind),
            None => drop(self.unknown.insert(kind.into_owned())),
        }
    }

    fn members(&mut self, definitions: &Definitions, shape: Shape, value: &Json<'_>, path: &str) {
        let Some(members) = value.as_object() else {
            self.unknown.insert(format!("{path} is no object"));
            return;
        };
        for (name, value) in members {
            let name = name.get();
            let path = format!("{path}.{name}");
            let plain = name.strip_prefix('_').unwrap_or(&name);
            if plain == "resourceType" {
                continue;
            }
            let Some(element) = definitions.member(shape, plain) else {
                self.unknown.insert(path);
                continue;
            };
            if value.as_array().is_some() != element.is_repeated {
                self.unknown.insert(format!("{path} is repeated, or is not"));
            }
            let one = [value];
            let values: Vec<&Json<'_>> = match value.as_array() {
                Some(values) => values.iter().collect(),
                None => one.to_vec(),
            };
            if values.is_empty() {
                self.unknown.insert(format!("{path} is empty"));
            }
            for value in values {
                let has = |name| value.get(name).is_some();
                if element.datatype == "Coding" && has("system") && has("code") {
                    self.codings += 1;
                    let system = value.get("system").and_then(Json::as_str).unwrap_or_default();
                    *self.systems.entry(system.into_owned()).or_default() += 1;
                }
                match element.content {
                    Content::Elements(shape) => self.members(definitions, shape, value, &path),
                    Content::Resource => self.resource(definitions, value),
                    Content::Primitive(_) if name.starts_with('_') => {}
                    Content::Primitive(primitive) => {
                        let fits = match primitive {
                            Primitive::Boolean => matches!(value, Json::Bool(_)),
                            Primitive::Decimal
                            | Primitive::Integer
                            | Primitive::PositiveInt
                            | Primitive::UnsignedInt => matches!(value, Json::Number(_)),
                            _ => matches!(value, Json::String(_)),
                        };
                        if !fits && *value != Json::Null {
                            self.unknown.insert(format!("{path} is of another kind"));
                        }
                    }
                }
            }
        }
        // What has an extension alone says with it why there is nothing else.
        let is_masked = members.len() == 1 && members[0].0 == *"extension";
        if is_masked {
            return;
        }
        for element in definitions.elements(shape) {
            let is_there =
                |name: &str| value.get(name).is_some() || value.get(&format!("_{name}")).is_some();
            if element.is_mandatory && element.choice.is_none() && !is_there(&element.name) {
                self.missing.insert(format!("{path}.{}", element.name));
            }
        }
    }
}
