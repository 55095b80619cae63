//! Builds the JSON Schema of an object of the protocol, member by member.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// The schema of an object in the making.
pub struct ObjectSchema<'g> {
    generator: &'g mut SchemaGenerator,
    description: String,
    properties: Map<String, Value>,
    required: Vec<&'static str>,
}

impl<'g> ObjectSchema<'g> {
    pub fn new(generator: &'g mut SchemaGenerator, docs: &str) -> Self {
        Self {
            generator,
            description: description(docs),
            properties: Map::new(),
            required: Vec::new(),
        }
    }

    /// Adds a member that always has the same text.
    pub fn constant(&mut self, key: &'static str, value: &str) {
        self.properties.insert(key.into(), json!({ "type": "string", "const": value }));
        self.required.push(key);
    }

    /// Adds `resultType`, which a result has on the wire though not in its struct.
    pub fn result_type(&mut self, value: &str) {
        let docs = format!("Always `{value}` for this result; absent means `complete`.");
        self.properties
            .insert("resultType".into(), json!({ "type": "string", "description": docs }));
        self.required.push("resultType");
    }

    /// Adds a member of type `T`; `constraints` are further keywords for its schema.
    pub fn property<T: JsonSchema>(
        &mut self,
        key: &'static str,
        required: bool,
        docs: &str,
        constraints: Value,
    ) {
        let mut schema = without_null(self.generator.subschema_for::<T>());
        let keywords = schema.ensure_object();
        // The widths of Rust's integers are not formats of JSON Schema.
        if keywords.get("type").is_some_and(|kind| kind == "integer" || kind == "number") {
            keywords.remove("format");
        }
        let docs = description(docs);
        if !docs.is_empty() {
            keywords.insert("description".into(), docs.into());
        }
        if let Value::Object(constraints) = constraints {
            keywords.extend(constraints);
        }
        self.properties.insert(key.into(), schema.to_value());
        if required {
            self.required.push(key);
        }
    }

    /// Adds a member with a schema of its own.
    pub fn raw(&mut self, key: &'static str, required: bool, schema: Schema) {
        self.properties.insert(key.into(), schema.to_value());
        if required {
            self.required.push(key);
        }
    }

    pub fn finish(self) -> Schema {
        let mut schema = Map::new();
        schema.insert("type".into(), "object".into());
        if !self.description.is_empty() {
            schema.insert("description".into(), self.description.into());
        }
        schema.insert("properties".into(), self.properties.into());
        if !self.required.is_empty() {
            schema.insert("required".into(), self.required.into());
        }
        schema.into()
    }
}

/// The schema of `T` from that of `Option<T>`: a member that may be absent is not `null`.
fn without_null(schema: Schema) -> Schema {
    let Some([inner, null]) = schema.get("anyOf").and_then(Value::as_array).map(Vec::as_slice)
    else {
        return schema;
    };
    if *null == json!({ "type": "null" }) {
        Schema::try_from(inner.clone()).unwrap_or(schema)
    } else {
        schema
    }
}

/// A doc comment as a description: without the space that follows `///`, and without examples.
pub fn description(docs: &str) -> String {
    let lines: Vec<&str> =
        docs.lines().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    let end = lines.iter().position(|line| line.starts_with("```")).unwrap_or(lines.len());
    lines.iter().take(end).copied().collect::<Vec<_>>().join("\n").trim().to_owned()
}
