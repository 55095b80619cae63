//! The schema that the protocol's authors publish: what every message has to fit.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use mcp_core::schema::{SchemaLimits, Validator};
use serde_json::{Value, json};

/// The variable that names the schema file.
const VARIABLE: &str = "MCP_SCHEMA";
/// Where this project keeps it, beside its folder.
const BESIDE: &str = "shared/spec/mcp-2026-07-28.schema.json";

/// The published JSON Schema of revision 2026-07-28.
///
/// [`RawClient`](crate::RawClient) validates every message of the server against it, where it is found: in the file
/// that the environment variable `MCP_SCHEMA` names, or else as
/// `shared/spec/mcp-2026-07-28.schema.json` in a folder above the crate under test.
///
/// ```
/// # fn main() -> Result<(), mcp_testkit::SchemaFileError> {
/// use mcp_testkit::PublishedSchema;
/// use serde_json::json;
///
/// let Some(schema) = PublishedSchema::locate()? else { return Ok(()) };
/// let wrong = json!({ "jsonrpc": "2.0", "id": 1, "result": { "resultType": "complete" } });
/// assert!(schema.check_response("tools/list", &wrong).is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct PublishedSchema {
    inner: Arc<Inner>,
}

struct Inner {
    definitions: Value,
    /// Validators by definition, compiled when first needed.
    compiled: Mutex<HashMap<String, Arc<Validator>>>,
    /// The stem of definitions by method: `tools/call` → `CallTool`.
    requests: HashMap<String, String>,
    notifications: HashMap<String, String>,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("requests", &self.requests).finish_non_exhaustive()
    }
}

/// Why a schema file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaFileError {
    /// It cannot be read.
    #[error("the schema file {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no JSON Schema with definitions.
    #[error("the schema file {path} is no JSON object with `$defs`")]
    Shape {
        /// The file.
        path: PathBuf,
    },
}

/// How a message departs from the schema: the definition, and each place with what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid `{definition}`:{}", lines(violations))]
pub struct SchemaMismatch {
    /// The definition that the message should fit.
    pub definition: String,
    /// Each place (a JSON Pointer) with what is wrong there.
    pub violations: Vec<(String, String)>,
}

fn lines(violations: &[(String, String)]) -> String {
    violations.iter().map(|(place, what)| format!("\n  at {place:?}: {what}")).collect()
}

impl PublishedSchema {
    /// Finds and reads the schema; `None` where it is not present.
    ///
    /// # Errors
    /// If it is present and cannot be used, or if `MCP_SCHEMA` names no readable file.
    pub fn locate() -> Result<Option<Self>, SchemaFileError> {
        if let Some(path) = std::env::var_os(VARIABLE) {
            return Self::read(Path::new(&path)).map(Some);
        }
        let start = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
        let start = start.or_else(|| std::env::current_dir().ok());
        let file = start.iter().flat_map(|start| start.ancestors()).map(|at| at.join(BESIDE));
        match file.into_iter().find(|file| file.is_file()) {
            Some(file) => Self::read(&file).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the schema from a file.
    ///
    /// # Errors
    /// If it cannot be read or is no schema with definitions.
    pub fn read(path: &Path) -> Result<Self, SchemaFileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SchemaFileError::Read { path: path.to_owned(), source })?;
        let shape = || SchemaFileError::Shape { path: path.to_owned() };
        let mut schema: Value = serde_json::from_str(&text).map_err(|_| shape())?;
        let definitions = schema.get_mut("$defs").map(Value::take).ok_or_else(shape)?;
        let known = definitions.as_object().ok_or_else(shape)?;
        let stems = |suffix: &str| {
            known
                .iter()
                .filter_map(|(name, definition)| {
                    let stem = name.strip_suffix(suffix)?;
                    let method = definition["properties"]["method"]["const"].as_str()?;
                    Some((method.to_owned(), stem.to_owned()))
                })
                .collect()
        };
        let (requests, notifications) = (stems("Request"), stems("Notification"));
        let compiled = Mutex::default();
        Ok(Self { inner: Arc::new(Inner { definitions, compiled, requests, notifications }) })
    }

    /// Validates `message` as the definition `name`.
    ///
    /// # Errors
    /// How it departs; also if there is no such definition.
    pub fn check(&self, name: &str, message: &Value) -> Result<(), SchemaMismatch> {
        let validator = self.validator(name)?;
        validator.validate_value(message).map_err(|violations| SchemaMismatch {
            definition: name.to_owned(),
            violations: violations
                .into_iter()
                .map(|violation| (violation.instance_path, violation.message))
                .collect(),
        })
    }

