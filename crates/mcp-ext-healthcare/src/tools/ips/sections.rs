//! The sections of a summary, as data.

use crate::fhir::Json;

/// A section.
pub(super) struct Section {
    /// Its LOINC code.
    pub(super) code: &'static str,
    /// What LOINC calls it.
    pub(super) display: &'static str,
    /// What people call it.
    pub(super) title: &'static str,
    /// Whether it is there even if it is empty.
    pub(super) is_mandatory: bool,
    pub(super) sources: &'static [Source],
}

/// Where records of a section come from.
pub(super) struct Source {
    pub(super) resource_type: &'static str,
    /// How many, the latest first.
    pub(super) most: usize,
    /// Whether a record is one of the section.
    pub(super) belongs: fn(&Json<'_>) -> bool,
}

impl Section {
    pub(super) fn types(&self) -> impl Iterator<Item = &'static str> {
        self.sources.iter().map(|source| source.resource_type)
    }
}

const fn all(resource_type: &'static str, belongs: fn(&Json<'_>) -> bool) -> Source {
    Source { resource_type, most: usize::MAX, belongs }
}

const fn latest(
    most: usize,
    resource_type: &'static str,
    belongs: fn(&Json<'_>) -> bool,
) -> Source {
    Source { resource_type, most, belongs }
}

/// All sections, in the order of the document.
pub(super) const SECTIONS: &[Section] = &[
    Section {
        code: "11450-4",
        display: "Problem list - Reported",
        title: "Problems",
        is_mandatory: true,
        sources: &[all("Condition", |json| is_held(json) && is_ongoing(json))],
    },
    Section {
        code: "48765-2",
        display: "Allergies and adverse reactions Document",
        title: "Allergies and intolerances",
        is_mandatory: true,
        sources: &[all("AllergyIntolerance", is_held)],
    },
    Section {
        code: "10160-0",
        display: "History of Medication use Narrative",
        title: "Medications",
        is_mandatory: true,
        sources: &[
            all("MedicationStatement", |json| {
                !is_status(
                    json,
                    &["entered-in-error", "stopped", "not-taken", "completed", "draft"],
                )
            }),
            all("MedicationRequest", |json| {
                is_status(json, &["active", "on-hold", "unknown"])
                    && !is(json, "intent", &["proposal", "plan"])
            }),
        ],
    },
    Section {
        code: "11369-6",
        display: "History of Immunization Narrative",
        title: "Immunizations",
        is_mandatory: false,
        sources: &[all("Immunization", |json| is_status(json, &["completed"]))],
    },
    Section {
        code: "30954-2",
        display: "Relevant diagnostic tests/laboratory data Narrative",
        title: "Results",
        is_mandatory: false,
        sources: &[
            latest(20, "Observation", |json| {
                is_reported(json) && !has_category(json, &["vital-signs", "social-history"])
            }),
            latest(20, "DiagnosticReport", is_reported),
        ],
    },
    Section {
        code: "47519-4",
        display: "History of Procedures Document",
        title: "Procedures",
        is_mandatory: false,
        sources: &[all("Procedure", |json| {
            !is_status(json, &["entered-in-error", "not-done", "preparation"])
        })],
    },
    Section {
        code: "46264-8",
        display: "History of medical device use",
        title: "Medical devices",
        is_mandatory: false,
        sources: &[
            all("DeviceUseStatement", |json| !is_status(json, &["entered-in-error"])),
            all("DeviceUsage", |json| !is_status(json, &["entered-in-error", "not-done"])),
        ],
    },
    Section {
        code: "104605-1",
        display: "Alert",
        title: "Alerts",
        is_mandatory: false,
        sources: &[all("Flag", |json| is_status(json, &["active"]))],
    },
    Section {
        code: "8716-3",
        display: "Vital signs",
        title: "Vital signs",
        is_mandatory: false,
        sources: &[latest(20, "Observation", |json| {
            is_reported(json) && has_category(json, &["vital-signs"])
        })],
    },
    Section {
        code: "11348-0",
        display: "History of Past illness Narrative",
        title: "Past problems",
        is_mandatory: false,
        sources: &[all("Condition", |json| is_held(json) && !is_ongoing(json))],
    },
    Section {
        code: "29762-2",
        display: "Social history Narrative",
        title: "Social history",
        is_mandatory: false,
        sources: &[latest(20, "Observation", |json| {
            is_reported(json) && has_category(json, &["social-history"])
        })],
    },
    Section {
        code: "18776-5",
        display: "Plan of care note",
        title: "Plans of care",
        is_mandatory: false,
        sources: &[all("CarePlan", |json| is_status(json, &["active", "on-hold"]))],
    },
];

/// Types that records of the sections refer to, and are not understood without.
pub(super) const SUPPORTING: [&str; 9] = [
    "Device",
    "Location",
    "Medication",
    "Observation",
    "Organization",
    "Practitioner",
    "PractitionerRole",
    "Specimen",
    "Substance",
];

fn is(json: &Json<'_>, element: &str, codes: &[&str]) -> bool {
    json.get(element).and_then(Json::as_str).is_some_and(|own| codes.contains(&&*own))
}

fn is_status(json: &Json<'_>, codes: &[&str]) -> bool {
    is(json, "status", codes)
}

/// Whether any code of a concept, or of several, is one of these.
fn is_concept(concept: Option<&Json<'_>>, codes: &[&str]) -> bool {
    let one = |concept: &Json<'_>| {
        let codings = concept.get("coding").and_then(Json::as_array).unwrap_or_default();
        let mut own = codings.iter().filter_map(|coding| coding.get("code")?.as_str());
        own.any(|own| codes.contains(&&*own))
    };
    match concept {
        Some(Json::Array(concepts)) => concepts.iter().any(one),
        Some(concept) => one(concept),
        None => false,
    }
}

fn has_category(json: &Json<'_>, codes: &[&str]) -> bool {
    is_concept(json.get("category"), codes)
}

/// Whether it was not taken back.
fn is_held(json: &Json<'_>) -> bool {
    !is_concept(json.get("verificationStatus"), &["entered-in-error", "refuted"])
}

/// Whether a condition goes on, as far as anybody says.
fn is_ongoing(json: &Json<'_>) -> bool {
    !is_concept(json.get("clinicalStatus"), &["inactive", "remission", "resolved"])
}

fn is_reported(json: &Json<'_>) -> bool {
    is_status(json, &["final", "amended", "corrected", "appended", "preliminary", "partial"])
}
