//! Random reads and searches with a patient open, over a server's tools.

use std::collections::BTreeSet;

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::LimitSettings;
use mcp_ext_healthcare::server::Records;
use serde_json::{Value, json};

use crate::hospital::{Hospital, page};

/// Numbers that are the same in each run, so that a finding can be found again.
struct Dice(u64);

impl Dice {
    /// A number below `sides`: SplitMix64.
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap_or(0) % sides
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.roll(of.len())]
    }
}

/// The patients of this server that anything in a record refers to, wherever it stands. Written apart from what is tested.
fn named(value: &Value, to: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| named(value, to)),
        Value::Object(members) => {
            if let Some(reference) = members.get("reference").and_then(Value::as_str)
                && let Some(id) = reference.strip_prefix("Patient/")
            {
                to.insert(format!("Patient/{}", id.split('/').next().unwrap()));
            }
            members.values().for_each(|value| named(value, to));
        }
        _ => {}
    }
}

/// Whether a record may not be given to whom one patient is open: it is not the patient, and names patients, but not this one. By FHIR's
/// definition, a Patient that is linked to another is in the other's compartment.
fn is_foreign(record: &Value, patient: &str) -> bool {
    let mut all = BTreeSet::new();
    if record["resourceType"] == "Patient" {
        all.insert(format!("Patient/{}", record["id"].as_str().unwrap()));
    }
    named(record, &mut all);
    !all.is_empty() && !all.contains(patient)
}

/// Calls with a patient open, for whatever there is, and fails if anything of another patient is given; or if less than `percent` records are
/// given in a hundred calls, since then little was tried.
pub(crate) async fn nothing_foreign(
    version: FhirVersion,
    records: impl Records,
    all: &[Value],
    usual: usize,
    percent: usize,
) {
    let calls = std::env::var("MCP_ISOLATION_CALLS").ok().and_then(|it| it.parse().ok());
    let calls: usize = calls.unwrap_or(usual);
    let mut references: Vec<String> = all
        .iter()
        .map(|one| {
            format!("{}/{}", one["resourceType"].as_str().unwrap(), one["id"].as_str().unwrap())
        })
        .collect();
    let patients: Vec<String> =
        references.iter().filter(|one| one.starts_with("Patient/")).cloned().collect();
    // Guesses are made of what is about patients.
    let definitions = version.definitions();
    references.retain(|one| {
        let kind = one.split('/').next().unwrap();
        kind == "Patient" || !definitions.compartment(kind).is_empty()
    });
    let kinds: Vec<&str> = {
        let kinds: BTreeSet<&str> =
            references.iter().map(|one| one.split('/').next().unwrap()).collect();
        kinds.into_iter().collect()
    };
    let hospital = Hospital::new(version, records, LimitSettings::new(50_u64, 4_000_000_u64));
    // Of whom there is something, and of which kind: half of the calls find it.
    let mut owned: Vec<(String, String)> = Vec::new();
    for one in all {
        let mut of = BTreeSet::new();
        named(one, &mut of);
        let kind = one["resourceType"].as_str().unwrap();
        let of = of.into_iter().filter(|patient| patients.contains(patient));
        owned
            .extend(of.filter(|_| kinds.contains(&kind)).map(|patient| (patient, kind.to_owned())));
    }
    let mut dice = Dice(20_260_728);
    let (mut given, mut denied, mut empty) = (0, 0, 0);
    for call in 0..calls {
        let owned = Some(dice.one(&owned)).filter(|_| call % 2 == 0);
        let patient = owned.map_or_else(|| dice.one(&patients).clone(), |(of, _)| of.clone());
        let (tool, arguments) = match dice.roll(8) {
            0 => ("fhir_read", json!({ "reference": dice.one(&references) })),
            1 => ("fhir_everything", json!({ "count": 20 })),
            _ => {
                let kind = owned.map_or_else(|| *dice.one(&kinds), |(_, kind)| kind.as_str());
                let mut parameters = serde_json::Map::new();
                let known: Vec<_> = definitions.search_parameters(kind).collect();
                for _ in 0..dice.roll(3) {
                    let (name, parameter) = *dice.one(&known);
                    let value = match parameter.kind {
                        "reference" => match dice.roll(3) {
                            0 => dice.one(&patients).clone(),
                            1 => dice.one(&references).clone(),
                            // Alternatives: one's own and others'.
                            _ => format!("{patient},{}", dice.one(&patients)),
                        },
                        "date" => "ge1900".to_owned(),
                        "token" => "final,active,completed,male,female".to_owned(),
                        "string" => "a,e,p,s,1".to_owned(),
                        _ => "gt0".to_owned(),
                    };
                    let name = match dice.roll(4) {
                        0 if parameter.kind == "token" => format!("{name}:not"),
                        1 => format!("{name}:missing"),
                        _ => name.to_owned(),
                    };
                    let value = if name.ends_with(":missing") { "false".to_owned() } else { value };
                    parameters.insert(name, json!(value));
                }
                let references: Vec<_> =
                    known.iter().filter(|(_, it)| it.kind == "reference").collect();
                if dice.roll(2) == 0 && !references.is_empty() {
                    let (name, _) = dice.one(&references);
                    parameters.insert("_include".to_owned(), json!(format!("{kind}:{name}")));
                }
                if dice.roll(3) == 0 {
                    let other = *dice.one(&kinds);
                    let names: Vec<_> = definitions
                        .search_parameters(other)
                        .filter(|(_, it)| it.kind == "reference")
                        .collect();
                    let (name, _) = *dice.one(&names);
                    parameters.insert("_revinclude".to_owned(), json!(format!("{other}:{name}")));
                }
                (
                    "fhir_search",
                    json!({ "resourceType": kind, "parameters": parameters, "count": 20 }),
                )
            }
        };
        let mut arguments = arguments;
        // Each page as well as the first.
        for _ in 0..3 {
            let answer = hospital.call(&patient, tool, arguments.clone()).await;
            if answer.assert_result()["isError"] == true {
                let text = answer.assert_result().to_string();
                assert!(!patients.iter().any(|one| text.contains(one.as_str())), "{text}");
                denied += 1;
                break;
            }
            let (records, next) = page(&answer);
            for record in &records {
                assert!(
                    !is_foreign(record, &patient),
                    "call {call}, {patient}: {tool} {arguments} gave {record}"
                );
            }
            given += records.len();
            empty += usize::from(records.is_empty());
            let Some(next) = next else { break };
            arguments["cursor"] = json!(next);
        }
    }
    println!(
        "{}: {calls} calls, {given} records given, 0 of another patient; {denied} answers denied, {empty} empty",
        version.number()
    );
    assert!(given * 100 >= calls * percent, "{given}");
}
