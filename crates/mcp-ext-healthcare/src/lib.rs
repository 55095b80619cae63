//! The extension `dev.mcp-ext/healthcare`: health records for models, with purpose, labels, citations and receipts.
//!
//! `SPEC.md` in this crate is the specification. [`protocol`] has its types, [`server`] and [`client`] the two sides, [`audit`] what
//! each access leaves, [`consent`] what patients allow, [`deid`] de-identification, [`fhir`] what it knows of FHIR, [`smart`] what a token grants,
//! [`store`] records in memory, `upstream` those of a FHIR server, `bulk` exports as tasks, [`terminology`] answers of code systems, [`tools`] tools over records,
//! [`provenance`] what a model's part was.

pub mod audit;
#[cfg(feature = "bulk")]
pub mod bulk;
pub mod client;
mod compartment;
pub mod consent;
pub mod deid;
pub mod fhir;
#[cfg(feature = "upstream")]
mod http;
pub mod protocol;
pub mod provenance;
mod record;
pub mod server;
pub mod smart;
pub mod store;
pub mod terminology;
pub mod tools;
#[cfg(feature = "upstream")]
pub mod upstream;

pub use compartment::PatientCompartment;
#[cfg(feature = "upstream")]
pub use http::{HttpLimits, HttpSetupError};
pub use record::{Record, RecordError};

use mcp_core::extension::ExtensionId;

/// The extension's identifier.
pub const ID: ExtensionId = ExtensionId::new("dev.mcp-ext/healthcare");
