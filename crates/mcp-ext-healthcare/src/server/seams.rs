//! What the layer needs from others besides records: whom they concern, and how they are de-identified.

use std::collections::BTreeSet;

use crate::protocol::{FreeText, Phi, Reference};
use crate::record::Record;

/// Whose compartments a record is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patients {
    /// Nobody's: a code system, an organization.
    Nobody,
    /// These patients'.
    Of(BTreeSet<Reference>),
    /// It cannot be told. Such a record is withheld where a call is for one patient.
    Unknown,
}

/// Tells whose compartments a record is in, by FHIR's *CompartmentDefinition* `patient`.
pub trait Compartment: Send + Sync + 'static {
    /// The patients whom the record, and what it contains, belongs to.
    fn patients(&self, record: &Record) -> Patients;
}

/// Knows which elements FHIR makes mandatory.
pub trait Definitions: Send + Sync + 'static {
    /// The mandatory top-level elements of a type.
    fn mandatory(&self, resource_type: &str) -> Vec<&str>;
}

impl Definitions for crate::fhir::Definitions {
    fn mandatory(&self, resource_type: &str) -> Vec<&str> {
        Self::mandatory(self, resource_type)
    }
}

/// The definitions of a version, as they are shared: `builder.definitions(FhirVersion::R4)`.
impl Definitions for crate::fhir::FhirVersion {
    fn mandatory(&self, resource_type: &str) -> Vec<&str> {
        self.definitions().mandatory(resource_type)
    }
}

/// Knows none.
#[derive(Debug, Clone, Copy)]
pub struct NoDefinitions;

impl Definitions for NoDefinitions {
    fn mandatory(&self, _: &str) -> Vec<&str> {
        Vec::new()
    }
}

/// A method of de-identification: SPEC.md, section 11.
pub trait Deidentify: Send + Sync + 'static {
    /// Its name, such as `safe-harbor`.
    fn method(&self) -> &str;

    /// The name of the key that its pseudonyms are made with.
    fn key_id(&self) -> Option<String>;

    /// What it does with free text. What only a program scrubbed stays labelled `identified` (DEI-3).
    fn free_text(&self) -> FreeText;

    /// What its results are, if free text was dropped: [`Phi::Deidentified`] or [`Phi::Limited`].
    fn level(&self) -> Phi;

    /// The record without what identifies; `None` if it cannot be made so, and must be withheld (DEI-4).
    fn deidentify(&self, record: &Record) -> Option<Record>;
}
