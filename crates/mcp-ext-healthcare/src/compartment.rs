//! Whose compartments a record is in, by FHIR's *CompartmentDefinition* `patient`: SPEC.md, CTX-4.
//!
//! The rule, for a record as a whole:
//!
//! | the record | belongs to |
//! |---|---|
//! | a Patient | itself, and whom its `link` names |
//! | of a type that the definition lists | the patients of this server whom the definition's search parameters name; if they name none, it cannot be told |
//! | of another type that FHIR gives a search parameter `patient` (R4: Device, Task and so on) | the patients whom that names; if it names none, it cannot be told |
//! | a Binary | the patient whom its `securityContext` names; if it names none, it cannot be told |
//! | of a type that is about nobody (a code system, an organization, a practitioner) | nobody; if anything in it refers to what could be a patient, it cannot be told |
//! | of any other type | it cannot be told |
//! | malformed, or with the same contained id twice | it cannot be told |
//!
//! What a record contains belongs to it: each contained resource is judged by the same table, and the record belongs to the
//! patients that it and all of them have in common. A contained resource that says nothing of a patient goes with the record;
//! a contained Patient is a person whom nobody knows, so it cannot be told whose the record is.
//!
//! Only `Patient/1` and the same under an address of this server name a patient, with or without a version. An address of
//! another server, an identifier alone, a `urn:` and a search name none of ours.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::fhir::{
    Content, Definitions, Element, ElementPath, FhirReference, FhirVersion, Json, PathError, Shape,
};
use crate::protocol::Reference;
use crate::record::Record;
use crate::server::{Compartment, Patients};

/// Types whose records are about nobody, or about people for what they do and not as patients.
const NOBODYS: [&str; 79] = [
    "ActivityDefinition",
    "ActorDefinition",
    "AdministrableProductDefinition",
    "ArtifactAssessment",
    "CapabilityStatement",
    "CatalogEntry",
    "ChargeItemDefinition",
    "Citation",
    "ClinicalUseDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "ConditionDefinition",
    "DeviceDefinition",
    "EffectEvidenceSynthesis",
    "Endpoint",
    "EventDefinition",
    "Evidence",
    "EvidenceReport",
    "EvidenceVariable",
    "ExampleScenario",
    "FormularyItem",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "Ingredient",
    "InsurancePlan",
    "Library",
    "Location",
    "ManufacturedItemDefinition",
    "Measure",
    "Medication",
    "MedicationKnowledge",
    "MedicinalProduct",
    "MedicinalProductAuthorization",
    "MedicinalProductContraindication",
    "MedicinalProductDefinition",
    "MedicinalProductIndication",
    "MedicinalProductIngredient",
    "MedicinalProductInteraction",
    "MedicinalProductManufactured",
    "MedicinalProductPackaged",
    "MedicinalProductPharmaceutical",
    "MedicinalProductUndesirableEffect",
    "MessageDefinition",
    "NamingSystem",
    "NutritionProduct",
    "ObservationDefinition",
    "OperationDefinition",
    "Organization",
    "OrganizationAffiliation",
    "PackagedProductDefinition",
    "PlanDefinition",
    "Practitioner",
    "PractitionerRole",
    "Questionnaire",
    "RegulatedAuthorization",
    "Requirements",
    "ResearchDefinition",
    "ResearchElementDefinition",
    "ResearchStudy",
    "RiskEvidenceSynthesis",
    "SearchParameter",
    "SpecimenDefinition",
    "StructureDefinition",
    "StructureMap",
    "SubscriptionTopic",
    "Substance",
    "SubstanceDefinition",
    "SubstanceNucleicAcid",
    "SubstancePolymer",
    "SubstanceProtein",
    "SubstanceReferenceInformation",
    "SubstanceSourceMaterial",
    "SubstanceSpecification",
    "TerminologyCapabilities",
    "TestPlan",
    "TestScript",
    "ValueSet",
];

