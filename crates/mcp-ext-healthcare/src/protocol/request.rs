//! What comes beside the arguments: SPEC.md, section 3.

use std::fmt;

use mcp_core::extension::MetaKey;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// A relative reference without a version, `Patient/123`. `Debug` does not show the id.
///
/// Source: FHIR, *References*; *Resource → id*.
///
/// ```
/// use mcp_ext_healthcare::protocol::Reference;
///
/// let patient: Reference = "Patient/123".parse()?;
/// assert_eq!((patient.resource_type(), patient.id()), ("Patient", "123"));
/// assert_eq!(format!("{patient:?}"), "Reference(Patient/..)");
/// assert!("https://fhir.example/Patient/123".parse::<Reference>().is_err());
/// # Ok::<(), mcp_ext_healthcare::protocol::ReferenceError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Reference(String);

/// The text is no relative reference without a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a relative reference without a version: a type, a slash, an id")]
pub struct ReferenceError;

impl Reference {
    /// A reference to a resource.
    ///
    /// # Errors
    /// If the type is no name of FHIR's form, or the id none.
    pub fn new(resource_type: &str, id: &str) -> Result<Self, ReferenceError> {
        let is_type = resource_type.starts_with(|first: char| first.is_ascii_uppercase())
            && resource_type.len() <= 64
            && resource_type.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if is_type && is_id(id) {
            Ok(Self(format!("{resource_type}/{id}")))
        } else {
            Err(ReferenceError)
        }
    }

    /// The type, `Patient`.
    #[must_use]
    pub fn resource_type(&self) -> &str {
        self.0.split_once('/').map_or("", |(kind, _)| kind)
    }

    /// The id, `123`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, id)| id)
    }

    /// The whole, `Patient/123`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a text is an id as FHIR has it.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

impl std::str::FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let (resource_type, id) = text.split_once('/').ok_or(ReferenceError)?;
        Self::new(resource_type, id)
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reference({}/..)", self.resource_type())
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Reference {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A relative reference without a version.",
            "pattern": "^[A-Z][A-Za-z0-9]{0,63}/[A-Za-z0-9.-]{1,64}$",
        })
    }
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Hidden(String);

impl Hidden {
    /// The text.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Hidden {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hidden(..)")
    }
}

mcp_core::wire! {
    /// For whom a request is: SPEC.md, section 3.1. The host fills it, never a model.
    ///
    /// ```
    /// use mcp_ext_healthcare::protocol::Context;
    ///
    /// let context: Context = serde_json::from_str(r#"{"patient":"Patient/123"}"#)?;
    /// assert_eq!(context.patient.id(), "123");
    /// assert!(serde_json::from_str::<Context>(r#"{"patient":"123"}"#).is_err());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub struct Context {
        required {
            /// The patient.
            patient: Reference = "patient",
        }
        optional {
            /// The encounter.
            encounter: Reference = "encounter" => with_encounter,
            /// Further resources that are open.
            fhir_context: Vec<ContextReference> = "fhirContext" => with_fhir_context,
        }
    }
}

mcp_core::wire! {
    /// A further resource of a [`Context`].
    pub struct ContextReference {
        required {
            /// The resource.
            reference: Reference = "reference",
        }
        optional {
            /// What it is in the context, a URI.
            role: String = "role" => with_role,
        }
    }
}

mcp_core::wire! {
    /// For what a request is: SPEC.md, section 3.2.
    pub struct Purpose {
        required {
            /// A code of HL7 v3 *ActReason*.
            code: String = "code",
        }
        optional {
            /// The reason in words, for the audit trail alone.
            reason: Hidden = "reason" => with_reason,
        }
    }
}

/// The codes of HL7 v3 *ActReason* that the specification names.
pub mod purposes {
    /// Treatment.
    pub const TREAT: &str = "TREAT";
    /// Payment.
    pub const HPAYMT: &str = "HPAYMT";
    /// Healthcare operations.
    pub const HOPERAT: &str = "HOPERAT";
    /// Research.
    pub const HRESCH: &str = "HRESCH";
    /// The patient asks.
    pub const PATRQT: &str = "PATRQT";
    /// Emergency treatment. By itself it opens nothing.
    pub const ETREAT: &str = "ETREAT";
    /// Break the glass. By itself it opens nothing.
    pub const BTG: &str = "BTG";
    /// The system that they are codes of.
    pub const SYSTEM: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
}

mcp_core::wire! {
    /// How little is enough: SPEC.md, section 3.3.
    pub struct Minimize {
        optional {
            /// The top-level elements to keep.
            elements: Vec<String> = "elements" => with_elements,
            /// How many records.
            max_resources: u64 = "maxResources" => with_max_resources,
            /// Only versions from then on.
            since: Instant = "since" => with_since,
            /// A method of de-identification.
            deid: String = "deid" => with_deid,
        }
    }
}

/// A FHIR `instant`: a date, a time with seconds, and a zone. It orders by time, whatever the zone.
///
/// ```
/// use mcp_ext_healthcare::protocol::Instant;
///
/// let one: Instant = "2026-01-31T23:30:00.5+02:00".parse()?;
/// let two: Instant = "2026-01-31T21:30:00.500Z".parse()?;
/// assert!(one.is_at(&two) && !one.is_before(&two));
/// assert!("2026-02-30T00:00:00Z".parse::<Instant>().is_err());
/// # Ok::<(), mcp_ext_healthcare::protocol::InstantError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instant {
    text: String,
    /// Nanoseconds since 1970.
    at: i128,
}

