//! SPEC.md, section 10.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use mcp_core::Principal;
use mcp_core::server::{HandlerError, RequestContext};
use mcp_ext_healthcare::server::{
    Attestation, BreakGlassPage, HealthcareBuilder, LaunchContext, MemoryNonces,
};
use mcp_testkit::{Answer, Message, RawClient, call_tool};
use serde_json::{Value, json};

use crate::world::*;

/// A page whose visitors the test plays.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<HashMap<String, Attestation>>>);

#[async_trait]
impl BreakGlassPage for Page {
    fn address(&self, question: &str) -> String {
        format!("https://clinic.example/emergency/{question}")
    }

    async fn answered(&self, question: &str) -> Result<Option<Attestation>, HandlerError> {
        Ok(self.0.lock().unwrap().get(question).cloned())
    }
}

/// The clock of this file's servers, in seconds; tests that move it have a lock on it.
static NOW: AtomicU64 = AtomicU64::new(1_000_000);
static CLOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW.load(Ordering::SeqCst))
}

struct Scene {
    clinic: Clinic,
    page: Page,
    /// A person who may ask.
    doctor: RawClient,
}

fn scene() -> Scene {
    scene_of(|builder| builder, Policy { locked: true, ..Policy::default() })
}

fn scene_of(change: impl FnOnce(HealthcareBuilder) -> HealthcareBuilder, policy: Policy) -> Scene {
    let page = Page::default();
    let clinic = Clinic::with(policy, |builder| {
        let ttl = Duration::from_secs(120);
        change(builder.break_glass(page.clone(), MemoryNonces::new(), ttl).clock(now))
    });
    let doctor = clinic.raw.clone().context(somebody("doctor:quinn", "user/*.rs"));
    Scene { clinic, page, doctor }
}

fn somebody(principal: &str, scope: &str) -> RequestContext {
    let launch = LaunchContext { scopes: vec![scope.to_owned()], ..LaunchContext::default() };
    RequestContext::new().with_principal(Some(Principal::new(principal))).with_value(launch)
}

fn search() -> Message {
    let message = for_anna(call_tool("search", search_for("Observation")));
    message.capability("elicitation", json!({ "url": {} }))
}

/// The one question of an answer: its key and its number.
fn question(answer: &Answer) -> (String, String) {
    let result = answer.assert_result_type("input_required");
    let (key, request) = result["inputRequests"].as_object().unwrap().iter().next().unwrap();
    let url = request["params"]["url"].as_str().unwrap();
    (key.clone(), url.rsplit('/').next().unwrap().to_owned())
}

/// The call again, after the person went to the page.
fn again(call: Message, asked: &Answer) -> Message {
    let (key, _) = question(asked);
    call.param("requestState", &asked.assert_result()["requestState"])
        .param("inputResponses", json!({ key: { "action": "accept" } }))
}

impl Scene {
    async fn ask(&self) -> Answer {
        self.doctor.send(search()).await
    }

    fn attest(&self, asked: &Answer, principal: &str) {
        let attestation = Attestation::new(principal, "unconscious", "found in the corridor");
        self.page.0.lock().unwrap().insert(question(asked).1, attestation);
    }
}

/// BTG-4.
#[tokio::test]
async fn what_is_opened_is_this_call_and_it_obliges() {
    let _clock = CLOCK.lock().await;
    let scene = scene();
    let asked = scene.ask().await;
    let shown = asked.response().to_string();
    assert!(!shown.contains("anna") && !shown.contains(PLANTED), "{shown}");
    assert!(scene.clinic.trail.take().is_empty(), "nothing was read yet");
    scene.attest(&asked, "doctor:quinn");
    let opened = scene.doctor.send(again(search(), &asked)).await;
    assert_eq!(ids(&opened).len(), 4, "of Anna's alone: BTG-5");
    let obligations = &meta(&opened, "label")["obligations"];
    assert_eq!(*obligations, json!(["no-persist", "no-redisclose"]));
    assert!(!opened.response().to_string().contains("corridor"));
    let event = scene.clinic.trail.one().to_fhir();
    let codes: Vec<&Value> = event["purposeOfEvent"]
        .as_array()
        .unwrap()
        .iter()
        .map(|purpose| &purpose["coding"][0]["code"])
        .collect();
    assert!(codes.contains(&&json!("BTG")), "{codes:?}");
    assert!(event["purposeOfEvent"].to_string().contains("unconscious: found in the corridor"));
    // The next call is closed again.
    question(&scene.ask().await);

    // A host that does not keep what is obliged to gets nothing.
    let mut settings = trusted();
    settings["obligations"] = json!(["no-persist"]);
    let careless = || search().declaring_raw(H, &settings);
    let asked = scene.doctor.send(careless()).await;
    scene.attest(&asked, "doctor:quinn");
    assert!(ids(&scene.doctor.send(again(careless(), &asked)).await).is_empty());
}

