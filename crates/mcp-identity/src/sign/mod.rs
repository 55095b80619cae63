//! Signatures of the documents: made, and verified.
//!
//! A server card has no signature of its own. What vouches for it is the entry of a catalog that names it by its digest,
//! and the [trust manifest](crate::catalog::TrustManifest) of the entry that repeats the digest under a signature.
//!
//! | document | signature | payload | key |
//! |---|---|---|---|
//! | agent card | [`sign_agent_card`], [`verify_agent_card`] | the card without its signatures and defaults, RFC 8785 | any that the verifier knows |
//! | trust manifest | [`sign_manifest`], [`verify_manifest`] | the manifest without `signature.jws`, RFC 8785 | ES256, of a `did:web` |
//! | catalog | [`sign_catalog`], [`verify_catalog`] | the catalog without `signature.jws`, RFC 8785 | ES256, of a `did:web` |
//!
//! What is refused in all of them: texts that are not [strict JSON](mcp_trust::strict), so also repeated keys, and headers
//! with `b64`, `jku`, `jwk`, `x5c` or `x5u`, each by its name: see [`mcp_trust::jws`].

mod agent_card;
mod catalog;
mod payload;

pub use agent_card::{AgentCardError, VerifiedAgentCard, sign_agent_card, verify_agent_card};
pub use catalog::{
    Binding, CLOCK_SKEW, DID_WEB_V1, Endorsement, Lifetime, TrustError, artifact_digest,
    sign_catalog, sign_manifest, verify_catalog, verify_manifest,
};
pub use payload::{agent_card_payload, pruned_agent_card_payload};
