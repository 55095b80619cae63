//! Terminology: the answers are those that a reader of the plain resources finds.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use mcp_core::server::{RequestContext, Server};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{
    Input, Operation, OperationError, Operations, Parameter, input_text,
};
use mcp_ext_healthcare::store::MemoryRecords;
use mcp_ext_healthcare::terminology::LocalTerminology;
use mcp_ext_healthcare::tools::terminology::TerminologyTools;
use mcp_testkit::{Answer, RawClient, call_tool};
use serde_json::{Value, json};

use crate::corpus::examples;
use crate::valid::assert_valid;
use crate::world::{Clinic, H, Policy, meta, told, trusted};

struct Loaded {
    terminology: LocalTerminology,
    systems: Vec<Value>,
    value_sets: Vec<Value>,
    maps: Vec<Value>,
}

/// The terminology of a version's examples, and the resources that are held: of each URL the one that was taken last in its version.
fn loaded(version: FhirVersion) -> Option<Loaded> {
    let mut terminology = LocalTerminology::new(version);
    let mut held: BTreeMap<(String, String, String), Value> = BTreeMap::new();
    for example in examples(version)? {
        let Ok(taken) = terminology.add(&example.text) else {
            println!("not taken: {}", example.name);
            continue;
        };
        if taken {
            let value: Value = serde_json::from_str(&example.text).unwrap();
            let text = |name: &str| value[name].as_str().unwrap_or("").to_owned();
            held.insert((text("resourceType"), text("url"), text("version")), value);
        }
    }
    let of = |kind: &str| {
        // Those alone that have one version, so that none has to be chosen.
        let mut versions: BTreeMap<&str, usize> = BTreeMap::new();
        for (own, url, _) in held.keys().filter(|(own, _, _)| own == kind) {
            assert_eq!(own, kind);
            *versions.entry(url).or_default() += 1;
        }
        held.iter()
            .filter(|((own, url, _), _)| own == kind && versions[url.as_str()] == 1)
            .map(|(_, value)| value.clone())
            .collect::<Vec<_>>()
    };
    let (systems, value_sets, maps) = (of("CodeSystem"), of("ValueSet"), of("ConceptMap"));
    Some(Loaded { terminology, systems, value_sets, maps })
}

/// The concepts of a code system with those right above each.
fn concepts<'a>(
    concepts: &'a Value,
    above: Option<&'a str>,
    to: &mut Vec<(&'a Value, Option<&'a str>)>,
) {
    for concept in concepts.as_array().into_iter().flatten() {
        to.push((concept, above));
        self::concepts(&concept["concept"], concept["code"].as_str(), to);
    }
}

async fn asked(
    terminology: &LocalTerminology,
    operation: Operation,
    parameters: &[Parameter],
) -> Result<Value, OperationError> {
    let text = terminology.invoke(operation, parameters).await?;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_valid(terminology.version(), &answer);
    Ok(answer)
}

fn parameter<'a>(answer: &'a Value, name: &str) -> Option<&'a Value> {
    let all = answer["parameter"].as_array()?;
    let found = all.iter().find(|one| one["name"] == name)?;
    found.as_object()?.iter().find(|(key, _)| key.starts_with("value")).map(|(_, value)| value)
}

fn uri(text: &str) -> Input {
    Input::Uri(text.to_owned())
}

fn code(text: &str) -> Input {
    Input::Code(text.to_owned())
}

