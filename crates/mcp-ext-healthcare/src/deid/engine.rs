//! What both methods are made of.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock};
use std::time::{SystemTime, UNIX_EPOCH};

use mcp_core::RawJson;
use mcp_core::protocol::JsonMap;
use mcp_trust::strict::Reader;

use super::cursor::Cursor;
use super::names::Names;
use super::plan::{Method, Plan};
use super::table::{CodeShape, Table};
use super::values;
use super::walk::{OLDEST_AGE, Walk, plain};
use crate::Record;
use crate::fhir::FhirVersion;

pub(super) const TABLE: &str = include_str!("../../tables/deid.txt");

/// The table is part of the program and a test reads it. Were it unreadable, there would be no rule, and everything be dropped.
static READ: LazyLock<Table> = LazyLock::new(|| Table::parse(TABLE).unwrap_or_default());

/// Tells what a code means, in the words of its system.
///
/// A record's own `display` is text that anybody may have typed, so it is dropped. Where a terminology is at hand, what it says of
/// the code takes its place. It must know nothing of the record.
///
/// ```
/// use mcp_ext_healthcare::deid::Displays;
///
/// struct Vitals;
/// impl Displays for Vitals {
///     fn display(&self, system: &str, code: &str) -> Option<String> {
///         let is_pulse = system == "http://loinc.org" && code == "8867-4";
///         is_pulse.then(|| "Heart rate".to_owned())
///     }
/// }
/// ```
pub trait Displays: Send + Sync + 'static {
    /// The display of a code; `None` if it is not known.
    fn display(&self, system: &str, code: &str) -> Option<String>;
}

/// A method with its options.
#[derive(Clone)]
pub(super) struct Engine {
    pub(super) table: &'static Table,
    pub(super) plan: Arc<Plan>,
    pub(super) names: Names,
    pub(super) systems: HashSet<String>,
    pub(super) restricted: HashSet<String>,
    pub(super) displays: Option<Arc<dyn Displays>>,
    pub(super) clock: fn() -> SystemTime,
}

impl Engine {
    pub(super) fn new(
        version: FhirVersion,
        pseudonyms: &mcp_trust::pseudonym::Pseudonymizer,
        method: Method,
    ) -> Self {
        Self {
            table: &READ,
            plan: Arc::new(Plan::new(version.definitions(), &READ, method)),
            names: Names { pseudonymizer: pseudonyms.clone(), method, bases: Vec::new() },
            systems: HashSet::new(),
            restricted: HashSet::new(),
            displays: None,
            clock: SystemTime::now,
        }
    }

    /// A record, member by member: what is dropped whole is not even read.
    pub(super) fn record(&self, record: &Record) -> Option<Record> {
        let (kind, shape) = self.plan.resource(record.resource_type())?;
        let mut walk = Walk::new(self, kind, record.reference().as_str());
        let mut members: JsonMap<RawJson> = JsonMap::default();
        members.insert("resourceType", RawJson::from_serialize(&kind).ok()?);
        for (name, value) in record.elements() {
            if name == "resourceType" {
                continue;
            }
            let mut at = Cursor::new(value.get());
            if walk.element(&mut at, shape, name, false).ok()? {
                let text = std::mem::take(&mut walk.out);
                members.insert(name, RawJson::from_string(text).ok()?);
            } else {
                walk.out.clear();
            }
        }
        for (name, masked) in walk.take_missed(shape, 0) {
            members.insert(name, RawJson::from_string(masked.to_owned()).ok()?);
        }
        Record::of_members(members).ok()
    }

    /// The text of any resource.
    pub(super) fn text(&self, text: &str) -> Option<String> {
        let text = Reader::new().any_number().check(text.as_bytes()).ok()?;
        let mut at = Cursor::new(text);
        at.peek();
        let (kind, id) = (at.find("resourceType")?, at.find("id"));
        let (kind, _) = self.plan.resource(kind)?;
        let container = format!("{kind}/{}", id.map(plain).unwrap_or_default());
        let mut walk = Walk::new(self, kind, &container);
        walk.resource(&mut at).ok()?.then_some(walk.out)
    }

    /// The earliest year that says of nobody who lives that they are older than 89: 164.514(b)(2)(i)(C).
    pub(super) fn oldest_year(&self) -> u32 {
        let since = (self.clock)().duration_since(UNIX_EPOCH).unwrap_or_default();
        let days = since.as_secs() / 86_400 + 719_468;
        // Hinnant, "chrono-compatible low-level date algorithms".
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let year = year_of_era + era * 400 + u64::from(of_year >= 306);
        u32::try_from(year).unwrap_or(u32::MAX).saturating_sub(OLDEST_AGE as u32)
    }

    /// Whether the three digits of a ZIP code stand for too few people.
    pub(super) fn is_restricted(&self, three: &str) -> bool {
        self.table.zip3.contains(three) || self.restricted.contains(three)
    }

    /// Whether a canonical URL is of a definition that anybody can read.
    pub(super) fn is_published(&self, url: &str) -> bool {
        let rest = self.table.published.iter().find_map(|prefix| url.strip_prefix(prefix));
        rest.is_some_and(|rest| is_path(rest) && !rest.contains(['|', '#']))
    }

    /// Whether a code is one of a known system, as far as its form tells.
    pub(super) fn is_known_code(&self, system: &str, code: &str) -> bool {
        let shape = self.table.systems.get(system).copied().or_else(|| {
            let mut families = self.table.families.iter();
            let family = families
                .find(|(family, _)| system.strip_prefix(family).is_some_and(is_path))
                .map(|(_, shape)| *shape);
            family.or_else(|| self.systems.contains(system).then_some(CodeShape::Token))
        });
        shape.is_some_and(|shape| values::fits(shape, code, self.table))
    }

    pub(super) fn is_known_unit(&self, unit: &str) -> bool {
        self.table.units.contains_key(unit) || values::is_ucum(unit, self.table)
    }

    /// The UCUM code of a known unit.
    pub(super) fn ucum_of<'a>(&'a self, unit: &'a str) -> &'a str {
        self.table.units.get(unit).copied().unwrap_or(unit)
    }

    pub(super) fn display(&self, system: &str, code: &str) -> Option<Cow<'static, str>> {
        self.displays.as_ref()?.display(system, code).map(Cow::Owned)
    }
}

/// Whether the rest of a URL is a plain path, and no long number.
fn is_path(rest: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-/|:#".contains(&byte);
    rest.len() <= 120
        && rest.bytes().all(plain)
        && rest.bytes().filter(u8::is_ascii_digit).count() <= 8
}
