//! What the lists hold: all that was named, and nothing else.

use mcp_core::protocol::methods;
use serde_json::Value;

use crate::request::request;
use crate::suite::probe::Probe;
use crate::suite::{OfferKind, Rule};

/// More pages than this are taken for a list that does not end.
const MOST_PAGES: usize = 100;

const LISTS: [(OfferKind, &str, &str, &str); 4] = [
    (OfferKind::Tool, methods::TOOLS_LIST, "tools", "name"),
    (OfferKind::Prompt, methods::PROMPTS_LIST, "prompts", "name"),
    (OfferKind::Resource, methods::RESOURCES_LIST, "resources", "uri"),
    (OfferKind::Template, methods::RESOURCES_TEMPLATES_LIST, "resourceTemplates", "uriTemplate"),
];

pub(crate) async fn all(probe: &mut Probe<'_>) {
    for (kind, method, member, key) in LISTS {
        for declared in [false, true] {
            let Some(listed) = names(probe, method, member, key, declared).await else { continue };
            let again = names(probe, method, member, key, declared).await;
            let problem = (again.as_ref() != Some(&listed))
                .then(|| format!("the list is {listed:?} first, then {again:?}"));
            probe.check(Rule::Listed, method, problem);
            compare(probe, kind, &listed, declared);
        }
    }
}

/// Compares a list with what was named in the suite.
fn compare(probe: &mut Probe<'_>, kind: OfferKind, listed: &[String], declared: bool) {
    let named = || probe.suite.offers.iter().filter(|offer| offer.kind == kind);
    let mut found = Vec::new();
    for offer in named() {
        let shown = listed.iter().any(|name| name == offer.name);
        let problem = match (shown, declared || !offer.gated) {
            (true, false) => Some("an outsider sees it in the list".to_owned()),
            (false, true) => Some("it is missing in the list".to_owned()),
            _ => None,
        };
        let rule = if declared || !offer.gated { Rule::Listed } else { Rule::Invisible };
        found.push((rule, offer.subject(), problem));
    }
    for name in listed {
        if !named().any(|offer| offer.name == name) {
            let problem = "the server lists it, but the suite was not told of it".to_owned();
            let rule = if declared { Rule::Listed } else { Rule::Invisible };
            found.push((rule, name.clone(), Some(problem)));
        }
    }
    for (rule, subject, problem) in found {
        probe.check(rule, &subject, problem);
    }
}

/// All names of a list; `None` if the server has no such list, or it is broken.
async fn names(
    probe: &mut Probe<'_>,
    method: &str,
    member: &str,
    key: &str,
    declared: bool,
) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut cursor: Option<String> = None;
    for _ in 0..MOST_PAGES {
        let mut message = request(method);
        if let Some(cursor) = &cursor {
            message = message.param("cursor", cursor);
        }
        let answer = if declared {
            probe.ask(method, probe.declared(message)).await?
        } else {
            probe.ask_outside(method, message).await?
        };
        if answer.error_code() == Some(-32601) {
            return None;
        }
        let Some(items) = answer.result().and_then(|result| result[member].as_array()) else {
            let problem = format!("no list: {}", answer.response());
            probe.check(Rule::Listed, method, Some(problem));
            return None;
        };
        names.extend(items.iter().filter_map(|item| item[key].as_str()).map(str::to_owned));
        cursor = answer.result().and_then(next_cursor);
        if cursor.is_none() {
            return Some(names);
        }
    }
    probe.check(Rule::Listed, method, Some(format!("more than {MOST_PAGES} pages")));
    None
}

fn next_cursor(result: &Value) -> Option<String> {
    result["nextCursor"].as_str().map(str::to_owned)
}