/// BTG-1.
#[tokio::test]
async fn only_people_are_asked() {
    let scene = scene();
    let anonymous =
        LaunchContext { scopes: vec!["user/*.rs".to_owned()], ..LaunchContext::default() };
    for context in [
        somebody("doctor:quinn", "patient/*.rs"),
        somebody("robot", "system/*.rs"),
        RequestContext::new().with_principal(Some(Principal::new("doctor:quinn"))),
        RequestContext::new().with_value(anonymous),
    ] {
        let raw = scene.clinic.raw.clone().context(context);
        let answer = raw.send(search()).await;
        assert_eq!(denial(&answer), "consent_denied");
        assert!(meta(&answer, "denial")["breakGlass"].is_null());
    }
    assert_eq!(scene.clinic.trail.take().len(), 4);
    // What policy denies for good is not asked about.
    let never = Policy {
        denies: Some(mcp_ext_healthcare::protocol::DenialCode::ConsentDenied),
        ..Policy::default()
    };
    let scene = scene_of(|builder| builder, never);
    assert_eq!(denial(&scene.ask().await), "consent_denied");
}

/// BTG-2: a form is never shown.
#[tokio::test]
async fn who_cannot_open_a_page_is_told_that_it_could_be_asked_for() {
    let scene = scene();
    for modes in [None, Some(json!({})), Some(json!({ "form": {} }))] {
        let message = for_anna(call_tool("search", search_for("Observation")));
        let message = match &modes {
            Some(modes) => message.capability("elicitation", modes),
            None => message,
        };
        let answer = scene.doctor.send(message).await;
        assert_eq!(denial(&answer), "consent_denied", "{modes:?}");
        assert_eq!(meta(&answer, "denial")["breakGlass"], true, "{modes:?}");
    }
    let asked = scene.ask().await;
    assert!(asked.response().to_string().contains("https://clinic.example/emergency/"));
    let (key, _) = question(&asked);
    let declined = search()
        .param("requestState", &asked.assert_result()["requestState"])
        .param("inputResponses", json!({ key: { "action": "decline" } }));
    assert_eq!(denial(&scene.doctor.send(declined).await), "consent_denied");
}

/// BTG-2, BTG-3: the client's word is not enough; the question is for one principal, patient, tool and arguments, for a
/// while, and once.
#[tokio::test]
async fn a_question_opens_once_for_the_same() {
    let _clock = CLOCK.lock().await;
    let scene = scene();
    let expired = |answer: &Answer| assert_eq!(denial(answer), "break_glass_expired");
    // Nobody was on the page.
    let asked = scene.ask().await;
    expired(&scene.doctor.send(again(search(), &asked)).await);
    // Somebody else was.
    let asked = scene.ask().await;
    scene.attest(&asked, "visitor");
    expired(&scene.doctor.send(again(search(), &asked)).await);

    let asked = scene.ask().await;
    scene.attest(&asked, "doctor:quinn");
    // Another principal, tool, arguments: the state does not open, and nothing of a record is sent.
    let other = scene.clinic.raw.clone().context(somebody("doctor:other", "user/*.rs"));
    other.send(again(search(), &asked)).await.assert_error(-32602);
    let narrow = for_anna(call_tool("narrow", search_for("Observation")))
        .capability("elicitation", json!({ "url": {} }));
    scene.doctor.send(again(narrow, &asked)).await.assert_error(-32602);
    let patients = for_anna(call_tool("search", search_for("Patient")))
        .capability("elicitation", json!({ "url": {} }));
    scene.doctor.send(again(patients, &asked)).await.assert_error(-32602);
    // Another patient, who is not in the arguments.
    let bert = search().meta(&key("context"), json!({ "patient": BERT }));
    expired(&scene.doctor.send(again(bert, &asked)).await);
    // The same, once.
    assert_eq!(ids(&scene.doctor.send(again(search(), &asked)).await).len(), 4);
    expired(&scene.doctor.send(again(search(), &asked)).await);

    // In time, and too late.
    for (later, opens) in [(120, true), (121, false)] {
        let asked = scene.ask().await;
        scene.attest(&asked, "doctor:quinn");
        NOW.fetch_add(later, Ordering::SeqCst);
        let answer = scene.doctor.send(again(search(), &asked)).await;
        if opens {
            assert_eq!(ids(&answer).len(), 4);
        } else {
            expired(&answer);
        }
    }
}

/// BTG-5: what policy withholds from everybody stays withheld.
#[tokio::test]
async fn what_is_never_opened_stays_closed() {
    let withheld = BTreeSet::from(["Observation".to_owned()]);
    let scene = scene_of(|builder| builder, Policy { locked: true, withheld, ..Policy::default() });
    let _clock = CLOCK.lock().await;
    let asked = scene.ask().await;
    scene.attest(&asked, "doctor:quinn");
    assert!(ids(&scene.doctor.send(again(search(), &asked)).await).is_empty());
}

#[tokio::test]
async fn settings_say_whether_people_can_ask() {
    let scene = scene();
    let answer = scene.clinic.send(mcp_testkit::request("server/discover")).await;
    let shown = &answer.assert_result()["capabilities"]["extensions"][H]["breakGlass"];
    let expected = json!({ "supported": true, "maxTtlSeconds": 120, "elicitationModes": ["url"] });
    assert_eq!(*shown, expected);
}
