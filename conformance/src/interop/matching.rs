//! Whether a value is what a scenario expects. The matchers are those of `tests/interop/README.md`.

use serde_json::Value;

/// What differs, or nothing.
///
/// # Errors
/// A sentence that names the place.
pub(super) fn check(expected: &Value, found: &Value) -> Result<(), String> {
    compare("", expected, found)
}

fn compare(place: &str, expected: &Value, found: &Value) -> Result<(), String> {
    let differs = || format!("at {place:?}: expected {expected}, found {found}");
    match expected {
        Value::Object(members) if members.keys().any(|key| key.starts_with('$')) => {
            members.iter().try_for_each(|(matcher, operand)| {
                if applies(matcher, operand, found)? { Ok(()) } else { Err(differs()) }
            })
        }
        Value::Object(members) => {
            let Value::Object(found) = found else { return Err(differs()) };
            members.iter().try_for_each(|(key, expected)| {
                let found = found.get(key).unwrap_or(&Value::Null);
                compare(&format!("{place}/{key}"), expected, found)
            })
        }
        Value::Array(items) => {
            let Value::Array(found) = found else { return Err(differs()) };
            if items.len() != found.len() {
                return Err(differs());
            }
            items
                .iter()
                .zip(found)
                .enumerate()
                .try_for_each(|(at, (item, found))| compare(&format!("{place}/{at}"), item, found))
        }
        // 1 and 1.0 are the same number.
        Value::Number(number) if number.as_f64() == found.as_f64() => Ok(()),
        _ if expected == found => Ok(()),
        _ => Err(differs()),
    }
}

fn applies(matcher: &str, operand: &Value, found: &Value) -> Result<bool, String> {
    let fits = |item: &Value| {
        found.as_array().is_some_and(|found| found.iter().any(|one| compare("", item, one).is_ok()))
    };
    let items = || operand.as_array().into_iter().flatten();
    Ok(match matcher {
        "$contains" => match (operand.as_str(), found.as_str()) {
            (Some(part), Some(text)) => text.contains(part),
            _ => false,
        },
        "$matches" => {
            let pattern = operand.as_str().ok_or("`$matches` takes a regular expression")?;
            let pattern = regex::Regex::new(pattern).map_err(|error| error.to_string())?;
            found.as_str().is_some_and(|text| pattern.is_match(text))
        }
        "$atLeast" => match (operand.as_f64(), found.as_f64()) {
            (Some(least), Some(number)) => number >= least,
            _ => false,
        },
        "$includes" => items().all(fits),
        "$excludes" => !items().any(fits),
        "$not" => compare("", operand, found).is_err(),
        other => return Err(format!("there is no matcher {other}")),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_match_as_the_page_says() {
        for (expected, found, matches) in [
            (json!({ "a": 1 }), json!({ "a": 1.0, "b": 2 }), true),
            (json!({ "a": 1 }), json!({ "b": 2 }), false),
            (json!([1]), json!([1, 2]), false),
            (json!({ "$includes": [{ "n": 2 }] }), json!([{ "n": 1 }, { "n": 2, "m": 3 }]), true),
            (json!({ "$excludes": [2] }), json!([1, 2]), false),
            (json!({ "$matches": "^a.c$" }), json!("abc"), true),
            (json!({ "$contains": "b" }), json!("abc"), true),
            (json!({ "$atLeast": 2 }), json!(1), false),
            (json!({ "$not": true }), json!(null), true),
            (json!({ "x": { "$not": true } }), json!({}), true),
            (json!("a"), json!("b"), false),
        ] {
            assert_eq!(check(&expected, &found).is_ok(), matches, "{expected} {found}");
        }
        assert!(check(&json!({ "$nope": 1 }), &json!(1)).is_err());
    }
}
