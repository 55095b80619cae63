//! Names of the method `did:web`.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A name of the method `did:web`: a domain, perhaps a port, perhaps a path.
///
/// ```
/// use mcp_identity::DidWeb;
///
/// let did: DidWeb = "did:web:example.com".parse()?;
/// assert_eq!(did.document_url(), "https://example.com/.well-known/did.json");
/// assert!(did.is_root());
///
/// let did: DidWeb = "did:web:example.com%3A8443:agents:billing".parse()?;
/// assert_eq!(did.document_url(), "https://example.com:8443/agents/billing/did.json");
/// assert!(!did.is_root());
/// # Ok::<(), mcp_identity::did::DidWebError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DidWeb {
    text: String,
    host: String,
    port: Option<u16>,
    path: Vec<String>,
}

/// Why a text is no `did:web` name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DidWebError {
    /// It does not begin with `did:web:`.
    #[error("the name does not begin with did:web:")]
    Method,
    /// What should be a domain is none: not lower-case ASCII, an address, or malformed.
    #[error("the name has no domain")]
    Domain,
    /// What follows `%3A` is no port.
    #[error("the name's port is no port")]
    Port,
    /// A step of the path is empty, or has characters that names do not have.
    #[error("a step of the name's path is empty or malformed")]
    Path,
}

const PREFIX: &str = "did:web:";

impl DidWeb {
    /// The name of a domain, with a port where that is not 443.
    ///
    /// # Errors
    /// If it is no domain in lower-case ASCII. Addresses have no such name.
    pub fn new(host: &str, port: Option<u16>) -> Result<Self, DidWebError> {
        if host.contains([':', '%']) {
            return Err(DidWebError::Domain);
        }
        match port {
            Some(port) => format!("{PREFIX}{host}%3A{port}").parse(),
            None => format!("{PREFIX}{host}").parse(),
        }
    }

    /// The whole name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The domain.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, if the name has one.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether it is a domain alone, without port and path: the only kind that the profile `did-web-v1` takes.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.port.is_none() && self.path.is_empty()
    }

    /// Where the document of this name is.
    #[must_use]
    pub fn document_url(&self) -> String {
        let port = self.port.map(|port| format!(":{port}")).unwrap_or_default();
        let path = match self.path.as_slice() {
            [] => super::WELL_KNOWN.to_owned(),
            steps => format!("/{}/did.json", steps.join("/")),
        };
        format!("https://{}{port}{path}", self.host)
    }

    /// The name of one of its keys: `did:web:example.com#fragment`.
    #[must_use]
    pub fn key_id(&self, fragment: &str) -> String {
        format!("{}#{fragment}", self.text)
    }

    /// The fragment of a key's name, if that is one of this name's keys.
    #[must_use]
    pub fn fragment_of<'a>(&self, key_id: &'a str) -> Option<&'a str> {
        key_id.strip_prefix(&self.text)?.strip_prefix('#').filter(|rest| is_fragment(rest))
    }
}

/// A fragment that is not empty (RFC 3986, section 3.5).
fn is_fragment(text: &str) -> bool {
    !text.is_empty()
        && crate::finding::is_uri(&format!("f:{text}"))
        && !text.contains(['#', '[', ']'])
}

impl FromStr for DidWeb {
    type Err = DidWebError;

    fn from_str(text: &str) -> Result<Self, DidWebError> {
        let mut steps = text.strip_prefix(PREFIX).ok_or(DidWebError::Method)?.split(':');
        let authority = steps.next().unwrap_or_default();
        let colon = authority.find("%3A").or_else(|| authority.find("%3a"));
        let (host, port) = match colon.and_then(|at| authority.split_at_checked(at)) {
            Some((host, port)) => {
                let digits = port.get(3..).unwrap_or_default();
                let port = digits.parse::<u16>().map_err(|_| DidWebError::Port)?;
                // One way to write it: no sign, no leading zero.
                if port == 0 || port.to_string() != digits {
                    return Err(DidWebError::Port);
                }
                (host, Some(port))
            }
            None => (authority, None),
        };
        if !is_plain_domain(host) {
            return Err(DidWebError::Domain);
        }
        let path: Vec<String> = steps.map(str::to_owned).collect();
        if !path.iter().all(|step| is_step(step)) {
            return Err(DidWebError::Path);
        }
        Ok(Self { text: text.to_owned(), host: host.to_owned(), port, path })
    }
}

