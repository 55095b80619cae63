//! Who a program is, and the icons that stand for things.

use super::strings::string_enum;
use super::wire::wire;

wire! {
    /// The name and version of a client or server. Whoever sends it chose it: it is for people to
    /// read, not for programs to decide by.
    ///
    /// ```
    /// use mcp_core::protocol::Implementation;
    ///
    /// let server = Implementation::new("docs-server", "1.2.0").with_title("Documents");
    /// assert_eq!(server.name, "docs-server");
    /// ```
    pub struct Implementation {
        required {
            /// The name for programs, and for people if there is no title.
            name: String = "name",
            /// The version of the program, in its own notation.
            version: String = "version",
        }
        optional {
            /// The name for people.
            title: String = "title" => with_title,
            /// What the program does.
            description: String = "description" => with_description,
            /// The program's website, an absolute URL.
            website_url: String = "websiteUrl" => with_website_url { "format": "uri" },
            /// Pictures that stand for the program.
            icons: Vec<Icon> = "icons" => with_icons,
        }
    }
}

wire! {
    /// A picture that stands for a program, tool, prompt or resource.
    ///
    /// Its source is not to be trusted: fetch only `https:` and `data:` URLs, without credentials, and
    /// remember that SVG can contain scripts (specification, "General fields: `icons`").
    ///
    /// ```
    /// use mcp_core::protocol::{Icon, IconTheme};
    ///
    /// let icon = Icon::new("https://example.com/dark.png")
    ///     .with_mime_type("image/png")
    ///     .with_sizes(["48x48".to_owned()])
    ///     .with_theme(IconTheme::Dark);
    /// # let _ = icon;
    /// ```
    pub struct Icon {
        required {
            /// Where the picture is: an `https:` or `data:` URL.
            src: String = "src" { "format": "uri" },
        }
        optional {
            /// The picture's media type, if the source does not say it well.
            mime_type: String = "mimeType" => with_mime_type,
            /// The sizes it fits, as `48x48`, or `any` for pictures that scale. Absent means any.
            sizes: Vec<String> = "sizes" => with_sizes,
            /// The background it is made for. Absent means any.
            theme: IconTheme = "theme" => with_theme,
        }
    }
}

string_enum! {
    /// The background that an icon is made for.
    pub enum IconTheme {
        /// A dark background.
        Dark = "dark",
        /// A light background.
        Light = "light",
    }
}
