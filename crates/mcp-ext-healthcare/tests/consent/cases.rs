//! `cases.json`: Consents, questions and answers.

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::consent::Consents;
use mcp_ext_healthcare::protocol::ConsentDecision;
use serde_json::{Value, json};

use crate::world::*;

fn ask(case: &Value) -> Ask {
    let mut ask = Ask::default();
    if let Some(names) = case.get("actors") {
        ask.actors = names.as_array().map(|names| {
            names.iter().map(|name| name.as_str().unwrap().parse().unwrap()).collect()
        });
    }
    if let Some(purpose) = case.get("purpose") {
        ask.purpose = purpose.as_str().map(str::to_owned);
    }
    if let Some(now) = case.get("now") {
        ask.now = now.as_str().unwrap().parse().unwrap();
    }
    let mut record = observation();
    for (name, value) in case.get("record").and_then(Value::as_object).into_iter().flatten() {
        record[name] = value.clone();
    }
    if let Some(security) = case.get("security") {
        let codes = security.as_array().unwrap().iter();
        let codes: Vec<_> =
            codes.map(|code| json!({ "system": code[0], "code": code[1] })).collect();
        record["meta"] = json!({ "security": codes });
    }
    ask.about = match case.get("type") {
        Some(kind) => About::Type(kind.as_str().map(str::to_owned)),
        None => About::Record(record),
    };
    ask
}

fn decision(name: &str) -> ConsentDecision {
    serde_json::from_value(name.into()).unwrap()
}

/// CON-1 to CON-3, one by one.
#[test]
fn each_case_is_answered_as_it_says() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("cases.json")).unwrap();
    let mut asked = 0;
    for case in &cases {
        let of = version(case["version"].as_str().unwrap());
        let texts: Vec<Value> =
            case["consents"].as_array().unwrap().iter().map(|short| consent(of, short)).collect();
        let found: Vec<Record> = texts.iter().map(record).collect();
        // What denies by itself must do so alone, so that none hides behind another.
        let alone = case["readings"] == "unread";
        let sets: Vec<Vec<Record>> =
            if alone { found.into_iter().map(|one| vec![one]).collect() } else { vec![found] };
        for (number, set) in sets.iter().enumerate() {
            let plain = rules(of, &case["policies"], false);
            let consents = Consents::read(&plain, &patient(), set);
            let readings: Vec<_> = consents.readings().map(|(_, reading)| name(reading)).collect();
            match &case["readings"] {
                Value::Array(expected) => assert_eq!(readings, *expected, "{}", case["name"]),
                Value::String(expected) => {
                    assert_eq!(readings, [expected], "{}: {}", case["name"], texts[number]);
                }
                _ => assert!(
                    readings.iter().all(|reading| *reading == "understood"),
                    "{}: {readings:?}",
                    case["name"]
                ),
            }
            for question in case["asks"].as_array().unwrap() {
                let rules = rules(of, &case["policies"], question["unconsented"] == "denied");
                let verdict = ask(question).of(&rules, &consents);
                let expected = decision(question["is"].as_str().unwrap());
                assert_eq!(verdict.decision, expected, "{}: {question}", case["name"]);
                if let Some(by) = question["by"].as_array() {
                    let by: Vec<String> =
                        by.iter().map(|id| format!("Consent/{}", id.as_str().unwrap())).collect();
                    assert_eq!(verdict.consents, by, "{}: {question}", case["name"]);
                } else if alone {
                    assert_eq!(verdict.consents.len(), 1);
                }
                asked += 1;
            }
        }
    }
    println!("{} cases, {asked} questions", cases.len());
}
