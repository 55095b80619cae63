//! A FHIR server behind the tools of an MCP server.

use std::io::Write;
use std::sync::{Arc, Mutex};

use mcp_core::{Principal, Shutdown};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::LimitSettings;
use mcp_ext_healthcare::upstream::{FhirServer, SearchForm};
use mcp_http::{HttpService, serve};
use mcp_testkit::HttpRequest;
use serde_json::json;
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use crate::PLANTED;
use crate::facade::{self, Manners, clinic};
use crate::fake::{Fake, Reply};
use crate::honest::to;
use crate::hospital::{Hospital, denial, message, page};

fn hospital(server: FhirServer) -> Hospital {
    Hospital::new(FhirVersion::R4, server, LimitSettings::new(50_u64, 1_000_000_u64))
}

#[tokio::test]
async fn the_token_of_the_connection_stays() {
    let fake = facade::serve(clinic(), Manners::Honest).await;
    let hospital = hospital(to(&fake).bearer("own-token").build().unwrap());
    let service = HttpService::builder(hospital.server().clone())
        .path("/mcp")
        .expose_parts(true)
        .authenticate(|parts| {
            assert_eq!(parts.headers["authorization"], "Bearer mcp-token");
            Ok(Some(Principal::new("doctor:quinn")))
        })
        .build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(serve(listener, service, shutdown));
    for (tool, arguments) in [
        ("fhir_search", json!({ "resourceType": "Observation", "count": 2 })),
        ("fhir_read", json!({ "reference": "Observation/o0" })),
        ("fhir_everything", json!({})),
        (
            "fhir_search",
            json!({ "resourceType": "Observation", "parameters": { "colour": "red" } }),
        ),
    ] {
        let call = message("Patient/anna", tool, arguments).id(1);
        let request = HttpRequest::mcp("/mcp", &call).header("Authorization", "Bearer mcp-token");
        assert_eq!(request.send(address).await.unwrap().status(), 200);
    }
    let asked = fake.asked();
    assert!(asked.len() >= 3);
    for one in asked {
        assert_eq!(one.headers["authorization"], "Bearer own-token");
        assert!(!format!("{one:?}").contains("mcp-token"), "{one:?}");
        assert!(!format!("{one:?}").contains("quinn"), "{one:?}");
        // What is searched for stands in no address.
        assert!(one.method == "POST" || !one.target.contains("patient="), "{}", one.target);
    }
    trigger.request();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_search_that_the_server_did_not_understand_is_denied() {
    // One that knows the parameter and leaves it out, one that refuses it, and one that warns of it.
    for (number, reply) in [
        || Reply::text(r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"Observation?patient=Patient/anna"}]}"#),
        || Reply::status(400),
        || {
            Reply::text(
                r#"{"resourceType":"Bundle","type":"searchset","link":[{"relation":"self","url":"Observation?patient=Patient/anna&status=x"}],
                "entry":[{"resource":{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"not-supported"}]}}]}"#,
            )
        },
    ]
    .into_iter()
    .enumerate()
    {
        let fake = Fake::start(move |_, _| reply()).await;
        let hospital = hospital(to(&fake).build().unwrap());
        let search = json!({ "resourceType": "Observation", "parameters": { "status": "final" } });
        let answer = hospital.call("Patient/anna", "fhir_search", search).await;
        assert_eq!(denial(&answer), "unknown_search_param", "{number}");
        assert_eq!(fake.asked().len(), 1);
    }
    // One that nobody knows is not even asked for.
    let fake = Fake::start(|_, _| Reply::status(500)).await;
    let hospital = hospital(to(&fake).build().unwrap());
    for name in ["colour", "_format", "subject.name", "_has:Observation:patient:code"] {
        let search = json!({ "resourceType": "Observation", "parameters": { name: "x" } });
        let answer = hospital.call("Patient/anna", "fhir_search", search).await;
        assert_eq!(denial(&answer), "unknown_search_param", "{name}");
    }
    assert!(fake.asked().is_empty());
    assert_eq!(*hospital.trail.0.lock().unwrap(), 4, "each leaves its event");
}

#[tokio::test]
async fn results_go_on_over_the_pages_of_a_server() {
    for form in [SearchForm::Post, SearchForm::Compartment] {
        let fake = facade::serve(clinic(), Manners::Honest).await;
        let hospital = hospital(to(&fake).searches(form).build().unwrap());
        let mut arguments = json!({ "resourceType": "Observation", "count": 2 });
        let mut ids = Vec::new();
        loop {
            let answer = hospital.call("Patient/anna", "fhir_search", arguments.clone()).await;
            let (records, next) = page(&answer);
            ids.extend(records.iter().map(|one| one["id"].as_str().unwrap().to_owned()));
            let Some(next) = next else { break };
            // Where it goes on is sealed: a server's own link holds the query.
            assert!(!next.contains("Observation") && !next.contains("anna"), "{next}");
            arguments["cursor"] = json!(next);
        }
        assert_eq!(ids, ["digits", "o0", "o2", "o3", "o5", "o6"], "{form:?}");
    }
}

