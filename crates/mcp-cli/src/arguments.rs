//! Arguments of tools, as people write them.

use mcp_core::RawJson;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::files;

/// The arguments of a call: an object as it came, with what was written singly.
pub(crate) fn of_call(
    object: Option<&str>,
    words: &[String],
    schema: &RawJson,
) -> Result<RawJson, Failure> {
    let object = match object {
        None => None,
        Some("-") => {
            let bytes = files::read(std::path::Path::new("-"))?;
            let text = String::from_utf8(bytes);
            Some(text.map_err(|_| Failure::usage("the arguments on standard input are not UTF-8"))?)
        }
        Some(text) => Some(text.to_owned()),
    };
    if let Some(text) = &object {
        // A key twice would be taken by whoever reads last.
        mcp_trust::strict::check(text.as_bytes())
            .map_err(|error| Failure::usage(format!("the arguments are not good JSON: {error}")))?;
    }
    let raw: Option<RawJson> = match &object {
        None => None,
        Some(text) => Some(serde_json::from_str(text).map_err(|error| bad(&error))?),
    };
    if raw.as_ref().is_some_and(|raw| !raw.is_object()) {
        return Err(Failure::usage("the arguments are no JSON object"));
    }
    match raw {
        Some(raw) if words.is_empty() => Ok(raw),
        raw => {
            let mut all: Map<String, Value> = match raw {
                Some(raw) => raw.parse().map_err(|error| bad(&error))?,
                None => Map::new(),
            };
            let schema: Value = schema.parse().unwrap_or_default();
            for word in words {
                let (name, value) = one(word, &schema)?;
                if all.insert(name.to_owned(), value).is_some() {
                    return Err(Failure::usage(format!("the argument `{name}` is given twice")));
                }
            }
            RawJson::from_serialize(&all).map_err(|error| bad(&error))
        }
    }
}

fn bad(error: &serde_json::Error) -> Failure {
    Failure::usage(format!("the arguments are not good JSON: {error}"))
}

/// `name=value` by the schema, or `name:=JSON`.
fn one<'a>(word: &'a str, schema: &Value) -> Result<(&'a str, Value), Failure> {
    let Some((name, text)) = word.split_once('=') else {
        return Err(Failure::usage(format!("`{word}` is no argument: write name=value")));
    };
    if let Some(name) = name.strip_suffix(':') {
        return Ok((name, json(name, text)?));
    }
    let kinds = kinds(schema, name);
    let allowed = |kind: &str| kinds.iter().any(|one| one == kind);
    // What may be text is text, unless it may be something else and looks like that.
    let value = match (allowed("string"), kinds.is_empty()) {
        (true, _) | (_, true) => Value::from(text),
        (false, false) => json(name, text)?,
    };
    let other = match &value {
        Value::String(_) => !kinds.is_empty() && !allowed("string"),
        Value::Bool(_) => !allowed("boolean"),
        Value::Number(number) => {
            let whole = number.as_f64().is_some_and(is_whole);
            !(allowed("number") || (whole && allowed("integer")))
        }
        Value::Array(_) => !allowed("array"),
        Value::Object(_) => !allowed("object"),
        Value::Null => !allowed("null"),
    };
    if other {
        let kinds = kinds.join(" or ");
        return Err(Failure::usage(format!("the argument `{name}` is not of kind {kinds}")));
    }
    Ok((name, value))
}

fn is_whole(number: f64) -> bool {
    number.fract() == 0.0
}

fn json(name: &str, text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|_| Failure::usage(format!("the argument `{name}` is not good JSON")))
}

/// The kinds of value that the schema has for an argument; empty if it does not say.
fn kinds(schema: &Value, name: &str) -> Vec<String> {
    let Some(property) = schema.get("properties").and_then(|all| all.get(name)) else {
        return Vec::new();
    };
    let mut kinds = Vec::new();
    let mut look = |schema: &Value| match schema.get("type") {
        Some(Value::String(kind)) => kinds.push(kind.clone()),
        Some(Value::Array(all)) => {
            kinds.extend(all.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        _ => {}
    };
    look(property);
    for several in ["anyOf", "oneOf"] {
        property.get(several).and_then(Value::as_array).into_iter().flatten().for_each(&mut look);
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"{"type":"object","properties":{
        "text":{"type":"string"},"count":{"type":"integer"},"ratio":{"type":"number"},
        "yes":{"type":"boolean"},"list":{"type":"array"},"perhaps":{"type":["string","null"]},
        "either":{"anyOf":[{"type":"integer"},{"type":"null"}]},"open":{}}}"#;

    fn of(object: Option<&str>, words: &[&str]) -> Result<String, String> {
        let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
        of_call(object, &words, &serde_json::from_str(SCHEMA).unwrap())
            .map(|raw| raw.get().to_owned())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn values_are_what_the_schema_says() {
        for (word, expected) in [
            ("text=5", r#"{"text":"5"}"#),
            ("text=a=b", r#"{"text":"a=b"}"#),
            ("text=", r#"{"text":""}"#),
            ("count=5", r#"{"count":5}"#),
            ("ratio=0.5", r#"{"ratio":0.5}"#),
            ("yes=true", r#"{"yes":true}"#),
            ("list=[1,\"a\"]", r#"{"list":[1,"a"]}"#),
            ("perhaps=null", r#"{"perhaps":"null"}"#),
            ("perhaps:=null", r#"{"perhaps":null}"#),
            ("either=7", r#"{"either":7}"#),
            ("open=7", r#"{"open":"7"}"#),
            ("other:={\"a\":1}", r#"{"other":{"a":1}}"#),
        ] {
            assert_eq!(of(None, &[word]).as_deref(), Ok(expected), "{word}");
        }
        for wrong in ["count=x", "count=1.5", "yes=1", "list={}", "count", "x:=", "count=\"5\""] {
            assert!(of(None, &[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_object_is_passed_as_it_came() {
        let exact = r#"{"b": 1.10, "a": "\u0061"}"#;
        assert_eq!(of(Some(exact), &[]).as_deref(), Ok(exact));
        assert_eq!(of(Some(r#"{"a":1}"#), &["count=2"]).as_deref(), Ok(r#"{"a":1,"count":2}"#));
        assert_eq!(of(None, &[]).as_deref(), Ok("{}"));
        assert!(of(Some(r#"{"count":1}"#), &["count=2"]).is_err());
        assert!(of(Some(r#"{"a":1,"a":2}"#), &[]).is_err());
        assert!(of(Some("[]"), &[]).is_err());
        assert!(of(Some("{"), &[]).is_err());
    }
}
