//! Agent cards: how the Agent2Agent protocol describes somebody who does things on request.
//!
//! Source: A2A 1.0, sections 4.4 (objects), 5.7 (which members must be there) and 8 (discovery, signatures).

mod judge;
mod security;

use mcp_core::protocol::{JsonMap, JsonObject};

pub use security::{
    ApiKeySecurityScheme, AuthorizationCodeOAuthFlow, ClientCredentialsOAuthFlow,
    DeviceCodeOAuthFlow, HttpAuthSecurityScheme, MutualTlsSecurityScheme, OAuth2SecurityScheme,
    OAuthFlows, OpenIdConnectSecurityScheme, SecurityRequirement, SecurityScheme, StringList,
};

use crate::finding::{self, Findings};

/// Where a domain's agent card is (A2A 1.0, section 8.2).
pub const WELL_KNOWN: &str = "/.well-known/agent-card.json";

mcp_core::wire! {
    /// An agent's card.
    ///
    /// ```
    /// use mcp_identity::AgentCard;
    /// use mcp_identity::agent_card::{AgentCapabilities, AgentInterface, AgentSkill};
    ///
    /// let modes = || ["text/plain".to_owned()];
    /// let skill = AgentSkill::new("forecast", "Forecast", "The weather of a place.", ["weather".to_owned()]);
    /// let card = AgentCard::new(
    ///     "Weather",
    ///     "Forecasts for places.",
    ///     [AgentInterface::new("https://example.com/a2a", "JSONRPC", "1.0")],
    ///     "1.2.0",
    ///     AgentCapabilities::new(),
    ///     modes(),
    ///     modes(),
    ///     [skill],
    /// );
    /// card.validate()?;
    /// # Ok::<(), mcp_identity::Findings>(())
    /// ```
    pub struct AgentCard {
        required {
            /// The agent's name, for people.
            name: String = "name",
            /// What it does, for people and agents.
            description: String = "description",
            /// Where it is reached, the preferred place first.
            supported_interfaces: Vec<AgentInterface> = "supportedInterfaces" { "minItems": 1 },
            /// Its version.
            version: String = "version",
            /// What of the protocol it can do.
            capabilities: AgentCapabilities = "capabilities",
            /// The media types that it takes.
            default_input_modes: Vec<String> = "defaultInputModes" { "minItems": 1 },
            /// The media types that it gives.
            default_output_modes: Vec<String> = "defaultOutputModes" { "minItems": 1 },
            /// What it can be asked for.
            skills: Vec<AgentSkill> = "skills" { "minItems": 1 },
        }
        optional {
            /// Who offers it.
            provider: AgentProvider = "provider" => with_provider,
            /// Documentation.
            documentation_url: String = "documentationUrl" => with_documentation_url,
            /// A picture.
            icon_url: String = "iconUrl" => with_icon_url,
            /// How callers can prove who they are, by names.
            security_schemes: JsonMap<SecurityScheme> = "securitySchemes" => with_security_schemes,
            /// Which of them are needed: any one of these.
            security_requirements: Vec<SecurityRequirement> = "securityRequirements" => with_security_requirements,
            /// Signatures of the card.
            signatures: Vec<AgentCardSignature> = "signatures" => with_signatures,
        }
    }
}

impl AgentCard {
    /// Reads a card that is everything the specification asks for.
    ///
    /// # Errors
    /// Everything that it is not.
    pub fn judge(text: &[u8]) -> Result<Self, Findings> {
        finding::judge(text, judge::agent_card)
    }

    /// Judges a card that this program made.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub fn validate(&self) -> Result<(), Findings> {
        finding::validate(self, judge::agent_card)
    }
}

mcp_core::wire! {
    /// A place where an agent is reached.
    pub struct AgentInterface {
        required {
            /// The address.
            url: String = "url",
            /// How A2A is spoken there: `JSONRPC`, `GRPC`, `HTTP+JSON`, or the URI of another binding.
            protocol_binding: String = "protocolBinding",
            /// The version of the protocol, such as `1.0`.
            protocol_version: String = "protocolVersion",
        }
        optional {
            /// What requests must bring along as their `tenant`.
            tenant: String = "tenant" => with_tenant,
        }
    }
}

mcp_core::wire! {
    /// Who offers an agent.
    pub struct AgentProvider {
        required {
            /// The provider's website.
            url: String = "url",
            /// The provider's name.
            organization: String = "organization",
        }
    }
}

mcp_core::wire! {
    /// What of the protocol an agent can do. What is absent it cannot.
    #[derive(Default)]
    pub struct AgentCapabilities {
        required {}
        optional {
            /// Whether it streams its answers.
            streaming: bool = "streaming" => with_streaming,
            /// Whether it calls back about tasks.
            push_notifications: bool = "pushNotifications" => with_push_notifications,
            /// Extensions of the protocol that it knows.
            extensions: Vec<AgentExtension> = "extensions" => with_extensions,
            /// Whether it shows more of its card to callers that it knows.
            extended_agent_card: bool = "extendedAgentCard" => with_extended_agent_card,
        }
    }
}

mcp_core::wire! {
    /// An extension of the protocol that an agent knows.
    pub struct AgentExtension {
        required {}
        optional {
            /// The extension's name.
            uri: String = "uri" => with_uri,
            /// What the agent does with it.
            description: String = "description" => with_description,
            /// Whether callers must know it.
            required: bool = "required" => with_required,
            /// Its settings.
            params: JsonObject = "params" => with_params,
        }
    }
}

mcp_core::wire! {
    /// Something that an agent can be asked for.
    pub struct AgentSkill {
        required {
            /// Its name for programs.
            id: String = "id",
            /// Its name for people.
            name: String = "name",
            /// What it does.
            description: String = "description",
            /// Words to find it by.
            tags: Vec<String> = "tags" { "minItems": 1 },
        }
        optional {
            /// Requests that it can answer.
            examples: Vec<String> = "examples" => with_examples,
            /// The media types that it takes, where they differ from the agent's.
            input_modes: Vec<String> = "inputModes" => with_input_modes,
            /// The media types that it gives, where they differ from the agent's.
            output_modes: Vec<String> = "outputModes" => with_output_modes,
            /// What callers need for it.
            security_requirements: Vec<SecurityRequirement> = "securityRequirements" => with_security_requirements,
        }
    }
}

mcp_core::wire! {
    /// A signature of a card: a JSON Web Signature whose payload is the card's canonical form without its
    /// signatures.
    pub struct AgentCardSignature {
        required {
            /// The protected header, base64url.
            protected: String = "protected",
            /// The signature, base64url.
            signature: String = "signature",
        }
        optional {
            /// A header that is not protected, and says nothing.
            header: JsonObject = "header" => with_header,
        }
    }
}
