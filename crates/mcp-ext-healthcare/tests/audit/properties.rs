//! Over random calls, each access leaves exactly one event and one receipt: AUD-1.

use mcp_trust::receipts::VerifiedLog;
use proptest::prelude::*;
use serde_json::Value;

use crate::world::*;

#[derive(Debug, Clone)]
struct Random {
    call: usize,
    principal: Option<&'static str>,
    /// Whether the client goes away before it is answered.
    given_up: bool,
    declared: bool,
}

fn random() -> impl Strategy<Value = Random> {
    let principals = [Some("doctor:quinn"), Some("xavier"), None];
    (
        0..every_call().len(),
        prop::sample::select(principals.to_vec()),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.9),
    )
        .prop_map(|(call, principal, given_up, declared)| Random {
            call,
            principal,
            given_up,
            declared,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn each_access_leaves_one_event_and_one_receipt(calls in prop::collection::vec(random(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit");
        let mut receipts = Vec::new();
        let mut expected = 0;
        let mut perhaps = 0;
        runtime.block_on(async {
            let server = server(trail(&path, &Keys::new()));
            for random in &calls {
                let raw = client(&server, random.principal);
                let (tool, arguments) = every_call().swap_remove(random.call);
                let message = if random.declared {
                    call(tool, arguments)
                } else {
                    mcp_testkit::call_tool(tool, arguments)
                };
                if random.given_up {
                    // It may have been answered by then, or have read nothing.
                    let mut exchange = raw.open(message);
                    let _ = tokio::time::timeout(std::time::Duration::ZERO, exchange.next()).await;
                    perhaps += 1;
                    continue;
                }
                let answer = raw.send(message).await;
                expected += 1;
                if let Some(result) = answer.result() {
                    let receipt = &result["_meta"][format!("{H}.audit")];
                    receipts.push(receipt["id"].as_str().expect("a receipt").to_owned());
                }
            }
        });
        // Whatever runs on comes to its end.
        drop(runtime);
        let archive = VerifiedLog::open(&path).unwrap();
        let mut ids = Vec::new();
        for entry in archive.entries(0).unwrap() {
            let kept: Value = serde_json::from_str(entry.unwrap().receipt()).unwrap();
            ids.push(kept["event"]["id"].as_str().unwrap().to_owned());
        }
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        prop_assert_eq!(distinct.len(), ids.len());
        prop_assert!((expected..=expected + perhaps).contains(&ids.len()), "{} of {expected}", ids.len());
        for id in &receipts {
            prop_assert_eq!(ids.iter().filter(|own| *own == id).count(), 1);
        }
    }
}
