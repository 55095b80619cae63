//! What no Consent, however odd, can do.

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::consent::{ConsentRules, Consents, Unconsented};
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::protocol::ConsentDecision;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::*;

const TYPES: &str = "http://hl7.org/fhir/resource-types";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";

fn one_of(all: &'static [&'static str]) -> impl Strategy<Value = &'static str> + Clone {
    prop::sample::select(all)
}

/// A condition, under the name of the element that has it in R4 or in R5.
fn condition(version: FhirVersion) -> BoxedStrategy<(String, Value)> {
    let class = if version == FhirVersion::R4 { "class" } else { "resourceType" };
    let purpose = one_of(&["TREAT", "HRESCH", "ETREAT", "HPAYMT", "CAREMGT", "?"]);
    let role = one_of(&["PRCP", "IRCP", "CST", "AUT"]);
    let who = one_of(&["Practitioner/quinn", "Organization/clinic", "Practitioner/x", "#p"]);
    let level = one_of(&["N", "R", "V", "?"]);
    let code = one_of(&["PSY", "HIV"]);
    let kind = one_of(&["Observation", "Condition", "?"]);
    let day = one_of(&["2015", "2026-03-01", "2026-02", "2030-01-01T00:00:00Z"]);
    let meaning = one_of(&["instance", "related", "dependents", "authoredby"]);
    let target = one_of(&["Observation/1", "Encounter/5", "urn:uuid:1"]);
    prop_oneof![
        purpose.prop_map(|code| ("purpose".to_owned(), json!([code]))),
        (role, who).prop_map(|(role, who)| {
            ("actor".to_owned(), json!([{ "role": role, "reference": { "reference": who } }]))
        }),
        level.prop_map(|code| {
            ("securityLabel".to_owned(), json!([{ "system": CONFIDENTIALITY, "code": code }]))
        }),
        code.prop_map(|code| {
            ("securityLabel".to_owned(), json!([{ "system": ACT_CODE, "code": code }]))
        }),
        kind.prop_map(move |code| (class.to_owned(), json!([{ "system": TYPES, "code": code }]))),
        day.clone().prop_map(|day| ("period".to_owned(), json!({ "start": day }))),
        day.clone().prop_map(|day| ("period".to_owned(), json!({ "end": day }))),
        day.prop_map(|day| ("dataPeriod".to_owned(), json!({ "end": day }))),
        (meaning, target).prop_map(|(meaning, target)| {
            let datum = json!([{ "meaning": meaning, "reference": { "reference": target } }]);
            ("data".to_owned(), datum)
        }),
        Just(("code".to_owned(), json!([{ "coding": [{ "system": "s", "code": "x" }] }]))),
    ]
    .boxed()
}

/// A provision with all that stands in it.
fn provision(version: FhirVersion) -> impl Strategy<Value = Value> {
    let conditions = prop::collection::vec(condition(version), 0..3);
    let leaf = (conditions, one_of(&["permit", "deny"])).prop_map(move |(conditions, effect)| {
        let mut provision = json!({ "id": "p" });
        for (name, value) in conditions {
            provision[name] = value;
        }
        if version == FhirVersion::R4 {
            provision["type"] = effect.into();
        }
        provision
    });
    let leaf = leaf.boxed();
    leaf.clone().prop_recursive(3, 8, 3, move |inner| {
        (leaf.clone(), prop::collection::vec(inner, 0..3)).prop_map(|(mut whole, within)| {
            if !within.is_empty() {
                whole["provision"] = within.into();
            }
            whole
        })
    })
}

fn any_consent(version: FhirVersion) -> BoxedStrategy<Value> {
    let base = one_of(&["OPTIN", "OPTOUT"]);
    if version == FhirVersion::R4 {
        (base, prop::option::of((provision(version), any::<bool>())))
            .prop_map(move |(base, root)| {
                let mut short = json!({ "policyRule": base });
                if let Some((mut root, typed)) = root {
                    if !typed {
                        root.as_object_mut().unwrap().remove("type");
                    }
                    short["provision"] = root;
                }
                consent(version, &short)
            })
            .boxed()
    } else {
        (base, prop::collection::vec(provision(version), 0..3))
            .prop_map(move |(base, provisions)| {
                let decision = if base == "OPTIN" { "permit" } else { "deny" };
                let mut short = json!({ "decision": decision });
                if !provisions.is_empty() {
                    short["provision"] = provisions.into();
                }
                consent(version, &short)
            })
            .boxed()
    }
}

fn version_of() -> impl Strategy<Value = FhirVersion> {
    prop_oneof![Just(FhirVersion::R4), Just(FhirVersion::R5)]
}

