//! SMART's scopes, and whose compartments records are in.

mod compartment;
#[path = "../fhir/corpus.rs"]
mod corpus;
mod matching;
mod scopes;
