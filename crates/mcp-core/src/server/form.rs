//! From a Rust type to the restricted schema of a form.

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use crate::Error;
use crate::protocol::ElicitRequestedSchema;

/// What a form's field may say; whatever else schemars writes is left out.
const FIELD_KEYWORDS: &[&str] = &[
    "type",
    "title",
    "description",
    "default",
    "enum",
    "oneOf",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "items",
    "const",
    "anyOf",
];
/// The formats that a form knows.
const FORMATS: &[&str] = &["email", "uri", "date", "date-time"];

/// The form for `T`: a flat struct of primitive fields.
///
/// # Errors
/// `-32603` if `T` is no such struct: a mistake of the handler's author, named in the log.
pub(crate) fn form_schema<T: JsonSchema>() -> Result<ElicitRequestedSchema, Error> {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    let schema = settings.into_generator().into_root_schema_for::<T>();
    let wrong = |what: String| {
        tracing::error!(form = %T::schema_name(), "not usable as a form: {what}");
        Error::Internal
    };
    let properties = match schema.get("properties") {
        Some(Value::Object(properties)) => properties,
        _ => return Err(wrong("it is no struct with named fields".to_owned())),
    };
    let mut fields = Map::new();
    for (name, field) in properties {
        let field = simplify(field).ok_or_else(|| {
            wrong(format!("`{name}` is no string, number, boolean or enumeration"))
        })?;
        fields.insert(name.clone(), field);
    }
    let form = serde_json::json!({
        "type": "object",
        "properties": fields,
        "required": schema.get("required").cloned().unwrap_or_else(|| Value::Array(Vec::new())),
    });
    serde_json::from_value(form).map_err(|error| wrong(error.to_string()))
}

/// One field, reduced to what a form may say; `None` if it is no primitive.
fn simplify(field: &Value) -> Option<Value> {
    let mut field = field.as_object()?.clone();
    // `Option<T>`: the field is not required; the form knows no null.
    if let Some(Value::Array(types)) = field.get("type") {
        let kinds: Vec<_> = types.iter().filter(|kind| *kind != "null").cloned().collect();
        let [kind] = kinds.as_slice() else { return None };
        field.insert("type".to_owned(), kind.clone());
    }
    if let Some(Value::Array(options)) = field.get("anyOf").cloned() {
        let inner: Vec<_> = options.iter().filter(|option| option["type"] != "null").collect();
        let [inner] = inner.as_slice() else { return None };
        let mut merged = inner.as_object()?.clone();
        field.remove("anyOf");
        merged.extend(field);
        field = merged;
    }
    if let Some(Value::Array(values)) = field.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if let Some(Value::Array(options)) = field.get("oneOf").cloned() {
        // An enum whose variants have doc comments: they become the titles.
        let titled: Option<Vec<Value>> = options
            .iter()
            .filter(|option| option["type"] != "null")
            .map(|option| {
                let value = option.get("const")?.as_str()?;
                let title = option.get("description").and_then(Value::as_str).unwrap_or(value);
                Some(serde_json::json!({ "const": value, "title": title }))
            })
            .collect();
        field.insert("oneOf".to_owned(), Value::Array(titled?));
        field.insert("type".to_owned(), "string".into());
    }
    if let Some(items) = field.get("items").cloned() {
        let mut items = simplify(&items)?;
        let object = items.as_object_mut()?;
        if let Some(options) = object.remove("oneOf") {
            object.insert("anyOf".to_owned(), options);
        }
        object.retain(|key, _| matches!(key.as_str(), "type" | "enum" | "anyOf"));
        if !(object.contains_key("enum") || object.contains_key("anyOf")) {
            return None;
        }
        field.insert("items".to_owned(), items);
    }
    let format = field.get("format").and_then(Value::as_str).map(str::to_owned);
    field.retain(|key, _| FIELD_KEYWORDS.contains(&key.as_str()));
    if let Some(format) = format
        && FORMATS.contains(&format.as_str())
    {
        field.insert("format".to_owned(), format.into());
    }
    match field.get("type").and_then(Value::as_str)? {
        "string" | "number" | "integer" | "boolean" | "array" => Some(Value::Object(field)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    enum Color {
        Red,
        Green,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    enum Titled {
        /// The first one
        A,
        /// The second one
        B,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Form {
        /// Your name
        name: String,
        age: Option<u8>,
        agree: bool,
        color: Color,
        titled: Option<Titled>,
        many: Vec<Color>,
    }

    #[derive(JsonSchema)]
    #[allow(dead_code)]
    struct Nested {
        inner: Form,
    }

    #[test]
    fn a_flat_struct_is_a_form() {
        let schema = form_schema::<Form>().unwrap();
        let json = serde_json::to_value(&schema).unwrap();
        assert_eq!(json["properties"]["name"]["description"], "Your name");
        assert_eq!(json["properties"]["age"]["type"], "integer");
        assert_eq!(json["properties"]["color"]["enum"][1], "Green");
        assert_eq!(json["properties"]["titled"]["oneOf"][0]["title"], "The first one");
        assert_eq!(json["properties"]["many"]["items"]["enum"][0], "Red");
        assert_eq!(json["required"], serde_json::json!(["name", "agree", "color", "many"]));
    }

    #[test]
    fn what_is_no_form_is_refused() {
        assert!(form_schema::<Nested>().is_err());
        assert!(form_schema::<String>().is_err());
        assert!(form_schema::<Vec<String>>().is_err());
    }
}