async fn code_systems_are_answered(version: FhirVersion, at_least: usize) {
    let Some(loaded) = loaded(version) else { return };
    let (mut looked_up, mut related, mut unrelated) = (0, 0, 0);
    for system in &loaded.systems {
        let url = system["url"].as_str().unwrap();
        let mut all = Vec::new();
        concepts(&system["concept"], None, &mut all);
        let mut seen = BTreeSet::new();
        let is_hierarchy =
            system["hierarchyMeaning"].is_null() || system["hierarchyMeaning"] == "is-a";
        for (concept, above) in all {
            let own = concept["code"].as_str().unwrap();
            // Of what stands in several places, the first says what it is.
            if !seen.insert(own.to_lowercase()) {
                continue;
            }
            let parameters = [("system", uri(url)), ("code", code(own))];
            let answer = asked(&loaded.terminology, Operation::Lookup, &parameters).await.unwrap();
            let display = concept["display"].as_str().unwrap_or(own);
            assert_eq!(parameter(&answer, "display").unwrap(), display, "{url} {own}");
            let valid = [("url", uri(url)), ("code", code(own))];
            let answer = asked(&loaded.terminology, Operation::ValidateCode, &valid).await.unwrap();
            assert_eq!(parameter(&answer, "result").unwrap(), true, "{url} {own}");
            looked_up += 1;
            if let Some(above) = above.filter(|above| *above != own && is_hierarchy) {
                let ask = async |a: &str, b: &str| {
                    let parameters = [("system", uri(url)), ("codeA", code(a)), ("codeB", code(b))];
                    let answer =
                        asked(&loaded.terminology, Operation::Subsumes, &parameters).await.unwrap();
                    parameter(&answer, "outcome").unwrap().as_str().unwrap().to_owned()
                };
                assert_eq!(ask(above, own).await, "subsumes", "{url} {above} {own}");
                assert_eq!(ask(own, above).await, "subsumed-by", "{url}");
                assert_eq!(ask(own, own).await, "equivalent", "{url}");
                related += 1;
            }
        }
        let nobodys = [("url", uri(url)), ("code", code("no-such-code-4711"))];
        let answer = asked(&loaded.terminology, Operation::ValidateCode, &nobodys).await;
        match system["content"].as_str() {
            Some("complete") => {
                assert_eq!(parameter(&answer.unwrap(), "result").unwrap(), false, "{url}");
            }
            // Nobody can say that a system lacks a code that is not whole.
            _ => assert_eq!(answer.unwrap_err(), OperationError::NotPossible, "{url}"),
        }
        unrelated += 1;
    }
    println!(
        "{}: {} code systems, {looked_up} codes looked up and validated, {related} pairs compared in both directions, {unrelated} systems asked for a code they lack",
        version.number(),
        loaded.systems.len()
    );
    assert!(looked_up >= at_least && related > 100);
}

#[tokio::test]
async fn every_code_of_r4_is_what_its_system_says() {
    code_systems_are_answered(FhirVersion::R4, 10_000).await;
}

#[tokio::test]
async fn every_code_of_r5_is_what_its_system_says() {
    code_systems_are_answered(FhirVersion::R5, 4_500).await;
}

/// The codes of a value set that lists codes, or takes whole systems; `None` for others.
fn expected(loaded: &Loaded, value_set: &Value) -> Option<BTreeSet<(String, String)>> {
    let compose = value_set["compose"].as_object()?;
    let members = |part: &Value| -> Option<BTreeSet<(String, String)>> {
        let system = part["system"].as_str()?;
        if !part["filter"].is_null() || !part["valueSet"].is_null() || !part["version"].is_null() {
            return None;
        }
        if let Some(listed) = part["concept"].as_array() {
            let codes = listed.iter().map(|one| one["code"].as_str().unwrap().to_owned());
            return Some(codes.map(|code| (system.to_owned(), code)).collect());
        }
        let resource = loaded.systems.iter().find(|one| one["url"] == system)?;
        if resource["content"] != "complete" {
            return None;
        }
        let mut all = Vec::new();
        concepts(&resource["concept"], None, &mut all);
        let codes = all.iter().map(|(concept, _)| concept["code"].as_str().unwrap().to_owned());
        Some(codes.map(|code| (system.to_owned(), code)).collect())
    };
    let mut all = BTreeSet::new();
    for part in compose.get("include")?.as_array()? {
        all.extend(members(part)?);
    }
    for part in compose.get("exclude").and_then(Value::as_array).into_iter().flatten() {
        for member in members(part)? {
            all.remove(&member);
        }
    }
    // Codes that are no longer used are left out of some.
    compose.get("inactive").is_none().then_some(all)
}

