//! Keys that sign and verify, how they are written, and how they are replaced.
//!
//! Two kinds: Ed25519 and ECDSA on P-256. A key knows its one [`Algorithm`], so nothing that a message says can
//! make it be used for another. Keys travel as JSON Web Keys ([`jwk`]) and are named by their thumbprint (RFC
//! 7638) unless their owner named them otherwise.
//!
//! - [`SigningKey`] is a secret key in this process; [`Signer`] is anything that signs, such as a key that stays in
//!   a key management service.
//! - [`VerifyingKey`] is one public key; [`KeySet`] is what a party publishes: several keys, each with the
//!   time it is good for; [`Verifier`] is either, or an application's own.
//! - [`Keychain`] is the secret side of a key set, for rotation.
//!
//! # Rotation
//!
//! Verifiers learn of a new key when they next fetch the set, and hold signatures of the old one for as long as
//! they live. So times overlap: the new key is published with a time from which it signs that is later than any
//! cache's lifetime, and the old one verifies until the last of its signatures has expired.
//!
//! ```text
//! old  ──signs and verifies──────────────┬──verifies──────┐ until
//! new          published ┄┄┄┄┄┄┄┄┄┄ from ┴──signs and verifies──────
//! ```
//!
//! Source: RFC 7517 (keys), RFC 7518 section 6.2 (P-256), RFC 8037 (Ed25519), RFC 7638 (thumbprints).

mod algorithm;
pub mod jwk;
mod key_set;
mod keychain;
mod signing;
mod verifying;

pub use algorithm::Algorithm;
pub use key_set::{Claim, KeyError, KeySet, PublishedKey, Validity, Verifier};
pub use keychain::Keychain;
pub use signing::{SignError, Signer, Signing, SigningKey};
pub use verifying::{Signature, SignatureError, VerifyingKey};
