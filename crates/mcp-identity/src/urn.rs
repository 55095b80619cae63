//! `urn:air`: names of things in catalogs, under the domain of who publishes them.
//!
//! Source: AI Catalog 1.0, "Catalog Entry", `identifier`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::did::is_plain_domain;

const PREFIX: &str = "urn:air:";

/// A name of the form `urn:air:{publisher}:{namespace}:{name}`. The namespace can have several parts.
///
/// The publisher is a domain. That a name bears a domain proves nothing: a signature by `did:web:` and that domain does.
///
/// ```
/// use mcp_identity::AirUrn;
///
/// let weather: AirUrn = "urn:air:example.com:mcp:weather".parse()?;
/// assert_eq!((weather.publisher(), weather.namespace(), weather.name()), ("example.com", "mcp", "weather"));
/// assert_eq!(AirUrn::for_server("com.example/weather"), Some(weather));
/// # Ok::<(), mcp_identity::urn::UrnError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AirUrn {
    text: String,
    /// Where the namespace begins, and where the name does.
    namespace: usize,
    name: usize,
}

/// Why a text is no `urn:air` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrnError {
    /// It does not begin with `urn:air:`, in lower case.
    #[error("the name does not begin with urn:air:")]
    Prefix,
    /// It has not at least a publisher, a namespace and a name.
    #[error("the name has fewer than three parts")]
    Parts,
    /// The publisher is no domain in lower-case ASCII without port and trailing dot, or it is an address.
    #[error("the name's publisher is no domain")]
    Publisher,
    /// A part of the namespace or the name is empty, or has characters that URNs do not have (RFC 8141,
    /// section 2).
    #[error("a part of the name is empty or has characters that URNs do not have")]
    Characters,
}

impl AirUrn {
    /// Puts a name together.
    ///
    /// # Errors
    /// If a part is malformed.
    pub fn new(publisher: &str, namespace: &str, name: &str) -> Result<Self, UrnError> {
        if name.contains(':') {
            return Err(UrnError::Characters);
        }
        format!("{PREFIX}{publisher}:{namespace}:{name}").parse()
    }

    /// The name that a server's card suggests: the domain that its reverse-DNS namespace stands for, `mcp`, and its name.
    /// `None` if the namespace is no domain written backwards, or the name has characters that URNs do not have.
    #[must_use]
    pub fn for_server(card_name: &str) -> Option<Self> {
        let (namespace, name) = card_name.split_once('/')?;
        let domain: Vec<&str> = namespace.rsplit('.').collect();
        Self::new(&domain.join(".").to_ascii_lowercase(), "mcp", name).ok()
    }

    /// The domain of who publishes it.
    #[must_use]
    pub fn publisher(&self) -> &str {
        self.part(PREFIX.len(), self.namespace - 1)
    }

    /// The namespace, with colons between its parts if there are several.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.part(self.namespace, self.name - 1)
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        self.part(self.name, self.text.len())
    }

    /// The whole.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }
}

impl FromStr for AirUrn {
    type Err = UrnError;

    fn from_str(text: &str) -> Result<Self, UrnError> {
        let rest = text.strip_prefix(PREFIX).ok_or(UrnError::Prefix)?;
        let (publisher, rest) = rest.split_once(':').ok_or(UrnError::Parts)?;
        let (namespace, name) = rest.rsplit_once(':').ok_or(UrnError::Parts)?;
        if !is_plain_domain(publisher) {
            return Err(UrnError::Publisher);
        }
        if !namespace.split(':').chain([name]).all(is_part) {
            return Err(UrnError::Characters);
        }
        Ok(Self {
            text: text.to_owned(),
            namespace: PREFIX.len() + publisher.len() + 1,
            name: text.len() - name.len(),
        })
    }
}

/// Characters of RFC 8141's `NSS` other than the colon that divides the parts.
fn is_part(part: &str) -> bool {
    let bytes = part.as_bytes();
    !bytes.is_empty()
        && bytes.iter().enumerate().all(|(at, &byte)| match byte {
            b'%' => {
                bytes.get(at + 1..at + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit))
            }
            _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=@/".contains(&byte),
        })
        && !part.starts_with('/')
}

impl fmt::Display for AirUrn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<AirUrn> for String {
    fn from(urn: AirUrn) -> Self {
        urn.text
    }
}

impl Serialize for AirUrn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for AirUrn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_taken_apart() {
        let urn: AirUrn = "urn:air:acme.com:finance:agent:billing".parse().unwrap();
        assert_eq!(urn.publisher(), "acme.com");
        assert_eq!(urn.namespace(), "finance:agent");
        assert_eq!(urn.name(), "billing");
        assert_eq!(AirUrn::new("acme.com", "finance:agent", "billing"), Ok(urn));
    }

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (text, expected) in [
            ("", UrnError::Prefix),
            ("URN:AIR:a.example:b:c", UrnError::Prefix),
            ("urn:air:a.example", UrnError::Parts),
            ("urn:air:a.example:b", UrnError::Parts),
            ("urn:air::b:c", UrnError::Publisher),
            ("urn:air:A.example:b:c", UrnError::Publisher),
            ("urn:air:a.example.:b:c", UrnError::Publisher),
            ("urn:air:127.0.0.1:b:c", UrnError::Publisher),
            ("urn:air:a_b.example:b:c", UrnError::Publisher),
            ("urn:air:a.example::c", UrnError::Characters),
            ("urn:air:a.example:b:", UrnError::Characters),
            ("urn:air:a.example:b:c d", UrnError::Characters),
            ("urn:air:a.example:b:%zz", UrnError::Characters),
        ] {
            assert_eq!(text.parse::<AirUrn>(), Err(expected), "{text}");
        }
        assert_eq!(AirUrn::new("a.example", "b", "c:d"), Err(UrnError::Characters));
    }

    #[test]
    fn servers_have_names() {
        let urn = |name| AirUrn::for_server(name).map(String::from);
        assert_eq!(urn("com.example/weather").unwrap(), "urn:air:example.com:mcp:weather");
        assert_eq!(urn("io.github.someone/a_b").unwrap(), "urn:air:someone.github.io:mcp:a_b");
        assert_eq!(urn("weather"), None);
        assert_eq!(urn("..//x"), None);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(urn:air:)?[a-z:.%0-9 /é-]{0,40}") {
            if let Ok(urn) = text.parse::<AirUrn>() {
                let again = AirUrn::new(urn.publisher(), urn.namespace(), urn.name());
                prop_assert_eq!(again, Ok(urn));
            }
        }
    }
}