#[tokio::test]
async fn what_a_server_adds_of_others_is_withheld() {
    let fake = Fake::start(|_, base| {
        let observation = |id: &str, patient: &str, more: &str| {
            format!(
                r#"{{"fullUrl":"{base}/Observation/{id}","resource":{{"resourceType":"Observation","id":"{id}","status":"final",{more}
                "subject":{{"reference":"{patient}"}}}}}}"#
            )
        };
        let contained = r#""contained":[{"resourceType":"Patient","id":"p","name":[{"family":"Plantagenet"}]}],"#;
        let entries = [
            observation("mine", "Patient/anna", ""),
            observation("foreign", "Patient/bert", ""),
            observation("elsewhere", "https://elsewhere.example/fhir/Patient/anna", ""),
            observation("contains", "Patient/anna", contained),
            r#"{"resource":{"resourceType":"Patient","id":"bert"},"search":{"mode":"include"}}"#.to_owned(),
            r#"{"resource":{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/bert"}},"search":{"mode":"include"}}"#.to_owned(),
        ];
        Reply::text(format!(
            r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"self","url":"?status=final&patient=Patient/anna"}}],"entry":[{}]}}"#,
            entries.join(",")
        ))
    })
    .await;
    let hospital = hospital(to(&fake).build().unwrap());
    let search = json!({ "resourceType": "Observation", "parameters": { "status": "final" } });
    let answer = hospital.call("Patient/anna", "fhir_search", search).await;
    let (records, next) = page(&answer);
    let ids: Vec<&str> = records.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((ids, next), (vec!["mine"], None));
    assert!(!answer.response().to_string().contains(PLANTED));
}

/// Answers for four ids: of another patient, of nobody, refused, of another patient in another record's place.
#[tokio::test]
async fn records_that_are_withheld_refused_or_absent_look_alike() {
    let fake = Fake::start(|asked, _| match asked.target.as_str() {
        "/fhir/Observation/foreign" => Reply::text(
            r#"{"resourceType":"Observation","id":"foreign","status":"final","subject":{"reference":"Patient/bert"}}"#,
        ),
        "/fhir/Observation/refused" => Reply::status(403),
        "/fhir/Observation/gone" => Reply::status(410),
        _ => Reply::status(404),
    })
    .await;
    let hospital = hospital(to(&fake).build().unwrap());
    let mut looks = Vec::new();
    for id in ["foreign", "refused", "gone", "nobody"] {
        let read = json!({ "reference": format!("Observation/{id}") });
        let answer = hospital.call("Patient/anna", "fhir_read", read).await;
        let mut result = answer.assert_result().clone();
        // Each access has a receipt of its own.
        result["_meta"].as_object_mut().unwrap().remove("dev.mcp-ext/healthcare.audit");
        looks.push(result);
    }
    assert_eq!(looks[0]["structuredContent"], json!({ "records": [] }));
    // That something was withheld is told as a class of reasons, if the operator tells it: RES-1, RES-2.
    assert!(looks.iter().all(|look| *look == looks[3]), "{looks:?}");
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_error_and_no_log_holds_what_a_server_said() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let record =
        || format!(r#"{{"resourceType":"Observation","id":"o","note":[{{"text":"{PLANTED}"}}]"#);
    let bodies = [
        record(),
        record() + "}",
        format!(
            r#"{{"resourceType":"Bundle","type":"searchset","link":[{{"relation":"self","url":"?name={PLANTED}"}}],"entry":[{{"resource":{}}}}}]}}"#,
            record()
        ),
        format!(r#"{{"resourceType":"Bundle","type":"{PLANTED}"}}"#),
        PLANTED.to_owned(),
    ];
    for number in 0..bodies.len() + 3 {
        let body = bodies.get(number).cloned();
        let fake = Fake::start(move |_, _| match (&body, number) {
            (Some(body), _) => Reply::text(body.clone()),
            (None, 5) => Reply::status(500),
            (None, 6) => Reply::status(400),
            _ => Reply::Raw(302, vec![("location", format!("http://{PLANTED}/"))], Vec::new()),
        })
        .await;
        for form in [SearchForm::Post, SearchForm::Compartment] {
            let server = to(&fake).searches(form).bearer(PLANTED).build().unwrap();
            let hospital = hospital(server);
            for (tool, arguments) in [
                (
                    "fhir_search",
                    json!({ "resourceType": "Observation", "parameters": { "code": PLANTED } }),
                ),
                (
                    "fhir_search",
                    json!({ "resourceType": "Patient", "parameters": { "name": PLANTED } }),
                ),
                ("fhir_read", json!({ "reference": "Observation/Plantagenet" })),
                ("fhir_everything", json!({})),
            ] {
                let answer = hospital.call(&format!("Patient/{PLANTED}"), tool, arguments).await;
                let shown = answer.response().to_string();
                assert!(!shown.contains(PLANTED), "{number}: {shown}");
            }
        }
    }
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("an answer of a FHIR server is not used"), "{logged}");
    let line = logged.lines().find(|line| line.contains(PLANTED));
    assert_eq!(line, None);
}
