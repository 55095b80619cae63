//! Server cards: what a client needs to know of a server before it connects.
//!
//! A card names the server, says where it is and which revisions it speaks. It names no tools, and nothing in it is to be
//! trusted more than what the server itself says once connected.
//!
//! Source: SEP-2127, extension `io.modelcontextprotocol/server-card`, schema `v1`.

mod judge;

use mcp_core::protocol::{Icon, JsonMap, Meta};

use crate::finding::{self, Findings};
use crate::names::open_names;

/// What every card's `$schema` says.
pub const SCHEMA: &str =
    "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json";
/// What is appended to the URL of an endpoint to find its card.
pub const SUFFIX: &str = "/server-card";

mcp_core::wire! {
    /// A server's card.
    ///
    /// ```
    /// use mcp_identity::card::{Remote, RemoteType, ServerCard};
    ///
    /// let card = ServerCard::new("com.example/weather", "1.2.0", "Forecasts for places.")
    ///     .with_remotes([Remote::new(RemoteType::StreamableHttp, "https://example.com/mcp")]);
    /// card.validate()?;
    /// # Ok::<(), mcp_identity::Findings>(())
    /// ```
    pub struct ServerCard
    [tag "$schema" = "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json"]
    {
        required {
            /// The server's name: a namespace in reverse-DNS form, a slash, and a name.
            name: String = "name" {
                "pattern": "^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$", "minLength": 3, "maxLength": 200
            },
            /// The server's version, preferably a semantic one; never a range.
            version: String = "version" { "maxLength": 255 },
            /// What the server can do, for people: 1 to 100 characters.
            description: String = "description" { "minLength": 1, "maxLength": 100 },
        }
        optional {
            /// The name for people: 1 to 100 characters.
            title: String = "title" => with_title { "minLength": 1, "maxLength": 100 },
            /// The server's website.
            website_url: String = "websiteUrl" => with_website_url { "format": "uri" },
            /// Where the server's source is.
            repository: Repository = "repository" => with_repository,
            /// Pictures that stand for the server.
            icons: Vec<Icon> = "icons" => with_icons,
            /// Where the server is reached.
            remotes: Vec<Remote> = "remotes" => with_remotes,
            /// What vendors add, under keys of their own.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

impl ServerCard {
    /// Reads a card that is everything the specification asks for.
    ///
    /// # Errors
    /// Everything that it is not.
    pub fn judge(text: &[u8]) -> Result<Self, Findings> {
        finding::judge(text, judge::server_card)
    }

    /// Judges a card that this program made.
    ///
    /// # Errors
    /// As [`judge`](Self::judge).
    pub fn validate(&self) -> Result<(), Findings> {
        finding::validate(self, judge::server_card)
    }
}

mcp_core::wire! {
    /// Where a server's source is.
    pub struct Repository {
        required {
            /// An address at which people can look at the source and which `git clone` takes.
            url: String = "url" { "format": "uri" },
            /// The service that hosts it, such as `github`.
            source: String = "source",
        }
        optional {
            /// What the service calls the repository, unchanged when it is renamed.
            id: String = "id" => with_id,
            /// The server's folder in the repository, as a clean relative path.
            subfolder: String = "subfolder" => with_subfolder,
        }
    }
}

mcp_core::wire! {
    /// A place where the server is reached over HTTP.
    pub struct Remote {
        required {
            /// The transport.
            kind: RemoteType = "type" { "enum": ["sse", "streamable-http"] },
            /// The address; names in braces stand for [`variables`](Self#structfield.variables).
            url: String = "url" {
                "pattern": "^(https?://[^\\s]+|\\{[a-zA-Z_][a-zA-Z0-9_]*\\}[^\\s]*)$"
            },
        }
        optional {
            /// Headers that a client must or may send.
            headers: Vec<KeyValueInput> = "headers" => with_headers,
            /// What the names in braces stand for.
            variables: JsonMap<Input> = "variables" => with_variables,
            /// The revisions of the protocol that are spoken there.
            supported_protocol_versions: Vec<String> = "supportedProtocolVersions" => with_supported_protocol_versions,
        }
    }
}

open_names! {
    /// The transport of a [`Remote`].
    pub enum RemoteType {
        /// Streamable HTTP.
        StreamableHttp = "streamable-http",
        /// HTTP with server-sent events, of the revisions before Streamable HTTP.
        Sse = "sse",
    }
}

mcp_core::wire! {
    /// A value that a person gives before a client connects, or that is set already.
    pub struct Input {
        required {}
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
            /// Whether no connection can be made without it.
            is_required: bool = "isRequired" => with_is_required,
            /// Whether it is to be kept secret.
            is_secret: bool = "isSecret" => with_is_secret,
            /// What it looks like.
            format: InputFormat = "format" => with_format { "enum": ["boolean", "filepath", "number", "string"] },
            /// What it is unless a person says otherwise.
            default: String = "default" => with_default,
            /// An example for people.
            placeholder: String = "placeholder" => with_placeholder,
            /// What it is, whatever a person would say.
            value: String = "value" => with_value,
            /// What a person can choose from.
            choices: Vec<String> = "choices" => with_choices,
        }
    }
}

mcp_core::wire! {
    /// A header, and how its value comes about.
    ///
    /// ```
    /// use mcp_identity::card::KeyValueInput;
    ///
    /// let header = KeyValueInput::new("Authorization").with_is_required(true).with_is_secret(true);
    /// assert_eq!(header.name, "Authorization");
    /// ```
    pub struct KeyValueInput {
        required {
            /// The header's name.
            name: String = "name",
        }
        optional {
            /// What it is, for people.
            description: String = "description" => with_description,
            /// Whether no connection can be made without it.
            is_required: bool = "isRequired" => with_is_required,
            /// Whether it is to be kept secret.
            is_secret: bool = "isSecret" => with_is_secret,
            /// What it looks like.
            format: InputFormat = "format" => with_format { "enum": ["boolean", "filepath", "number", "string"] },
            /// What it is unless a person says otherwise.
            default: String = "default" => with_default,
            /// An example for people.
            placeholder: String = "placeholder" => with_placeholder,
            /// What it is, whatever a person would say; names in braces stand for [`variables`](Self#structfield.variables).
            value: String = "value" => with_value,
            /// What a person can choose from.
            choices: Vec<String> = "choices" => with_choices,
            /// What the names in braces stand for.
            variables: JsonMap<Input> = "variables" => with_variables,
        }
    }
}

open_names! {
    /// What an [`Input`] looks like.
    pub enum InputFormat {
        /// Any text.
        String = "string",
        /// A number, written in decimal.
        Number = "number",
        /// `true` or `false`.
        Boolean = "boolean",
        /// A file on the machine of the person.
        Filepath = "filepath",
    }
}
