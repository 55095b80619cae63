//! Content of tool results, prompts and messages.

use super::wire::{strings, tagged, wire};
use crate::RawJson;
use crate::protocol::{Meta, Resource, ResourceContents};

strings! {
    /// Who says a message, or whom something is for.
    pub enum Role {
        /// The person.
        User = "user",
        /// The model.
        Assistant = "assistant",
    }
}

wire! {
    /// Hints on how to use something.
    #[derive(Default)]
    pub struct Annotations {
        optional {
            /// Whom it is for.
            "audience" audience: Vec<Role>,
            /// How important it is, from 0 to 1.
            "priority" priority: f64,
            /// When it changed last (ISO 8601).
            "lastModified" last_modified: String,
        }
    }
}

tagged! {
    /// A piece of content.
    pub enum ContentBlock by "type" {
        /// Text.
        "text" => Text(TextContent),
        /// A picture.
        "image" => Image(ImageContent),
        /// A sound.
        "audio" => Audio(AudioContent),
        /// A resource that can be read.
        "resource_link" => ResourceLink(ResourceLink),
        /// A resource with its contents.
        "resource" => Resource(EmbeddedResource),
    }
    else Other
}

impl ContentBlock {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(TextContent::new(text))
    }

    /// The text, if it is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(content) => Some(&content.text),
            _ => None,
        }
    }
}

wire! {
    /// Text.
    pub struct TextContent {
        tag "type" = "text";
        required {
            /// The text.
            "text" text: String,
        }
        optional {
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A picture.
    pub struct ImageContent {
        tag "type" = "image";
        required {
            /// The bytes in base64.
            "data" data: String,
            /// The media type.
            "mimeType" mime_type: String,
        }
        optional {
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A sound.
    pub struct AudioContent {
        tag "type" = "audio";
        required {
            /// The bytes in base64.
            "data" data: String,
            /// The media type.
            "mimeType" mime_type: String,
        }
        optional {
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A resource that can be read.
    pub struct ResourceLink {
        tag "type" = "resource_link";
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
            "icons" icons: Vec<crate::protocol::Icon>,
            /// Its metadata.
            "_meta" meta: Meta,
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
            annotations: resource.annotations,
            size: resource.size,
            icons: resource.icons,
            meta: resource.meta,
            extra: resource.extra,
        }
    }
}

wire! {
    /// A resource with its contents.
    pub struct EmbeddedResource {
        tag "type" = "resource";
        required {
            /// The contents.
            "resource" resource: ResourceContents,
        }
        optional {
            /// Hints on how to use it.
            "annotations" annotations: Annotations,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// A model asks for a tool to be used.
    pub struct ToolUseContent {
        tag "type" = "tool_use";
        required {
            /// What ties the result to it.
            "id" id: String,
            /// The tool.
            "name" name: String,
            /// The arguments: an object.
            "input" input: RawJson,
        }
        optional {
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}

wire! {
    /// What a tool answered to a model.
    pub struct ToolResultContent {
        tag "type" = "tool_result";
        required {
            /// The `id` of the use.
            "toolUseId" tool_use_id: String,
            /// What it answered.
            "content" content: Vec<ContentBlock>,
        }
        nullable {
            /// The answer as a value.
            "structuredContent" structured_content,
        }
        optional {
            /// Whether the tool failed.
            "isError" is_error: bool,
            /// Its metadata.
            "_meta" meta: Meta,
        }
    }
}
