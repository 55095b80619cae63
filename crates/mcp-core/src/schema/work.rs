//! How much work a validation would be, counted before it is begun.
//!
//! The size of a schema does not bound it: references let a few lines be evaluated again and again,
//! twice as often with each line. A schema may come from a stranger, so the evaluations are counted
//! first, by a walk that takes every branch, and that stops where it becomes too much.
//!
//! Source: specification, *Base protocol → Composition-keyword resource use*.

use std::collections::HashMap;

use serde_json::Value;

/// Evaluations that any validation may take.
const STEPS: usize = 200_000;
/// Evaluations that each value in the instance adds to that.
const STEPS_PER_VALUE: usize = 200;
/// Evaluations within each other. The validator recurses, and the stack is finite.
const DEPTH: usize = 512;

const REFERENCES: [&str; 3] = ["$ref", "$dynamicRef", "$recursiveRef"];

/// A schema with references, and where they may lead.
pub(super) struct Work {
    root: Value,
    /// Pointers to the schemas with an anchor, by its name.
    anchors: HashMap<String, Vec<String>>,
    /// Pointers to the schemas that references may start from, with the last part of their identifiers:
    /// the root, and those within that have one.
    resources: Vec<(String, String)>,
}

/// It would be too much.
#[derive(Debug)]
pub(super) struct TooMuch;

impl Work {
    /// `None` for a schema without references: its size bounds the work.
    pub(super) fn of(schema: &Value) -> Option<Self> {
        let mut work = Self {
            root: Value::Null,
            anchors: HashMap::new(),
            resources: vec![(String::new(), last_part(super::BASE))],
        };
        let mut has_references = false;
        let mut waiting = vec![(schema, String::new())];
        while let Some((value, pointer)) = waiting.pop() {
            match value {
                Value::Object(members) => {
                    has_references |= REFERENCES.iter().any(|key| members.contains_key(*key));
                    work.note(members, &pointer);
                    waiting.extend(members.iter().map(|(name, value)| {
                        let name = name.replace('~', "~0").replace('/', "~1");
                        (value, format!("{pointer}/{name}"))
                    }));
                }
                Value::Array(items) => waiting.extend(
                    items.iter().enumerate().map(|(at, item)| (item, format!("{pointer}/{at}"))),
                ),
                _ => {}
            }
        }
        has_references.then(|| Self { root: schema.clone(), ..work })
    }

    fn note(&mut self, schema: &serde_json::Map<String, Value>, pointer: &str) {
        for keyword in ["$anchor", "$dynamicAnchor", "$id", "id"] {
            let Some(text) = schema.get(keyword).and_then(Value::as_str) else { continue };
            // Before 2019-09 an identifier that is a mere fragment was an anchor.
            match text.strip_prefix('#') {
                Some(anchor) => self.anchor(anchor, pointer),
                None if keyword.ends_with("nchor") => self.anchor(text, pointer),
                None => self.resources.push((pointer.to_owned(), last_part(text))),
            }
        }
    }

    fn anchor(&mut self, name: &str, pointer: &str) {
        self.anchors.entry(name.to_owned()).or_default().push(pointer.to_owned());
    }

    /// Whether an instance can be validated within the bounds.
    pub(super) fn check(&self, instance: &Value) -> Result<(), TooMuch> {
        let mut left = STEPS.saturating_add(values(instance).saturating_mul(STEPS_PER_VALUE));
        self.walk(&self.root, instance, &mut left, DEPTH)
    }

    fn walk(
        &self,
        schema: &Value,
        instance: &Value,
        left: &mut usize,
        depth: usize,
    ) -> Result<(), TooMuch> {
        *left = left.checked_sub(1).ok_or(TooMuch)?;
        let depth = depth.checked_sub(1).ok_or(TooMuch)?;
        let Value::Object(schema) = schema else { return Ok(()) };
        let mut walk = |schema: &Value, instance: &Value| self.walk(schema, instance, left, depth);
        for (keyword, value) in schema {
            match (keyword.as_str(), value, instance) {
                ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(to), _) => {
                    for target in self.targets(to) {
                        walk(target, instance)?;
                    }
                }
                ("allOf" | "anyOf" | "oneOf", Value::Array(schemas), _) => {
                    schemas.iter().try_for_each(|schema| walk(schema, instance))?;
                }
                ("not" | "if" | "then" | "else", schema, _) => walk(schema, instance)?,
                ("dependentSchemas" | "dependencies", Value::Object(schemas), _) => {
                    schemas.values().try_for_each(|schema| walk(schema, instance))?;
                }
                ("properties", Value::Object(schemas), Value::Object(members)) => {
                    for (name, schema) in schemas {
                        members.get(name).map_or(Ok(()), |member| walk(schema, member))?;
                    }
                }
                ("patternProperties", Value::Object(schemas), Value::Object(members)) => {
                    for schema in schemas.values() {
                        members.values().try_for_each(|member| walk(schema, member))?;
                    }
                }
                (
                    "additionalProperties" | "unevaluatedProperties" | "propertyNames",
                    schema,
                    Value::Object(members),
                ) => members.values().try_for_each(|member| walk(schema, member))?,
                ("items" | "prefixItems", Value::Array(schemas), Value::Array(items)) => {
                    for (schema, item) in schemas.iter().zip(items) {
                        walk(schema, item)?;
                    }
                }
                (
                    "items" | "additionalItems" | "unevaluatedItems" | "contains",
                    schema,
                    Value::Array(items),
                ) => items.iter().try_for_each(|item| walk(schema, item))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Where a reference may lead within the schema. Rather one place too many than one too few; those
    /// outside (the dialects' own schemas) do not count.
    fn targets(&self, reference: &str) -> Vec<&Value> {
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let (base, fragment) = (last_part(base), percent_decoded(fragment));
        let pointers: Vec<String> = if fragment.is_empty() || fragment.starts_with('/') {
            let is_meant = |id: &str| base.trim_matches('.').is_empty() || id == base;
            let meant = self.resources.iter().filter(|(_, id)| is_meant(id));
            meant.map(|(resource, _)| format!("{resource}{fragment}")).collect()
        } else {
            self.anchors.get(&fragment).cloned().unwrap_or_default()
        };
        pointers.iter().filter_map(|pointer| self.root.pointer(pointer)).collect()
    }
}

/// What follows the last slash of an address: the part that an address and one relative to it share.
fn last_part(address: &str) -> String {
    let address = address.split('#').next().unwrap_or_default();
    let last = address.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|character| !character.is_ascii_control()).collect()
}

/// As many values as there are within one, and itself.
fn values(value: &Value) -> usize {
    let mut count: usize = 0;
    let mut waiting = vec![value];
    while let Some(value) = waiting.pop() {
        count = count.saturating_add(1);
        match value {
            Value::Object(members) => waiting.extend(members.values()),
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    count
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let decoded = (*first == b'%')
            .then(|| after.get(..2))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match decoded {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
