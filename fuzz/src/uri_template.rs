//! Templates are parsed, matched and expanded, and what was expanded is matched.
//!
//! Input: the template, a line end, the URI.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use mcp_core::uri_template::UriTemplate;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (template, uri) = text.split_once('\n').unwrap_or((text, ""));
    let Ok(parsed) = UriTemplate::parse(template) else { return };
    let Some(values) = parsed.matches(uri) else { return };
    for name in values.keys() {
        assert!(parsed.variables().contains(name), "no variable of the template: {name}");
    }
    let made = parsed.expand(&values);
    match parsed.matches(&made) {
        // Cut in another way, a literal's escape may become a value's, which is then written anew.
        Some(again) => assert!(parsed.expand(&again) == made || template.contains('%'), "{made:?}"),
        None => {
            assert!(!is_unambiguous(template, &values), "{made:?} of {values:?} does not match")
        }
    }
});

/// Whether there is no more than one way to cut a URI: with one variable besides those of queries,
/// and no value that looks like a query itself.
fn is_unambiguous(template: &str, values: &BTreeMap<String, String>) -> bool {
    let expressions = template.split('{').skip(1);
    let of_query = |expression: &&str| expression.starts_with(['?', '&']);
    let variables = expressions.clone().filter(|expression| !of_query(expression)).count();
    let queries = expressions.clone().filter(of_query).count();
    let is_last = expressions.last().is_some_and(|last| of_query(&last) && last.ends_with('}'));
    let marks = template.contains('#') || template.replace("{?", "").contains(['?', '&']);
    let looks_like_query = values.values().any(|value| value.contains(['?', '#']));
    variables <= 1 && (queries == 0 || queries == 1 && is_last) && !marks && !looks_like_query
}
