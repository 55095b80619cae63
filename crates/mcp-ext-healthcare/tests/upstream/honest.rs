//! A server that does what FHIR says.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Found, Records, Search, SourceError};
use mcp_ext_healthcare::upstream::{
    FhirServer, FhirServerBuilder, FhirServerError, SearchForm, UpstreamLimits,
};

use crate::facade::{Manners, clinic, serve};
use crate::fake::{Fake, Reply};

pub(crate) fn to(fake: &Fake) -> FhirServerBuilder {
    FhirServer::builder(&fake.url, FhirVersion::R4)
}

/// All pages of a search: matches, a `+`, and what they include, in their order.
async fn all(records: &impl Records, mut search: Search) -> Result<String, SourceError> {
    let (mut matches, mut included) = (Vec::new(), Vec::new());
    loop {
        let found = records.search(&search).await?;
        assert!(found.matches.len() <= search.limit);
        matches.extend(found.matches.iter().map(|one| one.reference().as_str().to_owned()));
        included.extend(found.included.iter().map(|one| one.reference().as_str().to_owned()));
        if found.next.is_none() {
            return Ok(format!("{} + {}", matches.join(" "), included.join(" ")));
        }
        search.page = found.next;
    }
}

fn search(text: &str) -> Search {
    let (kind, parameters) = text.split_once('?').unwrap();
    parameters.split('&').filter(|one| !one.is_empty()).fold(Search::new(kind), |search, one| {
        let (name, value) = one.split_once('=').unwrap();
        search.parameter(name, value)
    })
}

#[tokio::test]
async fn it_finds_what_is_in_memory() {
    let records = clinic();
    let fake = serve(records.clone(), Manners::Honest).await;
    for form in [SearchForm::Post, SearchForm::Compartment, SearchForm::Get] {
        let server = to(&fake).searches(form).build().unwrap();
        for text in [
            "Observation?",
            "Observation?status=final&code=http://loinc.org|29463-7",
            "Observation?status:not=final",
            "Observation?subject=Patient/anna,Patient/bert&_include=Observation:subject&_sort=-_lastUpdated",
            "Patient?_revinclude=Observation:subject&_count=1",
            "Practitioner?",
            "Observation?status=entered-in-error",
        ] {
            for (limit, compartment) in
                [(1, None), (3, Some("Patient/anna")), (100, Some("Patient/anna"))]
            {
                let mut search = search(text);
                search.limit = limit;
                search.compartment = compartment.map(|patient| patient.parse().unwrap());
                let found = all(&server, search.clone()).await.unwrap();
                let expected = all(&records, search.clone()).await.unwrap();
                assert_eq!(found, expected, "{form:?} {text} {limit} {compartment:?}");
            }
        }
    }
}

