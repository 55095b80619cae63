//! Whether a server is what its card says.
//!
//! A card is written once and read later; the server changes in between. [`drift`] holds a card against what the
//! server says of itself when it is asked, and gives a verdict on each field. Where the two disagree the server is
//! right: a card is advisory (server-card extension, *Consistency with Runtime Behavior*).
//!
//! ```
//! use mcp_core::protocol::Implementation;
//! use mcp_identity::ServerCard;
//! use mcp_identity::check::{Field, Live, Verdict, drift};
//!
//! let card = ServerCard::new("com.example/weather", "1.2.0", "Forecasts for places.");
//! let live = Live::new(Some(Implementation::new("weather", "1.3.0")), ["2026-07-28".to_owned()]);
//! let report = drift(&card, &live);
//! assert_eq!(report.verdict(Field::Name), Verdict::Same);
//! assert_eq!(report.verdict(Field::Version), Verdict::Differs);
//! assert_eq!(report.differing().count(), 1);
//! ```

mod compare;
mod resource;

pub use compare::drift;
pub use resource::{ResourceError, resource_of};

use std::fmt;

use mcp_core::client::{Client, ClientError};
use mcp_core::protocol::Implementation;
use serde::Serialize;

/// What a server says of itself.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Live {
    /// Who it says it is, if it does.
    pub info: Option<Implementation>,
    /// The revisions of the protocol that it serves.
    pub versions: Vec<String>,
    /// Where it was reached, over Streamable HTTP; `None` if it was reached otherwise.
    pub endpoint: Option<String>,
    /// The identifier under which it is protected (RFC 9728, `resource`); `None` if it is not, or nobody asked.
    pub resource: Option<String>,
}

impl Live {
    /// A server that says this of itself.
    #[must_use]
    pub fn new(info: Option<Implementation>, versions: impl IntoIterator<Item = String>) -> Self {
        Self { info, versions: versions.into_iter().collect(), endpoint: None, resource: None }
    }

    /// Asks a server what it is.
    ///
    /// # Errors
    /// Those of [`Client::discover`].
    pub async fn ask(client: &Client) -> Result<Self, ClientError> {
        let discovered = client.prepare::<mcp_core::protocol::Discover>().fresh().send().await?;
        let info = client.server_info().map(|info| info.as_ref().clone());
        Ok(Self::new(info, discovered.supported_versions))
    }

    /// Says where it was reached.
    #[must_use]
    pub fn at(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Says under which identifier it is protected: see [`resource_of`].
    #[must_use]
    pub fn protected_as(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Field {
    /// The card's name, `com.example/weather`, and the server's: the same, or what follows the slash.
    Name,
    /// The version.
    Version,
    /// The name for people.
    Title,
    /// The description. A card has 100 characters for it: one that ends with `…` is compared up to there.
    Description,
    /// The website.
    WebsiteUrl,
    /// The addresses of the icons, in any order.
    Icons,
    /// Where the server was reached, and the places that the card names.
    Endpoint,
    /// The transport that the card names for that place.
    Transport,
    /// The revisions of the protocol, in any order.
    ProtocolVersions,
    /// The identifier under which the server is protected (RFC 9728), and where it was reached.
    Resource,
}

impl Field {
    /// All of them, in the order of a report.
    pub const ALL: [Self; 10] = [
        Self::Name,
        Self::Version,
        Self::Title,
        Self::Description,
        Self::WebsiteUrl,
        Self::Icons,
        Self::Endpoint,
        Self::Transport,
        Self::ProtocolVersions,
        Self::Resource,
    ];

    /// Its name for programs, mostly that of the card's member.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Version => "version",
            Self::Title => "title",
            Self::Description => "description",
            Self::WebsiteUrl => "websiteUrl",
            Self::Icons => "icons",
            Self::Endpoint => "endpoint",
            Self::Transport => "transport",
            Self::ProtocolVersions => "protocolVersions",
            Self::Resource => "resource",
        }
    }
}

/// What a comparison came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Verdict {
    /// Both say the same.
    Same,
    /// They contradict each other.
    Differs,
    /// The card alone says something.
    CardOnly,
    /// The server alone says something.
    LiveOnly,
    /// Neither does.
    Absent,
}

impl Verdict {
    /// Its name for programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs => "differs",
            Self::CardOnly => "card-only",
            Self::LiveOnly => "live-only",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The comparison of one field. Both texts are the other side's: escape them before they reach a terminal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Compared {
    /// What was compared.
    pub field: Field,
    /// What it came to.
    pub verdict: Verdict,
    /// What the card says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// What the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live: Option<String>,
}

/// A card held against its server, field by field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Every field, in the order of [`Field::ALL`].
    pub fields: Vec<Compared>,
}

impl Report {
    /// What the comparison of a field came to.
    #[must_use]
    pub fn verdict(&self, field: Field) -> Verdict {
        let compared = self.fields.iter().find(|compared| compared.field == field);
        compared.map_or(Verdict::Absent, |compared| compared.verdict)
    }

    /// The fields in which the card contradicts the server.
    pub fn differing(&self) -> impl Iterator<Item = &Compared> {
        self.fields.iter().filter(|compared| compared.verdict == Verdict::Differs)
    }

    /// Whether the card contradicts the server in anything.
    #[must_use]
    pub fn has_drift(&self) -> bool {
        self.differing().next().is_some()
    }
}