fn any_ask() -> impl Strategy<Value = Ask> {
    let who = prop_oneof![
        Just(None),
        Just(Some(actors(&[]))),
        Just(Some(actors(&["Practitioner/quinn"]))),
        Just(Some(actors(&["Organization/clinic", "Practitioner/x"]))),
    ];
    let purpose = prop::option::of(one_of(&["TREAT", "HRESCH", "BTG", "OTHER"]));
    let now = one_of(&["2014-01-01T00:00:00Z", "2026-03-01T00:30:00Z", "2040-01-01T00:00:00Z"]);
    let security = prop::collection::vec(
        prop_oneof![
            one_of(&["N", "R", "V", "?"]).prop_map(|code| (CONFIDENTIALITY, code)),
            one_of(&["PSY", "BH"]).prop_map(|code| (ACT_CODE, code)),
        ],
        0..3,
    );
    let kind = one_of(&["Observation", "Condition"]);
    let about = prop_oneof![
        3 => (kind.clone(), security, any::<bool>(), any::<bool>()).prop_map(|(kind, security, refers, coded)| {
            let mut record = observation();
            record["resourceType"] = kind.into();
            let codes: Vec<_> =
                security.into_iter().map(|(system, code)| json!({ "system": system, "code": code })).collect();
            record["meta"] = json!({ "security": codes });
            if refers {
                record["encounter"] = json!({ "reference": "Encounter/5" });
                record["effectiveDateTime"] = "2014-05-05".into();
            }
            if coded {
                record["code"] = json!({ "coding": [{ "system": "s", "code": "x" }] });
            }
            About::Record(record)
        }),
        1 => prop::option::of(kind).prop_map(|kind| About::Type(kind.map(str::to_owned))),
    ];
    (who, purpose, now, about).prop_map(|(actors, purpose, now, about)| Ask {
        actors,
        purpose: purpose.map(str::to_owned),
        now: now.parse().unwrap(),
        about,
    })
}

/// How much is shown.
fn shown(decision: ConsentDecision) -> u8 {
    match decision {
        ConsentDecision::Deny => 0,
        ConsentDecision::Partial => 1,
        ConsentDecision::Permit => 2,
    }
}

fn both(version: FhirVersion) -> [ConsentRules; 2] {
    [Unconsented::Permitted, Unconsented::Denied]
        .map(|held| ConsentRules::enforced(version).unconsented(held))
}

fn read(rules: &ConsentRules, all: &[Value]) -> Consents {
    let found: Vec<Record> = all.iter().map(record).collect();
    Consents::read(rules, &patient(), &found)
}

/// Puts a provision that denies at a place in a Consent: at the root of its provisions, or within one of them.
fn with_denial(
    version: FhirVersion,
    whole: &Value,
    denial: Value,
    place: &[usize],
) -> Option<Value> {
    let mut whole = whole.clone();
    if version == FhirVersion::R4 {
        let mut at = whole.get_mut("provision")?;
        // Where it has no root that permits or denies, what stands in it says otherwise.
        for step in place {
            let within = at.get("provision").and_then(Value::as_array).map_or(0, Vec::len);
            if within == 0 {
                break;
            }
            at = at.get_mut("provision")?.get_mut(step % within)?;
        }
        match at.get_mut("provision") {
            Some(Value::Array(within)) => within.push(denial),
            _ => at["provision"] = json!([denial]),
        }
        return Some(whole);
    }
    // In R5 an exception denies where what it stands in permits.
    let mut at = &mut whole;
    let mut permits = at["decision"] == "permit";
    for step in place {
        let within = at.get("provision").and_then(Value::as_array).map_or(0, Vec::len);
        if within == 0 {
            break;
        }
        at = at.get_mut("provision")?.get_mut(step % within)?;
        permits = !permits;
    }
    if !permits {
        return None;
    }
    match at.get_mut("provision") {
        Some(Value::Array(within)) => within.push(denial),
        _ => at["provision"] = json!([denial]),
    }
    Some(whole)
}