/// The patient compartment of one server and one version of FHIR.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::server::{Compartment, Patients};
/// use mcp_ext_healthcare::{PatientCompartment, Record};
///
/// let compartment = PatientCompartment::new(FhirVersion::R4).at("https://clinic.example/fhir");
/// let of = |subject: &str| {
///     let text = format!(r#"{{"resourceType":"Observation","id":"7","subject":{{"reference":"{subject}"}}}}"#);
///     Record::parse(&text).map(|record| compartment.patients(&record))
/// };
/// let anna = Patients::Of(["Patient/anna".parse()?].into());
/// assert_eq!(of("Patient/anna/_history/2")?, anna);
/// assert_eq!(of("https://clinic.example/fhir/Patient/anna")?, anna);
/// assert_eq!(of("https://elsewhere.example/fhir/Patient/anna")?, Patients::Unknown);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PatientCompartment {
    definitions: &'static Definitions,
    bases: Vec<String>,
    /// Where patients are named, by type.
    paths: HashMap<&'static str, Vec<ElementPath>>,
}

/// Whom one resource, contained or not, belongs to.
enum Whose {
    Of(BTreeSet<Reference>),
    Nobody,
    /// It says nothing of a patient.
    Silent,
    Unknown,
}

/// What a reference leads to.
enum Target {
    Patient(Reference),
    /// What is about nobody.
    Nobody,
    /// A part of the same record, which is judged by itself.
    Part,
    /// What could be, or belong to, a patient.
    Perhaps,
}

impl PatientCompartment {
    /// The compartment of a server that names its records by relative references alone.
    #[must_use]
    pub fn new(version: FhirVersion) -> Self {
        let definitions = version.definitions();
        let paths = definitions.resources().filter_map(|name| {
            let paths = patient_paths(definitions, name);
            (!paths.is_empty()).then_some((name, paths))
        });
        Self { definitions, bases: Vec::new(), paths: paths.collect() }
    }

    /// Takes references below this address (`https://clinic.example/fhir`) for ones to this server's records, too. It is compared
    /// letter by letter.
    #[must_use]
    pub fn at(mut self, base: &str) -> Self {
        self.bases.push(base.trim_end_matches('/').to_owned());
        self
    }

    fn whose(&self, record: &Record) -> Option<Patients> {
        let text = record.json();
        let json = Json::parse(text.get().as_bytes()).ok()?;
        let parts = Parts::of(&json)?;
        let mut common: Option<BTreeSet<Reference>> = None;
        for (number, part) in std::iter::once(&json).chain(parts.all.iter()).enumerate() {
            let is_root = number == 0;
            match self.part(part, is_root.then(|| record.reference()), record, &parts)? {
                Whose::Unknown => return None,
                Whose::Silent if is_root => return None,
                Whose::Silent | Whose::Nobody => {}
                Whose::Of(patients) => {
                    common = Some(match common {
                        Some(common) => common.intersection(&patients).cloned().collect(),
                        None => patients,
                    });
                }
            }
        }
        match common {
            None => Some(Patients::Nobody),
            Some(common) if common.is_empty() => None,
            Some(common) => Some(Patients::Of(common)),
        }
    }

    /// Whom a resource belongs to; `None` if it is malformed. `own` is where the record is, if this is the record itself.
    fn part(
        &self,
        part: &Json<'_>,
        own: Option<&Reference>,
        record: &Record,
        parts: &Parts<'_, '_>,
    ) -> Option<Whose> {
        let kind = part.get("resourceType")?.as_str()?;
        let shape = self.definitions.resource(&kind)?;
        let mut seen = Seen::default();
        seen.elements(self.definitions, shape, part, own.is_some())?;
        let target = |reference: &Json<'_>| self.target(reference, record, parts);
        if NOBODYS.contains(&&*kind) {
            let is_nobodys = seen.references.iter().all(|seen| match target(seen.reference) {
                Some(Target::Nobody) => true,
                Some(Target::Perhaps) => {
                    seen.is_of_nobody && seen.reference.get("reference").is_none()
                }
                _ => false,
            });
            let is_nobodys = is_nobodys && !seen.has_unknown;
            return Some(if is_nobodys { Whose::Nobody } else { Whose::Unknown });
        }
        let mut patients = BTreeSet::new();
        if kind == "Patient" {
            match own {
                Some(own) => drop(patients.insert(own.clone())),
                None => return Some(Whose::Unknown),
            }
        }
        let paths = self.paths.get(&*kind).map_or(&[][..], Vec::as_slice);
        let mut named: Vec<_> = paths.iter().flat_map(|path| path.values(part)).collect();
        // FHIR says that it stands in where access is decided on.
        named.extend(part.get("securityContext").filter(|_| kind == "Binary"));
        let mut is_silent = true;
        for reference in named {
            match target(reference)? {
                Target::Patient(patient) => drop(patients.insert(patient)),
                Target::Perhaps => is_silent = false,
                Target::Nobody | Target::Part => {}
            }
        }
        // Nothing says where such a type has its patients: it could be anywhere.
        if paths.is_empty() && !seen.references.iter().all(|one| is_harmless(target(one.reference)))
        {
            is_silent = false;
        }
        Some(match (patients.is_empty(), is_silent) {
            (false, _) => Whose::Of(patients),
            (true, true) => Whose::Silent,
            (true, false) => Whose::Unknown,
        })
    }

