//! Another extension that claims everything that the one under test has.

use std::sync::Arc;

use mcp_core::client::{ClientBuildError, ClientContributions, ClientExtension};
use mcp_core::extension::{Extension, ExtensionId, NoSettings};
use serde_json::Value;

use crate::client_suite::probe::Probe;
use crate::suite::Rule;

/// Claims names that are another's.
pub(crate) struct Rival {
    claims: Vec<&'static str>,
    notifications: Vec<&'static str>,
    routed: Vec<(&'static str, &'static str)>,
    meta: Vec<fn(&mut ClientContributions<Rival>)>,
}

impl Extension for Rival {
    const ID: ExtensionId = ExtensionId::new("com.example.mcp-testkit/rival");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ClientExtension for Rival {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        for tag in &self.claims {
            to.claim(tag, async |claimed| Ok(claimed.result));
        }
        for method in &self.notifications {
            to.notification(method, |_: Value| {});
        }
        for (method, field) in &self.routed {
            to.routed_method(method, field);
        }
        for claim in &self.meta {
            claim(to);
        }
    }
}

/// Every name is a conflict, and all are reported at once.
pub(crate) fn conflicts<H: Clone + Send + Sync + 'static>(probe: &mut Probe<'_, H>) {
    let suite = probe.suite;
    let routed = suite.calls.iter().filter_map(|case| Some((case.method, case.routing?)));
    let rival = Rival {
        claims: suite.claims.iter().map(|case| case.tag).collect(),
        notifications: suite.notifications.iter().map(|case| case.method).collect(),
        routed: routed.collect(),
        meta: (suite.request_meta.iter().map(|case| case.claim))
            .chain(suite.result_meta.iter().map(|case| case.claim))
            .collect(),
    };
    let names: Vec<&str> = (rival.claims.iter().copied())
        .chain(rival.notifications.iter().copied())
        .chain(rival.routed.iter().map(|(method, _)| *method))
        .chain(suite.request_meta.iter().map(|case| case.key))
        .chain(suite.result_meta.iter().map(|case| case.key))
        .collect();
    let (builder, _) = (suite.build)();
    let connected = builder.extension(rival).connect(probe.stage(|_| None).0);
    let errors = connected.map_or_else(|errors| errors.as_slice().to_vec(), |_| Vec::new());
    for wanted in names {
        let found = errors.iter().any(|error| match error {
            ClientBuildError::Claimed { name, first, second, .. } => {
                name == wanted
                    && [*first, *second].contains(&suite.id)
                    && [*first, *second].contains(&Rival::ID)
            }
            _ => false,
        });
        let problem = (!found).then(|| {
            "another extension can claim it too: does the one under test have it?".to_owned()
        });
        probe.check(Rule::Shadowing, wanted, problem);
    }
}
