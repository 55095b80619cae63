//! What a call gives, by the scopes of its token and of its tool.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::HealthcareBuilder;
use mcp_ext_healthcare::smart::challenge;
use serde_json::{Value, json};

use crate::clinic::*;

const DENIED: &str = "denied: scope_insufficient";

async fn search(clinic: &Clinic, token: Token, type_: &str) -> Vec<String> {
    came_of(&clinic.call(token, "search", kind(type_)).await)
}

/// SPEC.md, section 15: what scopes do not suffice for is denied as such.
#[tokio::test]
async fn a_token_without_fitting_scopes_is_denied() {
    let clinic = Clinic::new();
    for scopes in [
        "",
        "openid fhirUser launch/patient offline_access",
        "patient/Condition.rs",
        "patient/Observation.cud",
        "patient/Observation.sr",
        "patient/observation.rs",
        "patient/Observation.rs?code:in=http://x",
        "Patient/Observation.rs",
        "system/Condition.rs",
    ] {
        let came = search(&clinic, annas(scopes), "Observation").await;
        assert_eq!(came, [DENIED], "{scopes}");
    }
    let nobodys = Token { launch: false, ..annas("patient/*.rs") };
    assert_eq!(search(&clinic, nobodys, "Observation").await, [DENIED]);
    assert!(clinic.asked().is_empty(), "nothing was read");
}

/// A tool whose own scopes are malformed, or that lists none, opens to nobody.
#[tokio::test]
async fn a_tool_without_scopes_of_its_own_is_denied() {
    for scopes in [&[][..], &["patient/Observation.sr"], &["patient/*.rs", "patient/"], &["openid"]]
    {
        let clinic = Clinic::of(scopes);
        let token = annas("patient/*.cruds user/*.cruds system/*.cruds");
        assert_eq!(search(&clinic, token, "Observation").await, [DENIED], "{scopes:?}");
    }
}

/// `patient/` needs a patient that the token was issued for, and confines to it: CTX-2, CTX-4, SEC-2.
#[tokio::test]
async fn patient_scopes_confine_to_the_patient_of_the_launch() {
    let clinic = Clinic::new();
    let token = || annas("patient/*.rs");
    let expected = ["a-lab", "a-vital"];
    assert_eq!(search(&clinic, token(), "Observation").await, expected);
    assert_eq!(search(&clinic, token(), "Patient").await, ["anna"]);
    assert_eq!(search(&clinic, token(), "ValueSet").await, ["units"], "nobody's");
    for foreign in ["Observation/b-lab", "Patient/bert", "Observation/a-with-b"] {
        assert!(came_of(&clinic.call(token(), "read", at(foreign)).await).is_empty(), "{foreign}");
    }
    let about_bert = Token { context: Some(BERT), ..token() };
    assert_eq!(search(&clinic, about_bert, "Observation").await, ["denied: context_mismatch"]);
    // The host says for whom; the token was issued for nobody.
    let for_nobody = Token { patient: None, ..token() };
    assert_eq!(search(&clinic, for_nobody, "Observation").await, [DENIED]);

    // Where the server demands no context, the launch alone confines.
    let without = |builder: HealthcareBuilder| builder.require_context(false);
    let clinic = Clinic::with(Clinics::default(), &["patient/*.rs"], without);
    let token = Token { context: None, ..annas("patient/*.rs") };
    assert_eq!(search(&clinic, token, "Observation").await, expected);
    let token = Token { context: None, ..users("patient/*.rs") };
    assert_eq!(search(&clinic, token, "Observation").await, [DENIED]);
}

