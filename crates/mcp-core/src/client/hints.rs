//! Caching hints as they come: absent from older servers, and sometimes wrong.
//!
//! Source: specification, *Server utilities → Caching*.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::RawJson;

/// For how long a result may be kept: absent, negative or malformed hints count as not at all.
pub(crate) fn ttl(result: &str) -> Duration {
    #[derive(Deserialize)]
    struct Hints<'a> {
        #[serde(borrow, rename = "ttlMs", default)]
        ttl: Option<&'a RawValue>,
    }
    let hints = serde_json::from_str::<Hints<'_>>(result).ok();
    Duration::from_millis(hints.and_then(|hints| hints.ttl).map_or(0, |ttl| millis(ttl.get())))
}

/// A number of milliseconds, also where it is written as `1e3` or `5.0`; else 0.
fn millis(text: &str) -> u64 {
    match serde_json::from_str::<u64>(text) {
        Ok(ttl) => ttl,
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // Saturates, as it should.
        Err(_) => serde_json::from_str::<f64>(text).map_or(0, |ttl| ttl as u64),
    }
}

/// The result with well-formed hints, so that its type can be strict about them. Results that have
/// them already are not touched.
pub(crate) fn complete(result: RawJson) -> RawJson {
    #[derive(Deserialize)]
    #[allow(dead_code)] // Only whether it parses matters.
    struct Strict<'a> {
        #[serde(rename = "ttlMs")]
        ttl: u64,
        #[serde(borrow, rename = "cacheScope")]
        scope: Cow<'a, str>,
    }
    let known = |scope: &str| matches!(scope, "public" | "private");
    if serde_json::from_str::<Strict<'_>>(result.get()).is_ok_and(|hints| known(&hints.scope)) {
        return result;
    }
    let Ok(mut members) = result.parse::<BTreeMap<String, RawJson>>() else { return result };
    let ttl = members.get("ttlMs").map_or(0, |ttl| millis(ttl.get()));
    let public = members.get("cacheScope").is_some_and(|scope| scope.get() == "\"public\"");
    let scope = if public { "public" } else { "private" };
    for (name, hint) in
        [("ttlMs", RawJson::from_serialize(&ttl)), ("cacheScope", RawJson::from_serialize(scope))]
    {
        if let Ok(hint) = hint {
            members.insert(name.to_owned(), hint);
        }
    }
    RawJson::from_serialize(&members).unwrap_or(result)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_read_leniently() {
        for (hint, ms) in [
            (r#""ttlMs":5"#, 5),
            (r#""ttlMs":0"#, 0),
            (r#""ttlMs":-5"#, 0),
            (r#""ttlMs":1.5e3"#, 1500),
            (r#""ttlMs":5.9"#, 5),
            (r#""ttlMs":"5""#, 0),
            (r#""ttlMs":null"#, 0),
            (r#""ttlMs":1e300"#, u64::MAX),
            (r#""other":1"#, 0),
        ] {
            let text = format!("{{{hint}}}");
            assert_eq!(ttl(&text), Duration::from_millis(ms), "{hint}");
            let completed = complete(RawJson::from_string(text).unwrap());
            let value: serde_json::Value = completed.parse().unwrap();
            assert_eq!(value["ttlMs"], ms, "{hint}");
            assert_eq!(value["cacheScope"], "private");
        }
    }

    #[test]
    fn good_hints_stay_as_they_are() {
        let text = r#"{ "ttlMs": 5, "cacheScope": "public", "tools": [] }"#;
        assert_eq!(complete(RawJson::from_string(text.into()).unwrap()).get(), text);
        let odd = r#"{"ttlMs":5,"cacheScope":"shared"}"#;
        assert!(complete(RawJson::from_string(odd.into()).unwrap()).get().contains("private"));
    }
}
