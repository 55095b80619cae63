//! Validation against JSON Schema.
//!
//! Dialects: 2020-12 (also what a schema without `$schema` is), 2019-09, draft 7, draft 6 and draft 4.
//! `$ref` is resolved within the schema only: nothing is ever fetched. Formats are not asserted, as
//! 2020-12 says.
//!
//! Source: specification, *Base protocol → JSON Schema usage*.

mod violation;
mod work;

use boon::{Compiler, Draft, SchemaIndex, Schemas, UrlLoader};
use serde_json::Value;

pub use violation::Violation;
use work::{TooMuch, Work};

/// The bounds of a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaLimits {
    /// Bytes of its text. Default 256 KiB.
    pub bytes: usize,
    /// Nesting of objects and arrays. Default 64.
    pub depth: usize,
    /// Objects in it: about as many subschemas. Default 5,000.
    pub subschemas: usize,
}

impl Default for SchemaLimits {
    fn default() -> Self {
        Self { bytes: 256 * 1024, depth: 64, subschemas: 5_000 }
    }
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    /// It is no JSON.
    #[error("it is no JSON")]
    Json,
    /// It is beyond a bound.
    #[error("it has more than {limit} {what}")]
    TooLarge {
        /// Bytes, levels or subschemas.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// Its `$schema` names a dialect that is not supported.
    #[error("its dialect is not supported")]
    Dialect,
    /// A `$ref` leads out of the schema.
    #[error("a `$ref` leads out of the schema; nothing is fetched")]
    ExternalReference,
    /// It is not valid by its own dialect.
    #[error("it is no valid schema: {0}")]
    Invalid(String),
}

/// A compiled schema.
///
/// ```
/// use mcp_core::schema::{SchemaLimits, Validator};
///
/// let schema = r#"{"type":"object","properties":{"age":{"type":"integer","maximum":150}}}"#;
/// let validator = Validator::compile(schema, &SchemaLimits::default())?;
/// assert!(validator.validate(r#"{"age":42}"#).is_ok());
/// let violations = validator.validate(r#"{"age":420}"#).unwrap_err();
/// assert_eq!(violations[0].instance_path, "/age");
/// # Ok::<(), mcp_core::schema::SchemaError>(())
/// ```
pub struct Validator {
    schemas: Schemas,
    root: SchemaIndex,
    /// Only for schemas with references.
    work: Option<Work>,
}

impl std::fmt::Debug for Validator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Validator(..)")
    }
}

/// Where the schema itself lives while it is compiled. It is no address of anything.
const BASE: &str = "mcp:///schema.json";
/// As many violations are reported at most.
const MAX_VIOLATIONS: usize = 16;

/// Fetches nothing.
struct NoLoader;

impl UrlLoader for NoLoader {
    fn load(&self, _: &str) -> Result<Value, Box<dyn std::error::Error>> {
        Err("references out of the schema are not followed".into())
    }
}

impl Validator {
    /// Compiles a schema.
    ///
    /// # Errors
    /// If it is invalid, too large, of an unknown dialect, or refers to something outside.
    pub fn compile(schema: &str, limits: &SchemaLimits) -> Result<Self, SchemaError> {
        if schema.len() > limits.bytes {
            return Err(SchemaError::TooLarge { what: "bytes", limit: limits.bytes });
        }
        let schema: Value = serde_json::from_str(schema).map_err(|_| SchemaError::Json)?;
        check_size(&schema, limits)?;
        if let Some(dialect) = schema.get("$schema") {
            let known = dialect.as_str().is_some_and(|dialect| Draft::from_url(dialect).is_some());
            if !known {
                return Err(SchemaError::Dialect);
            }
        }
        let work = Work::of(&schema);
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.set_default_draft(Draft::V2020_12);
        compiler.use_loader(Box::new(NoLoader));
        compiler.add_resource(BASE, schema).map_err(|error| compile_error(&error))?;
        let root = compiler.compile(BASE, &mut schemas).map_err(|error| compile_error(&error))?;
        Ok(Self { schemas, root, work })
    }

    /// Validates a JSON text.
    ///
    /// # Errors
    /// What does not fit: at most 16 violations, none of which quotes a value. A schema whose
    /// references ask for more work than its instance warrants fits nothing.
    pub fn validate(&self, instance: &str) -> Result<(), Vec<Violation>> {
        let instance: Value = serde_json::from_str(instance)
            .map_err(|_| vec![Violation::new("", "it is no JSON, or nested too deeply")])?;
        self.validate_value(&instance)
    }

    /// Validates a JSON value.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn validate_value(&self, instance: &Value) -> Result<(), Vec<Violation>> {
        if let Some(Err(TooMuch)) = self.work.as_ref().map(|work| work.check(instance)) {
            return Err(vec![Violation::new("", "the schema asks for too much work to check it")]);
        }
        self.schemas
            .validate(instance, self.root)
            .map_err(|error| violation::of(&error, MAX_VIOLATIONS))
    }
}

