//! What servers, clients and domains need in order to trust one another's words: JSON that can be read in
//! one way only, one canonical form of it, digests and signatures of that form, pseudonyms, and logs of
//! receipts that show when they were changed.
//!
//! Nothing here knows of the Model Context Protocol. A card, a payment's decision or an audit record is
//! a JSON value to this crate, and the modules build on one another:
//!
//! 1. [`strict`] reads JSON and refuses by name what two readers could understand differently.
//! 2. [`canonical`] writes it in the one form of RFC 8785.
//! 3. [`digest`] names bytes by their SHA-256.
//! 4. [`pseudonym`] gives persons keyed names.
//! 5. [`keys`] and [`jws`] sign and verify them.
//! 6. [`receipts`] keeps them in logs that show when they were changed.
//!
//! Features: `jws` adds the fifth, `receipts` (the default) all.

pub mod canonical;
pub mod digest;
#[cfg(feature = "jws")]
pub mod jws;
#[cfg(feature = "jws")]
pub mod keys;
pub mod pseudonym;
mod random;
#[cfg(feature = "receipts")]
pub mod receipts;
pub mod strict;

pub use random::RandomError;