async fn value_sets_are_answered(version: FhirVersion, at_least: usize) {
    let Some(loaded) = loaded(version) else { return };
    let (mut compared, mut codes, mut answered, mut validated) = (0, 0, 0, 0);
    let mut refused: BTreeMap<String, usize> = BTreeMap::new();
    for value_set in &loaded.value_sets {
        let url = value_set["url"].as_str().unwrap();
        let mut got = BTreeSet::new();
        let mut offset = 0;
        let outcome = loop {
            let parameters = [
                ("url", uri(url)),
                ("offset", Input::Integer(offset)),
                ("count", Input::Integer(700)),
            ];
            let answer = asked(&loaded.terminology, Operation::Expand, &parameters).await;
            let answer = match answer {
                Ok(answer) => answer,
                Err(error) => break Err(error),
            };
            let page = answer["expansion"]["contains"].as_array().cloned().unwrap_or_default();
            offset += u32::try_from(page.len()).unwrap();
            for one in &page {
                let text = |name: &str| one[name].as_str().unwrap().to_owned();
                assert!(got.insert((text("system"), text("code"))), "{url}: twice");
            }
            let total = answer["expansion"]["total"].as_u64().unwrap();
            if u64::from(offset) >= total {
                break Ok(total);
            }
            assert!(!page.is_empty(), "{url}");
        };
        match (outcome, expected(&loaded, value_set)) {
            (Err(error), None) => *refused.entry(format!("{error:?}")).or_default() += 1,
            (Err(error), Some(_)) => panic!("{url}: {error}"),
            (Ok(total), expected) => {
                answered += 1;
                assert_eq!(u64::try_from(got.len()).unwrap(), total);
                if let Some(expected) = expected {
                    // Systems that do not tell small letters from capitals write a code in one way.
                    let fold = |all: &BTreeSet<(String, String)>| -> BTreeSet<String> {
                        all.iter()
                            .map(|(system, code)| format!("{system}|{}", code.to_lowercase()))
                            .collect()
                    };
                    assert_eq!(fold(&got), fold(&expected), "{url}");
                    compared += 1;
                    codes += got.len();
                }
                for (system, own) in got.iter().take(5) {
                    let parameters =
                        [("url", uri(url)), ("system", uri(system)), ("code", code(own))];
                    let answer = asked(&loaded.terminology, Operation::ValidateMember, &parameters);
                    let answer = answer.await.unwrap();
                    let is_abstract = parameter(&answer, "result").unwrap() == false;
                    if is_abstract {
                        // Codes that only stand for others are none to choose.
                        let lookup = [("system", uri(system)), ("code", code(own))];
                        let found = asked(&loaded.terminology, Operation::Lookup, &lookup).await;
                        let found = found.unwrap().to_string();
                        let is_told = found.contains("notSelectable") || found.contains("abstract");
                        assert!(is_told, "{url} {own}");
                    }
                    validated += 1;
                }
            }
        }
    }
    println!(
        "{}: {} value sets; {answered} expanded, {compared} of them compared with {codes} codes of the plain resources, {validated} codes validated; refused: {refused:?}",
        version.number(),
        loaded.value_sets.len()
    );
    assert!(compared >= at_least, "{compared}");
}

#[tokio::test]
async fn value_sets_of_r4_have_the_codes_that_they_name() {
    value_sets_are_answered(FhirVersion::R4, 500).await;
}

#[tokio::test]
async fn value_sets_of_r5_have_the_codes_that_they_name() {
    value_sets_are_answered(FhirVersion::R5, 300).await;
}

