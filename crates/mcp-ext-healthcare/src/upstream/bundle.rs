//! What a server answered: a record, or a Bundle of them.

use super::failed;
use crate::fhir::{FhirReference, Json};
use crate::protocol::Reference;
use crate::record::Record;
use crate::server::SourceError;

/// Codes of issues that are, or can be, about a parameter.
const LEFT_OUT: [&str; 6] =
    ["not-supported", "invalid", "value", "structure", "processing", "code-invalid"];

/// A page of a search.
#[derive(Default)]
pub(super) struct Page {
    pub(super) matches: Vec<Record>,
    pub(super) included: Vec<Record>,
    /// The addresses under `self` and `next`.
    pub(super) own: Option<String>,
    pub(super) next: Option<String>,
}

/// What is expected of a page.
pub(super) struct Expected<'a> {
    /// The type of the matches; of any type if it is not given.
    pub(super) kind: Option<&'a str>,
    /// How many entries there may be.
    pub(super) entries: usize,
    /// Whether an address is below the server's.
    pub(super) is_own: &'a dyn Fn(&str) -> bool,
}

/// Reads a record, which has to be the one that was asked for.
pub(super) fn record(text: &[u8], reference: &Reference) -> Result<Record, SourceError> {
    let text = std::str::from_utf8(text).map_err(|_| failed("a record is not UTF-8"))?;
    let record = Record::parse(text).map_err(|_| failed("a record is none"))?;
    if record.reference() == reference {
        Ok(record)
    } else {
        Err(failed("another record than the one that was asked for"))
    }
}

/// Reads a page of a search, entry by entry. One that is malformed refuses the whole: what else is in it could be wrong, too.
pub(super) fn page(text: &[u8], expected: &Expected<'_>) -> Result<Page, SourceError> {
    let json = Json::parse(text).map_err(|_| failed("a Bundle is no strict JSON"))?;
    let is = |name: &str, value: &str| string(&json, name).as_deref() == Some(value);
    if !is("resourceType", "Bundle") || !is("type", "searchset") {
        return Err(failed("the answer to a search is no searchset"));
    }
    let mut page = Page::default();
    for link in array(&json, "link")? {
        let slot = match string(link, "relation").as_deref() {
            Some("self") => &mut page.own,
            Some("next") => &mut page.next,
            _ => continue,
        };
        let url = string(link, "url").ok_or_else(|| failed("a link without an address"))?;
        if slot.replace(url).is_some() {
            return Err(failed("two links of one relation"));
        }
    }
    let entries = array(&json, "entry")?;
    if entries.len() > expected.entries {
        return Err(failed("too many entries"));
    }
    for entry in entries {
        read_entry(entry, expected, &mut page)?;
    }
    Ok(page)
}

fn read_entry(
    entry: &Json<'_>,
    expected: &Expected<'_>,
    page: &mut Page,
) -> Result<(), SourceError> {
    let resource = entry.get("resource").ok_or_else(|| failed("an entry without a resource"))?;
    let kind = string(resource, "resourceType").ok_or_else(|| failed("an entry without a type"))?;
    let mode = match entry.get("search").map(|search| search.get("mode")) {
        Some(Some(mode)) => mode.as_str().map(|mode| mode.into_owned()),
        // FHIR lets it out where it is clear: what is of the type that was searched is a match.
        _ if kind == "OperationOutcome" => Some("outcome".to_owned()),
        _ if expected.kind.is_none_or(|expected| expected == kind) => Some("match".to_owned()),
        _ => Some("include".to_owned()),
    };
    if mode.as_deref() == Some("outcome") {
        return outcome(resource, expected);
    }
    let record =
        Record::parse(&resource.to_string()).map_err(|_| failed("an entry is no record"))?;
    if let Some(address) = string(entry, "fullUrl") {
        check_address(&address, &record, expected)?;
    }
    match mode.as_deref() {
        Some("match") if expected.kind.is_none_or(|expected| expected == kind) => {
            page.matches.push(record);
        }
        Some("match") => return Err(failed("a match of another type than was searched")),
        // Everything of a patient is asked for, whatever brought it.
        Some("include") if expected.kind.is_none() => page.matches.push(record),
        Some("include") => page.included.push(record),
        _ => return Err(failed("an entry of an unknown kind")),
    }
    Ok(())
}

/// A record of another server could have the id of one of this server's, and mean somebody else.
fn check_address(
    address: &str,
    record: &Record,
    expected: &Expected<'_>,
) -> Result<(), SourceError> {
    let (base, resource_type, id) = match FhirReference::parse(address) {
        FhirReference::Resource { base, resource_type, id, .. } => (base, resource_type, id),
        FhirReference::Urn(_) => return Ok(()),
        _ => return Err(failed("an entry with an address that is no record's")),
    };
    let is_it = resource_type == record.resource_type() && id == record.reference().id();
    let is_here = base.is_none_or(|_| (expected.is_own)(address));
    match (is_it, is_here) {
        (true, true) => Ok(()),
        (true, false) => Err(failed("an entry of another server; see FhirServerBuilder::known_as")),
        (false, _) => Err(failed("an entry with another record's address")),
    }
}

/// What a server says of the search beside its matches. Its words go nowhere.
fn outcome(resource: &Json<'_>, expected: &Expected<'_>) -> Result<(), SourceError> {
    for issue in array(resource, "issue")? {
        match (string(issue, "severity").as_deref(), string(issue, "code").as_deref()) {
            (Some("information" | "success"), _) => {}
            // What it warns of by these codes are parameters that it left out.
            (Some("warning"), Some(code))
                if LEFT_OUT.contains(&code) && expected.kind.is_some() =>
            {
                return Err(SourceError::UnknownParameter);
            }
            (Some("warning"), _) => {}
            _ => return Err(failed("the answer to a search holds an error")),
        }
    }
    Ok(())
}

fn string(json: &Json<'_>, name: &str) -> Option<String> {
    Some(json.get(name)?.as_str()?.into_owned())
}

fn array<'a, 'j>(json: &'j Json<'a>, name: &str) -> Result<&'j [Json<'a>], SourceError> {
    match json.get(name) {
        None => Ok(&[]),
        Some(value) => value.as_array().ok_or_else(|| failed("a list that is none")),
    }
}
