//! Cards: what a service says. All of it is text of a stranger (SEC-4): read as data, cut, without what cannot be seen, and without
//! what would make a reader fetch something.

use mcp_core::RawJson;
use schemars::JsonSchema;
use serde::Serialize;

use crate::Record;
use crate::fhir::{FhirVersion, Json};
use crate::provenance::Proposal;
use crate::server::HealthCx;
use crate::tools::is_hidden;

const MAX_CARDS: usize = 20;
const MAX_SUGGESTIONS: usize = 10;
const MAX_ACTIONS: usize = 10;
const MAX_LINKS: usize = 10;

/// A card.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Card {
    /// What it says in a line.
    pub summary: String,
    /// What it says in full.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How urgent it is: `info`, `warning` or `critical`.
    pub indicator: &'static str,
    /// Who says so.
    pub source: String,
    /// What it suggests to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suggestions: Vec<Suggestion>,
    /// Where there is more. For people to open.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
}

/// Something that a card suggests.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Suggestion {
    /// What it is called.
    pub label: String,
    /// Whether the service prefers it.
    pub recommended: bool,
    /// What it would do.
    pub actions: Vec<Action>,
}

/// Something that a suggestion would do.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Action {
    /// `create`, `update` or `delete`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// What it would do, in words.
    pub description: String,
    /// What would be created: a draft of the patient's, without narrative. Left out where it is of no patient, of another one, or not
    /// what FHIR says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    pub resource: Option<RawJson>,
}

/// Where there is more.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Link {
    /// What it is called.
    pub label: String,
    /// An `https:` address.
    pub url: String,
}

/// The cards of an answer; `None` if it is none.
pub(super) fn cards(health: &HealthCx, version: FhirVersion, text: &str) -> Option<Vec<Card>> {
    let json = Json::parse(text.as_bytes()).ok()?;
    let all = json.get("cards")?.as_array()?;
    all.iter().take(MAX_CARDS).map(|json| card(health, version, json)).collect()
}

fn card(health: &HealthCx, version: FhirVersion, json: &Json<'_>) -> Option<Card> {
    let list = |name: &str| json.get(name).and_then(Json::as_array).unwrap_or_default().iter();
    let indicator = match &*json.get("indicator")?.as_str()? {
        "info" => "info",
        "warning" => "warning",
        "critical" => "critical",
        _ => return None,
    };
    let suggestions = list("suggestions").take(MAX_SUGGESTIONS);
    Some(Card {
        summary: text(json, "summary", 200)?,
        detail: text(json, "detail", 8000),
        indicator,
        source: text(json.get("source")?, "label", 200)?,
        suggestions: suggestions.filter_map(|one| suggestion(health, version, one)).collect(),
        links: list("links").take(MAX_LINKS).filter_map(link).collect(),
    })
}

fn suggestion(health: &HealthCx, version: FhirVersion, json: &Json<'_>) -> Option<Suggestion> {
    let actions = json.get("actions").and_then(Json::as_array).unwrap_or_default();
    let actions = actions.iter().take(MAX_ACTIONS);
    Some(Suggestion {
        label: text(json, "label", 200)?,
        recommended: json.get("isRecommended") == Some(&Json::Bool(true)),
        actions: actions.filter_map(|one| action(health, version, one)).collect(),
    })
}

fn action(health: &HealthCx, version: FhirVersion, json: &Json<'_>) -> Option<Action> {
    let kind = match &*json.get("type")?.as_str()? {
        "create" => "create",
        "update" => "update",
        "delete" => "delete",
        _ => return None,
    };
    let resource = json.get("resource").filter(|_| kind == "create");
    Some(Action {
        kind,
        description: text(json, "description", 1000)?,
        resource: resource.and_then(|resource| proposed(health, version, resource)),
    })
}

/// What would be created, if it is a draft about the call's patient alone that the client may have.
fn proposed(health: &HealthCx, version: FhirVersion, json: &Json<'_>) -> Option<RawJson> {
    let proposal = Proposal::draft(version, &json.to_string()).ok()?;
    let record = Record::parse(&proposal.with_id("proposed").to_string()).ok()?;
    let fitting = health.fitting(&record, None).ok()?;
    health.raise(&fitting.label).ok()?;
    RawJson::from_string(proposal.to_string()).ok()
}

/// A link that a person may open: `https:`, without a user name. Those that would start an app in the patient's context are left out.
fn link(json: &Json<'_>) -> Option<Link> {
    let url = json.get("url")?.as_str()?;
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let is_plain =
        url.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>\"`()[]\\".contains(&byte));
    let is_fit = url.len() <= 1024 && !host.is_empty() && !host.contains('@') && is_plain;
    let is_absolute = &*json.get("type")?.as_str()? == "absolute";
    let label = text(json, "label", 200)?;
    (is_fit && is_absolute).then(|| Link { label, url: url.into_owned() })
}

fn text(json: &Json<'_>, name: &str, most: usize) -> Option<String> {
    let text = json.get(name)?.as_str()?;
    let shown = shown(&text, most);
    (!shown.is_empty()).then_some(shown)
}

/// A stranger's text: cut, without characters that nobody sees, without markup that a reader would fetch something for.
pub(super) fn shown(text: &str, most: usize) -> String {
    let plain: String = text
        .chars()
        .filter(|letter| matches!(letter, '\n' | '\t') || !is_hidden(*letter))
        .take(most)
        .collect();
    // Neither HTML nor images nor links of Markdown.
    let plain = plain.replace('<', "‹").replace('>', "›").replace("![", "[");
    plain.replace("](", "] (").replace("]:", "] :").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_fetches_nothing() {
        for (text, expected) in [
            ("plain, as it is: a < b", "plain, as it is: a ‹ b"),
            ("![x](https://evil.example/?q=1)", "[x] (https://evil.example/?q=1)"),
            ("<img src=x onerror=y>", "‹img src=x onerror=y›"),
            ("[a]: https://evil.example", "[a] : https://evil.example"),
            ("a\u{202e}b\u{200b}c\u{e0041}\u{0}", "abc"),
            ("  ", ""),
        ] {
            assert_eq!(shown(text, 100), expected);
        }
        assert_eq!(shown("abcdef", 3), "abc");
    }

    #[test]
    fn links_are_https_and_start_nothing() {
        let link = |url: &str, kind: &str| {
            let text = format!(r#"{{"label":"more","url":"{url}","type":"{kind}"}}"#);
            link(&Json::parse(text.as_bytes()).unwrap()).is_some()
        };
        assert!(link("https://guidelines.example/a?b=c", "absolute"));
        for url in [
            "http://guidelines.example",
            "javascript:alert(1)",
            "https://",
            "https://user@host/",
            "https://host/a b",
            "https://host/)x(",
            "data:text/html,x",
        ] {
            assert!(!link(url, "absolute"), "{url}");
        }
        assert!(!link("https://app.example/launch", "smart"));
    }
}
