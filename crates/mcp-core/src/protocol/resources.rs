//! Resources: what a server has to read (specification, "Resources").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de;
use serde::{Deserialize, Deserializer, Serialize};

use super::methods::{
    NOTIFICATIONS_RESOURCES_LIST_CHANGED, NOTIFICATIONS_RESOURCES_UPDATED, RESOURCES_LIST,
    RESOURCES_READ, RESOURCES_TEMPLATES_LIST, has_request_meta, notification_method,
    request_method,
};
use super::peek::{parse_as, peek};
use super::result::{ResultBody, result_body};
use super::wire::wire;
use super::{
    Annotations, CacheScope, Cursor, Icon, InputResponses, JsonRpcNotification, JsonRpcRequest,
    JsonRpcResultResponse, Meta, NamedRequest, NotificationMetaObject, NotificationParams,
    PaginatedRequestParams, RequestMetaObject, ResourceLink, ResultMetaObject, RoundTrip, Tagged,
    TtlMs,
};
use crate::RawJson;

request_method! {
    /// Lists the resources.
    ListResources = RESOURCES_LIST, PaginatedRequestParams => ListResourcesResult
}

request_method! {
    /// Lists the resource templates.
    ListResourceTemplates =
        RESOURCES_TEMPLATES_LIST, PaginatedRequestParams => ListResourceTemplatesResult
}

request_method! {
    /// Reads a resource.
    ReadResource = RESOURCES_READ, ReadResourceRequestParams => ReadResourceResult
}

impl NamedRequest for ReadResource {
    const NAME_FIELD: &'static str = "uri";

    fn name(params: &ReadResourceRequestParams) -> &str {
        &params.uri
    }
}

notification_method! {
    /// Says that the list of resources changed.
    ResourceListChanged = NOTIFICATIONS_RESOURCES_LIST_CHANGED, optional NotificationParams
}

notification_method! {
    /// Says that one resource changed.
    ResourceUpdated = NOTIFICATIONS_RESOURCES_UPDATED, ResourceUpdatedNotificationParams
}

/// A `resources/list` request.
pub type ListResourcesRequest = JsonRpcRequest<ListResources>;
/// The answer to a `resources/list` request.
pub type ListResourcesResultResponse = JsonRpcResultResponse<Tagged<ListResourcesResult>>;
/// A `resources/templates/list` request.
pub type ListResourceTemplatesRequest = JsonRpcRequest<ListResourceTemplates>;
/// The answer to a `resources/templates/list` request.
pub type ListResourceTemplatesResultResponse =
    JsonRpcResultResponse<Tagged<ListResourceTemplatesResult>>;
/// A `resources/read` request.
pub type ReadResourceRequest = JsonRpcRequest<ReadResource>;
/// The answer to a `resources/read` request.
pub type ReadResourceResultResponse = JsonRpcResultResponse<RoundTrip<ReadResourceResult>>;
/// A `notifications/resources/list_changed` notification.
pub type ResourceListChangedNotification = JsonRpcNotification<ResourceListChanged>;
/// A `notifications/resources/updated` notification.
pub type ResourceUpdatedNotification = JsonRpcNotification<ResourceUpdated>;

wire! {
    /// A resource, as a server lists it.
    ///
    /// ```
    /// use mcp_core::protocol::Resource;
    ///
    /// let resource = Resource::new("file:///notes/today.md", "today.md")
    ///     .with_mime_type("text/markdown")
    ///     .with_size(812_u64);
    /// # let _ = resource;
    /// ```
    pub struct Resource {
        required {
            /// The resource's URI.
            uri: String = "uri" { "format": "uri" },
            /// The name for programs, and for people if there is no title.
            name: String = "name",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
            /// What the resource is, in words for a model.
            description: String = "description" => with_description,
            /// The resource's media type.
            mime_type: String = "mimeType" => with_mime_type,
            /// The size of its contents in bytes, before any encoding.
            size: u64 = "size" => with_size,
            /// How it may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Pictures that stand for the resource.
            icons: Vec<Icon> = "icons" => with_icons,
            /// Metadata of the resource.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

impl From<ResourceLink> for Resource {
    fn from(link: ResourceLink) -> Self {
        Self {
            uri: link.uri,
            name: link.name,
            title: link.title,
            description: link.description,
            mime_type: link.mime_type,
            size: link.size,
            annotations: link.annotations,
            icons: link.icons,
            meta: link.meta,
            extra: link.extra,
        }
    }
}

wire! {
    /// A kind of resources, told by the form of their URIs.
    ///
    /// ```
    /// use mcp_core::protocol::ResourceTemplate;
    ///
    /// let notes = ResourceTemplate::new("file:///notes/{day}.md", "notes");
    /// # let _ = notes;
    /// ```
    pub struct ResourceTemplate {
        required {
            /// The form of the URIs: a template after RFC 6570.
            uri_template: String = "uriTemplate" { "format": "uri-template" },
            /// The name for programs, and for people if there is no title.
            name: String = "name",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
            /// What the resources are, in words for a model.
            description: String = "description" => with_description,
            /// The media type, if all resources of this kind have the same.
            mime_type: String = "mimeType" => with_mime_type,
            /// How they may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Pictures that stand for the resources.
            icons: Vec<Icon> = "icons" => with_icons,
            /// Metadata of the template.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

/// The contents of a resource, or of a part of it: text or bytes.
///
/// ```
/// use mcp_core::protocol::ResourceContents;
///
/// let contents = ResourceContents::text("file:///a.txt", "hello");
/// assert_eq!(contents.uri(), "file:///a.txt");
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ResourceContents {
    /// Text.
    Text(TextResourceContents),
    /// Bytes.
    Blob(BlobResourceContents),
}

impl ResourceContents {
    /// The bytes of its text or Base64.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.text.len(),
            Self::Blob(blob) => blob.blob.len(),
        }
    }

    /// The text, if it is text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(contents) => Some(&contents.text),
            Self::Blob(_) => None,
        }
    }

    /// Contents of text.
    pub fn text(uri: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Text(TextResourceContents::new(uri, text))
    }

    /// Contents of bytes, given in base64.
    pub fn blob(uri: impl Into<String>, blob: impl Into<String>) -> Self {
        Self::Blob(BlobResourceContents::new(uri, blob))
    }

    /// The URI of what these are the contents of.
    pub fn uri(&self) -> &str {
        match self {
            Self::Text(contents) => &contents.uri,
            Self::Blob(contents) => &contents.uri,
        }
    }

    /// The media type, if it is told.
    pub fn mime_type(&self) -> Option<&str> {
        match self {
            Self::Text(contents) => contents.mime_type.as_deref(),
            Self::Blob(contents) => contents.mime_type.as_deref(),
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

impl<'de> Deserialize<'de> for ResourceContents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let found = peek(&raw, ["text", "blob"]).map_err(de::Error::custom)?;
        match found.map(|member| member.is_some()) {
            [true, false] => parse_as(&raw).map(Self::Text),
            [false, true] => parse_as(&raw).map(Self::Blob),
            [true, true] => Err(de::Error::custom("resource contents have both `text` and `blob`")),
            [false, false] => {
                Err(de::Error::custom("resource contents have neither `text` nor `blob`"))
            }
        }
    }
}

impl JsonSchema for ResourceContents {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "TextOrBlobResourceContents".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                generator.subschema_for::<TextResourceContents>(),
                generator.subschema_for::<BlobResourceContents>(),
            ]
        })
    }
}