/// A provision that denies, written out, whatever stands in it.
fn denial_of(version: FhirVersion, mut provision: Value) -> Value {
    if version == FhirVersion::R4 {
        provision["type"] = "deny".into();
    }
    let short = if version == FhirVersion::R4 { provision } else { json!([provision]) };
    let whole = consent(version, &json!({ "provision": short }));
    if version == FhirVersion::R4 {
        whole["provision"].clone()
    } else {
        whole["provision"][0].clone()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// CON-2, within a Consent: with its own exceptions, too.
    #[test]
    fn adding_a_denial_never_shows_more(
        (version, whole, denial) in version_of().prop_flat_map(|version| {
            (Just(version), any_consent(version), provision(version))
        }),
        others in prop::collection::vec(any_consent(FhirVersion::R4), 0..2),
        place in prop::collection::vec(0..3_usize, 0..4),
        ask in any_ask(),
    ) {
        let denial = denial_of(version, denial);
        let Some(denied) = with_denial(version, &whole, denial, &place) else { return Ok(()) };
        let others = if version == FhirVersion::R4 { others } else { Vec::new() };
        for rules in both(version) {
            let all = |one: &Value| [vec![one.clone()], others.clone()].concat();
            let before = ask.of(&rules, &read(&rules, &all(&whole))).decision;
            let after = ask.of(&rules, &read(&rules, &all(&denied))).decision;
            prop_assert!(shown(after) <= shown(before), "{before:?} {after:?}\n{whole}\n{denied}");
        }
    }

    /// CON-2, between Consents: one that only denies.
    #[test]
    fn adding_a_consent_that_denies_never_shows_more(
        (version, all, limits) in version_of().prop_flat_map(|version| {
            let all = prop::collection::vec(any_consent(version), 0..3);
            (Just(version), all, prop::collection::vec(condition(version), 0..3))
        }),
        ask in any_ask(),
    ) {
        let mut provision = json!({ "id": "p" });
        for (name, value) in limits {
            provision[name] = value;
        }
        let denial = if version == FhirVersion::R4 {
            provision["type"] = "deny".into();
            consent(version, &json!({ "provision": provision }))
        } else {
            // What denies is the base here; nobody is permitted anything.
            consent(version, &json!({ "decision": "deny" }))
        };
        for rules in both(version) {
            let before = ask.of(&rules, &read(&rules, &all)).decision;
            let with = [all.clone(), vec![denial.clone()]].concat();
            let after = ask.of(&rules, &read(&rules, &with)).decision;
            prop_assert!(shown(after) <= shown(before));
        }
    }

    /// CON-3: whatever makes a Consent unreadable, it shows no more than if there were none, and no more than before.
    #[test]
    fn an_unreadable_consent_never_shows_more_than_none(
        (version, others, whole) in version_of().prop_flat_map(|version| {
            (Just(version), prop::collection::vec(any_consent(version), 0..2), any_consent(version))
        }),
        how in 0..6_u8,
        ask in any_ask(),
    ) {
        let mut odd = whole.clone();
        match how {
            0 => odd["modifierExtension"] = json!([{ "url": "u" }]),
            1 => odd["implicitRules"] = "u".into(),
            2 => odd["surprise"] = true.into(),
            3 => odd["status"] = "asleep".into(),
            4 => drop(odd.as_object_mut().unwrap().remove("status")),
            _ => odd["category"] = json!([{ "text": "words" }]),
        }
        for rules in both(version) {
            let none = ask.of(&rules, &read(&rules, &others)).decision;
            let with = |one: &Value| [others.clone(), vec![one.clone()]].concat();
            let before = ask.of(&rules, &read(&rules, &with(&whole))).decision;
            let after = ask.of(&rules, &read(&rules, &with(&odd))).decision;
            prop_assert!(shown(after) <= shown(none) && shown(after) <= shown(before));
            prop_assert_eq!(after, ConsentDecision::Deny);
        }
    }

    /// What is said of a type is so of each record of it.
    #[test]
    fn what_is_said_of_a_type_is_so_of_each_record(
        (version, all) in version_of().prop_flat_map(|version| {
            (Just(version), prop::collection::vec(any_consent(version), 0..3))
        }),
        ask in any_ask(),
    ) {
        let About::Record(record) = &ask.about else { return Ok(()) };
        let kind = record["resourceType"].as_str().unwrap().to_owned();
        for rules in both(version) {
            let consents = read(&rules, &all);
            let of_record = ask.of(&rules, &consents).decision;
            for kind in [Some(kind.clone()), None] {
                let of_type = Ask { about: About::Type(kind), ..ask.clone() };
                match of_type.of(&rules, &consents).decision {
                    ConsentDecision::Partial => {}
                    decision => prop_assert_eq!(decision, of_record),
                }
            }
        }
    }

    /// Whatever a source gives for a Consent, there is an answer.
    #[test]
    fn nothing_that_is_found_is_too_odd(
        text in "[a-z{}\\[\\]:,\" ]{0,40}", ask in any_ask(), version in version_of(),
    ) {
        let value = json!({ "resourceType": "Consent", "id": "c", "status": "active", "x": text });
        for rules in both(version) {
            let decision = ask.of(&rules, &read(&rules, std::slice::from_ref(&value))).decision;
            prop_assert_eq!(decision, ConsentDecision::Deny);
        }
    }
}