    /// What a `Reference` leads to; `None` if it is malformed.
    fn target(
        &self,
        reference: &Json<'_>,
        record: &Record,
        parts: &Parts<'_, '_>,
    ) -> Option<Target> {
        // R5 has canonical URLs beside references in some choices.
        if let Json::String(_) = reference {
            return Some(Target::Perhaps);
        }
        reference.as_object()?;
        let said = match reference.get("type") {
            Some(said) => Some(said.as_str()?),
            None => None,
        };
        let said = said.as_deref().map(|said| {
            said.strip_prefix("http://hl7.org/fhir/StructureDefinition/").unwrap_or(said)
        });
        let Some(text) = reference.get("reference") else {
            let is_nobodys = said.is_some_and(|said| NOBODYS.contains(&said));
            return Some(if is_nobodys { Target::Nobody } else { Target::Perhaps });
        };
        let text = text.as_str()?;
        Some(match FhirReference::parse(&text) {
            FhirReference::Resource { resource_type, .. }
                if said.is_some_and(|said| said != resource_type) =>
            {
                Target::Perhaps
            }
            FhirReference::Resource { base, resource_type: "Patient", id, .. } => {
                let is_ours = base.is_none_or(|base| self.bases.iter().any(|own| own == base));
                match Reference::new("Patient", id) {
                    Ok(patient) if is_ours => Target::Patient(patient),
                    _ => Target::Perhaps,
                }
            }
            FhirReference::Resource { resource_type, .. } if NOBODYS.contains(&resource_type) => {
                Target::Nobody
            }
            FhirReference::Contained("") if record.resource_type() == "Patient" => {
                Target::Patient(record.reference().clone())
            }
            FhirReference::Contained("") => Target::Part,
            FhirReference::Contained(id) => match parts.kinds.get(id).map(String::as_str) {
                Some("Patient") | None => Target::Perhaps,
                Some(kind) if NOBODYS.contains(&kind) => Target::Nobody,
                Some(_) => Target::Part,
            },
            FhirReference::Resource { .. } | FhirReference::Urn(_) | FhirReference::Other => {
                Target::Perhaps
            }
        })
    }
}

impl Compartment for PatientCompartment {
    fn patients(&self, record: &Record) -> Patients {
        self.whose(record).unwrap_or(Patients::Unknown)
    }
}

fn is_harmless(target: Option<Target>) -> bool {
    matches!(target, Some(Target::Nobody | Target::Part))
}

/// Where a type names its patients.
fn patient_paths(definitions: &'static Definitions, kind: &'static str) -> Vec<ElementPath> {
    let parameters = match definitions.compartment(kind) {
        [] if NOBODYS.contains(&kind) => &[][..],
        [] => &["patient"][..],
        parameters => parameters,
    };
    let mut paths = Vec::new();
    for parameter in parameters {
        // R5's way to say that a patient is in its own compartment.
        if *parameter == "{def}" {
            continue;
        }
        match definitions.paths(kind, parameter) {
            Ok(found) => paths.extend(found),
            Err(PathError::UnknownParameter | PathError::Unsupported) => {}
        }
    }
    paths
}

/// The resources that a record contains.
struct Parts<'j, 'a> {
    all: &'j [Json<'a>],
    /// Their types, by id.
    kinds: BTreeMap<String, String>,
}

