//! A FHIR resource, as far as protecting it needs to know it.
//!
//! Its JSON stays as it came, digit by digit: members are kept as text, and taking some away touches no other.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::OnceLock;

use mcp_core::RawJson;
use mcp_core::protocol::JsonMap;
use mcp_trust::canonical::Canonical;
use mcp_trust::digest::Digest;
use mcp_trust::strict;
use serde::Deserialize;

use crate::fhir::Json;
use crate::protocol::{Confidentiality, Instant, Label, Obligation, Phi, Reference, SecurityCode};

/// Elements that are kept whatever is asked for: without the last two, others would mean something else.
const ALWAYS: [&str; 5] = ["resourceType", "id", "meta", "implicitRules", "modifierExtension"];
/// HL7 v3 *ActCode*, whose refrain policies are obligations.
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const OBSERVATION_VALUE: &str = "http://terminology.hl7.org/CodeSystem/v3-ObservationValue";

/// Types that are about nobody.
pub(crate) const ABOUT_NOBODY: [&str; 26] = [
    "ActivityDefinition",
    "CapabilityStatement",
    "ChargeItemDefinition",
    "CodeSystem",
    "CompartmentDefinition",
    "ConceptMap",
    "Endpoint",
    "EventDefinition",
    "GraphDefinition",
    "HealthcareService",
    "ImplementationGuide",
    "Library",
    "Location",
    "Measure",
    "Medication",
    "NamingSystem",
    "OperationDefinition",
    "Organization",
    "PlanDefinition",
    "Questionnaire",
    "SearchParameter",
    "StructureDefinition",
    "StructureMap",
    "Substance",
    "TerminologyCapabilities",
    "ValueSet",
];

/// Why a text is no record. It says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// No JSON object that can be read in one way only.
    #[error("not a JSON object that can be read in one way only")]
    Json,
    /// No `resourceType`, or no `id`, of FHIR's form.
    #[error("a resource has a type and an id")]
    Identity,
    /// `meta` is of another form than FHIR's.
    #[error("the resource's meta is malformed")]
    Meta,
    /// It holds other resources, which are records of their own.
    #[error("a Bundle or Parameters holds records and is none")]
    Container,
}

/// A FHIR resource in one version. `Debug` shows its type alone.
///
/// ```
/// use mcp_ext_healthcare::Record;
///
/// let text = r#"{"resourceType":"Observation","id":"7","meta":{"versionId":"3"},"valueQuantity":{"value":1.50}}"#;
/// let record = Record::parse(text)?;
/// assert_eq!(record.versioned_reference(), "Observation/7/_history/3");
/// assert_eq!(record.json().get(), text);
/// # Ok::<(), mcp_ext_healthcare::RecordError>(())
/// ```
#[derive(Clone)]
pub struct Record {
    members: JsonMap<RawJson>,
    reference: Reference,
    version: Option<String>,
    last_updated: Option<Instant>,
    security: BTreeSet<SecurityCode>,
    /// Made when it is asked for: it takes longer than to read a record, and many are read that nobody gets.
    digest: OnceLock<Digest>,
}

#[derive(Default, Deserialize)]
struct MetaOf {
    #[serde(rename = "versionId")]
    version: Option<String>,
    #[serde(rename = "lastUpdated")]
    last_updated: Option<Instant>,
    #[serde(default)]
    security: Vec<CodingOf>,
}

#[derive(Deserialize)]
struct CodingOf {
    #[serde(default)]
    system: String,
    #[serde(default)]
    code: String,
}

