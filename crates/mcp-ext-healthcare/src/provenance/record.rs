//! The *Provenance* of what a model wrote.

use std::time::SystemTime;

use super::{AIAST, AIAST_SYSTEM, Proposal, object};
use crate::audit::instant;
use crate::fhir::{FhirVersion, Json, Text};
use crate::protocol::Reference;

const PART: &str = "http://terminology.hl7.org/CodeSystem/provenance-participant-type";
const DEVICE: &str = "http://hl7.org/fhir/uv/aitransparency/CodeSystem/AIdeviceTypeCS";
const ACTIVITY: &str = "http://terminology.hl7.org/CodeSystem/v3-DataOperation";
const PURPOSE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
/// The id of the model within the *Provenance*.
const MODEL: &str = "model";

/// A program or a person, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The name. Of a person: what the transport knows them by.
    pub name: String,
    /// The version of a program.
    pub version: Option<String>,
}

impl Agent {
    /// Somebody of this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None }
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// Who had a part in what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agents {
    /// The model, as far as anybody says which it is.
    pub model: Agent,
    /// The program that the model works in: what the client says of itself.
    pub host: Option<Agent>,
    /// For whom the model worked.
    pub principal: Option<String>,
    /// Who confirmed it.
    pub confirmed_by: Option<String>,
    /// The purpose of the call, a code of HL7 v3 *ActReason*.
    pub purpose: Option<String>,
    /// The patient whom it is about.
    pub patient: Option<Reference>,
}

impl Agents {
    /// A model alone.
    #[must_use]
    pub fn of(model: Agent) -> Self {
        Self {
            model,
            host: None,
            principal: None,
            confirmed_by: None,
            purpose: None,
            patient: None,
        }
    }

    /// The *Provenance* of what was proposed, with this target.
    ///
    /// The model is its author, as a device of the kind *Artificial Intelligence*. For whom it worked is who entered it;
    /// who confirmed it has verified it.
    #[must_use]
    pub fn provenance(&self, of: &Proposal, target: &str, now: SystemTime) -> Json<'static> {
        let version = of.version();
        let mut agents = vec![self.author()];
        if let Some(principal) = &self.principal {
            agents.push(person("enterer", principal));
        }
        if let Some(person_) = &self.confirmed_by {
            agents.push(person("verifier", person_));
        }
        let mut reasons = vec![concept(AIAST_SYSTEM, AIAST)];
        reasons.extend(self.purpose.as_deref().map(|code| concept(PURPOSE, code)));
        let reasons = match version {
            FhirVersion::R4 => ("reason", Json::Array(reasons)),
            _ => {
                let reasons = reasons.into_iter().map(|reason| object([("concept", reason)]));
                ("authorization", Json::Array(reasons.collect()))
            }
        };
        let mut members = vec![
            ("resourceType", Json::text("Provenance")),
            ("contained", Json::Array(vec![self.device(version)])),
            ("target", Json::Array(vec![reference(target)])),
            ("recorded", Json::text(&instant(now))),
            reasons,
            ("activity", concept(ACTIVITY, "CREATE")),
        ];
        if let (Some(patient), false) = (&self.patient, version == FhirVersion::R4) {
            members.push(("patient", reference(patient.as_str())));
        }
        members.push(("agent", Json::Array(agents)));
        Json::Object(members.into_iter().map(|(name, value)| (Text::new(name), value)).collect())
    }

    fn author(&self) -> Json<'static> {
        object([
            ("type", concept(PART, "author")),
            ("role", Json::Array(vec![concept(DEVICE, "Artificial-Intelligence")])),
            ("who", reference(&format!("#{MODEL}"))),
        ])
    }

    /// The model, as a device.
    fn device(&self, version: FhirVersion) -> Json<'static> {
        let name = |text: &str, kind: &str| match version {
            FhirVersion::R4 => object([("name", Json::text(text)), ("type", Json::text(kind))]),
            _ => object([("value", Json::text(text)), ("type", Json::text(kind))]),
        };
        let (model_name, other_name) = match version {
            FhirVersion::R4 => ("model-name", "other"),
            _ => ("registered-name", "user-friendly-name"),
        };
        let mut names = vec![name(&self.model.name, model_name)];
        let mut versions: Vec<&str> = self.model.version.iter().map(String::as_str).collect();
        if let Some(host) = &self.host {
            names.push(name(&host.name, other_name));
            versions.extend(host.version.as_deref());
        }
        let kind = concept(DEVICE, "Artificial-Intelligence");
        let (names_of, kind) = match version {
            FhirVersion::R4 => ("deviceName", kind),
            _ => ("name", Json::Array(vec![kind])),
        };
        let mut members = vec![
            ("resourceType", Json::text("Device")),
            ("id", Json::text(MODEL)),
            (names_of, Json::Array(names)),
            ("type", kind),
        ];
        if !versions.is_empty() {
            let versions = versions.iter().map(|text| object([("value", Json::text(text))]));
            members.push(("version", Json::Array(versions.collect())));
        }
        Json::Object(members.into_iter().map(|(name, value)| (Text::new(name), value)).collect())
    }
}

fn person(part: &str, name: &str) -> Json<'static> {
    let identifier = object([("value", Json::text(name))]);
    object([("type", concept(PART, part)), ("who", object([("identifier", identifier)]))])
}

fn reference(to: &str) -> Json<'static> {
    object([("reference", Json::text(to))])
}

fn concept(system: &str, code: &str) -> Json<'static> {
    let coding = object([("system", Json::text(system)), ("code", Json::text(code))]);
    object([("coding", Json::Array(vec![coding]))])
}
