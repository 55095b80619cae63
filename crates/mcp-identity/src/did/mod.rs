//! `did:web`: a domain as an identity, and the document that says which keys are its own.
//!
//! `did:web:example.com` is whoever serves `https://example.com/.well-known/did.json`. The document lists public keys, and
//! under `assertionMethod` those whose signatures are statements of the domain.
//!
//! Source: did:web method specification; DID Core 1.0; AI Catalog 1.0, "The did:web Signer Profile".

mod document;
mod judge;
mod web;

pub use document::{DidDocument, KeyProblem, MethodOrReference, Service, VerificationMethod};
pub(crate) use web::is_plain_domain;
pub use web::{DidWeb, DidWebError};

/// Where the document of a domain is.
pub const WELL_KNOWN: &str = "/.well-known/did.json";