fn compile_error(error: &boon::CompileError) -> SchemaError {
    use boon::CompileError as E;
    match error {
        E::LoadUrlError { .. }
        | E::InvalidMetaSchemaUrl { .. }
        | E::UnsupportedUrlScheme { .. } => SchemaError::ExternalReference,
        E::UnsupportedDraft { .. } => SchemaError::Dialect,
        E::ValidationError { src, .. } => {
            let violations = violation::of(src, 1);
            let first = violations.first().map_or_else(String::new, ToString::to_string);
            SchemaError::Invalid(first)
        }
        other => SchemaError::Invalid(other.to_string().replace(BASE, "")),
    }
}

fn check_size(schema: &Value, limits: &SchemaLimits) -> Result<(), SchemaError> {
    let mut objects = 0;
    let mut waiting = vec![(schema, 1)];
    while let Some((value, depth)) = waiting.pop() {
        if depth > limits.depth {
            return Err(SchemaError::TooLarge { what: "levels", limit: limits.depth });
        }
        match value {
            Value::Object(members) => {
                objects += 1;
                if objects > limits.subschemas {
                    let limit = limits.subschemas;
                    return Err(SchemaError::TooLarge { what: "subschemas", limit });
                }
                waiting.extend(members.values().map(|value| (value, depth + 1)));
            }
            Value::Array(items) => waiting.extend(items.iter().map(|value| (value, depth + 1))),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(schema: &str) -> Result<Validator, SchemaError> {
        Validator::compile(schema, &SchemaLimits::default())
    }

    #[test]
    fn keywords_of_2020_12() {
        for (schema, good, bad) in [
            (r#"{"maximum":3}"#, "3", "4"),
            (r#"{"prefixItems":[{"type":"string"}],"items":false}"#, r#"["a"]"#, r#"["a",1]"#),
            (r#"{"contains":{"type":"string"},"minContains":2}"#, r#"["a","b"]"#, r#"["a"]"#),
            (r#"{"pattern":"^a+$"}"#, r#""aa""#, r#""ab""#),
            (
                r##"{"$defs":{"a":{"$anchor":"x","type":"string"}},"items":{"$ref":"#x"}}"##,
                r#"["a"]"#,
                "[1]",
            ),
            (
                r#"{"properties":{"a":true},"unevaluatedProperties":false}"#,
                r#"{"a":1}"#,
                r#"{"b":1}"#,
            ),
            (
                r#"{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}"#,
                r#"{"a":1,"b":1}"#,
                r#"{"a":1}"#,
            ),
            (r#"{"dependentSchemas":{"a":{"required":["b"]}}}"#, r#"{"b":1}"#, r#"{"a":1}"#),
            (
                r##"{"$dynamicAnchor":"n","properties":{"next":{"$dynamicRef":"#n"}},"required":["v"]}"##,
                r#"{"v":1,"next":{"v":2}}"#,
                r#"{"v":1,"next":{}}"#,
            ),
            (
                r#"{"$schema":"http://json-schema.org/draft-07/schema#","type":"string"}"#,
                r#""""#,
                "1",
            ),
        ] {
            let validator = compile(schema).unwrap();
            assert!(validator.validate(good).is_ok(), "{schema} {good}");
            assert!(validator.validate(bad).is_err(), "{schema} {bad}");
        }
    }

    #[test]
    fn nothing_is_fetched() {
        for reference in [
            "https://example.com/schema.json",
            "http://127.0.0.1/schema.json",
            "file:///etc/passwd",
            "other.json",
        ] {
            let schema = format!(r#"{{"properties":{{"a":{{"$ref":"{reference}"}}}}}}"#);
            assert_eq!(
                compile(&schema).unwrap_err(),
                SchemaError::ExternalReference,
                "{reference}"
            );
        }
    }

    #[test]
    fn bad_schemas_are_named() {
        assert_eq!(compile("{").unwrap_err(), SchemaError::Json);
        assert!(matches!(compile(r#"{"type":"strin"}"#).unwrap_err(), SchemaError::Invalid(_)));
        assert!(matches!(compile(r#"{"pattern":"("}"#).unwrap_err(), SchemaError::Invalid(_)));
        assert_eq!(
            compile(r#"{"$schema":"https://example.com/my-dialect"}"#).unwrap_err(),
            SchemaError::Dialect
        );
        let deep = format!("{}{}", r#"{"not":"#.repeat(100), "{}".to_owned() + &"}".repeat(100));
        assert!(matches!(
            compile(&deep).unwrap_err(),
            SchemaError::TooLarge { what: "levels", .. }
        ));
        let many = format!(r#"{{"anyOf":[{}]}}"#, vec!["{}"; 6000].join(","));
        assert!(matches!(compile(&many).unwrap_err(), SchemaError::TooLarge { .. }));
        let long = format!(r#"{{"description":"{}"}}"#, "x".repeat(300_000));
        assert!(matches!(compile(&long).unwrap_err(), SchemaError::TooLarge { what: "bytes", .. }));
    }

    #[test]
    fn violations_are_bounded_and_quote_nothing() {
        let schema = r#"{"type":"object","additionalProperties":{"type":"integer"}}"#;
        let instance: serde_json::Map<_, _> =
            (0..100).map(|i| (format!("k{i}"), Value::from("Jane Doe"))).collect();
        let violations =
            compile(schema).unwrap().validate(&Value::Object(instance).to_string()).unwrap_err();
        assert_eq!(violations.len(), MAX_VIOLATIONS);
        assert!(violations.iter().all(|violation| !violation.to_string().contains("Jane")));
    }

    /// What is to be done, or nothing if that takes too long.
    fn in_time<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || sender.send(what()));
        receiver.recv_timeout(std::time::Duration::from_secs(60)).expect("it goes on and on")
    }

    fn definitions(count: usize, last: Value, next: impl Fn(Value) -> Value) -> String {
        let name = |at: usize| format!("a{at}");
        let mut all: serde_json::Map<_, _> = (0..count)
            .map(|at| {
                let reference = serde_json::json!({ "$ref": format!("#/$defs/{}", name(at + 1)) });
                (name(at), next(reference))
            })
            .collect();
        all.insert(name(count), last);
        serde_json::json!({ "$ref": "#/$defs/a0", "$defs": all }).to_string()
    }

    #[test]
    fn nested_any_of_is_bounded() {
        use serde_json::json;
        // Twice the work with each of forty lines; written with an anchor; by identifiers; and on each
        // level of the instance.
        let twice = |next: Value| json!({ "anyOf": [next, next] });
        let lines = definitions(40, json!({ "type": "string" }), twice);
        let escaped = lines.replace("#/$defs/", "#/%24defs/");
        let anchored = {
            let mut schema: Value = serde_json::from_str(&lines.replace("#/$defs/", "#")).unwrap();
            for (name, definition) in schema["$defs"].as_object_mut().unwrap() {
                definition["$anchor"] = json!(name);
            }
            schema.to_string()
        };
        let identified = {
            let text = lines.replace("#/$defs/", "https://example.com/");
            let mut schema: Value = serde_json::from_str(&text).unwrap();
            for (name, definition) in schema["$defs"].as_object_mut().unwrap() {
                definition["$id"] = json!(format!("https://example.com/{name}"));
            }
            schema.to_string()
        };
        let deep = json!({
            "$defs": { "n": { "properties": { "a": twice(json!({ "$ref": "#/$defs/n" })) }, "required": ["b"] } },
            "$ref": "#/$defs/n",
        });
        let instance = format!("{}7{}", r#"{"a":"#.repeat(60), "}".repeat(60));
        for (schema, instance) in [
            (lines, "7".to_owned()),
            (escaped, "7".to_owned()),
            (anchored, "7".to_owned()),
            (identified, "7".to_owned()),
            (deep.to_string(), instance),
        ] {
            let refused = in_time(move || compile(&schema).unwrap().validate(&instance));
            assert!(refused.unwrap_err()[0].to_string().contains("too much work"));
        }
    }

    #[test]
    fn chains_of_references_do_not_exhaust_the_stack() {
        use serde_json::json;
        let chain = |count| definitions(count, json!({ "type": "string" }), |next| next);
        let validate = |schema: String| in_time(move || compile(&schema).unwrap().validate("7"));
        assert!(validate(chain(500)).unwrap_err()[0].to_string().contains("string"));
        assert!(validate(chain(4000)).unwrap_err()[0].to_string().contains("too much work"));
        let circle = json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" });
        assert!(validate(circle.to_string()).is_err());
    }

    #[test]
    fn recursion_that_follows_the_instance_is_fine() {
        // A tree, whose every node is one of several kinds; ten thousand nodes of it.
        let schema = r##"{"$ref":"#/$defs/node","$defs":{
            "node":{"anyOf":[{"$ref":"#/$defs/leaf"},{"$ref":"#/$defs/branch"}]},
            "leaf":{"type":"integer"},
            "branch":{"type":"array","items":{"$ref":"#/$defs/node"}}}}"##;
        let row = format!("[{}]", vec!["7"; 100].join(","));
        let tree = format!("[{}]", vec![row.as_str(); 100].join(","));
        assert!(compile(schema).unwrap().validate(&tree).is_ok());
        assert!(compile(schema).unwrap().validate(&tree.replacen('7', "\"x\"", 1)).is_err());
        // And the dialect's own schema, which refers to itself everywhere.
        let meta = r#"{"$ref":"https://json-schema.org/draft/2020-12/schema"}"#;
        assert!(compile(meta).unwrap().validate(schema).is_ok());
        assert!(compile(meta).unwrap().validate(r#"{"type":"strin"}"#).is_err());
    }

    #[test]
    fn deep_instances_are_refused() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(compile("{}").unwrap().validate(&deep).is_err());
    }
}