#[tokio::test]
async fn reading_and_searching_are_granted_one_by_one() {
    let clinic = Clinic::new();
    let read = at("Observation/a-lab");
    for (scopes, reads, searches, own, found) in [
        ("patient/Observation.r", true, false, false, false),
        ("patient/Observation.s", false, true, false, true),
        ("patient/Observation.rs", true, true, true, true),
        ("patient/Observation.r patient/Observation.s", true, true, true, true),
        ("patient/Observation.read", true, true, true, true),
        ("patient/Observation.r patient/Patient.s", true, false, false, false),
    ] {
        let came = came_of(&clinic.call(annas(scopes), "read", read.clone()).await);
        assert_eq!(came, [if reads { "a-lab" } else { DENIED }], "{scopes}");
        let came = search(&clinic, annas(scopes), "Observation").await;
        assert_eq!(
            came,
            if searches { vec!["a-lab", "a-vital"] } else { vec![DENIED] },
            "{scopes}"
        );
        let came = came_of(&clinic.call(annas(scopes), "fill", kind("Observation")).await);
        assert_eq!(
            came,
            if searches { vec!["a-lab", "a-vital"] } else { vec![DENIED] },
            "{scopes}"
        );
        for tool in ["own", "everything"] {
            let came = came_of(&clinic.call(annas(scopes), tool, json!({})).await);
            let gives = came.contains(&"a-lab".to_owned());
            assert_eq!(gives, own, "{scopes}: {tool} does not say how");
        }
        let came = came_of(&clinic.call(annas(scopes), "found", json!({})).await);
        assert_eq!(came.contains(&"a-lab".to_owned()), found, "{scopes}");
    }
}

#[tokio::test]
async fn what_is_granted_in_part_is_given_in_part() {
    let clinic = Clinic::new();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let token = || annas("patient/Observation.rs?category=laboratory");
    assert_eq!(search(&clinic, token(), "Observation").await, ["a-lab"]);
    // The source is asked for no more.
    assert_eq!(clinic.asked(), [[pair("category", "laboratory")]]);
    assert_eq!(search(&clinic, token(), "Patient").await, [DENIED]);
    let vital = at("Observation/a-vital");
    assert!(came_of(&clinic.call(token(), "read", vital).await).is_empty());
    // A source that does not know the scope's parameter is asked without; its answers are checked.
    let token = annas("patient/Observation.rs?category=laboratory&_id=a-lab");
    assert_eq!(search(&clinic, token.clone(), "Observation").await, ["a-lab"]);
    assert_eq!(clinic.asked().len(), 2);
    // What the caller asks for stays unknown to it: DEN-2.
    let unknown = json!({ "type": "Observation", "parameters": [["color", "red"]] });
    let came = came_of(&clinic.call(token, "search", unknown).await);
    assert_eq!(came, ["denied: unknown_search_param"]);
    // The tool narrows as the token does.
    let narrow = Clinic::of(&["patient/Observation.rs?category=vital-signs", "patient/Patient.r"]);
    assert_eq!(search(&narrow, annas("patient/*.*"), "Observation").await, ["a-vital"]);
    let token = annas("patient/*.rs?category=laboratory");
    assert!(search(&narrow, token, "Observation").await.is_empty());
    // A tool of several types gives what it may.
    let came = clinic.call(annas("patient/Patient.s patient/ValueSet.rs"), "all", json!({})).await;
    assert_eq!(came_of(&came), ["anna", "units"]);
}

/// `user/` grants what the user may see by the operator's policy.
#[tokio::test]
async fn user_scopes_leave_it_to_the_operators_policy() {
    let anybody = |builder: HealthcareBuilder| builder.require_context(false);
    let clinics = Clinics { withholds: Some("ValueSet"), ..Clinics::default() };
    let population = Clinic::with(clinics.clone(), &["user/*.rs"], anybody);
    let everybody = |scopes| Token { context: None, ..users(scopes) };
    let all = ["a-lab", "a-vital", "b-lab", "a-with-b"];
    assert_eq!(search(&population, everybody("user/*.rs"), "Observation").await, all);
    assert!(search(&population, everybody("user/*.rs"), "ValueSet").await.is_empty());
    assert_eq!(search(&population, users("user/*.rs"), "Observation").await, all[..2]);
    // A token for one patient, or of no user, does not open it.
    assert_eq!(search(&population, annas("patient/*.rs"), "Observation").await, [DENIED]);
    assert_eq!(search(&population, everybody("system/*.rs"), "Observation").await, [DENIED]);
    let nobodys = Token { principal: false, ..everybody("user/*.rs") };
    assert_eq!(search(&population, nobodys, "Observation").await, [DENIED]);
    // Nor does a user's open what is for one patient without one.
    let one = Clinic::with(clinics, &["patient/*.rs"], anybody);
    assert_eq!(search(&one, everybody("user/*.rs"), "Observation").await, [DENIED]);
    assert_eq!(search(&one, users("user/*.rs"), "Observation").await, all[..2]);
    assert_eq!(search(&one, users("system/*.rs"), "Observation").await, all[..2]);
}

