//! The generated JSON Schemas agree with the published ones, definition by definition. What differs is
//! listed in `docs/schema-differences.md`: a difference that is not listed fails, and so does a listed
//! one that is gone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use mcp_core::protocol::schema::definitions;
use serde_json::{Map, Value, json};

type Definitions = BTreeMap<String, Value>;

/// One place where the schemas differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    /// The definition, and the way to the keyword inside of it.
    place: String,
    published: String,
    ours: String,
}

fn published() -> Option<Definitions> {
    let file = support::spec_dir()?.join("mcp-2026-07-28.schema.json");
    let document: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    let definitions = document["$defs"].as_object().unwrap();
    Some(definitions.iter().map(|(name, schema)| (name.clone(), schema.clone())).collect())
}

fn ours() -> Definitions {
    definitions().into_iter().map(|(name, schema)| (name.to_owned(), schema.to_value())).collect()
}

/// The name that a schema refers to, if it is a reference.
fn reference(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")
}

/// Keywords that say nothing about which values are valid, and those that say what their absence says
/// as well.
fn is_silent(keyword: &str, value: &Value) -> bool {
    match keyword {
        "description" | "$ref" => true,
        "additionalProperties" | "items" => *value == json!({}) || *value == json!(true),
        "properties" => value.as_object().is_some_and(Map::is_empty),
        "required" => value.as_array().is_some_and(Vec::is_empty),
        _ => false,
    }
}

/// A schema without what is said by reference, by `allOf`, or needlessly.
fn resolve(schema: &Value, definitions: &Definitions) -> Map<String, Value> {
    let mut keywords = match schema {
        Value::Bool(true) => Map::new(),
        Value::Object(keywords) => keywords.clone(),
        other => panic!("not a schema: {other}"),
    };
    if let Some(name) = reference(schema) {
        for (keyword, value) in resolve(&definitions[name], definitions) {
            keywords.entry(keyword).or_insert(value);
        }
    }
    if let Some(Value::Array(parts)) = keywords.remove("allOf") {
        for part in parts {
            merge(&mut keywords, &resolve(&part, definitions), definitions);
        }
    }
    if let Some([only]) = keywords.get("anyOf").and_then(Value::as_array).map(Vec::as_slice) {
        let only = resolve(only, definitions);
        keywords.remove("anyOf");
        merge(&mut keywords, &only, definitions);
    }
    // A constant has the type it has.
    if keywords.contains_key("const") {
        keywords.remove("type");
    }
    keywords.retain(|keyword, value| !is_silent(keyword, value));
    keywords
}

/// Adds the keywords of one part of an `allOf`.
fn merge(into: &mut Map<String, Value>, part: &Map<String, Value>, definitions: &Definitions) {
    for (keyword, value) in part {
        match (keyword.as_str(), into.get_mut(keyword)) {
            (_, None) => {
                into.insert(keyword.clone(), value.clone());
            }
            ("properties", Some(Value::Object(properties))) => {
                for (name, schema) in value.as_object().unwrap() {
                    let mut merged = properties
                        .get(name)
                        .map(|schema| resolve(schema, definitions))
                        .unwrap_or_default();
                    merge(&mut merged, &resolve(schema, definitions), definitions);
                    properties.insert(name.clone(), merged.into());
                }
            }
            ("required", Some(Value::Array(required))) => {
                required.extend(value.as_array().unwrap().iter().cloned());
                required.sort_by_key(Value::to_string);
                required.dedup();
            }
            (_, Some(existing)) => assert_eq!(existing, value, "allOf with two {keyword}"),
        }
    }
}

/// The alternatives of a union, those of unions inside of it among them.
fn alternatives(schemas: &Value, definitions: &Definitions) -> Vec<Value> {
    let mut flat = Vec::new();
    for schema in schemas.as_array().unwrap() {
        match resolve(schema, definitions).get("anyOf") {
            Some(inner) => flat.extend(alternatives(inner, definitions)),
            None => flat.push(schema.clone()),
        }
    }
    flat
}

/// A name for an alternative by which it is found in the other schema.
fn alternative_name(schema: &Value) -> String {
    match (reference(schema), schema.get("type")) {
        (Some(name), _) => name.to_owned(),
        (None, Some(Value::String(kind))) => kind.clone(),
        (None, kind) => format!("{kind:?}").contains("Array").then(|| "plain".to_owned()).unwrap(),
    }
}

fn sorted(values: &Value) -> Vec<String> {
    let mut texts: Vec<String> = match values {
        Value::Array(values) => values.iter().map(Value::to_string).collect(),
        value => vec![value.to_string()],
    };
    texts.sort();
    texts
}

struct Comparison<'a> {
    published: &'a Definitions,
    ours: &'a Definitions,
    found: BTreeSet<Difference>,
}

