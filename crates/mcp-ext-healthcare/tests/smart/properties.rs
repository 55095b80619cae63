//! What holds for all tokens and tools.

use std::collections::BTreeSet;

use mcp_ext_healthcare::Record;
use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Interaction, Restriction};
use mcp_ext_healthcare::smart::{Level, ScopeSet};
use proptest::prelude::*;
use serde_json::json;

use crate::clinic::*;

/// A scope: well formed most often.
fn scope() -> impl Strategy<Value = String> {
    let level = prop::sample::select(vec!["patient", "user", "system", "other"]);
    let kind = prop::sample::select(vec!["*", "Observation", "Patient", "ValueSet", "Nothing"]);
    let letters = prop::sample::select(vec!["r", "s", "rs", "cruds", "cud", "read", "*", "sr"]);
    let query = prop::sample::select(vec![
        "",
        "",
        "",
        "?category=laboratory",
        "?category=urn:c|vital-signs",
        "?category=laboratory,vital-signs&status=final",
        "?status=amended",
        "?_id=anna",
        "?subject=Patient/bert",
        "?date=2026",
        "?",
    ]);
    (level, kind, letters, query)
        .prop_map(|(level, kind, letters, query)| format!("{level}/{kind}.{letters}{query}"))
}

fn scopes() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(scope(), 0..4)
}

fn records() -> Vec<Record> {
    [
        json!({ "resourceType": "Patient", "id": "anna" }),
        json!({ "resourceType": "ValueSet", "id": "units" }),
        json!({ "resourceType": "Observation", "id": "1", "status": "final", "subject": { "reference": "Patient/bert" } }),
        json!({
            "resourceType": "Observation", "id": "2", "status": "final",
            "category": [{ "coding": [{ "system": "urn:c", "code": "laboratory" }] }],
        }),
        json!({
            "resourceType": "Observation", "id": "3", "status": "amended",
            "category": [{ "coding": [{ "system": "urn:c", "code": "vital-signs" }] }],
        }),
    ]
    .iter()
    .map(|one| Record::parse(&one.to_string()).unwrap())
    .collect()
}

/// Everything that is allowed.
fn allowed(set: &ScopeSet) -> BTreeSet<(Interaction, String)> {
    let mut all = BTreeSet::new();
    for record in records() {
        for interaction in Interaction::ALL {
            if set.allows(interaction, &record) {
                all.insert((interaction, record.versioned_reference()));
            }
        }
    }
    all
}

fn set(scopes: &[String]) -> ScopeSet {
    ScopeSet::granted(FhirVersion::R4, scopes)
}

proptest! {
    /// Adding a scope never removes access; so removing one never adds any.
    #[test]
    fn more_scopes_never_grant_less(some in scopes(), more in scopes(), tool in scopes()) {
        let all = [some.clone(), more].concat();
        prop_assert!(allowed(&set(&some)).is_subset(&allowed(&set(&all))));
        let (tool, some, all) = (set(&tool), set(&some), set(&all));
        prop_assert!(allowed(&some.within(&tool)).is_subset(&allowed(&all.within(&tool))));
        prop_assert!(allowed(&tool.within(&some)).is_subset(&allowed(&tool.within(&all))));
    }

    /// What is put together grants what both grant, of one level exactly that.
    #[test]
    fn both_together_grant_what_both_grant(token in scopes(), tool in scopes()) {
        let (token, tool) = (set(&token), set(&tool));
        let both = allowed(&token.within(&tool));
        prop_assert!(both.is_subset(&allowed(&token)));
        prop_assert!(both.is_subset(&allowed(&tool)));
        for level in [Level::Patient, Level::User, Level::System] {
            let (token, tool) = (token.at(level), tool.at(level));
            let expected: BTreeSet<_> =
                allowed(&token).intersection(&allowed(&tool)).cloned().collect();
            prop_assert_eq!(allowed(&token.within(&tool)), expected);
        }
    }

    /// What a search is restricted to misses nothing that is allowed, and a type of which nothing may be had has nothing.
    #[test]
    fn restrictions_agree_with_what_is_allowed(token in scopes()) {
        let token = set(&token);
        for record in records() {
            for interaction in Interaction::ALL {
                let restriction = token.restriction(interaction, record.resource_type());
                let is_allowed = token.allows(interaction, &record);
                prop_assert_eq!(token.may(interaction, record.resource_type()), restriction != Restriction::Nothing);
                match restriction {
                    Restriction::Nothing => prop_assert!(!is_allowed),
                    Restriction::Everything => prop_assert!(is_allowed),
                    Restriction::Only(lists) => {
                        prop_assert!(!lists.is_empty() && lists.iter().all(|list| !list.is_empty()));
                        let fits = lists.iter().any(|list| {
                            let query: Vec<_> = list.iter().map(|(name, value)| format!("{name}={value}")).collect();
                            set(&[format!("user/*.r?{}", query.join("&"))]).allows(Interaction::Read, &record)
                        });
                        prop_assert_eq!(is_allowed, fits);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The same through a whole server: and whatever the scopes, nothing of another patient comes.
    #[test]
    fn through_a_server_more_scopes_never_give_less_and_never_anothers(
        some in scopes(),
        more in scopes(),
        tool in scopes(),
        is_launched: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let tool: Vec<&str> = tool.iter().map(String::as_str).collect();
        let clinic = Clinic::of(&tool);
        let gives = |scopes: &[String]| {
            let scopes = scopes.join(" ");
            let token = || if is_launched { annas(&scopes) } else { users(&scopes) };
            let mut all = BTreeSet::new();
            runtime.block_on(async {
                for (tool, arguments) in [
                    ("search", kind("Observation")),
                    ("read", at("Patient/anna")),
                    ("read", at("Patient/bert")),
                    ("own", json!({})),
                    ("fill", kind("Observation")),
                    ("everything", json!({})),
                    ("found", json!({})),
                    ("all", json!({})),
                ] {
                    let came = came_of(&clinic.call(token(), tool, arguments).await);
                    all.extend(came.into_iter().map(|id| format!("{tool} {id}")));
                }
            });
            all
        };
        let (few, many) = (gives(&some), gives(&[some, more].concat()));
        let records = |all: &BTreeSet<String>| {
            all.iter().filter(|one| !one.contains("denied")).cloned().collect::<BTreeSet<_>>()
        };
        prop_assert!(records(&few).is_subset(&records(&many)));
        for id in ["bert", "b-lab", "a-with-b"] {
            prop_assert!(!many.iter().any(|one| one.ends_with(&format!(" {id}"))), "{id}");
        }
    }
}