impl Record {
    /// Reads a resource.
    ///
    /// # Errors
    /// If it is no resource with a type and an id, is ambiguous (repeats a key, say), or holds others.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        let text = strict::Reader::new().any_number().check(text.as_bytes());
        let text = text.map_err(|_| RecordError::Json)?;
        Self::of_members(serde_json::from_str(text).map_err(|_| RecordError::Json)?)
    }

    /// A record of elements that are known to be strict JSON.
    pub(crate) fn of_members(members: JsonMap<RawJson>) -> Result<Self, RecordError> {
        let text_of = |name: &str| -> Option<String> { members.parse(name).ok().flatten() };
        let kind = text_of("resourceType").ok_or(RecordError::Identity)?;
        if matches!(kind.as_str(), "Bundle" | "Parameters") {
            return Err(RecordError::Container);
        }
        let id = text_of("id").ok_or(RecordError::Identity)?;
        let reference = Reference::new(&kind, &id).map_err(|_| RecordError::Identity)?;
        let meta: MetaOf =
            members.parse("meta").map_err(|_| RecordError::Meta)?.unwrap_or_default();
        if meta.version.as_deref().is_some_and(|version| !is_version(version)) {
            return Err(RecordError::Meta);
        }
        let security = meta
            .security
            .into_iter()
            .map(|coding| SecurityCode::new(coding.system, coding.code))
            .collect();
        Ok(Self {
            members,
            reference,
            version: meta.version,
            last_updated: meta.last_updated,
            security,
            digest: OnceLock::new(),
        })
    }

    /// Its type.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        self.reference.resource_type()
    }

    /// Where it is.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Where this version of it is; without a version, where it is.
    #[must_use]
    pub fn versioned_reference(&self) -> String {
        match &self.version {
            Some(version) => format!("{}/_history/{version}", self.reference.as_str()),
            None => self.reference.as_str().to_owned(),
        }
    }

    /// When it changed last.
    #[must_use]
    pub fn last_updated(&self) -> Option<&Instant> {
        self.last_updated.as_ref()
    }

    /// A top-level element.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&RawJson> {
        self.members.get(name)
    }

    /// The top-level elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = (&str, &RawJson)> {
        self.members.iter()
    }

    /// The security labels of its `meta`.
    #[must_use]
    pub fn security(&self) -> &BTreeSet<SecurityCode> {
        &self.security
    }

    /// The whole as JSON.
    #[must_use]
    pub fn json(&self) -> RawJson {
        RawJson::from_serialize(&self.members).unwrap_or_else(|_| RawJson::null())
    }

    /// The digest of the canonical form (RFC 8785) of what was read; a number beyond ±(2^53−1), or of a double's range, counts as the
    /// string of its digits.
    #[must_use]
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| {
            let json = self.json();
            let own = || Digest::of(json.get().as_bytes());
            canonical(json.get()).map_or_else(own, |canonical| canonical.digest())
        })
    }

    /// What protects it by what it says of itself, before anybody knows more: SPEC.md, section 6.
    ///
    /// ```
    /// use mcp_ext_healthcare::Record;
    /// use mcp_ext_healthcare::protocol::{Confidentiality, Phi};
    ///
    /// let label = Record::parse(r#"{"resourceType":"Observation","id":"7"}"#)?.label();
    /// assert_eq!((label.phi, label.confidentiality), (Phi::Identified, Confidentiality::Normal));
    /// # Ok::<(), mcp_ext_healthcare::RecordError>(())
    /// ```
    #[must_use]
    pub fn label(&self) -> Label {
        let is_about_nobody = ABOUT_NOBODY.contains(&self.resource_type());
        let phi = if is_about_nobody { Phi::None } else { Phi::Identified };
        let mut label = Label::new(phi, Confidentiality::Normal);
        for code in &self.security {
            if code.system == Confidentiality::SYSTEM {
                // What is no code of the system could be anything.
                let level =
                    Confidentiality::of_code(&code.code).unwrap_or(Confidentiality::VeryRestricted);
                label.confidentiality = label.confidentiality.max(level);
            } else if code.system == ACT_CODE {
                label.obligations.extend(Obligation::of_refrain_code(&code.code));
            }
        }
        label.security.clone_from(&self.security);
        label
    }

    /// The record with no other elements than these, the mandatory ones of its type, and those that are always kept.
    /// What lost elements says so (`SUBSETTED`).
    #[must_use]
    pub fn reduced_to(&self, elements: &[String], mandatory: &[&str]) -> Self {
        let is_kept = |name: &str| {
            // `_birthDate` says more of `birthDate`.
            let element = name.strip_prefix('_').unwrap_or(name);
            ALWAYS.contains(&element)
                || mandatory.contains(&element)
                || elements.iter().any(|wanted| wanted == element)
        };
        // The digest stays that of what was read.
        let _ = self.digest();
        let mut reduced = self.clone();
        let dropped: Vec<String> =
            self.members.keys().filter(|name| !is_kept(name)).map(str::to_owned).collect();
        for name in &dropped {
            reduced.members.remove(name);
        }
        if !dropped.is_empty() {
            reduced.mark_subsetted();
        }
        reduced
    }

    fn mark_subsetted(&mut self) {
        let mut meta: JsonMap<RawJson> =
            self.members.parse("meta").ok().flatten().unwrap_or_default();
        let mut tags: Vec<RawJson> = meta.parse("tag").ok().flatten().unwrap_or_default();
        let tag = serde_json::json!({ "system": OBSERVATION_VALUE, "code": "SUBSETTED" });
        tags.extend(RawJson::from_serialize(&tag));
        if let Ok(tags) = RawJson::from_serialize(&tags) {
            meta.insert("tag", tags);
        }
        if let Ok(meta) = RawJson::from_serialize(&meta) {
            self.members.insert("meta", meta);
        }
    }
}