/// Filters by the hierarchy, against a walk through the plain resource.
#[tokio::test]
async fn filters_take_what_is_below() {
    let Some(loaded) = loaded(FhirVersion::R4) else { return };
    let mut compared = 0;
    for value_set in &loaded.value_sets {
        let Some([part]) = value_set["compose"]["include"].as_array().map(Vec::as_slice) else {
            continue;
        };
        let Some([filter]) = part["filter"].as_array().map(Vec::as_slice) else { continue };
        let Some(system) = loaded.systems.iter().find(|one| one["url"] == part["system"]) else {
            continue;
        };
        if filter["op"] != "is-a"
            || system["content"] != "complete"
            || !value_set["compose"]["exclude"].is_null()
            || !part["version"].is_null()
        {
            continue;
        }
        let mut all = Vec::new();
        concepts(&system["concept"], None, &mut all);
        let mut below = BTreeSet::from([filter["value"].as_str().unwrap()]);
        loop {
            let before = below.len();
            for (concept, above) in &all {
                let told = concept["property"].as_array().into_iter().flatten();
                let mut told =
                    told.filter(|one| one["code"] == "subsumedBy" || one["code"] == "parent");
                let is_below = above.is_some_and(|above| below.contains(above))
                    || told.any(|one| {
                        one["valueCode"].as_str().is_some_and(|code| below.contains(code))
                    });
                if is_below {
                    below.insert(concept["code"].as_str().unwrap());
                }
            }
            if below.len() == before {
                break;
            }
        }
        let url = value_set["url"].as_str().unwrap();
        let answer =
            asked(&loaded.terminology, Operation::Expand, &[("url", uri(url))]).await.unwrap();
        let got: BTreeSet<&str> = answer["expansion"]["contains"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["code"].as_str().unwrap())
            .collect();
        assert_eq!(got, below, "{url}");
        compared += 1;
    }
    println!("{compared} value sets by filter compared");
    assert!(compared > 30, "{compared}");
}

async fn maps_are_answered(version: FhirVersion, at_least: usize) {
    let Some(loaded) = loaded(version) else { return };
    let (mut forth, mut back) = (0, 0);
    for map in &loaded.maps {
        let url = map["url"].as_str().unwrap();
        for group in map["group"].as_array().into_iter().flatten() {
            let (Some(source), Some(target)) = (group["source"].as_str(), group["target"].as_str())
            else {
                continue;
            };
            for element in group["element"].as_array().into_iter().flatten() {
                for to in element["target"].as_array().into_iter().flatten() {
                    let (Some(from), Some(own)) = (element["code"].as_str(), to["code"].as_str())
                    else {
                        continue;
                    };
                    let r4 = version == FhirVersion::R4;
                    let system = if r4 { "targetsystem" } else { "targetSystem" };
                    let parameters = [
                        ("url", uri(url)),
                        ("system", uri(source)),
                        (if r4 { "code" } else { "sourceCode" }, code(from)),
                        (system, uri(target)),
                    ];
                    let answer = asked(&loaded.terminology, Operation::Translate, &parameters);
                    assert!(has_match(&answer.await.unwrap(), target, own), "{url} {from} {own}");
                    forth += 1;
                    let mut parameters = vec![
                        ("url", uri(url)),
                        ("system", uri(target)),
                        (if r4 { "code" } else { "targetCode" }, code(own)),
                        (system, uri(source)),
                    ];
                    if r4 {
                        parameters.push(("reverse", Input::Boolean(true)));
                    }
                    let answer = asked(&loaded.terminology, Operation::Translate, &parameters);
                    assert!(has_match(&answer.await.unwrap(), source, from), "{url} {own} {from}");
                    back += 1;
                }
            }
        }
    }
    println!(
        "{}: {} maps, {forth} translations and {back} back",
        version.number(),
        loaded.maps.len()
    );
    assert!(forth >= at_least, "{forth}");
}

