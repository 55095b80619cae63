//! JSON Web Signatures: compact, and detached from what they sign.
//!
//! A signature is of bytes. To sign a JSON value, sign its [canonical form](crate::canonical) and send the
//! signature beside the value: the verifier canonicalises what arrived, and neither white space nor the order of
//! members matters.
//!
//! ```
//! use mcp_trust::canonical::Canonical;
//! use mcp_trust::jws::{self, Header, JwsVerifier};
//! use mcp_trust::keys::{Algorithm, SigningKey};
//!
//! let key = SigningKey::generate(Algorithm::EdDsa)?;
//! let card = Canonical::from_slice(br#"{"name": "docs", "version": "1.0.0"}"#)?;
//! let signature = jws::sign_now(Header::new(), card.as_bytes(), &key)?.detached();
//!
//! let arrived = Canonical::from_slice(br#"{"version":"1.0.0","name":"docs"}"#)?;
//! JwsVerifier::new(key.verifying_key()).detached(&signature, arrived.as_bytes())?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is refused
//!
//! The weaknesses of JOSE lie in what a header may say. Here it decides nothing:
//!
//! - **The key decides the algorithm.** A header whose `alg` is not the algorithm of the key it names is refused, and
//!   so is every algorithm that is not on the verifier's list; `none` in any spelling never is.
//! - **The verifier brings the keys.** Headers that bring one (`jwk`, `x5c`) or say where to fetch one (`jku`, `x5u`)
//!   are refused, or read past on request; never followed. In a [`KeySet`](crate::keys::KeySet) the key is
//!   found by its name; keys are not tried one after the other.
//! - **Critical means critical.** `crit` is checked as RFC 7515 has it; what the application did not say it
//!   understands is refused. `b64` (RFC 7797) is never understood.
//! - **One way to write it.** Base64url with padding, with stray bits or other characters, and headers that are not
//!   [strict JSON](crate::strict) are refused, so no bit of a signed text can be changed without notice. (The
//!   numbers of an ECDSA signature can be replaced by others that hold for the same text and key: never use a
//!   signature's bytes as a name.)
//!
//! Source: RFC 7515; RFC 8037; RFC 8725, section 3.

mod error;
mod header;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use error::JwsError;
pub use header::Header;
pub use sign::{Signed, sign, sign_now};
pub use verify::{DEFAULT_LIMIT, JwsVerifier, Verified, peek};
