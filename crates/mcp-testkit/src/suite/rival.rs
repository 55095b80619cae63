//! Another extension that claims everything that the one under test has.

use std::sync::Arc;

use mcp_core::extension::{
    Contributions, Document, DocumentBody, Extension, ExtensionId, MethodOptions, NoSettings,
    ServerExtension,
};
use mcp_core::protocol::{EmptyResult, ReadResourceResult, ResourceContents, methods};
use mcp_core::server::{BuildError, ServedPrompt, ServedResource, ServedTemplate, ServedTool};
use serde_json::Value;

use crate::suite::probe::Probe;
use crate::suite::{Claim, OfferKind, Rule};

/// Claims names that are another's.
pub(crate) struct Rival {
    methods: Vec<&'static str>,
    notifications: Vec<&'static str>,
    result_types: Vec<&'static str>,
    topics: Vec<&'static str>,
    offers: Vec<(OfferKind, &'static str)>,
    documents: Vec<&'static str>,
    meta: Vec<Claim>,
}

impl Extension for Rival {
    const ID: ExtensionId = ExtensionId::new("com.example.mcp-testkit/rival");
    type ClientSettings = NoSettings;
    type ServerSettings = NoSettings;
}

impl ServerExtension for Rival {
    fn settings(&self) -> NoSettings {
        NoSettings {}
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        for name in &self.methods {
            to.method(name, MethodOptions::new(), async |_, _, _: Value| Ok(EmptyResult::new()));
        }
        for name in &self.notifications {
            to.notification(name, async |_, _, _: Value| Ok(()));
        }
        for tag in &self.result_types {
            to.result_type(tag, &[methods::TOOLS_CALL]);
        }
        for field in &self.topics {
            to.topic(field, async |_, _, _: Value| Ok(None));
        }
        for path in &self.documents {
            to.document(Document::new(path, "text/plain", |_| DocumentBody {
                bytes: bytes::Bytes::new(),
            }));
        }
        for claim in &self.meta {
            claim(to);
        }
        for (kind, name) in &self.offers {
            match kind {
                OfferKind::Tool => to.tool(ServedTool::new(*name, async || "rival")),
                OfferKind::Prompt => {
                    to.prompt(ServedPrompt::new(*name, async || "rival".to_owned()));
                }
                OfferKind::Resource => to.resource(ServedResource::new(*name, "rival", read)),
                OfferKind::Template => to.template(ServedTemplate::new(*name, "rival", read)),
            }
        }
    }
}

async fn read() -> ReadResourceResult {
    ReadResourceResult::new([ResourceContents::text("rival:rival", "rival")])
}

/// Every name is a conflict, all are reported at once, and both sides are named.
pub(crate) fn conflicts(probe: &mut Probe<'_>) {
    let suite = probe.suite;
    let documents: Vec<_> =
        probe.server.documents().iter().map(|document| document.path()).collect();
    let rival = Rival {
        methods: suite.methods.iter().map(|case| case.name).collect(),
        notifications: suite.notifications.iter().map(|(name, _)| *name).collect(),
        result_types: suite.result_types.iter().map(|(tag, _)| *tag).collect(),
        topics: suite.topics.iter().map(|(field, _)| *field).collect(),
        offers: suite.offers.iter().map(|offer| (offer.kind, offer.name)).collect(),
        documents,
        meta: (suite.request_meta.iter().map(|case| case.claim))
            .chain(suite.result_meta.iter().map(|case| case.claim))
            .collect(),
    };
    let claimed = claimed(probe, &rival);
    let errors = match (suite.build)().extension(rival).build() {
        Ok(_) if claimed.is_empty() => return,
        Ok(_) => Vec::new(),
        Err(errors) => errors.as_slice().to_vec(),
    };
    for name in claimed {
        let found = errors.iter().any(|error| is_conflict(error, probe.suite.id, &name));
        let problem = (!found).then(|| {
            "another extension can claim it too: does the one under test have it?".to_owned()
        });
        probe.check(Rule::Shadowing, &name, problem);
    }
}

/// All names that must be conflicts.
fn claimed(probe: &Probe<'_>, rival: &Rival) -> Vec<String> {
    let names = |names: &[&'static str]| names.iter().map(|name| (*name).to_owned()).collect();
    let parts: [Vec<String>; 6] = [
        names(&rival.methods),
        names(&rival.notifications),
        names(&rival.result_types),
        names(&rival.topics),
        names(&rival.documents),
        rival.offers.iter().map(|(_, name)| (*name).to_owned()).collect(),
    ];
    let suite = probe.suite;
    let keys = (suite.request_meta.iter().map(|case| case.key))
        .chain(suite.result_meta.iter().map(|case| case.key))
        .map(str::to_owned);
    parts.into_iter().flatten().chain(keys).collect()
}

fn is_conflict(error: &BuildError, id: ExtensionId, wanted: &str) -> bool {
    match error {
        BuildError::Claimed { name, first, second, .. } => {
            name == wanted
                && [*first, *second].contains(&id)
                && [*first, *second].contains(&Rival::ID)
        }
        // Tools and the like belong to the server, not to an extension.
        BuildError::Duplicate { name, .. } => name == wanted,
        _ => false,
    }
}
