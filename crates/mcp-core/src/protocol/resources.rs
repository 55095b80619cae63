//! Resources.
//!
//! Source: specification, *Server features → Resources*.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{results, wire};
use crate::RawJson;
use crate::protocol::{
    Annotations, CacheScope, Icon, InputResponses, Meta, NotificationMetaObject, RequestMetaObject,
    ResultType,
};

wire! {
    /// A resource, as clients see it.
    pub struct Resource {
        required {
            /// Its URI.
            "uri" uri: String,
            /// Its name, for programs.
            "name" name: String,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it is.
            "description" description: String,
            /// Its media type.
            "mimeType" mime_type: String,
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its size in bytes.
            "size" size: u64,
            /// Its icons.
            "icons" icons: Vec<Icon>,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A family of resources, as clients see it.
    pub struct ResourceTemplate {
        required {
            /// The URI template (RFC 6570).
            "uriTemplate" uri_template: String,
            /// Its name, for programs.
            "name" name: String,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it is.
            "description" description: String,
            /// The media type that all of them have.
            "mimeType" mime_type: String,
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its icons.
            "icons" icons: Vec<Icon>,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A page of resources.
    pub struct ListResourcesResult {
        required {
            /// The resources.
            "resources" resources: Vec<Resource>,
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// Where the next page begins.
            "nextCursor" next_cursor: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(ListResourcesResult);

wire! {
    /// A page of templates.
    pub struct ListResourceTemplatesResult {
        required {
            /// The templates.
            "resourceTemplates" resource_templates: Vec<ResourceTemplate>,
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// Where the next page begins.
            "nextCursor" next_cursor: String,
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(ListResourceTemplatesResult);

wire! {
    /// The parameters of a request for a resource.
    pub struct ResourceRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// The resource.
            "uri" uri: String,
        }
    }
}

wire! {
    /// The parameters of `resources/read`.
    pub struct ReadResourceRequestParams {
        required {
            /// The request's metadata.
            "_meta" meta: RequestMetaObject,
            /// The resource.
            "uri" uri: String,
        }
        optional {
            /// Answers to the questions of the round before.
            "inputResponses" input_responses: InputResponses,
            /// The state of the round before, as it came.
            "requestState" request_state: String,
        }
    }
}

wire! {
    /// The contents of a resource: one piece, or several.
    pub struct ReadResourceResult {
        required {
            /// The pieces.
            "contents" contents: Vec<ResourceContents>,
            /// For how many milliseconds the result may be considered fresh.
            "ttlMs" ttl_ms: u64,
            /// Who may reuse it.
            "cacheScope" cache_scope: CacheScope,
        }
        optional {
            /// What kind of result it is.
            "resultType" result_type: ResultType,
            /// The result's metadata.
            "_meta" meta: Meta,
        }
    }
}
results!(ReadResourceResult);

impl ReadResourceResult {
    /// Contents that must not be kept: the safe default. For others, set `ttl_ms` and `cache_scope`.
    pub fn uncached(contents: impl Into<Vec<ResourceContents>>) -> Self {
        Self::new(contents, 0_u64, CacheScope::Private)
    }

    /// One text, not to be kept.
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::uncached(vec![TextResourceContents::new(uri, text).into()])
    }
}

/// Contents of a resource: text, or bytes.
///
/// The two are told apart by their member `text` or `blob`.
#[derive(Debug, Clone, PartialEq)]
pub enum ResourceContents {
    /// Text.
    Text(TextResourceContents),
    /// Bytes.
    Blob(BlobResourceContents),
}

impl ResourceContents {
    /// The resource's URI.
    #[must_use]
    pub fn uri(&self) -> &str {
        match self {
            Self::Text(contents) => &contents.uri,
            Self::Blob(contents) => &contents.uri,
        }
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(contents) => Some(&contents.text),
            Self::Blob(_) => None,
        }
    }
}

impl From<TextResourceContents> for ResourceContents {
    fn from(contents: TextResourceContents) -> Self {
        Self::Text(contents)
    }
}

impl From<BlobResourceContents> for ResourceContents {
    fn from(contents: BlobResourceContents) -> Self {
        Self::Blob(contents)
    }
}

impl Serialize for ResourceContents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(contents) => contents.serialize(serializer),
            Self::Blob(contents) => contents.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ResourceContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        #[derive(Deserialize)]
        struct Kind {
            text: Option<serde::de::IgnoredAny>,
        }
        let raw = RawJson::deserialize(deserializer)?;
        let wrong =
            |error: serde_json::Error| D::Error::custom(crate::message::without_values(&error));
        let kind: Kind = raw.parse().map_err(wrong)?;
        match kind.text {
            Some(_) => raw.parse().map(Self::Text),
            None => raw.parse().map(Self::Blob),
        }
        .map_err(wrong)
    }
}

impl JsonSchema for ResourceContents {
    fn schema_name() -> Cow<'static, str> {
        "AnyResourceContents".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<TextResourceContents>().to_value();
        let blob = generator.subschema_for::<BlobResourceContents>().to_value();
        json_schema!({ "anyOf": [text, blob] })
    }
}

wire! {
    /// Contents that are text.
    pub struct TextResourceContents {
        required {
            /// The resource's URI.
            "uri" uri: String,
            /// The text.
            "text" text: String,
        }
        optional {
            /// The media type.
            "mimeType" mime_type: String,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// Contents that are bytes.
    pub struct BlobResourceContents {
        required {
            /// The resource's URI.
            "uri" uri: String,
            /// The bytes in base64.
            "blob" blob: String,
        }
        optional {
            /// The media type.
            "mimeType" mime_type: String,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A resource has changed.
    pub struct ResourceUpdatedNotificationParams {
        required {
            /// The resource.
            "uri" uri: String,
        }
        optional {
            /// The notification's metadata.
            "_meta" meta: NotificationMetaObject,
        }
    }
}
