//! Content of messages: text, pictures, sound and resources (specification, "Tools", "Data Types").

use super::strings::string_enum;
use super::union::tagged_union;
use super::wire::wire;
use super::{Icon, Meta, Number, Resource, ResourceContents};

string_enum! {
    /// Who says something, or is meant to read it.
    pub enum Role [inline = false] {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

wire! {
    /// How a client may use or show an object.
    #[derive(Default)]
    pub struct Annotations {
        optional {
            /// Whom it is for.
            audience: Vec<Role> = "audience" => with_audience,
            /// How important it is, from 0, for nothing, to 1, without which it cannot be done.
            priority: Number = "priority" => with_priority { "minimum": 0, "maximum": 1 },
            /// When it was last changed: a time in the form of ISO 8601.
            last_modified: String = "lastModified" => with_last_modified,
        }
    }
}

tagged_union! {
    /// One piece of content.
    ///
    /// A piece of a type this library does not know is kept as it came, in `Other`.
    ///
    /// ```
    /// use mcp_core::protocol::ContentBlock;
    ///
    /// let block: ContentBlock = serde_json::from_str(r#"{"type":"text","text":"hi"}"#)?;
    /// assert_eq!(block, ContentBlock::text("hi"));
    /// let later: ContentBlock = serde_json::from_str(r#"{"type":"hologram","data":[]}"#)?;
    /// assert!(matches!(later, ContentBlock::Other(_)));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub enum ContentBlock by "type" {
        /// Text.
        Text(TextContent) = "text",
        /// A picture.
        Image(ImageContent) = "image",
        /// Sound.
        Audio(AudioContent) = "audio",
        /// A resource that can be read from the server.
        ResourceLink(ResourceLink) = "resource_link",
        /// The contents of a resource.
        Resource(EmbeddedResource) = "resource",
    }
    other Other
}

impl ContentBlock {
    /// A piece of text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// A picture: its data in base64 and its media type.
    pub fn image(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Image(ImageContent::new(data, mime_type))
    }

    /// Sound: its data in base64 and its media type.
    pub fn audio(data: impl Into<String>, mime_type: impl Into<String>) -> Self {
        Self::Audio(AudioContent::new(data, mime_type))
    }

    /// The contents of a resource.
    pub fn resource(contents: impl Into<ResourceContents>) -> Self {
        Self::Resource(EmbeddedResource::new(contents))
    }

    /// A resource that can be read from the server: its URI and name.
    pub fn resource_link(uri: impl Into<String>, name: impl Into<String>) -> Self {
        Self::ResourceLink(ResourceLink::new(uri, name))
    }

    /// The text, if it is a piece of text.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(content) => Some(&content.text),
            _ => None,
        }
    }
}

impl From<&str> for ContentBlock {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for ContentBlock {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

wire! {
    /// Text.
    pub struct TextContent
    [tag "type" = "text"]
    {
        required {
            /// The text.
            text: String = "text",
        }
        optional {
            /// How it may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Metadata of this piece.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// A picture.
    pub struct ImageContent
    [tag "type" = "image"]
    {
        required {
            /// The picture in base64.
            data: String = "data" { "format": "byte" },
            /// The picture's media type.
            mime_type: String = "mimeType",
        }
        optional {
            /// How it may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Metadata of this piece.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// Sound.
    pub struct AudioContent
    [tag "type" = "audio"]
    {
        required {
            /// The sound in base64.
            data: String = "data" { "format": "byte" },
            /// The sound's media type.
            mime_type: String = "mimeType",
        }
        optional {
            /// How it may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Metadata of this piece.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

wire! {
    /// A resource that can be read from the server. It need not be in the server's list.
    pub struct ResourceLink
    [tag "type" = "resource_link"]
    {
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

impl From<Resource> for ResourceLink {
    fn from(resource: Resource) -> Self {
        Self {
            uri: resource.uri,
            name: resource.name,
            title: resource.title,
            description: resource.description,
            mime_type: resource.mime_type,
            size: resource.size,
            annotations: resource.annotations,
            icons: resource.icons,
            meta: resource.meta,
            extra: resource.extra,
        }
    }
}

wire! {
    /// The contents of a resource, inside of a message.
    pub struct EmbeddedResource
    [tag "type" = "resource"]
    {
        required {
            /// The contents.
            resource: ResourceContents = "resource",
        }
        optional {
            /// How it may be used or shown.
            annotations: Annotations = "annotations" => with_annotations,
            /// Metadata of this piece.
            meta: Meta = "_meta" => with_meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ContentBlock, TextContent};

    #[test]
    fn the_tag_may_come_last() {
        let block: ContentBlock =
            serde_json::from_str(r#"{"text":"a","x":{"y":1},"type":"text"}"#).unwrap();
        let ContentBlock::Text(text) = block else { panic!("{block:?}") };
        assert_eq!((text.text.as_str(), text.extra.len()), ("a", 1));
    }

    #[test]
    fn an_unknown_type_comes_back_byte_for_byte() {
        let text = r#"{"type":"hologram", "z": 1.0, "a":[ ]}"#;
        let block: ContentBlock = serde_json::from_str(text).unwrap();
        assert!(matches!(block, ContentBlock::Other(_)));
        assert_eq!(serde_json::to_string(&block).unwrap(), text);
    }

    #[test]
    fn bad_blocks_are_refused_by_name() {
        for (text, expected) in [
            ("{}", "missing field `type` of `ContentBlock`"),
            (r#"{"type":1}"#, "type: invalid type: integer"),
            (r#"{"type":"text"}"#, "missing field `text` of `TextContent`"),
            (r#"{"type":"text","text":"a","text":"b"}"#, "duplicate field `text`"),
            (r#"{"type":"text","type":"image","text":"a"}"#, "duplicate field `type`"),
            (r#"{"type":"text","text":"a","x":1,"x":2}"#, "repeats the key `x`"),
            (r#"{"type":"text","text":7}"#, "text: invalid type: integer `7`"),
            ("[]", "invalid type: sequence"),
            ("null", "invalid type: null"),
        ] {
            let error = serde_json::from_str::<ContentBlock>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn an_extra_member_cannot_shadow_a_field() {
        let mut text = TextContent::new("a");
        text.extra.insert("text", crate::RawJson::null());
        let error = serde_json::to_string(&text).unwrap_err().to_string();
        assert!(error.contains("`text` is a field of `TextContent`"), "{error}");
        text.extra = [("type", crate::RawJson::null())].into();
        assert!(serde_json::to_string(&text).is_err());
    }
}
