//! De-identification: SPEC.md, section 11.
//!
//! [`SafeHarbor`] makes of a record what 45 CFR 164.514(b)(2) lets pass as de-identified, [`LimitedDataSet`] what 164.514(e) lets
//! pass to those who have signed a data use agreement. Both go by what HL7 declares of each element, in the order of
//! `tables/deid.txt`: its path, its name, its datatype. What has no line there is dropped; what HL7 does not define is dropped; what
//! was dropped leaves nothing, or, where there must be something or others would mean something else, the extension
//! *data-absent-reason* `masked`.
//!
//! # What becomes of what
//!
//! | | Safe Harbor | limited data set |
//! |---|---|---|
//! | names, telecom, photos and other attachments, signatures, UDIs, serial and lot numbers, URLs | dropped | dropped |
//! | identifiers | that there is one of a kind (`type`, `use`) | the same |
//! | free text: `string`, `markdown`, narrative, annotations, every `display` | dropped | dropped |
//! | dates | the year, if it is within the last 89 | kept |
//! | times of day, instants | dropped; kept in `Timing` | kept |
//! | quantities in units of time, ages | kept, over 89 years as `> 89 a` | kept |
//! | addresses | state and country of the United States, ZIP code to three digits or `000` | also city and the whole postal code |
//! | ids, references, `urn:uuid:`, `fullUrl` | keyed pseudonyms | others |
//! | canonical URLs | HL7's are kept, others become pseudonyms | the same |
//! | codings | kept if of a published system and in the form of its codes | the same |
//! | codes | kept if on the list that FHIR closes | the same |
//! | numbers, booleans | kept, digit by digit | the same |
//! | quantities | kept if their unit is known by its code or text | the same |
//! | extensions | a list of those that hold only codes | the same |
//! | modifier extensions, `implicitRules`, types that HL7 does not define | the record is withheld | the same |
//!
//! A reference by an identifier alone is dropped. A pseudonym of an identifier would still be derived from it, which 164.514(c)
//! does not allow. So would be a pseudonym of an id if the operator's server takes ids from medical record numbers: do not de-identify
//! with this method there, or give records other ids first.
//!
//! # What it does not do
//!
//! - **Actual knowledge.** 164.514(b)(2)(ii): who discloses must not know that what is left could identify somebody. A program
//!   cannot know what its operator knows. A rare diagnosis in a small state is left as it is.
//! - **Numbers are taken for what they are declared as.** An age as an answer's `valueInteger`, or a telephone number in one,
//!   stays.
//! - **A code is judged by its form**, and so is a URL of HL7's. Whoever writes a name where a code of HL7 belongs, in letters alone,
//!   has it kept. A SNOMED CT code has a check digit, a closed list is compared.
//! - **Each element for itself.** An age of 80 beside a year tells the year of birth. What several records tell together is
//!   not looked at either; small groups are not counted.
//! - **No scrubbing.** Free text is dropped. No program takes identifiers out of text without leaving some.
//! - **No shifted dates.** They are not Safe Harbor.
//! - Names of the records' providers and of organizations are dropped as well, though the rule does not ask for it.
//!
//! # Pseudonyms
//!
//! `Patient/123`, `Patient/123/_history/2` and, if the address is the operator's ([`base`](DeidBuilder::base)),
//! `https://ehr.example/fhir/Patient/123` all become `Patient/` and the same pseudonym: that of [`mcp_trust::pseudonym`] with `.`
//! in place of `_`, which FHIR's ids do not have. Records of other addresses have other pseudonyms. Ids of contained records are
//! made from their container's, too. The methods' pseudonyms differ, so that the dates of a limited data set cannot be put to
//! de-identified records; audiences of the [`Pseudonymizer`] separate recipients.

mod cursor;
mod engine;
mod names;
mod plan;
mod rule;
mod table;
mod values;
mod walk;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::SystemTime;

pub use engine::Displays;
use engine::Engine;
#[cfg(test)]
use engine::TABLE;
use mcp_trust::pseudonym::Pseudonymizer;
use plan::Method;

use crate::Record;
use crate::fhir::FhirVersion;
use crate::protocol::{FreeText, Phi};
use crate::server::Deidentify;

/// The method `safe-harbor`: 45 CFR 164.514(b)(2).
///
/// ```
/// use mcp_ext_healthcare::Record;
/// use mcp_ext_healthcare::deid::SafeHarbor;
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::server::Deidentify;
/// use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
///
/// let names = Pseudonymizer::new(PseudonymKey::random()?);
/// let method = SafeHarbor::new(FhirVersion::R4, &names);
/// let record = Record::parse(
///     r#"{"resourceType":"Observation","id":"7","status":"final","code":{"text":"Weight of Anna",
///         "coding":[{"system":"http://loinc.org","code":"29463-7","display":"Weight"}]},
///         "subject":{"reference":"Patient/1","display":"Anna"},"effectiveDateTime":"2024-05-03",
///         "valueQuantity":{"value":64.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}"#,
/// )?;
/// let given = method.deidentify(&record).ok_or("withheld")?;
/// let text = given.json().get().to_owned();
/// assert!(text.contains(r#""code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]}"#));
/// assert!(text.contains(r#""effectiveDateTime":"2024""#) && text.contains("64.50"));
/// assert!(!text.contains("Anna") && !text.contains("Patient/1\""));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SafeHarbor(Options);

