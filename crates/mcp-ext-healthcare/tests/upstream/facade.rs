//! Records in memory as a FHIR server: an honest one, and one that is not.

use std::sync::Arc;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Found, Records as _, Search, SourceError};
use mcp_ext_healthcare::store::MemoryRecords;
use serde_json::json;

use crate::fake::{Asked, Fake, Reply};

/// What such a server does wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manners {
    /// Nothing.
    Honest,
    /// It leaves out what restricts a search, says in its `self` link that it did not, and adds what nobody asked for.
    Leaky,
}

pub(crate) async fn serve(records: MemoryRecords, manners: Manners) -> Fake {
    let all: Arc<Vec<Record>> =
        Arc::new(records.counts().keys().flat_map(|kind| records.all(kind)).collect());
    Fake::start(move |asked, base| {
        let reply = answer(&records, asked, base, manners, &all);
        reply.unwrap_or_else(|error| {
            Reply::status(if error == SourceError::UnknownPage { 410 } else { 400 })
        })
    })
    .await
}

fn answer(
    records: &MemoryRecords,
    asked: &Asked,
    base: &str,
    manners: Manners,
    all: &[Record],
) -> Result<Reply, SourceError> {
    let path = asked.path().strip_prefix("/fhir/").unwrap();
    let steps: Vec<&str> = path.split('/').collect();
    let mut parameters = asked.parameters();
    let mut take = |name: &str| {
        let at = parameters.iter().position(|(own, _)| own == name)?;
        Some(parameters.remove(at).1)
    };
    let (page, count) = (take("_page"), take("_count").map(|count| count.parse().unwrap()));
    let mut search = Search::new(steps[0]);
    search.limit = count.unwrap_or(100);
    search.page = page.clone();
    let found = match *steps.as_slice() {
        [kind, "_search"] | [kind] if !kind.starts_with('$') => {
            search.parameters = parameters.clone();
            at_once(records.search(&without(manners, search)))?
        }
        [patient, id, "$everything"] => {
            let reference = format!("{patient}/{id}").parse().unwrap();
            let found = records.read(&reference);
            if at_once(found)?.is_none() {
                return Ok(Reply::status(404));
            }
            at_once(records.everything(&reference, search.limit, page.as_deref()))?
        }
        [patient, id, kind] => {
            search.resource_type = kind.to_owned();
            search.compartment = Some(format!("{patient}/{id}").parse().unwrap());
            search.parameters = parameters.clone();
            at_once(records.search(&without(manners, search)))?
        }
        [kind, id] => {
            let reference = format!("{kind}/{id}").parse().unwrap();
            let record = at_once(records.read(&reference))?;
            return Ok(match record {
                Some(record) => Reply::text(record.json().get()),
                None => Reply::status(404),
            });
        }
        _ => return Ok(Reply::status(404)),
    };
    let own = format!("{base}/{path}?{}", written(&parameters));
    let mut more = Vec::new();
    if manners == Manners::Leaky {
        // Others' records, said to be included, or, where any type fits, to be matches.
        let at = asked.target.len() + asked.body.len();
        for (number, record) in all.iter().cycle().skip(at * 17 % all.len()).take(5).enumerate() {
            let is_match = steps.last() == Some(&"$everything") && number < 2;
            more.push(entry(record, base, if is_match { "match" } else { "include" }));
        }
    }
    Ok(Reply::text(bundle(&found, base, &own, count.unwrap_or(100), more)))
}

/// The search as a server with these manners does it.
fn without(manners: Manners, mut search: Search) -> Search {
    if manners == Manners::Leaky {
        search.parameters.retain(|(name, _)| name.contains("include"));
        search.compartment = None;
    }
    search
}

fn written(parameters: &[(String, String)]) -> String {
    let escaped =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let all: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    all.join("&")
}

/// As text: numbers keep their digits.
fn entry(record: &Record, base: &str, mode: &str) -> String {
    let url = format!("{base}/{}", record.reference().as_str());
    format!(
        r#"{{"fullUrl":"{url}","resource":{},"search":{{"mode":"{mode}"}}}}"#,
        record.json().get()
    )
}

fn bundle(found: &Found, base: &str, own: &str, count: usize, more: Vec<String>) -> String {
    let matches = found.matches.iter().map(|one| entry(one, base, "match"));
    let included = found.included.iter().map(|one| entry(one, base, "include"));
    let mut links = vec![json!({ "relation": "self", "url": own })];
    if let Some(next) = &found.next {
        let next = written(&[("_page".to_owned(), next.clone())]);
        let next = format!("{own}&_count={count}&{next}");
        links.push(json!({ "relation": "next", "url": next }));
    }
    let entries: Vec<String> = matches.chain(included).chain(more).collect();
    let links = json!(links);
    let entries = entries.join(",");
    format!(r#"{{"resourceType":"Bundle","type":"searchset","link":{links},"entry":[{entries}]}}"#)
}

/// The result of something that never waits.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

/// Records that are few enough to be looked at one by one.
pub(crate) fn clinic() -> MemoryRecords {
    let records = MemoryRecords::new(FhirVersion::R4);
    let mut all = vec![
        json!({ "resourceType": "Patient", "id": "anna", "name": [{ "family": "A" }] }),
        json!({ "resourceType": "Patient", "id": "bert", "name": [{ "family": "B" }] }),
        json!({ "resourceType": "Practitioner", "id": "doc", "name": [{ "family": "Doc" }] }),
    ];
    for (number, who) in ["anna", "bert", "anna", "anna", "bert", "anna", "anna"].iter().enumerate()
    {
        all.push(json!({
            "resourceType": "Observation", "id": format!("o{number}"), "meta": { "versionId": "1" },
            "status": if number % 2 == 0 { "final" } else { "amended" },
            "code": { "coding": [{ "system": "http://loinc.org", "code": "29463-7" }] },
            "subject": { "reference": format!("Patient/{who}") },
            "performer": [{ "reference": if number == 6 { "Patient/bert" } else { "Practitioner/doc" } }],
        }));
    }
    for one in all {
        records.load(&one.to_string()).unwrap();
    }
    let digits = r#"{"resourceType":"Observation","id":"digits","status":"final","code":{"text":"1 & 2 = ü"},
        "subject":{"reference":"Patient/anna"},"valueQuantity":{"value":1.500000000000000000000}}"#;
    records.load(digits).unwrap();
    records
}