fn has_match(answer: &Value, system: &str, code: &str) -> bool {
    let all = answer["parameter"].as_array().unwrap();
    all.iter().filter(|one| one["name"] == "match").any(|one| {
        let parts = one["part"].as_array().unwrap();
        let coding = parts.iter().find(|part| part["name"] == "concept");
        coding.is_some_and(|part| {
            part["valueCoding"]["system"] == system && part["valueCoding"]["code"] == code
        })
    })
}

#[tokio::test]
async fn maps_of_r4_lead_forth_and_back() {
    maps_are_answered(FhirVersion::R4, 500).await;
}

#[tokio::test]
async fn maps_of_r5_lead_forth_and_back() {
    maps_are_answered(FhirVersion::R5, 500).await;
}

const COLOURS: &str = r#"{
    "resourceType": "CodeSystem", "url": "https://example.org/colours", "version": "2.10", "name": "Colours",
    "content": "complete", "caseSensitive": false,
    "concept": [
        { "code": "any", "display": "Any colour", "property": [{ "code": "notSelectable", "valueBoolean": true }],
          "concept": [
            { "code": "red", "display": "Red", "definition": "As blood.",
              "designation": [{ "language": "de", "value": "Rot" }],
              "property": [{ "code": "wavelength", "valueDecimal": 700.50 }] },
            { "code": "grey", "display": "Grey", "property": [{ "code": "status", "valueCode": "retired" }] }
          ] }
    ]
}"#;
const PAINTS: &str = r#"{
    "resourceType": "ValueSet", "url": "https://example.org/paints", "status": "active",
    "compose": { "include": [{ "system": "https://example.org/colours" }] }
}"#;
const MIXES: &str = r#"{
    "resourceType": "ConceptMap", "url": "https://example.org/mixes", "status": "active",
    "group": [{ "source": "https://example.org/colours", "target": "https://example.org/inks",
        "element": [{ "code": "red", "target": [{ "code": "r", "display": "Ink", "equivalence": "wider", "relationship": "source-is-narrower-than-target" }] },
                    { "code": "grey", "target": [{ "equivalence": "unmatched", "code": "-", "relationship": "not-related-to" }] }] }]
}"#;

fn small(version: FhirVersion) -> LocalTerminology {
    let mut terminology = LocalTerminology::new(version);
    for text in [COLOURS, PAINTS, MIXES] {
        assert!(terminology.add(text).unwrap());
    }
    terminology
}

fn served(operations: impl Operations) -> Clinic {
    let tools = TerminologyTools::new(operations);
    let settings = tools.settings();
    let records = MemoryRecords::new(FhirVersion::R4);
    Clinic::new(&records, tools.tools(), Policy::default(), |builder| builder.terminology(settings))
}

impl Clinic {
    /// Without context and purpose: terminology is about nobody.
    async fn ask(&self, tool: &str, arguments: Value) -> Answer {
        self.raw.send(call_tool(tool, arguments).declaring_raw(H, trusted())).await
    }
}