#[tokio::test]
async fn each_form_says_who_is_meant_in_its_own_way() {
    let fake = serve(clinic(), Manners::Honest).await;
    for (form, expected) in [
        (
            SearchForm::Post,
            "POST /fhir/Observation/_search code=1%20%26%202%20%3D%20%C3%BC&_count=100&patient=Patient%2Fanna",
        ),
        (
            SearchForm::Compartment,
            "GET /fhir/Patient/anna/Observation?code=1%20%26%202%20%3D%20%C3%BC&_count=100 ",
        ),
        (
            SearchForm::Get,
            "GET /fhir/Observation?code=1%20%26%202%20%3D%20%C3%BC&_count=100&patient=Patient%2Fanna ",
        ),
    ] {
        let server = to(&fake).searches(form).build().unwrap();
        let mut search = Search::new("Observation").parameter("code", "1 & 2 = ü");
        search.compartment = Some("Patient/anna".parse().unwrap());
        server.search(&search).await.unwrap();
        let asked = fake.asked();
        assert_eq!(asked.len(), 1);
        let asked = &asked[0];
        assert_eq!(format!("{} {} {}", asked.method, asked.target, asked.body), expected);
        assert_eq!(asked.headers["prefer"], "handling=strict");
        assert!(!asked.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn records_keep_their_digits_and_nobody_looks_like_anybody() {
    let fake = serve(clinic(), Manners::Honest).await;
    let server = to(&fake).build().unwrap();
    let digits = server.read(&"Observation/digits".parse().unwrap()).await.unwrap().unwrap();
    assert!(digits.json().get().contains("1.500000000000000000000"));
    let found =
        server.search(&Search::new("Observation").parameter("_id", "digits")).await.unwrap();
    assert_eq!(found.matches[0].json(), digits.json());
    assert_eq!(found.matches[0].digest(), digits.digest());
    for nobody in ["Observation/nobody", "Nothing/1"] {
        assert!(server.read(&nobody.parse().unwrap()).await.unwrap().is_none(), "{nobody}");
    }
    // What is below nobody is empty, not an error.
    let nobody = "Patient/nobody".parse().unwrap();
    assert!(server.everything(&nobody, 10, None).await.unwrap().matches.is_empty());
}

#[tokio::test]
async fn everything_comes_page_by_page() {
    let records = clinic();
    let fake = serve(records.clone(), Manners::Honest).await;
    let server = to(&fake).build().unwrap();
    let anna = "Patient/anna".parse().unwrap();
    for limit in [1, 3, 100] {
        let collect = async |source: &dyn Records| {
            let (mut found, mut page) = (Vec::new(), None);
            loop {
                let more: Found = source.everything(&anna, limit, page.as_deref()).await.unwrap();
                let both = more.matches.iter().chain(&more.included);
                found.extend(both.map(|one| one.reference().as_str().to_owned()));
                page = more.next;
                if page.is_none() {
                    return found;
                }
            }
        };
        assert_eq!(collect(&server).await, collect(&records).await, "{limit}");
    }
}

#[tokio::test]
async fn what_is_not_offered_is_told_from_nobody() {
    let fake = Fake::start(|asked, _| match asked.target.as_str() {
        "/fhir/Patient/anna" => Reply::text(r#"{"resourceType":"Patient","id":"anna"}"#),
        _ => Reply::status(404),
    })
    .await;
    let server = to(&fake).searches(SearchForm::Compartment).build().unwrap();
    for (patient, expected) in
        [("Patient/anna", Err(SourceError::Unsupported)), ("Patient/nobody", Ok(0))]
    {
        let patient = patient.parse().unwrap();
        let mut search = Search::new("Observation");
        search.compartment = Some(patient);
        let found = server.search(&search).await.map(|found| found.matches.len());
        assert_eq!(found, expected);
        let patient = search.compartment.unwrap();
        let found = server.everything(&patient, 10, None).await.map(|found| found.matches.len());
        assert_eq!(found, expected);
    }
}

#[tokio::test]
async fn a_server_may_call_itself_otherwise() {
    let fake = Fake::start(|asked, _| {
        let public = "https://fhir.example.org/r4";
        let id = if asked.target.contains("page=2") { 2 } else { 1 };
        let next = if id == 1 { format!(r#",{{"relation":"next","url":"{public}/Patient?page=2"}}"#) } else { String::new() };
        Reply::text(format!(
            r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"self","url":"{public}/Patient"}}{next}],
            "entry":[{{"fullUrl":"{public}/Patient/{id}","resource":{{"resourceType":"Patient","id":"{id}"}}}}]}}"#
        ))
    })
    .await;
    let search = Search::new("Patient");
    let server = to(&fake).build().unwrap();
    assert_eq!(server.search(&search).await.unwrap_err(), SourceError::Unavailable);
    let server = to(&fake).known_as("https://fhir.example.org/r4/").build().unwrap();
    assert_eq!(all(&server, search).await.unwrap(), "Patient/1 Patient/2 + ");
    let asked = fake.asked();
    assert_eq!(asked.last().unwrap().target, "/fhir/Patient?page=2");
}

#[test]
fn what_cannot_be_set_up_is_named() {
    let built = |builder: FhirServerBuilder| builder.build().map(drop);
    let at = |base: &str| FhirServer::builder(base, FhirVersion::R4);
    assert_eq!(built(at("fhir")), Err(FhirServerError::Address));
    assert_eq!(built(at("https://u:p@h/")), Err(FhirServerError::UserInfo));
    assert_eq!(built(at("http://fhir.example.org/")), Err(FhirServerError::Cleartext));
    assert_eq!(built(at("http://fhir.example.org/").allow_cleartext(true)), Ok(()));
    assert_eq!(built(at("http://[::1]:1/")), Ok(()));
    for name in ["Authorization", "prefer", "a b", "Host"] {
        let error = built(at("http://localhost/").header(name, "x"));
        assert_eq!(error, Err(FhirServerError::Header(name.to_owned())), "{name}");
    }
    assert!(built(at("http://localhost/").bearer("a\nb")).is_err());
    assert_eq!(built(at("http://localhost/").known_as("x")), Err(FhirServerError::Address));
    let shown = format!(
        "{:?} {:?}",
        at("http://localhost/secret").bearer("secret"),
        at("http://localhost/secret").build().unwrap()
    );
    assert!(!shown.contains("secret"), "{shown}");
    let _ = UpstreamLimits::default();
}