/// A step of the path: characters of DID Core's `idchar`. Steps that would lead elsewhere are refused, written
/// plainly or with percent signs.
fn is_step(step: &str) -> bool {
    let bytes = step.as_bytes();
    let plain = step.replace("%2E", ".").replace("%2e", ".");
    !matches!(plain.as_str(), "" | "." | "..")
        && bytes.iter().enumerate().all(|(at, &byte)| match byte {
            b'%' => bytes.get(at + 1..at + 3).is_some_and(|hex| {
                hex.iter().all(u8::is_ascii_hexdigit)
                    && !matches!(hex, b"2f" | b"2F" | b"5c" | b"5C" | b"00")
            }),
            _ => byte.is_ascii_alphanumeric() || b".-_".contains(&byte),
        })
}

/// A domain in lower-case ASCII, without port, without a trailing dot, and no address.
pub(crate) fn is_plain_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253
        && text.split('.').all(label)
        && text.parse::<Ipv4Addr>().is_err()
        && text.parse::<Ipv6Addr>().is_err()
        // No top-level domain begins with a digit, but shortened addresses such as `127.1` end so.
        && text.rsplit('.').next().is_some_and(|last| !last.starts_with(|c: char| c.is_ascii_digit()))
}

impl fmt::Display for DidWeb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl From<DidWeb> for String {
    fn from(did: DidWeb) -> Self {
        did.text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_none_is_refused_by_name() {
        for (text, expected) in [
            ("", DidWebError::Method),
            ("did:key:z6", DidWebError::Method),
            ("did:web:", DidWebError::Domain),
            ("did:web:Example.com", DidWebError::Domain),
            ("did:web:example.com.", DidWebError::Domain),
            ("did:web:-a.example", DidWebError::Domain),
            ("did:web:127.0.0.1", DidWebError::Domain),
            ("did:web:127.1", DidWebError::Domain),
            ("did:web:münchen.example", DidWebError::Domain),
            ("did:web:a.example/x", DidWebError::Domain),
            ("did:web:a.example#k", DidWebError::Domain),
            ("did:web:a.example%3A", DidWebError::Port),
            ("did:web:a.example%3A0", DidWebError::Port),
            ("did:web:a.example%3A080", DidWebError::Port),
            ("did:web:a.example%3A65536", DidWebError::Port),
            ("did:web:a.example:", DidWebError::Path),
            ("did:web:a.example:..", DidWebError::Path),
            ("did:web:a.example:%2e%2E", DidWebError::Path),
            ("did:web:a.example:a%2fb", DidWebError::Path),
            ("did:web:a.example:a?b", DidWebError::Path),
        ] {
            assert_eq!(text.parse::<DidWeb>(), Err(expected), "{text}");
        }
        assert_eq!(DidWeb::new("a.example:1", None), Err(DidWebError::Domain));
    }

    #[test]
    fn keys_have_names() {
        let did = DidWeb::new("localhost", Some(8080)).unwrap();
        assert_eq!(did.as_str(), "did:web:localhost%3A8080");
        assert_eq!(did.document_url(), "https://localhost:8080/.well-known/did.json");
        assert_eq!(did.fragment_of(&did.key_id("k1")), Some("k1"));
        for other in
            ["did:web:localhost#k1", "did:web:localhost%3A8080", "did:web:localhost%3A8080#", "k1"]
        {
            assert_eq!(did.fragment_of(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "(did:web:)?[a-zA-Z0-9.:%/#-]{0,40}") {
            if let Ok(did) = text.parse::<DidWeb>() {
                prop_assert!(did.document_url().starts_with("https://"));
            }
        }
    }
}