#[tokio::test]
async fn the_tools_answer_in_types() {
    for version in FhirVersion::ALL {
        let clinic = served(small(version));
        let answer = clinic
            .ask(
                "terminology_lookup",
                json!({ "system": "https://example.org/colours", "code": "RED" }),
            )
            .await;
        assert_eq!(
            *answer.assert_structured(),
            json!({
                "name": "Colours", "version": "2.10", "display": "Red", "definition": "As blood.",
                "designations": [{ "language": "de", "value": "Rot" }],
                "properties": [
                    { "code": "wavelength", "value": "700.50" }, { "code": "parent", "value": "any" }
                ],
            }),
        );
        // About nobody, and said so.
        assert_eq!(meta(&answer, "label")["phi"], "none");
        assert!(meta(&answer, "audit").is_null());
        let answer = clinic
            .ask(
                "terminology_expand",
                json!({ "valueSet": "https://example.org/paints", "filter": "re", "count": 1 }),
            )
            .await;
        assert_eq!(
            *answer.assert_structured(),
            json!({ "total": 2, "offset": 0, "truncated": true,
                "codes": [{ "system": "https://example.org/colours", "code": "red", "display": "Red" }] }),
        );
        let answer = clinic
            .ask(
                "terminology_expand",
                json!({ "valueSet": "https://example.org/paints", "activeOnly": true }),
            )
            .await;
        let codes = &answer.assert_structured()["codes"];
        assert_eq!(
            (&codes[0]["abstract"], &codes[1]["code"], codes.as_array().unwrap().len()),
            (&json!(true), &json!("red"), 2)
        );
        for (arguments, valid) in [
            (json!({ "valueSet": "https://example.org/paints", "code": "red" }), true),
            (json!({ "valueSet": "https://example.org/paints", "code": "any" }), false),
            (json!({ "valueSet": "https://example.org/paints", "code": "blue" }), false),
            (
                json!({ "system": "https://example.org/colours", "code": "red", "display": "rot" }),
                true,
            ),
            (
                json!({ "system": "https://example.org/colours", "code": "red", "display": "Green" }),
                false,
            ),
        ] {
            let answer = clinic.ask("terminology_validate", arguments.clone()).await;
            assert_eq!(answer.assert_structured()["valid"], valid, "{arguments}");
        }
        for (arguments, matched, found) in [
            (json!({ "system": "https://example.org/colours", "code": "red" }), true, "r"),
            (
                json!({ "system": "https://example.org/inks", "code": "r", "reverse": true }),
                true,
                "red",
            ),
            (
                json!({ "system": "https://example.org/colours", "code": "grey", "map": "https://example.org/mixes" }),
                false,
                "-",
            ),
        ] {
            let answer = clinic.ask("terminology_translate", arguments.clone()).await;
            let answer = answer.assert_structured();
            assert_eq!(
                (&answer["matched"], &answer["matches"][0]["code"]),
                (&json!(matched), &json!(found)),
                "{arguments}"
            );
            assert_eq!(answer["matches"][0]["map"], "https://example.org/mixes");
        }
        let answer = clinic
            .ask(
                "terminology_subsumes",
                json!({ "system": "https://example.org/colours", "codeA": "red", "codeB": "grey" }),
            )
            .await;
        assert_eq!(answer.assert_structured()["outcome"], "not-subsumed");
    }
}

#[tokio::test]
async fn discover_shows_what_is_offered_and_no_other_tool_is_there() {
    struct LookupAlone;

    #[async_trait]
    impl Operations for LookupAlone {
        fn version(&self) -> FhirVersion {
            FhirVersion::R4
        }

        fn offered(&self) -> Vec<Operation> {
            vec![Operation::Lookup]
        }

        fn systems(&self) -> Vec<String> {
            vec!["http://loinc.org".to_owned()]
        }

        async fn invoke(&self, _: Operation, _: &[Parameter]) -> Result<String, OperationError> {
            Err(OperationError::Unavailable)
        }
    }

    let tools = TerminologyTools::new(LookupAlone);
    assert_eq!(tools.tools().len(), 1);
    let settings = serde_json::to_value(tools.settings()).unwrap();
    assert_eq!(
        settings,
        json!({ "operations": ["CodeSystem/$lookup"], "systems": ["http://loinc.org"] })
    );
    assert_eq!(TerminologyTools::new(small(FhirVersion::R5)).settings().operations.len(), 6);
    // Without the extension, they are tools like any other.
    let mut server = Server::builder("plain", "1.0.0");
    for tool in TerminologyTools::new(small(FhirVersion::R5)).tools() {
        server = server.tool(tool);
    }
    let raw = RawClient::new(&server.build().unwrap()).context(RequestContext::new());
    let arguments = json!({ "system": "https://example.org/colours", "code": "red" });
    let answer = raw.send(call_tool("terminology_lookup", arguments)).await;
    assert_eq!(answer.assert_structured()["display"], "Red");
}

