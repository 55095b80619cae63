//! Who speaks, and pictures of things.

use super::wire::{strings, wire};

wire! {
    /// The name and version of a program.
    pub struct Implementation {
        required {
            /// The name, for programs.
            "name" name: String,
            /// The version.
            "version" version: String,
        }
        optional {
            /// The name, for people.
            "title" title: String,
            /// What it is.
            "description" description: String,
            /// Its web page.
            "websiteUrl" website_url: String,
            /// Its icons.
            "icons" icons: Vec<Icon>,
        }
    }
}

wire! {
    /// A picture of something. Consumers treat it as untrusted: see the specification's precautions.
    pub struct Icon {
        required {
            /// Where it is: an `https:` or `data:` URI.
            "src" src: String,
        }
        optional {
            /// Its media type, where the server's is missing or too general.
            "mimeType" mime_type: String,
            /// Its sizes: `48x48`, or `any` for scalable ones.
            "sizes" sizes: Vec<String>,
            /// The background that it is made for.
            "theme" theme: IconTheme,
        }
    }
}

strings! {
    /// The background that an icon is made for.
    pub enum IconTheme {
        /// A light one.
        Light = "light",
        /// A dark one.
        Dark = "dark",
    }
}
