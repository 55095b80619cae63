//! What holds for every clinic, client and policy.

use std::collections::BTreeSet;

use mcp_ext_healthcare::protocol::{Confidentiality, Label, Phi};
use mcp_ext_healthcare::server::{Existence, Undeclared};
use mcp_testkit::call_tool;
use mcp_trust::label::Join;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::world::*;

const OBLIGATIONS: [&str; 4] = ["no-log", "no-persist", "no-redisclose", "no-train"];

/// A client's claims, from none to all.
#[derive(Debug, Clone)]
struct Claims {
    ceiling: u8,
    egress: u8,
    obligations: BTreeSet<&'static str>,
}

impl Claims {
    fn settings(&self) -> Value {
        let most = ["N", "R", "V"][usize::from(self.ceiling)];
        let egress = ["uncovered", "covered", "local", "none"][usize::from(self.egress)];
        json!({
            "version": "0.1",
            "maxConfidentiality": most,
            "modelEgress": egress,
            "obligations": self.obligations,
        })
    }

    /// What both claim, so that each of the two claims at least as much.
    fn common(&self, other: &Self) -> Self {
        Self {
            ceiling: self.ceiling.min(other.ceiling),
            egress: self.egress.min(other.egress),
            obligations: self.obligations.intersection(&other.obligations).copied().collect(),
        }
    }
}

fn claims() -> impl Strategy<Value = Claims> {
    let obligations = proptest::sample::subsequence(OBLIGATIONS.to_vec(), 0..=4);
    (0..3_u8, 0..4_u8, obligations).prop_map(|(ceiling, egress, obligations)| Claims {
        ceiling,
        egress,
        obligations: obligations.into_iter().collect(),
    })
}

/// What may be in the store: type, patient, labels.
fn stored() -> impl Strategy<Value = Vec<Value>> {
    let codes = ["N", "R", "V", "NORDSCLCD", "NOPERSISTP", "NOREUSE"];
    let codes = proptest::sample::subsequence(codes.to_vec(), 0..3);
    let patient = prop_oneof![Just(ANNA), Just(BERT)];
    proptest::collection::vec((patient, codes), 0..8).prop_map(|all| {
        let number = |(number, (patient, codes)): (usize, (&str, Vec<&str>))| {
            observation(&format!("o{number}"), patient, &codes)
        };
        all.into_iter().enumerate().map(number).collect()
    })
}

/// The records that a client with these claims gets, and their label.
async fn given(
    records: &[Value],
    policy: Policy,
    settings: Option<Value>,
) -> (BTreeSet<String>, Option<Label>) {
    let store = Store(records.to_vec());
    let clinic = Clinic::with(policy, |builder| builder.records(store));
    let message = treating(call_tool("search", search_for("Observation")), ANNA);
    let message = match settings {
        Some(settings) => message.declaring_raw(H, settings),
        None => message,
    };
    let answer = clinic.send(message).await;
    clinic.trail.one();
    if answer.error().is_some() {
        return (BTreeSet::new(), None);
    }
    let label = serde_json::from_value(meta(&answer, "label").clone()).unwrap();
    (ids(&answer).into_iter().collect(), Some(label))
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// LAB-1.
    #[test]
    fn a_label_is_never_below_a_member(records in stored(), claims in claims()) {
        let (ids, label) = run(given(&records, Policy::default(), Some(claims.settings())));
        let label = label.unwrap();
        for one in records.iter().filter(|one| ids.contains(one["id"].as_str().unwrap())) {
            let own = record(one).label();
            prop_assert!(label.covers(&own), "{label:?} {own:?}");
        }
        if ids.is_empty() {
            prop_assert_eq!(label, Label::nothing());
        }
    }

    /// NEG-4: declaring more may get more, but never more than the policy gives to the client that declares the most.
    #[test]
    fn declaring_gets_no_more_than_the_policy_gives(
        records in stored(),
        one in claims(),
        other in claims(),
    ) {
        let policy = Policy::default();
        let (most, _) = run(given(&records, policy.clone(), Some(trusted())));
        let (more, _) = run(given(&records, policy.clone(), Some(one.settings())));
        let (less, _) = run(given(&records, policy.clone(), Some(one.common(&other).settings())));
        prop_assert!(less.is_subset(&more) && more.is_subset(&most));
        // Whatever is declared, nobody gets what the policy withholds, nor another patient's.
        let closed = Policy { withheld: BTreeSet::from(["Observation".to_owned()]), ..policy.clone() };
        prop_assert!(run(given(&records, closed, Some(trusted()))).0.is_empty());
        for one in records.iter().filter(|one| most.contains(one["id"].as_str().unwrap())) {
            prop_assert_eq!(&one["subject"]["reference"], ANNA);
        }
        prop_assert!(run(given(&records, policy, None)).0.is_empty());
    }

    /// Withholding more never shows more.
    #[test]
    fn a_stricter_policy_never_shows_more(
        records in stored(),
        claims in claims(),
        uncovered: bool,
        withheld: bool,
    ) {
        let lax = Policy { uncovered, ..Policy::default() };
        let mut strict = lax.clone();
        strict.uncovered = false;
        if withheld {
            strict.withheld.insert("Observation".to_owned());
        }
        let (before, _) = run(given(&records, lax, Some(claims.settings())));
        let (after, _) = run(given(&records, strict, Some(claims.settings())));
        prop_assert!(after.is_subset(&before));
    }

    /// RES-2: a clinic where something is withheld answers as one where it does not exist.
    #[test]
    fn what_is_withheld_looks_as_if_it_did_not_exist(records in stored(), claims in claims()) {
        let answer = |records: Vec<Value>| run(async {
            let clinic = Clinic::with(Policy::default(), |builder| builder.records(Store(records)));
            let message = treating(call_tool("search", search_for("Observation")), ANNA);
            let answer = clinic.send(message.declaring_raw(H, claims.settings())).await;
            let mut result = answer.assert_result().clone();
            // Its id and time are those of the access.
            result["_meta"].as_object_mut().unwrap().remove(&key("audit"));
            (ids(&answer), result)
        });
        let (given, with) = answer(records.clone());
        let mut without = records;
        without.retain(|one| given.contains(&one["id"].as_str().unwrap().to_owned()));
        prop_assert_eq!(with, answer(without).1);
    }

    /// PLN-1.
    #[test]
    fn a_client_that_declares_nothing_gets_nothing_identified(records in stored()) {
        let clinic = Clinic::with(Policy { uncovered: true, ..Policy::default() }, |builder| {
            builder
                .records(Store(records.clone()))
                .existence(Existence::Open)
                .undeclared(Undeclared::Deidentify("safe-harbor".to_owned()))
        });
        let message = treating(call_tool("search", search_for("Observation")), ANNA);
        let answer = run(clinic.send(message));
        let shown = answer.response().to_string();
        prop_assert!(!shown.contains(PLANTED) && !shown.contains("anna") && !shown.contains(H));
        let harmless = |one: &&Value| {
            let label = record(one).label();
            one["subject"]["reference"] == ANNA
                && label.confidentiality == Confidentiality::Normal
                && label.obligations.is_empty()
                && label.phi == Phi::Identified
        };
        prop_assert_eq!(ids(&answer).len(), records.iter().filter(harmless).count());
    }
}