/// No error says what was asked.
#[tokio::test]
async fn failures_have_names_and_hold_nothing_of_what_was_asked() {
    const SECRET: &str = "Plantagenet";
    let clinic = served(small(FhirVersion::R4));
    let colours = "https://example.org/colours";
    let paints = "https://example.org/paints";
    for (tool, arguments, error) in [
        ("lookup", json!({ "system": colours, "code": SECRET }), Some(OperationError::UnknownCode)),
        (
            "lookup",
            json!({ "system": format!("urn:{SECRET}"), "code": "red" }),
            Some(OperationError::UnknownSource),
        ),
        ("lookup", json!({ "system": SECRET, "code": "red" }), Some(OperationError::Refused)),
        (
            "lookup",
            json!({ "system": colours, "code": format!(" {SECRET}") }),
            Some(OperationError::Refused),
        ),
        (
            "lookup",
            json!({ "system": colours, "code": "red", "version": SECRET }),
            Some(OperationError::UnknownSource),
        ),
        (
            "expand",
            json!({ "valueSet": format!("urn:{SECRET}") }),
            Some(OperationError::UnknownSource),
        ),
        (
            "expand",
            json!({ "valueSet": paints, "filter": format!("{SECRET}\u{0}") }),
            Some(OperationError::Refused),
        ),
        (
            "translate",
            json!({ "system": format!("urn:{SECRET}"), "code": "x" }),
            Some(OperationError::UnknownSource),
        ),
        (
            "subsumes",
            json!({ "system": colours, "codeA": SECRET, "codeB": "red" }),
            Some(OperationError::UnknownCode),
        ),
        ("validate", json!({ "code": SECRET }), None),
        ("lookup", json!({ "system": colours, "code": SECRET.repeat(100) }), None),
        ("lookup", json!({ "system": colours, "code": "red", SECRET: 1 }), None),
        ("expand", json!({ "valueSet": paints, "count": SECRET }), None),
        ("expand", json!({ "valueSet": paints, "count": 100_000 }), None),
        ("lookup", json!({ "system": colours }), None),
    ] {
        let answer = clinic.ask(&format!("terminology_{tool}"), arguments.clone()).await;
        let text = told(&answer);
        assert!(!answer.response().to_string().contains(SECRET), "{arguments}: {text}");
        if let Some(error) = error {
            assert_eq!(text, error.text(), "{arguments}");
        }
    }
}