/// The canonical form (RFC 8785), in which a number that it cannot express is the string of its digits: FHIR's decimals and integers can
/// be larger than a double is exact.
fn canonical(text: &str) -> Option<Canonical> {
    if let Ok(canonical) = Canonical::from_slice(text.as_bytes()) {
        return Some(canonical);
    }
    let mut json = Json::parse(text.as_bytes()).ok()?;
    with_numbers_as_strings(&mut json);
    Canonical::from_slice(json.to_string().as_bytes()).ok()
}

fn with_numbers_as_strings(json: &mut Json<'_>) {
    match json {
        Json::Number(written) if strict::check(written.as_bytes()).is_err() => {
            *json = Json::text(written);
        }
        Json::Array(values) => values.iter_mut().for_each(with_numbers_as_strings),
        Json::Object(members) => {
            members.iter_mut().for_each(|(_, value)| with_numbers_as_strings(value));
        }
        _ => {}
    }
}

/// Whether a text is a version as FHIR has it: an id.
fn is_version(text: &str) -> bool {
    Reference::new("A", text).is_ok()
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({}/..)", self.resource_type())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(text: &str) -> Record {
        Record::parse(text).unwrap()
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for (text, error) in [
            ("", RecordError::Json),
            ("[]", RecordError::Json),
            (r#"{"resourceType":"Patient","id":"1","a":{"x":1,"x":2}}"#, RecordError::Json),
            (r#"{"id":"1"}"#, RecordError::Identity),
            (r#"{"resourceType":"Patient"}"#, RecordError::Identity),
            (r#"{"resourceType":"Patient","id":"a/b"}"#, RecordError::Identity),
            (r#"{"resourceType":"Patient","id":7}"#, RecordError::Identity),
            (r#"{"resourceType":"Patient","id":"1","meta":7}"#, RecordError::Meta),
            (r#"{"resourceType":"Patient","id":"1","meta":{"security":{}}}"#, RecordError::Meta),
            (
                r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"a/b"}}"#,
                RecordError::Meta,
            ),
            (r#"{"resourceType":"Bundle","id":"1"}"#, RecordError::Container),
        ] {
            assert_eq!(Record::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn numbers_of_any_size_are_kept() {
        let of = |number: &str| {
            record(&format!(
                r#"{{"resourceType":"Observation","id":"1","valueQuantity":{{"value":{number}}}}}"#
            ))
        };
        let large = of("1000000000000000000.10");
        assert!(large.json().get().contains("1000000000000000000.10"));
        // Two that are one double are two records.
        assert_ne!(of("9007199254740993").digest(), of("9007199254740992").digest());
        assert_eq!(of("1.0").digest(), of("1").digest());
        assert_eq!(of("1e999").digest(), of("1e999").digest());
    }

    #[test]
    fn labels_follow_the_security_labels() {
        let labelled = |system: &str, code: &str| {
            let text = format!(
                r#"{{"resourceType":"Observation","id":"1","meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}}}}"#
            );
            record(&text).label()
        };
        assert_eq!(
            labelled(Confidentiality::SYSTEM, "R").confidentiality,
            Confidentiality::Restricted
        );
        assert_eq!(labelled(Confidentiality::SYSTEM, "L").confidentiality, Confidentiality::Normal);
        assert_eq!(
            labelled(Confidentiality::SYSTEM, "?").confidentiality,
            Confidentiality::VeryRestricted
        );
        let refrain = labelled(ACT_CODE, "NORDSCLCD");
        assert!(refrain.obligations.contains(&Obligation::NO_REDISCLOSE));
        assert!(refrain.security.contains(&SecurityCode::new(ACT_CODE, "NORDSCLCD")));
        assert_eq!(record(r#"{"resourceType":"ValueSet","id":"1"}"#).label().phi, Phi::None);
        assert_eq!(record(r#"{"resourceType":"Binary","id":"1"}"#).label().phi, Phi::Identified);
    }

    #[test]
    fn reduced_records_say_so_and_keep_what_changes_their_meaning() {
        let text = r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2","tag":[{"code":"x"}]},"modifierExtension":[{"url":"u"}],"name":[{"family":"A"}],"birthDate":"1970-01-01","_birthDate":{"id":"b"},"active":true}"#;
        let reduced = record(text).reduced_to(&["birthDate".to_owned()], &["active"]);
        assert_eq!(
            reduced.json().get(),
            r#"{"resourceType":"Patient","id":"1","meta":{"versionId":"2","tag":[{"code":"x"},{"code":"SUBSETTED","system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue"}]},"modifierExtension":[{"url":"u"}],"birthDate":"1970-01-01","_birthDate":{"id":"b"},"active":true}"#
        );
        let all: Vec<String> = record(text).elements().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(record(text).reduced_to(&all, &[]).json().get(), text);
        assert_eq!(reduced.digest(), record(text).digest());
        assert_ne!(record(reduced.json().get()).digest(), record(text).digest());
    }
}
