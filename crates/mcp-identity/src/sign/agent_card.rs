//! Signatures of agent cards.
//!
//! Source: A2A 1.0, section 8.4.

use mcp_trust::canonical::CanonicalError;
use mcp_trust::jws::{self, Header, JwsError, JwsVerifier};
use mcp_trust::keys::{SignError, Signer};

use super::payload::{agent_card_payload, pruned_agent_card_payload};
use crate::agent_card::{AgentCard, AgentCardSignature};
use crate::finding::Findings;

/// What `typ` says of these signatures.
const TYPE: &str = "JOSE";
/// How many signatures of a card are looked at. Each costs the work of one.
const MAX_SIGNATURES: usize = 16;
/// What a header that nobody signed must not say: it would say it to readers that take it for the signed one.
const PROTECTED_ONLY: [&str; 9] = ["alg", "b64", "crit", "jku", "jwk", "kid", "typ", "x5c", "x5u"];

/// Signs a card and adds the signature to those that it has. Nothing else of the card may change afterwards.
///
/// ```
/// # use mcp_identity::agent_card::{AgentCapabilities, AgentCard, AgentInterface, AgentSkill};
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use mcp_identity::sign::{sign_agent_card, verify_agent_card};
/// use mcp_trust::jws::JwsVerifier;
/// use mcp_trust::keys::{Algorithm, SigningKey};
///
/// # let skill = AgentSkill::new("a", "A", "Does A.", ["a".to_owned()]);
/// # let interface = AgentInterface::new("https://example.com/a2a", "JSONRPC", "1.0");
/// # let modes = || ["text/plain".to_owned()];
/// # let mut card = AgentCard::new(
/// #     "A", "A", [interface], "1", AgentCapabilities::new().with_streaming(false), modes(), modes(), [skill],
/// # );
/// let key = SigningKey::generate(Algorithm::Es256)?.with_key_id("did:web:example.com#2026");
/// sign_agent_card(&mut card, &key).await?;
///
/// let text = serde_json::to_vec(&card)?;
/// let verified = verify_agent_card(&text, &JwsVerifier::new(key.verifying_key()))?;
/// assert_eq!(verified.key_id.as_deref(), Some("did:web:example.com#2026"));
/// # Ok(())
/// # }
/// # use std::task::{Context, Poll, Waker};
/// # let mut future = Box::pin(example());
/// # assert!(matches!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(Ok(()))));
/// ```
///
/// # Errors
/// If the card has no canonical form, or the signer does not sign.
pub async fn sign_agent_card(card: &mut AgentCard, signer: &dyn Signer) -> Result<(), SignError> {
    let form = |error: Box<dyn std::error::Error + Send + Sync>| SignError::Form(error);
    let text = serde_json::to_vec(card).map_err(|error| form(error.into()))?;
    let payload = agent_card_payload(&text).map_err(|error| form(error.into()))?;
    let header = Header::new().with_type(TYPE);
    let signed = jws::sign(header, payload.as_bytes(), signer).await?;
    let signature = AgentCardSignature::new(signed.protected(), signed.signature());
    card.signatures.get_or_insert_default().push(signature);
    Ok(())
}

/// A card that somebody stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedAgentCard {
    /// The card.
    pub card: AgentCard,
    /// The name of the key whose signature holds.
    pub key_id: Option<String>,
    /// Which of the card's signatures it is, from zero.
    pub index: usize,
    /// Whether the signature is of the [pruned](pruned_agent_card_payload) payload, rather than of the one that the text of A2A
    /// describes.
    pub pruned: bool,
}

/// Why nobody stands for a card.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentCardError {
    /// The card is not what A2A asks for, or no strict JSON.
    #[error("the card is refused: {0}")]
    Document(#[from] Findings),
    /// The card has no canonical form.
    #[error("the card has no canonical form")]
    Canonical(#[from] CanonicalError),
    /// The card has no signature.
    #[error("the card is not signed")]
    Unsigned,
    /// The card has more signatures than are looked at.
    #[error("the card has more than {limit} signatures")]
    TooMany {
        /// How many are.
        limit: usize,
    },
    /// No signature holds; for each of them why not.
    #[error("no signature of the card holds: {}", reasons(.0))]
    Refused(Vec<JwsError>),
}

fn reasons(errors: &[JwsError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Verifies that one of a card's signatures holds. What `verifier` accepts is its own affair: which keys, at which time, which
/// algorithms; `jku` in the header only if it is told to read past it.
///
/// Whoever adds a signature to a card changes nothing that the others are of, so a signature that does not hold says nothing
/// against one that does.
///
/// The [pruned](pruned_agent_card_payload) payload is accepted too, where a card has one: the published SDKs of other languages
/// sign it.
///
/// # Errors
/// If the card is not in order, or none of its signatures holds.
pub fn verify_agent_card(
    text: &[u8],
    verifier: &JwsVerifier<'_>,
) -> Result<VerifiedAgentCard, AgentCardError> {
    let card = AgentCard::judge(text)?;
    let signatures = card.signatures.as_deref().unwrap_or_default();
    if signatures.is_empty() {
        return Err(AgentCardError::Unsigned);
    }
    if signatures.len() > MAX_SIGNATURES {
        return Err(AgentCardError::TooMany { limit: MAX_SIGNATURES });
    }
    let payload = agent_card_payload(text)?;
    let pruned = pruned_agent_card_payload(text)?;
    let mut refused = Vec::new();
    let mut holds = None;
    for (index, signature) in signatures.iter().enumerate() {
        match verify(signature, payload.as_bytes(), verifier) {
            Ok(key_id) => {
                holds = Some((key_id, index, false));
                break;
            }
            Err(error) => {
                let again = pruned.as_ref().filter(|pruned| **pruned != payload);
                let again = again.map(|it| verify(signature, it.as_bytes(), verifier));
                if let Some(Ok(key_id)) = again {
                    holds = Some((key_id, index, true));
                    break;
                }
                refused.push(error);
            }
        }
    }
    match holds {
        Some((key_id, index, pruned)) => Ok(VerifiedAgentCard { card, key_id, index, pruned }),
        None => Err(AgentCardError::Refused(refused)),
    }
}

fn verify(
    signature: &AgentCardSignature,
    payload: &[u8],
    verifier: &JwsVerifier<'_>,
) -> Result<Option<String>, JwsError> {
    if let Some(header) = &signature.header {
        let members: serde_json::Map<String, serde_json::Value> = header
            .parse()
            .map_err(|error| JwsError::Header(mcp_trust::strict::StrictError::Form(error)))?;
        if let Some(name) = PROTECTED_ONLY.into_iter().find(|name| members.contains_key(*name)) {
            return Err(JwsError::Parameter(name));
        }
    }
    let verified = verifier.parts(&signature.protected, &signature.signature, payload)?;
    if verified.header.kind().is_some_and(|kind| kind != TYPE) {
        return Err(JwsError::Type);
    }
    Ok(verified.header.key_id().map(str::to_owned))
}
