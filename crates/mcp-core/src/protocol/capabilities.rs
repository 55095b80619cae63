//! What each side can do.

use std::collections::BTreeMap;

use super::wire::wire;
use crate::RawJson;

/// Settings by extension or experiment.
pub type SettingsMap = BTreeMap<String, RawJson>;

wire! {
    /// What a client can do, declared with each request.
    #[derive(Default)]
    pub struct ClientCapabilities {
        optional {
            /// Non-standard abilities.
            "experimental" experimental: SettingsMap,
            /// It can list its roots. Deprecated.
            "roots" roots: RootsCapability,
            /// It can ask a model. Deprecated.
            "sampling" sampling: SamplingCapability,
            /// It can ask a person.
            "elicitation" elicitation: ElicitationCapability,
            /// The extensions that it supports, with their settings.
            "extensions" extensions: SettingsMap,
        }
    }
}

wire! {
    /// The client can list its roots.
    #[derive(Default)]
    pub struct RootsCapability {}
}

wire! {
    /// The client can ask a model.
    #[derive(Default)]
    pub struct SamplingCapability {
        optional {
            /// It can include context of servers.
            "context" context: RawJson,
            /// The model can use tools.
            "tools" tools: RawJson,
        }
    }
}

wire! {
    /// The client can ask a person.
    #[derive(Default)]
    pub struct ElicitationCapability {
        optional {
            /// By forms.
            "form" form: RawJson,
            /// By pages of the server's.
            "url" url: RawJson,
        }
    }
}

impl ClientCapabilities {
    /// Those of a client that shows forms.
    #[must_use]
    pub fn requiring_form() -> Self {
        let form = Some(RawJson::empty_object());
        let elicitation = ElicitationCapability { form, ..ElicitationCapability::default() };
        Self { elicitation: Some(elicitation), ..Self::default() }
    }

    /// Those of a client that opens pages.
    #[must_use]
    pub fn requiring_url() -> Self {
        let url = Some(RawJson::empty_object());
        let elicitation = ElicitationCapability { url, ..ElicitationCapability::default() };
        Self { elicitation: Some(elicitation), ..Self::default() }
    }

    /// Those of a client that asks a model, with tools if need be.
    #[must_use]
    pub fn requiring_sampling(with_tools: bool) -> Self {
        let tools = with_tools.then(RawJson::empty_object);
        let sampling = SamplingCapability { tools, ..SamplingCapability::default() };
        Self { sampling: Some(sampling), ..Self::default() }
    }

    /// Those of a client that lists its roots.
    #[must_use]
    pub fn requiring_roots() -> Self {
        Self { roots: Some(RootsCapability::default()), ..Self::default() }
    }
}

wire! {
    /// What a server offers.
    #[derive(Default)]
    pub struct ServerCapabilities {
        optional {
            /// Non-standard abilities.
            "experimental" experimental: SettingsMap,
            /// It sends log messages. Deprecated.
            "logging" logging: RawJson,
            /// It completes arguments.
            "completions" completions: RawJson,
            /// It offers prompts.
            "prompts" prompts: PromptsCapability,
            /// It offers resources.
            "resources" resources: ResourcesCapability,
            /// It offers tools.
            "tools" tools: ToolsCapability,
            /// The extensions that it supports, with their settings.
            "extensions" extensions: SettingsMap,
        }
    }
}

wire! {
    /// The server offers prompts.
    #[derive(Default)]
    pub struct PromptsCapability {
        optional {
            /// It tells when the list changes.
            "listChanged" list_changed: bool,
        }
    }
}

wire! {
    /// The server offers resources.
    #[derive(Default)]
    pub struct ResourcesCapability {
        optional {
            /// It tells when a resource changes.
            "subscribe" subscribe: bool,
            /// It tells when the list changes.
            "listChanged" list_changed: bool,
        }
    }
}

wire! {
    /// The server offers tools.
    #[derive(Default)]
    pub struct ToolsCapability {
        optional {
            /// It tells when the list changes.
            "listChanged" list_changed: bool,
        }
    }
}