wire! {
    /// Contents of text.
    pub struct TextResourceContents {
        required {
            /// The URI of what these are the contents of.
            uri: String = "uri" { "format": "uri" },
            /// The text.
            text: String = "text",
        }
        optional {
            /// The media type.
            mime_type: String = "mimeType" => with_mime_type,
            /// Metadata of the contents.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// Contents of bytes.
    pub struct BlobResourceContents {
        required {
            /// The URI of what these are the contents of.
            uri: String = "uri" { "format": "uri" },
            /// The bytes in base64.
            blob: String = "blob" { "format": "byte" },
        }
        optional {
            /// The media type.
            mime_type: String = "mimeType" => with_mime_type,
            /// Metadata of the contents.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// A page of the list of resources.
    pub struct ListResourcesResult
    [result "complete"]
    {
        required {
            /// The resources.
            resources: Vec<Resource> = "resources",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Where the next page starts. Absent means that this is the last.
            next_cursor: Cursor = "nextCursor" => with_next_cursor,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

wire! {
    /// A page of the list of resource templates.
    pub struct ListResourceTemplatesResult
    [result "complete"]
    {
        required {
            /// The templates.
            resource_templates: Vec<ResourceTemplate> = "resourceTemplates",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Where the next page starts. Absent means that this is the last.
            next_cursor: Cursor = "nextCursor" => with_next_cursor,
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

wire! {
    /// The params of a `resources/read` request.
    pub struct ReadResourceRequestParams {
        required {
            /// The resource.
            uri: String = "uri" { "format": "uri" },
        }
        implied {
            /// Metadata of the request.
            meta: RequestMetaObject = "_meta" => with_meta,
        }
        optional {
            /// The answers to the input requests of the round before.
            input_responses: InputResponses = "inputResponses" => with_input_responses,
            /// The request state of the round before, unchanged.
            request_state: String = "requestState" => with_request_state,
        }
    }
}

has_request_meta!(ReadResourceRequestParams);

wire! {
    /// What a resource contains: one piece, or several for a resource of many parts.
    ///
    /// ```
    /// use mcp_core::protocol::{ReadResourceResult, ResourceContents};
    ///
    /// let result = ReadResourceResult::new([ResourceContents::text("file:///a.txt", "hello")]);
    /// # let _ = result;
    /// ```
    pub struct ReadResourceResult
    [result "complete"]
    {
        required {
            /// The pieces.
            contents: Vec<ResourceContents> = "contents",
        }
        lenient {
            /// For how long this stays fresh, in milliseconds. Absent means not at all.
            ttl_ms: TtlMs = "ttlMs" => with_ttl_ms,
            /// Who may use a cached copy. Absent means whoever may have asked for it.
            cache_scope: CacheScope = "cacheScope" => with_cache_scope,
        }
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

result_body!(ListResourcesResult ListResourceTemplatesResult);

impl ResultBody for ReadResourceResult {
    fn take_meta(&mut self) -> Option<Meta> {
        self.meta.take()
    }

    fn length_hint(&self) -> usize {
        self.contents.iter().map(ResourceContents::length).sum()
    }
}

wire! {
    /// The params of a `notifications/resources/updated` notification.
    pub struct ResourceUpdatedNotificationParams {
        required {
            /// The resource that changed. It may be a part of the one that was subscribed to.
            uri: String = "uri" { "format": "uri" },
        }
        optional {
            /// Metadata of the notification.
            meta: NotificationMetaObject = "_meta" => with_meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ResourceContents;

    #[test]
    fn contents_are_text_or_bytes_and_not_both() {
        for (text, expected) in [
            (r#"{"uri":"a:b"}"#, "neither `text` nor `blob`"),
            (r#"{"uri":"a:b","text":"","blob":""}"#, "both `text` and `blob`"),
            (r#"{"text":""}"#, "missing field `uri` of `TextResourceContents`"),
            (r#"{"uri":"a:b","blob":[]}"#, "blob: invalid type: sequence"),
        ] {
            let error = serde_json::from_str::<ResourceContents>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