impl Comparison<'_> {
    fn differ(&mut self, place: &str, published: Option<&Value>, ours: Option<&Value>) {
        let text = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
        self.found.insert(Difference {
            place: place.to_owned(),
            published: text(published),
            ours: text(ours),
        });
    }

    fn schemas(&mut self, place: &str, published: &Value, ours: &Value) {
        // References to the same definition are compared once, at the definition.
        if reference(published).is_some() && reference(published) == reference(ours) {
            return;
        }
        let published = resolve(published, self.published);
        let ours = resolve(ours, self.ours);
        let keywords: BTreeSet<&String> = published.keys().chain(ours.keys()).collect();
        for keyword in keywords {
            let place = format!("{place}/{keyword}");
            match (keyword.as_str(), published.get(keyword), ours.get(keyword)) {
                ("properties", Some(published), Some(ours)) => {
                    self.members(&place, published, ours);
                }
                ("anyOf", Some(published), Some(ours)) => {
                    let named = |schemas: Vec<Value>| -> Value {
                        let mut by_name = Map::new();
                        for schema in schemas {
                            let replaced = by_name.insert(alternative_name(&schema), schema);
                            assert_eq!(replaced, None, "two alternatives of one name at {place}");
                        }
                        by_name.into()
                    };
                    let published = named(alternatives(published, self.published));
                    let ours = named(alternatives(ours, self.ours));
                    self.members(&place, &published, &ours);
                }
                ("items" | "additionalProperties", Some(published), Some(ours)) => {
                    self.schemas(&place, published, ours);
                }
                ("required" | "enum" | "type", Some(published), Some(ours))
                    if sorted(published) == sorted(ours) => {}
                (_, published, ours) if published == ours => {}
                (_, published, ours) => self.differ(&place, published, ours),
            }
        }
    }

    fn members(&mut self, place: &str, published: &Value, ours: &Value) {
        let (published, ours) = (published.as_object().unwrap(), ours.as_object().unwrap());
        let names: BTreeSet<&String> = published.keys().chain(ours.keys()).collect();
        for name in names {
            let place = format!("{place}/{name}");
            match (published.get(name), ours.get(name)) {
                (Some(published), Some(ours)) => self.schemas(&place, published, ours),
                (published, ours) => self.differ(&place, published, ours),
            }
        }
    }
}

fn differences(published: &Definitions, ours: &Definitions) -> BTreeSet<Difference> {
    let mut comparison = Comparison { published, ours, found: BTreeSet::new() };
    for (name, schema) in published {
        comparison.schemas(name, schema, &ours[name]);
    }
    comparison.found
}

/// The rows of the table of differences.
fn listed() -> BTreeSet<Difference> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema-differences.md");
    let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    let mut rows = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> =
            line.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [place, published, ours, reason] = cells[..] else { panic!("not four cells: {line}") };
        assert!(reason.len() > 20, "a difference needs a reason: {line}");
        let row =
            Difference { place: place.into(), published: published.into(), ours: ours.into() };
        assert!(rows.insert(row), "listed twice: {line}");
    }
    rows
}

#[test]
fn the_same_definitions_exist() {
    let Some(published) = published() else { return };
    let ours: Vec<_> = definitions().into_iter().map(|(name, _)| name).collect();
    let published: Vec<_> = published.keys().map(String::as_str).collect();
    assert_eq!(ours, published);
    println!("{} definitions", ours.len());
}

#[test]
fn the_schemas_agree_but_for_the_listed_differences() {
    let Some(published) = published() else { return };
    let found = differences(&published, &ours());
    let listed = listed();
    let show = |rows: &BTreeSet<Difference>, other: &BTreeSet<Difference>| -> String {
        rows.difference(other)
            .map(|row| format!("| `{}` | `{}` | `{}` |\n", row.place, row.published, row.ours))
            .collect()
    };
    let (new, gone) = (show(&found, &listed), show(&listed, &found));
    assert!(new.is_empty() && gone.is_empty(), "not listed:\n{new}\nlisted but gone:\n{gone}");
    println!("{} definitions, {} listed differences", published.len(), listed.len());
}

#[test]
fn every_reference_leads_to_a_definition() {
    fn check(value: &Value, ours: &Definitions) {
        if let Some(name) = reference(value) {
            assert!(ours.contains_key(name), "no definition {name}");
        }
        match value {
            Value::Object(members) => members.values().for_each(|value| check(value, ours)),
            Value::Array(values) => values.iter().for_each(|value| check(value, ours)),
            _ => {}
        }
    }
    let ours = ours();
    assert!(ours.len() >= 150);
    ours.values().for_each(|schema| check(schema, &ours));
}

#[test]
fn the_comparison_sees_what_it_must() {
    let published: Definitions = [
        (
            "T".to_owned(),
            json!({
                "type": "object",
                "properties": {
                    "a": { "type": "string", "format": "uri" },
                    "b": { "anyOf": [{ "$ref": "#/$defs/A" }, { "$ref": "#/$defs/B" }] },
                    "c": { "type": "string", "enum": ["x", "y"] },
                },
                "required": ["a", "b"],
            }),
        ),
        ("A".to_owned(), json!({ "type": "string" })),
        ("B".to_owned(), json!({ "type": "integer" })),
        ("C".to_owned(), json!({ "type": "boolean" })),
    ]
    .into();
    let wrong = |pointer: &str, value: Value| {
        let mut ours = published.clone();
        *ours.get_mut("T").unwrap().pointer_mut(pointer).unwrap() = value;
        differences(&published, &ours).into_iter().map(|row| row.place).collect::<Vec<_>>()
    };
    assert_eq!(wrong("/type", json!("object")), [""; 0]);
    assert_eq!(wrong("/required", json!(["b", "a"])), [""; 0]);
    assert_eq!(wrong("/required", json!(["a"])), ["T/required"]);
    assert_eq!(wrong("/properties/a/format", json!("uuid")), ["T/properties/a/format"]);
    assert_eq!(wrong("/properties/a/type", json!("number")), ["T/properties/a/type"]);
    assert_eq!(wrong("/properties/c/enum", json!(["x"])), ["T/properties/c/enum"]);
    assert_eq!(
        wrong("/properties/b/anyOf", json!([{ "$ref": "#/$defs/A" }, { "$ref": "#/$defs/C" }])),
        ["T/properties/b/anyOf/B", "T/properties/b/anyOf/C"]
    );
    assert_eq!(wrong("/properties", json!({})), ["T/properties"]);
}
