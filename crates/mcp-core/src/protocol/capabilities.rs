//! What clients and servers say they can do (specification, "Versioning and Compatibility").

use super::wire::wire;
use super::{JsonMap, JsonObject};

wire! {
    /// What a client can do. It is declared with every request and holds for that request alone.
    ///
    /// Capabilities that this library has no name for are in `extra`.
    ///
    /// ```
    /// use mcp_core::protocol::{ClientCapabilities, ElicitationCapability};
    ///
    /// let capabilities = ClientCapabilities::new().with_elicitation(ElicitationCapability::new());
    /// assert_eq!(serde_json::to_string(&capabilities)?, r#"{"elicitation":{}}"#);
    /// assert!(capabilities.elicits_forms() && !capabilities.elicits_urls());
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Default)]
    pub struct ClientCapabilities {
        optional {
            /// Capabilities outside the specification.
            experimental: JsonMap<JsonObject> = "experimental" => with_experimental,
            /// The client can list its roots. Deprecated by the specification.
            roots: RootsCapability = "roots" => with_roots,
            /// The client can ask a model. Deprecated by the specification.
            sampling: SamplingCapability = "sampling" => with_sampling,
            /// The client can ask its user.
            elicitation: ElicitationCapability = "elicitation" => with_elicitation,
            /// The extensions the client supports: settings by the extension's identifier.
            extensions: JsonMap<JsonObject> = "extensions" => with_extensions,
        }
    }
}

impl ClientCapabilities {
    /// Whether the client shows forms to its user. An `elicitation` without any mode means forms.
    pub fn elicits_forms(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|modes| modes.form.is_some() || modes.url.is_none())
    }

    /// Whether the client sends its user to URLs.
    pub fn elicits_urls(&self) -> bool {
        self.elicitation.as_ref().is_some_and(|modes| modes.url.is_some())
    }

    /// The client's settings for an extension, if it declared the extension.
    pub fn extension(&self, id: &str) -> Option<&JsonObject> {
        self.extensions.as_ref()?.get(id)
    }

    /// Declares an extension with these settings.
    #[must_use]
    pub fn with_extension(mut self, id: impl Into<String>, settings: JsonObject) -> Self {
        self.extensions.get_or_insert_default().insert(id, settings);
        self
    }
}

wire! {
    /// The client can list its roots. Nothing is defined inside.
    #[derive(Default)]
    pub struct RootsCapability
    [inline = true]
    {}
}

wire! {
    /// What the client's sampling supports.
    #[derive(Default)]
    pub struct SamplingCapability
    [inline = true]
    {
        optional {
            /// The client can include context of MCP servers in the prompt.
            context: JsonObject = "context" => with_context,
            /// The client's model can call tools.
            tools: JsonObject = "tools" => with_tools,
        }
    }
}

wire! {
    /// How the client can ask its user. Empty means by form.
    #[derive(Default)]
    pub struct ElicitationCapability
    [inline = true]
    {
        optional {
            /// By a form.
            form: JsonObject = "form" => with_form,
            /// By sending the user to a URL.
            url: JsonObject = "url" => with_url,
        }
    }
}

wire! {
    /// What a server can do: part of the answer to `server/discover`.
    ///
    /// Capabilities that this library has no name for are in `extra`.
    ///
    /// ```
    /// use mcp_core::protocol::{ServerCapabilities, ToolsCapability};
    ///
    /// let tools = ToolsCapability::new().with_list_changed(true);
    /// let capabilities = ServerCapabilities::new().with_tools(tools);
    /// assert_eq!(serde_json::to_string(&capabilities)?, r#"{"tools":{"listChanged":true}}"#);
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    #[derive(Default)]
    pub struct ServerCapabilities {
        optional {
            /// Capabilities outside the specification.
            experimental: JsonMap<JsonObject> = "experimental" => with_experimental,
            /// The server can send log messages. Deprecated by the specification.
            logging: JsonObject = "logging" => with_logging,
            /// The server completes arguments.
            completions: JsonObject = "completions" => with_completions,
            /// The server has prompts.
            prompts: PromptsCapability = "prompts" => with_prompts,
            /// The server has resources.
            resources: ResourcesCapability = "resources" => with_resources,
            /// The server has tools.
            tools: ToolsCapability = "tools" => with_tools,
            /// The extensions the server supports: settings by the extension's identifier.
            extensions: JsonMap<JsonObject> = "extensions" => with_extensions,
        }
    }
}

impl ServerCapabilities {
    /// The server's settings for an extension, if it declared the extension.
    pub fn extension(&self, id: &str) -> Option<&JsonObject> {
        self.extensions.as_ref()?.get(id)
    }

    /// Declares an extension with these settings.
    #[must_use]
    pub fn with_extension(mut self, id: impl Into<String>, settings: JsonObject) -> Self {
        self.extensions.get_or_insert_default().insert(id, settings);
        self
    }
}

wire! {
    /// What the server's prompts support.
    #[derive(Default)]
    pub struct PromptsCapability
    [inline = true]
    {
        optional {
            /// The server says when the list of prompts changes.
            list_changed: bool = "listChanged" => with_list_changed,
        }
    }
}

wire! {
    /// What the server's resources support.
    #[derive(Default)]
    pub struct ResourcesCapability
    [inline = true]
    {
        optional {
            /// The server says when a single resource changes.
            subscribe: bool = "subscribe" => with_subscribe,
            /// The server says when the list of resources changes.
            list_changed: bool = "listChanged" => with_list_changed,
        }
    }
}

wire! {
    /// What the server's tools support.
    #[derive(Default)]
    pub struct ToolsCapability
    [inline = true]
    {
        optional {
            /// The server says when the list of tools changes.
            list_changed: bool = "listChanged" => with_list_changed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClientCapabilities;

    #[test]
    fn an_elicitation_without_modes_means_forms() {
        for (text, forms, urls) in [
            ("{}", false, false),
            (r#"{"elicitation":{}}"#, true, false),
            (r#"{"elicitation":{"form":{}}}"#, true, false),
            (r#"{"elicitation":{"url":{}}}"#, false, true),
            (r#"{"elicitation":{"form":{},"url":{}}}"#, true, true),
        ] {
            let capabilities: ClientCapabilities = serde_json::from_str(text).unwrap();
            assert_eq!(capabilities.elicits_forms(), forms, "{text}");
            assert_eq!(capabilities.elicits_urls(), urls, "{text}");
        }
    }

    #[test]
    fn settings_that_are_no_object_are_named() {
        let text = r#"{"extensions":{"com.example/x":true}}"#;
        let error = serde_json::from_str::<ClientCapabilities>(text).unwrap_err().to_string();
        let expected = "extensions: com.example/x: expected a JSON object, found a boolean";
        assert!(error.starts_with(expected), "{error}");
    }
}