/// The method `limited-data-set`: 45 CFR 164.514(e). Dates, cities and postal codes stay; what it gives is PHI still, and is for
/// research, public health and operations under a data use agreement.
///
/// ```
/// use mcp_ext_healthcare::deid::LimitedDataSet;
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
///
/// let names = Pseudonymizer::new(PseudonymKey::random()?);
/// let method = LimitedDataSet::new(FhirVersion::R4, &names);
/// let text = r#"{"resourceType":"Patient","id":"1","name":[{"family":"Smith"}],"birthDate":"1970-03-04"}"#;
/// let given = method.text(text).ok_or("withheld")?;
/// assert!(given.contains("1970-03-04") && !given.contains("Smith"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct LimitedDataSet(Options);

/// A method with its options. `Debug` shows the public name of its key alone.
#[derive(Clone)]
struct Options(Engine);

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.names.key_id())
    }
}

/// What both methods let an operator say.
///
/// ```
/// use mcp_ext_healthcare::deid::SafeHarbor;
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_trust::pseudonym::{PseudonymKey, Pseudonymizer};
///
/// let names = Pseudonymizer::new(PseudonymKey::random()?);
/// let method = SafeHarbor::builder(FhirVersion::R4, &names)
///     .base("https://ehr.example/fhir")
///     .code_system("https://ehr.example/codes/wards")
///     .restricted_zip("994")
///     .build();
/// # Ok::<(), mcp_trust::RandomError>(())
/// ```
#[must_use]
pub struct DeidBuilder<M> {
    engine: Engine,
    method: PhantomData<M>,
}

impl<M> DeidBuilder<M> {
    fn of(version: FhirVersion, pseudonyms: &Pseudonymizer, method: Method) -> Self {
        Self { engine: Engine::new(version, pseudonyms, method), method: PhantomData }
    }

    /// Adds an address at which the operator's own records are: absolute references to it are references to them. Without a
    /// slash at the end.
    pub fn base(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        self.engine.names.bases.push(url.trim_end_matches('/').to_owned());
        self
    }

    /// Adds a code system whose codes say nothing of persons, so that its codings stay: up to 64 letters and digits, of the latter
    /// not more than six, and no spaces.
    ///
    /// A system with characters that a URI does not have is not added.
    pub fn code_system(mut self, uri: impl Into<String>) -> Self {
        let uri = uri.into();
        let is_plain = uri.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if is_plain {
            self.engine.systems.insert(uri);
        }
        self
    }

    /// Adds the first three digits of ZIP codes that stand for 20,000 people or fewer. The 17 that HHS names, and some more, are
    /// known.
    pub fn restricted_zip(mut self, three_digits: impl Into<String>) -> Self {
        self.engine.restricted.insert(three_digits.into());
        self
    }

    /// Sets what tells the displays of codes. Without it, codings have none.
    pub fn displays(mut self, displays: impl Displays) -> Self {
        self.engine.displays = Some(Arc::new(displays));
        self
    }

    /// Sets the clock, by which years are told that mean an age over 89. It is the system's without.
    pub fn clock(mut self, now: fn() -> SystemTime) -> Self {
        self.engine.clock = now;
        self
    }
}

impl DeidBuilder<SafeHarbor> {
    /// The method.
    #[must_use]
    pub fn build(self) -> SafeHarbor {
        SafeHarbor(Options(self.engine))
    }
}

impl DeidBuilder<LimitedDataSet> {
    /// The method.
    #[must_use]
    pub fn build(self) -> LimitedDataSet {
        LimitedDataSet(Options(self.engine))
    }
}

impl SafeHarbor {
    /// The method for records of a version of FHIR, with pseudonyms by this key and for this audience.
    #[must_use]
    pub fn new(version: FhirVersion, pseudonyms: &Pseudonymizer) -> Self {
        Self::builder(version, pseudonyms).build()
    }

    /// The method, with options.
    pub fn builder(version: FhirVersion, pseudonyms: &Pseudonymizer) -> DeidBuilder<Self> {
        DeidBuilder::of(version, pseudonyms, Method::SafeHarbor)
    }

    /// Any resource, collections such as Bundles included, from its JSON; `None` if it is no strict JSON, or must be withheld
    /// (DEI-4). A collection with one record that must be withheld is withheld.
    #[must_use]
    pub fn text(&self, resource: &str) -> Option<String> {
        self.0.0.text(resource)
    }
}

impl LimitedDataSet {
    /// The method for records of a version of FHIR, with pseudonyms by this key and for this audience.
    #[must_use]
    pub fn new(version: FhirVersion, pseudonyms: &Pseudonymizer) -> Self {
        Self::builder(version, pseudonyms).build()
    }

    /// The method, with options.
    pub fn builder(version: FhirVersion, pseudonyms: &Pseudonymizer) -> DeidBuilder<Self> {
        DeidBuilder::of(version, pseudonyms, Method::Limited)
    }

    /// As [`SafeHarbor::text`].
    #[must_use]
    pub fn text(&self, resource: &str) -> Option<String> {
        self.0.0.text(resource)
    }
}

impl Deidentify for SafeHarbor {
    fn method(&self) -> &str {
        "safe-harbor"
    }

    fn key_id(&self) -> Option<String> {
        Some(self.0.0.names.key_id())
    }

    fn free_text(&self) -> FreeText {
        FreeText::Dropped
    }

    fn level(&self) -> Phi {
        Phi::Deidentified
    }

    fn deidentify(&self, record: &Record) -> Option<Record> {
        self.0.0.record(record)
    }
}

impl Deidentify for LimitedDataSet {
    fn method(&self) -> &str {
        "limited-data-set"
    }

    fn key_id(&self) -> Option<String> {
        Some(self.0.0.names.key_id())
    }

    fn free_text(&self) -> FreeText {
        FreeText::Dropped
    }

    fn level(&self) -> Phi {
        Phi::Limited
    }

    fn deidentify(&self, record: &Record) -> Option<Record> {
        self.0.0.record(record)
    }
}