    fn validator(&self, name: &str) -> Result<Arc<Validator>, SchemaMismatch> {
        let mut compiled = self.inner.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = compiled.get(name) {
            return Ok(Arc::clone(validator));
        }
        let wrong = |what: String| SchemaMismatch {
            definition: name.to_owned(),
            violations: vec![(String::new(), what)],
        };
        if self.inner.definitions.get(name).is_none() {
            return Err(wrong("the published schema has no such definition".to_owned()));
        }
        let schema = json!({ "$ref": format!("#/$defs/{name}"), "$defs": self.inner.definitions });
        let limits =
            SchemaLimits { bytes: 4 << 20, subschemas: 100_000, ..SchemaLimits::default() };
        let validator = Validator::compile(&schema.to_string(), &limits)
            .map_err(|error| wrong(format!("the schema does not compile: {error}")))?;
        let validator = Arc::new(validator);
        compiled.insert(name.to_owned(), Arc::clone(&validator));
        Ok(validator)
    }

    /// Validates the response to a request of `method`: its frame, and its result by its type.
    ///
    /// # Errors
    /// How it departs.
    pub fn check_response(&self, method: &str, response: &Value) -> Result<(), SchemaMismatch> {
        if let Some(error) = response.get("error") {
            self.check("JSONRPCErrorResponse", response)?;
            // Some codes have a shape of their own.
            return match error["code"].as_i64() {
                Some(-32020) => self.check("HeaderMismatchError", response),
                Some(-32021) => self.check("MissingRequiredClientCapabilityError", response),
                Some(-32022) => self.check("UnsupportedProtocolVersionError", response),
                _ => Ok(()),
            };
        }
        self.check("JSONRPCResultResponse", response)?;
        let result = &response["result"];
        match (result["resultType"].as_str(), self.inner.requests.get(method)) {
            (Some("complete"), Some(stem)) => self.check(&format!("{stem}Result"), result),
            (Some("input_required"), _) => self.check("InputRequiredResult", result),
            // Methods and result types of extensions: the frame is all that is known.
            _ => Ok(()),
        }
    }

    /// Validates a notification of the server.
    ///
    /// # Errors
    /// How it departs.
    pub fn check_notification(&self, notification: &Value) -> Result<(), SchemaMismatch> {
        self.check("JSONRPCNotification", notification)?;
        let method = notification["method"].as_str().unwrap_or_default();
        match self.inner.notifications.get(method) {
            Some(stem) => self.check(&format!("{stem}Notification"), notification),
            None => Ok(()),
        }
    }

    /// Validates a request, as clients send it.
    ///
    /// # Errors
    /// How it departs.
    pub fn check_request(&self, request: &Value) -> Result<(), SchemaMismatch> {
        self.check("JSONRPCRequest", request)?;
        let method = request["method"].as_str().unwrap_or_default();
        match self.inner.requests.get(method) {
            Some(stem) => self.check(&format!("{stem}Request"), request),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request;

    fn schema() -> Option<PublishedSchema> {
        let schema = PublishedSchema::locate().unwrap();
        if schema.is_none() {
            println!("skipped: the published schema is not present");
        }
        schema
    }

    #[test]
    fn results_are_checked_by_what_was_asked_for() {
        let Some(schema) = schema() else { return };
        let response = |result: Value| json!({ "jsonrpc": "2.0", "id": 1, "result": result });
        let tools = response(json!({
            "resultType": "complete", "tools": [], "ttlMs": 0, "cacheScope": "private",
        }));
        schema.check_response("tools/list", &tools).unwrap();
        let mismatch = schema.check_response("prompts/list", &tools).unwrap_err();
        assert_eq!(mismatch.definition, "ListPromptsResult");
        assert!(mismatch.to_string().contains("prompts"), "{mismatch}");
        // An extension's own type is only framed.
        schema.check_response("tools/call", &response(json!({ "resultType": "task" }))).unwrap();
        assert!(schema.check_response("tools/call", &response(json!({}))).is_err());
    }

    #[test]
    fn errors_are_checked_by_their_code() {
        let Some(schema) = schema() else { return };
        let response = |code: i64| json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": code, "message": "no" } });
        schema.check_response("x/y", &response(-32602)).unwrap();
        assert!(schema.check_response("x/y", &response(-32021)).is_err(), "data is missing");
    }

    #[test]
    fn notifications_are_checked_by_their_method() {
        let Some(schema) = schema() else { return };
        let message = |method: &str| json!({ "jsonrpc": "2.0", "method": method, "params": {} });
        schema.check_notification(&message("notifications/example")).unwrap();
        assert!(schema.check_notification(&message("notifications/progress")).is_err());
    }

    #[test]
    fn well_formed_requests_are_well_formed() {
        let Some(schema) = schema() else { return };
        schema.check_request(&request("tools/call").param("name", "x").to_json()).unwrap();
        assert!(schema.check_request(&request("tools/call").to_json()).is_err());
        assert!(schema.check_request(&request("tools/list").without_meta().to_json()).is_err());
    }

    #[test]
    fn a_file_that_is_no_schema_is_said_to_be_none() {
        let missing = PublishedSchema::read(Path::new("no/such/file")).unwrap_err();
        assert!(matches!(missing, SchemaFileError::Read { .. }));
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let wrong = PublishedSchema::read(&manifest).unwrap_err();
        assert!(matches!(wrong, SchemaFileError::Shape { .. }));
    }
}
