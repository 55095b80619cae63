//! What a signature of an agent card is of.
//!
//! The text of A2A (1.0, section 8.4.1) leaves the members out that have their default value, unless they must be there or
//! say by their presence that they were set. So it needs to be known of each member which of these it is.

use mcp_trust::canonical::{Canonical, CanonicalError};
use mcp_trust::strict;
use serde_json::{Map, Value};

/// A message of the Protocol Buffers: its members.
type Message = &'static [Member];

/// A member's name, whether a default value is left out, and what it holds.
struct Member(&'static str, Presence, Holds);

#[derive(Clone, Copy, PartialEq)]
enum Presence {
    /// The member must be there, or is marked `optional`: what is written is kept.
    Kept,
    /// `""`, `false`, `[]` and a map without entries say the same as absence.
    LeftOut,
}

#[derive(Clone, Copy)]
enum Holds {
    /// Text, a flag, a list of texts, or an object that belongs to somebody else: nothing inside is left out.
    Plain,
    One(Message),
    List(Message),
    Map(Message),
}

use Holds::{List, Map as Entries, One, Plain};
use Presence::{Kept, LeftOut};

const CARD: Message = &[
    Member("supportedInterfaces", Kept, List(INTERFACE)),
    Member("capabilities", Kept, One(CAPABILITIES)),
    Member("securitySchemes", LeftOut, Entries(SCHEME)),
    Member("securityRequirements", LeftOut, List(REQUIREMENT)),
    Member("skills", Kept, List(SKILL)),
];
const INTERFACE: Message = &[Member("tenant", LeftOut, Plain)];
const CAPABILITIES: Message = &[Member("extensions", LeftOut, List(EXTENSION))];
const EXTENSION: Message = &[
    Member("uri", LeftOut, Plain),
    Member("description", LeftOut, Plain),
    Member("required", LeftOut, Plain),
];
const SKILL: Message = &[
    Member("examples", LeftOut, Plain),
    Member("inputModes", LeftOut, Plain),
    Member("outputModes", LeftOut, Plain),
    Member("securityRequirements", LeftOut, List(REQUIREMENT)),
];
const REQUIREMENT: Message = &[Member("schemes", LeftOut, Entries(SCOPES))];
const SCOPES: Message = &[Member("list", LeftOut, Plain)];
const SCHEME: Message = &[
    Member("apiKeySecurityScheme", Kept, One(DESCRIBED)),
    Member("httpAuthSecurityScheme", Kept, One(HTTP)),
    Member("oauth2SecurityScheme", Kept, One(OAUTH)),
    Member("openIdConnectSecurityScheme", Kept, One(DESCRIBED)),
    Member("mtlsSecurityScheme", Kept, One(DESCRIBED)),
];
const DESCRIBED: Message = &[Member("description", LeftOut, Plain)];
const HTTP: Message =
    &[Member("description", LeftOut, Plain), Member("bearerFormat", LeftOut, Plain)];
const OAUTH: Message = &[
    Member("description", LeftOut, Plain),
    Member("oauth2MetadataUrl", LeftOut, Plain),
    Member("flows", Kept, One(FLOWS)),
];
const FLOWS: Message = &[
    Member("authorizationCode", Kept, One(FLOW)),
    Member("clientCredentials", Kept, One(FLOW)),
    Member("implicit", Kept, One(OLD_FLOW)),
    Member("password", Kept, One(OLD_FLOW)),
    Member("deviceCode", Kept, One(FLOW)),
];
const FLOW: Message =
    &[Member("refreshUrl", LeftOut, Plain), Member("pkceRequired", LeftOut, Plain)];
const OLD_FLOW: Message = &[
    Member("authorizationUrl", LeftOut, Plain),
    Member("tokenUrl", LeftOut, Plain),
    Member("refreshUrl", LeftOut, Plain),
    Member("scopes", LeftOut, Plain),
];

/// The payload of a card's signatures, as the text of A2A has it: the card without its signatures and without
/// defaults, in canonical form. Members that A2A does not name are part of it.
///
/// ```
/// let card = br#"{"name": "Example", "description": "", "skills": [], "signatures": [],
///     "capabilities": {"streaming": false, "extensions": []}}"#;
/// let payload = mcp_identity::sign::agent_card_payload(card)?;
/// assert_eq!(
///     payload.as_str(),
///     r#"{"capabilities":{"streaming":false},"description":"","name":"Example","skills":[]}"#,
/// );
/// # Ok::<(), mcp_trust::canonical::CanonicalError>(())
/// ```
///
/// # Errors
/// If the text is not strict JSON.
pub fn agent_card_payload(text: &[u8]) -> Result<Canonical, CanonicalError> {
    let mut card: Value = strict::from_slice(text)?;
    if let Value::Object(members) = &mut card {
        members.remove("signatures");
        reduce(members, CARD);
    }
    Canonical::of(&card)
}

fn reduce(members: &mut Map<String, Value>, message: Message) {
    for Member(name, default, holds) in message {
        let Some(value) = members.get_mut(*name) else { continue };
        if *default == LeftOut && is_default(value) {
            members.remove(*name);
            continue;
        }
        let (value, inner) = match (value, holds) {
            (Value::Object(inner), One(message)) => {
                reduce(inner, message);
                continue;
            }
            (Value::Array(all), List(message)) => (all.iter_mut().collect::<Vec<_>>(), message),
            (Value::Object(all), Entries(message)) => (all.values_mut().collect(), message),
            _ => continue,
        };
        value.into_iter().filter_map(Value::as_object_mut).for_each(|one| reduce(one, inner));
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(flag) => !flag,
        Value::String(text) => text.is_empty(),
        Value::Array(all) => all.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Number(_) => false,
    }
}

/// The payload as the published SDKs make it, for a card whose members that must be there are in part empty: without them.
/// `None` if there is none that says the same as the card.
///
/// The SDKs leave every empty text, list and object out, and what becomes empty thereby. Where A2A asks for the member that is
/// harmless: its absence would be refused, so nobody can add or take it. Elsewhere it is not (an empty entry of
/// `securityRequirements` says that nothing is required), so a card with other empty members has no such payload.
///
/// ```
/// use mcp_identity::sign::pruned_agent_card_payload;
///
/// let payload = |card: &[u8]| pruned_agent_card_payload(card).map(|it| it.map(|it| it.into_string()));
/// let card = br#"{"name": "Example", "description": "", "capabilities": {}}"#;
/// assert_eq!(payload(card)?.as_deref(), Some(r#"{"name":"Example"}"#));
/// assert_eq!(payload(br#"{"name": "Example", "securityRequirements": [{}]}"#)?, None);
/// # Ok::<(), mcp_trust::canonical::CanonicalError>(())
/// ```
///
/// # Errors
/// If the text is not strict JSON.
pub fn pruned_agent_card_payload(text: &[u8]) -> Result<Option<Canonical>, CanonicalError> {
    let mut card: Value = strict::from_slice(agent_card_payload(text)?.as_bytes())?;
    let mut pruned = card.clone();
    prune(&mut pruned);
    let drop_empty = |value: Option<&mut Value>, names: &[&str]| {
        if let Some(Value::Object(members)) = value {
            members.retain(|name, value| !names.contains(&name.as_str()) || !is_default(value));
        }
    };
    drop_empty(Some(&mut card), &["name", "description", "version", "capabilities"]);
    drop_empty(card.get_mut("provider"), &["url", "organization"]);
    for skill in card.get_mut("skills").and_then(Value::as_array_mut).into_iter().flatten() {
        drop_empty(Some(skill), &["id", "name", "description"]);
    }
    if card == pruned { Canonical::of(&card).map(Some) } else { Ok(None) }
}

/// Takes everything empty out, from within. Whether anything is left.
fn prune(value: &mut Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(all) => {
            all.retain_mut(prune);
            !all.is_empty()
        }
        Value::Object(members) => {
            members.retain(|_, value| prune(value));
            !members.is_empty()
        }
        Value::Bool(_) | Value::Number(_) => true,
    }
}