impl<'j, 'a> Parts<'j, 'a> {
    /// `None` if they are malformed.
    fn of(record: &'j Json<'a>) -> Option<Self> {
        let all = match record.get("contained") {
            Some(contained) => contained.as_array()?,
            None => &[],
        };
        let mut kinds = BTreeMap::new();
        for part in all {
            let kind = part.get("resourceType")?.as_str()?.into_owned();
            if let Some(id) = part.get("id")
                && kinds.insert(id.as_str()?.into_owned(), kind).is_some()
            {
                return None;
            }
        }
        Some(Self { all, kinds })
    }
}

/// What one resource has, other than what it contains.
#[derive(Default)]
struct Seen<'j, 'a> {
    references: Vec<SeenReference<'j, 'a>>,
    /// Whether it has elements that FHIR does not know.
    has_unknown: bool,
}

struct SeenReference<'j, 'a> {
    reference: &'j Json<'a>,
    /// Whether FHIR lets it refer only to types that are about nobody.
    is_of_nobody: bool,
}

impl<'j, 'a> Seen<'j, 'a> {
    /// Goes through elements; `None` if they are malformed.
    fn elements(
        &mut self,
        definitions: &Definitions,
        shape: Shape,
        value: &'j Json<'a>,
        may_contain: bool,
    ) -> Option<()> {
        for (name, value) in value.as_object()? {
            let name = name.get();
            if name == "resourceType" {
                continue;
            }
            let plain = name.strip_prefix('_').unwrap_or(&name);
            let Some(element) = definitions.member(shape, plain) else {
                self.has_unknown = true;
                continue;
            };
            let values = match (value, element.is_repeated) {
                (Json::Array(values), true) => values.as_slice(),
                (Json::Array(_), false) | (_, true) => return None,
                (value, false) => std::slice::from_ref(value),
            };
            for value in values {
                self.element(definitions, element, value, plain.len() < name.len(), may_contain)?;
            }
        }
        Some(())
    }

    fn element(
        &mut self,
        definitions: &Definitions,
        element: &Element,
        value: &'j Json<'a>,
        is_sibling: bool,
        may_contain: bool,
    ) -> Option<()> {
        match element.content {
            // What FHIR's `_birthDate` says is an `Element`: an id and extensions.
            Content::Primitive(_) if is_sibling => match value {
                Json::Null => Some(()),
                value => self.elements(definitions, definitions.datatype("Element")?, value, false),
            },
            Content::Primitive(_) => (value.as_object().is_none()).then_some(()),
            // Only values without elements have one.
            _ if is_sibling => None,
            Content::Elements(shape) => {
                if element.datatype == "Reference" {
                    let is_of_nobody = !element.targets.is_empty()
                        && element.targets.iter().all(|kind| NOBODYS.contains(kind));
                    self.references.push(SeenReference { reference: value, is_of_nobody });
                }
                self.elements(definitions, shape, value, false)
            }
            // Parts are looked at by themselves. Nothing else of one record holds resources.
            Content::Resource => (may_contain && element.name == "contained").then_some(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ABOUT_NOBODY;

    /// What is labelled as about nobody belongs to nobody, and FHIR says of none of these types where its patient is.
    #[test]
    fn the_types_that_are_nobodys_are_types_without_patients() {
        assert!(NOBODYS.is_sorted());
        assert!(ABOUT_NOBODY.iter().all(|kind| NOBODYS.contains(kind)));
        for kind in NOBODYS {
            let mut is_type = false;
            for version in FhirVersion::ALL {
                let definitions = version.definitions();
                is_type |= definitions.resource(kind).is_some();
                assert!(definitions.compartment(kind).is_empty(), "{kind}");
                assert!(definitions.search_parameter(kind, "patient").is_none(), "{kind}");
            }
            assert!(is_type, "{kind}");
        }
    }

    /// A parameter of the definition that could not be read would leave patients out.
    #[test]
    fn every_type_of_the_definition_has_paths() {
        for version in FhirVersion::ALL {
            let definitions = version.definitions();
            for kind in definitions.resources() {
                let parameters = definitions.compartment(kind);
                let are_read = parameters
                    .iter()
                    .filter(|name| **name != "{def}")
                    .all(|name| definitions.paths(kind, name).is_ok());
                assert!(are_read, "{kind}");
                assert!(parameters.is_empty() || !patient_paths(definitions, kind).is_empty());
            }
        }
    }
}