/// The text is no FHIR `instant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a FHIR instant: a date, a time with seconds, a zone")]
pub struct InstantError;

impl Instant {
    /// Whether it is earlier.
    #[must_use]
    pub fn is_before(&self, other: &Self) -> bool {
        self.at < other.at
    }

    /// Whether it is the same moment, however it is written.
    #[must_use]
    pub fn is_at(&self, other: &Self) -> bool {
        self.at == other.at
    }

    /// The text as it came.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Nanoseconds since 1970.
    pub(crate) fn nanoseconds(&self) -> i128 {
        self.at
    }
}

impl std::str::FromStr for Instant {
    type Err = InstantError;

    fn from_str(text: &str) -> Result<Self, InstantError> {
        moment(text).map(|at| Self { text: text.to_owned(), at }).ok_or(InstantError)
    }
}

/// `YYYY-MM-DDThh:mm:ss[.f]Z` or with `±hh:mm`, as nanoseconds since 1970.
pub(crate) fn moment(text: &str) -> Option<i128> {
    let number = |from: usize, to: usize| -> Option<i128> {
        let digits = text.get(from..to)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let is = |at: usize, byte: u8| text.as_bytes().get(at) == Some(&byte);
    if !(is(4, b'-') && is(7, b'-') && is(10, b'T') && is(13, b':') && is(16, b':')) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    // A leap second has the number 60.
    if !(1..=days).contains(&day) || hour > 23 || minute > 59 || second > 60 || year < 1 {
        return None;
    }
    let mut rest = text.get(19..)?;
    let mut nanoseconds = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if length == 0 || length > 9 {
            return None;
        }
        let digits: i128 = fraction.get(..length)?.parse().ok()?;
        nanoseconds = digits * 10_i128.pow(9 - u32::try_from(length).ok()?);
        rest = fraction.get(length..)?;
    }
    let offset = match rest.as_bytes() {
        b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let digit = |byte: u8| byte.is_ascii_digit().then(|| i128::from(byte - b'0'));
            let (hours, minutes) = (digit(*h1)? * 10 + digit(*h2)?, digit(*m1)? * 10 + digit(*m2)?);
            if hours > 14 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    // Days since 1970, by counting years from March (Hinnant, "chrono-compatible low-level date algorithms").
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = era * 146_097 + of_days - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds * 1_000_000_000 + nanoseconds)
}

impl Serialize for Instant {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Instant {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "A FHIR instant.", "format": "date-time" })
    }
}

/// `dev.mcp-ext/healthcare.context`.
#[derive(Debug)]
pub enum ContextKey {}

impl MetaKey for ContextKey {
    const KEY: &'static str = "dev.mcp-ext/healthcare.context";
    type Value = Context;
}

/// `dev.mcp-ext/healthcare.purpose`.
#[derive(Debug)]
pub enum PurposeKey {}

impl MetaKey for PurposeKey {
    const KEY: &'static str = "dev.mcp-ext/healthcare.purpose";
    type Value = Purpose;
}

/// `dev.mcp-ext/healthcare.minimize`.
#[derive(Debug)]
pub enum MinimizeKey {}

impl MetaKey for MinimizeKey {
    const KEY: &'static str = "dev.mcp-ext/healthcare.minimize";
    type Value = Minimize;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_of_other_forms_are_refused() {
        for wrong in [
            "",
            "/",
            "Patient",
            "Patient/",
            "/123",
            "patient/123",
            "Patient/1/2",
            "Patient/123/_history/1",
            "Patient/a b",
            "Patient/a?x",
            "Patient/ä",
            "../Patient/1",
            &format!("Patient/{}", "1".repeat(65)),
        ] {
            assert!(wrong.parse::<Reference>().is_err(), "{wrong}");
        }
        assert!(format!("Patient/{}", "1".repeat(64)).parse::<Reference>().is_ok());
    }

    #[test]
    fn instants_order_by_time() {
        let instant = |text: &str| text.parse::<Instant>().unwrap();
        assert_eq!(instant("1970-01-01T00:00:00Z").at, 0);
        assert_eq!(instant("2000-03-01T00:00:00Z").at, 951_868_800 * 1_000_000_000);
        assert_eq!(instant("1969-12-31T23:59:59Z").at, -1_000_000_000);
        assert!(instant("2024-02-29T12:00:00-05:00").is_at(&instant("2024-02-29T17:00:00Z")));
        assert!(instant("2024-01-01T00:00:00.001Z").is_before(&instant("2024-01-01T00:00:00.01Z")));
        for wrong in [
            "",
            "2024",
            "2024-01-01",
            "2024-01-01T00:00Z",
            "2024-01-01T00:00:00",
            "2023-02-29T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "2024-01-01T00:00:00Zx",
            "0000-01-01T00:00:00Z",
            "２024-01-01T00:00:00Z",
        ] {
            assert!(wrong.parse::<Instant>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_of_a_person_is_shown_by_debug() {
        let context = Context::new("Patient/secret".parse::<Reference>().unwrap())
            .with_encounter("Encounter/secret".parse::<Reference>().unwrap());
        let purpose = Purpose::new("TREAT").with_reason("secret");
        let shown = format!("{context:?} {purpose:?}");
        assert!(!shown.contains("secret"), "{shown}");
    }
}