/// A server that answers what it likes.
#[tokio::test]
async fn answers_that_are_none_are_named() {
    struct Answers(&'static str);

    #[async_trait]
    impl Operations for Answers {
        fn version(&self) -> FhirVersion {
            FhirVersion::R5
        }

        fn offered(&self) -> Vec<Operation> {
            Operation::ALL.to_vec()
        }

        async fn invoke(
            &self,
            _: Operation,
            asked: &[Parameter],
        ) -> Result<String, OperationError> {
            assert!(input_text(asked, "nothing").is_none());
            Ok(self.0.to_owned())
        }
    }

    let calls = [
        ("terminology_lookup", json!({ "system": "urn:x", "code": "a" })),
        ("terminology_validate", json!({ "system": "urn:x", "code": "a" })),
        ("terminology_expand", json!({ "valueSet": "urn:x" })),
        ("terminology_translate", json!({ "system": "urn:x", "code": "a" })),
        ("terminology_subsumes", json!({ "system": "urn:x", "codeA": "a", "codeB": "b" })),
    ];
    for text in [
        "",
        "<html>",
        "[]",
        "{}",
        r#"{"resourceType":"OperationOutcome"}"#,
        r#"{"resourceType":"Parameters"}"#,
        r#"{"resourceType":"Parameters","parameter":7}"#,
        r#"{"resourceType":"Parameters","parameter":[{"name":"display"},{"name":"result","valueString":"true"},{"name":"outcome","valueCode":"maybe"}]}"#,
        r#"{"resourceType":"ValueSet","expansion":{"contains":{}}}"#,
        r#"{"resourceType":"ValueSet","expansion":{"total":-1}}"#,
        r#"{"resourceType":"ValueSet","a":1,"a":2}"#,
    ] {
        let clinic = served(Answers(text));
        for (tool, arguments) in &calls {
            let answer = clinic.ask(tool, arguments.clone()).await;
            assert_eq!(told(&answer), OperationError::Malformed.text(), "{tool} {text}");
        }
    }
    // More than was asked for is cut.
    let contains = r#"{"system":"urn:x","code":"c","contains":[{"code":"d"},{"code":"e"}]}"#;
    let text = format!(
        r#"{{"resourceType":"ValueSet","expansion":{{"contains":[{contains},{contains}]}}}}"#
    );
    let clinic = served(Answers(text.leak()));
    let answer = clinic.ask("terminology_expand", json!({ "valueSet": "urn:x", "count": 4 })).await;
    let answer = answer.assert_structured();
    assert_eq!(
        (answer["codes"].as_array().unwrap().len(), &answer["truncated"]),
        (4, &json!(true))
    );
}

/// Resources that refer to themselves, or are too deep, end.
#[tokio::test]
async fn circles_end() {
    let mut terminology = LocalTerminology::new(FhirVersion::R4);
    for (own, other) in [("a", "b"), ("b", "a")] {
        let text = json!({ "resourceType": "ValueSet", "url": format!("urn:{own}"),
            "compose": { "include": [{ "valueSet": [format!("urn:{other}")] }] } });
        terminology.add(&text.to_string()).unwrap();
    }
    let circle = json!({ "resourceType": "CodeSystem", "url": "urn:c", "content": "complete", "concept": [
        { "code": "x", "property": [{ "code": "parent", "valueCode": "y" }] },
        { "code": "y", "property": [{ "code": "parent", "valueCode": "x" }] } ] });
    terminology.add(&circle.to_string()).unwrap();
    let below = json!({ "resourceType": "ValueSet", "url": "urn:d", "compose": { "include": [
        { "system": "urn:c", "filter": [{ "property": "concept", "op": "descendent-of", "value": "x" }] }] } });
    terminology.add(&below.to_string()).unwrap();
    let expand =
        async |url: &str| asked(&terminology, Operation::Expand, &[("url", uri(url))]).await;
    assert_eq!(expand("urn:a").await.unwrap_err(), OperationError::NotPossible);
    assert_eq!(expand("urn:d").await.unwrap()["expansion"]["total"], 2);
    assert!(terminology.add("{").is_err());
    assert!(terminology.add(r#"{"resourceType":"ValueSet"}"#).is_err());
    assert!(
        terminology.add(r#"{"resourceType":"CodeSystem","url":"urn:x","concept":[{}]}"#).is_err()
    );
}

/// Of several versions the highest is meant.
#[tokio::test]
async fn versions_are_told_apart() {
    let mut terminology = LocalTerminology::new(FhirVersion::R4);
    for version in ["2.9", "2.10", "1.0"] {
        let text = json!({ "resourceType": "CodeSystem", "url": "urn:c", "version": version, "content": "complete",
            "concept": [{ "code": "x", "display": version }] });
        terminology.add(&text.to_string()).unwrap();
    }
    let display = async |version: Option<&str>| {
        let mut parameters = vec![("system", uri("urn:c")), ("code", code("x"))];
        parameters.extend(version.map(|version| ("version", Input::String(version.to_owned()))));
        let answer = asked(&terminology, Operation::Lookup, &parameters).await;
        answer.map(|answer| parameter(&answer, "display").unwrap().as_str().unwrap().to_owned())
    };
    assert_eq!(display(None).await.unwrap(), "2.10");
    assert_eq!(display(Some("2.9")).await.unwrap(), "2.9");
    assert_eq!(display(Some("3")).await.unwrap_err(), OperationError::UnknownSource);
}