/// BTG-1: only `user/` scopes that reach the tool qualify, and broken glass opens nothing that they do not reach.
#[tokio::test]
async fn broken_glass_opens_by_user_scopes_alone() {
    let locked = Clinics { locked: true, ..Clinics::default() };
    let clinic = Clinic::with(locked, &["patient/*.rs"], |builder| builder);
    let arguments = || kind("Observation");
    for scopes in [
        "patient/*.rs",
        "patient/*.rs user/",
        "patient/*.rs user/*.sr",
        "patient/*.rs user/observation.rs",
        "patient/*.rs user/Observation.rs?category=",
        "patient/*.rs user/Observation.cud",
        "patient/*.rs user/*.d",
        "patient/*.rs users/*.rs",
        "system/*.rs",
    ] {
        let answer = clinic.call(annas(scopes), "search", arguments()).await;
        assert_eq!(came_of(&answer), ["denied: consent_denied"], "{scopes}");
        let offered =
            &answer.assert_result()["_meta"]["dev.mcp-ext/healthcare.denial"]["breakGlass"];
        assert_eq!(*offered, Value::Null, "{scopes}");
    }
    // The patient's scopes are for everything, the user's for laboratory alone: so is the broken glass.
    let token = annas("patient/*.rs user/Observation.rs?category=laboratory");
    let asked = clinic.call(token.clone(), "search", arguments()).await;
    let opened = clinic.again(token, "search", arguments(), &asked).await;
    assert_eq!(came_of(&opened), ["a-lab"]);
    // Without any scope there is nothing that an emergency would open.
    let answer = clinic.call(annas("user/Condition.rs"), "search", arguments()).await;
    assert_eq!(came_of(&answer), [DENIED]);
}

/// Where the transport knows of no token, a layer of the server may read it.
#[tokio::test]
async fn a_layer_of_the_server_can_read_the_token() {
    let clinic = Clinic::new();
    let token = |scopes| Token { by_layer: true, ..annas(scopes) };
    assert_eq!(search(&clinic, token("patient/*.rs"), "Observation").await, ["a-lab", "a-vital"]);
    assert_eq!(search(&clinic, token("patient/*.cud"), "Observation").await, [DENIED]);
    let foreign = Token { context: Some(BERT), ..token("patient/*.rs") };
    assert_eq!(search(&clinic, foreign, "Observation").await, ["denied: context_mismatch"]);
}

/// SPEC.md, section 15: over HTTP, before a message is read.
#[tokio::test]
async fn what_http_turns_away_the_policy_would_deny() {
    let listed = ["patient/Observation.rs?category=a|b", "user/Patient.r"];
    let clinic = Clinic::of(&listed);
    let header = r#"Bearer error="insufficient_scope", scope="patient/Observation.rs?category=a|b user/Patient.r""#;
    let users_anna = |scopes| Token { patient: None, ..annas(scopes) };
    for (token, opens) in [
        (annas("patient/*.read"), true),
        (annas("user/*.r"), true),
        (annas("system/Observation.s"), true),
        (users_anna("user/Observation.r"), true),
        (users_anna("patient/*.rs"), false),
        (annas("patient/Patient.rs"), false),
        (annas("patient/Observation.cud"), false),
        (annas("user/Patient.s"), false),
        (annas("patient/Observation.sr"), false),
        (annas("openid"), false),
        (annas(""), false),
    ] {
        let challenged = challenge(FhirVersion::R4, &token.read(), &metadata(&listed));
        assert_eq!(challenged.as_deref(), (!opens).then_some(header), "{:?}", token.scopes);
        let came = came_of(&clinic.call(token.clone(), "own", json!({})).await);
        assert_eq!(came == [DENIED], !opens, "{:?}", token.scopes);
    }
    // What would break out of the header is no scope.
    let odd = ["user/Patient.r", "a\"b", "c\r\nd", "e\\"];
    let challenged = challenge(FhirVersion::R4, &annas("").read(), &metadata(&odd)).unwrap();
    assert_eq!(challenged, r#"Bearer error="insufficient_scope", scope="user/Patient.r""#);
}
