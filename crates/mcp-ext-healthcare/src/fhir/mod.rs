//! FHIR as such: what its types are made of, and JSON that stays as it was written.
//!
//! Nothing here knows of the Model Context Protocol. [`Definitions`] has HL7's definitions of R4 and R5 in short: elements and
//! their datatypes, search parameters, the patient compartment. [`Json`] is a tree that keeps the digits of numbers.
//! [`FhirReference`] reads what a `Reference.reference` says.

mod definitions;
mod json;
mod path;
mod reference;
mod table;

pub use definitions::{
    Content, Definitions, Element, FhirVersion, Primitive, SearchParameter, Shape,
};
pub use json::{Json, JsonError, Text};
pub use path::{ElementPath, PathError};
pub use reference::{FhirReference, is_id};
pub use table::TableError;
