//! Addresses of documents, read in one way only.
//!
//! Browsers forgive much in an address: tabs, backslashes, `0x7f.1` for `127.0.0.1`, percent signs in
//! host names. Whoever checks an address with one reader and connects with another can be led past the
//! check. So what is read here is RFC 3986 without any of that, and what was checked is what is used.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The longest address that is read, in bytes.
const LONGEST: usize = 2048;

/// Why an address is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is longer than any that is read.
    #[error("the address is longer than {LONGEST} bytes")]
    TooLong,
    /// It has characters that an address cannot have unless they are percent-encoded: white space,
    /// control characters, backslashes, braces of a template, letters beyond ASCII.
    #[error("the address has characters that no address has")]
    Character,
    /// It has no scheme, or neither `https:` nor `http:`.
    #[error("the address is neither https: nor http:")]
    Scheme,
    /// It has a user name or a password.
    #[error("the address has a user name or password")]
    UserInfo,
    /// Its host is missing or no host name: labels of letters, digits and hyphens, at least two of
    /// them except for `localhost`, without a dot at the end.
    #[error("the address has no well-formed host")]
    Host,
    /// Its host is a number in a form that some take for an address of the network: decimal, octal,
    /// hexadecimal, with parts left out, with a zone.
    #[error("the address has a host that is an oddly written network address")]
    OddAddress,
    /// Its port is none.
    #[error("the address has no well-formed port")]
    Port,
}

/// The address of a document: `https:` or `http:`, a host, a port, a path, perhaps a query.
///
/// Two equal ones lead to the same place: scheme and host are in small letters, the scheme's own port is
/// left out, `.` and `..` are resolved, and a fragment is dropped.
///
/// ```
/// use mcp_identity::url::{Url, UrlError};
///
/// let url: Url = "HTTPS://Example.com:443/a/../mcp#top".parse()?;
/// assert_eq!(url.as_str(), "https://example.com/mcp");
/// assert_eq!(url.join("/.well-known/ai-catalog.json")?.path(), "/.well-known/ai-catalog.json");
/// assert_eq!("https://0x7f.1/".parse::<Url>(), Err(UrlError::OddAddress));
/// assert_eq!("https://user@example.com/".parse::<Url>(), Err(UrlError::UserInfo));
/// # Ok::<(), UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Url {
    text: String,
    secure: bool,
    host: Host,
    port: u16,
    /// Where the path begins in `text`.
    path: usize,
}

/// Where a document is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name, in small letters, to be looked up.
    Name(String),
    /// An address of the network.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl Url {
    /// The whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it is `https:`.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// The host.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port, its scheme's own if it does not say another.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, the latter unless it is the scheme's own: what the header `Host` says.
    #[must_use]
    pub fn authority(&self) -> &str {
        let scheme = if self.secure { "https://" } else { "http://" };
        self.text.get(scheme.len()..self.path).unwrap_or_default()
    }

    /// Scheme, host and port, without a slash at the end.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.text.get(..self.path).unwrap_or_default()
    }

    /// The path, at least `/`, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        let target = self.target();
        target.split_once('?').map_or(target, |(path, _)| path)
    }

    /// Path and query: what a request asks for.
    #[must_use]
    pub fn target(&self) -> &str {
        self.text.get(self.path..).unwrap_or_default()
    }

    /// The address with something after its path, and without its query: `/mcp` with `server-card` is
    /// `/mcp/server-card`.
    ///
    /// # Errors
    /// If the segment is not part of an address.
    pub fn below(&self, segment: &str) -> Result<Self, UrlError> {
        let path = self.path();
        let slash = if path.ends_with('/') { "" } else { "/" };
        [self.origin(), path, slash, segment].concat().parse()
    }

    /// The address that a reference in a document at this address means.
    ///
    /// Source: RFC 3986, section 5.2.
    ///
    /// # Errors
    /// If what it means is not an address that can be used.
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
        if has_scheme(reference) {
            return reference.parse();
        }
        let scheme = if self.secure { "https:" } else { "http:" };
        let joined = match reference.chars().next() {
            None => self.text.clone(),
            Some('/') if reference.starts_with("//") => [scheme, reference].concat(),
            Some('/') => [self.origin(), reference].concat(),
            Some('?') => [self.origin(), self.path(), reference].concat(),
            Some(_) => {
                let folder = self.path().rsplit_once('/').map_or("", |(folder, _)| folder);
                [self.origin(), folder, "/", reference].concat()
            }
        };
        joined.parse()
    }
}

/// Whether a reference begins with a scheme. A colon after the first slash or question mark begins none.
fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

impl std::str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > LONGEST {
            return Err(UrlError::TooLong);
        }
        let text = text.split_once('#').map_or(text, |(before, _)| before);
        check_characters(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(UrlError::Scheme)?;
        let secure = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(UrlError::Scheme),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or_default();
        if authority.contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (host, port) = split_port(authority)?;
        let host = read_host(host)?;
        let default = if secure { 443 } else { 80 };
        let port = port.map_or(Ok(default), read_port)?;
        let mut text = format!("{}://{host}", if secure { "https" } else { "http" });
        if port != default {
            text.push_str(&format!(":{port}"));
        }
        let path = text.len();
        let (before, query) = target.split_once('?').map_or((target, None), |(p, q)| (p, Some(q)));
        push_path(&mut text, before);
        if let Some(query) = query {
            text.push('?');
            text.push_str(query);
        }
        Ok(Self { text, secure, host, port, path })
    }
}

/// RFC 3986, appendix A: unreserved, reserved, percent-encoded.
fn check_characters(text: &str) -> Result<(), UrlError> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let good = match byte {
            b'%' => {
                let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
                hex(bytes.next()) && hex(bytes.next())
            }
            b'-' | b'.' | b'_' | b'~' | b':' | b'/' | b'?' | b'[' | b']' | b'@' | b'!' | b'$'
            | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => true,
            byte => byte.is_ascii_alphanumeric(),
        };
        if !good {
            return Err(UrlError::Character);
        }
    }
    Ok(())
}

fn split_port(authority: &str) -> Result<(&str, Option<&str>), UrlError> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (_, after) = rest.split_once(']').ok_or(UrlError::Host)?;
        let host = authority.strip_suffix(after).ok_or(UrlError::Host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if after.is_empty() => Ok((host, None)),
            None => Err(UrlError::Host),
        };
    }
    Ok(authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port))))
}

fn read_port(port: &str) -> Result<u16, UrlError> {
    let plain = !port.starts_with('0') && port.bytes().all(|byte| byte.is_ascii_digit());
    port.parse().ok().filter(|_| plain).ok_or(UrlError::Port)
}

fn read_host(host: &str) -> Result<Host, UrlError> {
    if let Some(literal) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match literal.parse::<Ipv6Addr>() {
            Ok(address) => Ok(Host::Address(address.into())),
            // `[fe80::1%25eth0]`, `[::127.1]`, `[v1.x]`.
            Err(_) => Err(UrlError::OddAddress),
        };
    }
    let last = host.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    let hex = last.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("0x"));
    if hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit())) {
        // Rust reads four decimal parts without leading zeros, and nothing else.
        let address: Ipv4Addr = host.parse().map_err(|_| UrlError::OddAddress)?;
        return Ok(Host::Address(address.into()));
    }
    let host = host.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    // A name of one label is completed by the resolver of a company's network with that company's name.
    let complete = host.contains('.') || host == "localhost";
    if host.len() > 253 || !complete || !host.split('.').all(label) {
        return Err(UrlError::Host);
    }
    Ok(Host::Name(host))
}

/// Adds a path, `.` and `..` resolved (RFC 3986, section 5.2.4).
fn push_path(text: &mut String, path: &str) {
    let mut segments: Vec<&str> = Vec::new();
    let mut parts = path.strip_prefix('/').unwrap_or(path).split('/').peekable();
    while let Some(part) = parts.next() {
        let last = parts.peek().is_none();
        match part {
            "." | ".." => {
                if part == ".." {
                    segments.pop();
                }
                if last {
                    segments.push("");
                }
            }
            part => segments.push(part),
        }
    }
    for segment in &segments {
        text.push('/');
        text.push_str(segment);
    }
    if segments.is_empty() {
        text.push('/');
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Result<Url, UrlError> {
        text.parse()
    }

    #[test]
    fn one_place_has_one_form() {
        for (text, form) in [
            ("https://example.com", "https://example.com/"),
            ("HTTPS://EXAMPLE.com:443?q", "https://example.com/?q"),
            ("http://example.com:80/", "http://example.com/"),
            ("https://example.com:8443/a//b/", "https://example.com:8443/a//b/"),
            ("https://example.com/a/./b/../c", "https://example.com/a/c"),
            ("https://example.com/../..", "https://example.com/"),
            ("https://example.com/a/..", "https://example.com/"),
            ("https://example.com/a/.", "https://example.com/a/"),
            ("https://example.com/%7Ea#b?c", "https://example.com/%7Ea"),
            ("https://9.9.9.9/x", "https://9.9.9.9/x"),
            ("https://[2A00::0:1]/x", "https://[2a00::1]/x"),
            ("http://localhost:8080/mcp", "http://localhost:8080/mcp"),
        ] {
            let parsed = url(text).unwrap();
            assert_eq!(parsed.as_str(), form, "{text}");
            assert_eq!(url(form).unwrap(), parsed);
        }
    }

    #[test]
    fn parts_are_told_apart() {
        let url = url("https://example.com:8443/a/b?c=/d").unwrap();
        assert_eq!(
            (url.origin(), url.authority(), url.path(), url.target(), url.port()),
            ("https://example.com:8443", "example.com:8443", "/a/b", "/a/b?c=/d", 8443)
        );
        assert_eq!(url.below("server-card").unwrap().target(), "/a/b/server-card");
        assert_eq!(url.join("/").unwrap().below("x").unwrap().target(), "/x");
    }

    #[test]
    fn references_are_resolved() {
        let base = url("https://example.com/a/b?c").unwrap();
        for (reference, target) in [
            ("d", "https://example.com/a/d"),
            ("./d?e:f", "https://example.com/a/d?e:f"),
            ("../d", "https://example.com/d"),
            ("../../../d", "https://example.com/d"),
            ("/d", "https://example.com/d"),
            ("?d", "https://example.com/a/b?d"),
            ("", "https://example.com/a/b?c"),
            ("#x", "https://example.com/a/b?c"),
            ("//other.example/d", "https://other.example/d"),
            ("http://other.example/d", "http://other.example/d"),
        ] {
            assert_eq!(base.join(reference).unwrap().as_str(), target, "{reference}");
        }
        assert_eq!(base.join("file:///etc/passwd"), Err(UrlError::Scheme));
        assert_eq!(base.join("javascript:alert(1)"), Err(UrlError::Scheme));
        assert_eq!(base.join("//u@other.example/"), Err(UrlError::UserInfo));
        assert_eq!(base.join("\\\\other.example"), Err(UrlError::Character));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_by_name() {
        use UrlError as E;
        for (text, error) in [
            ("", E::Scheme),
            ("example.com", E::Scheme),
            ("ftp://example.com/", E::Scheme),
            ("https:example.com", E::Scheme),
            ("https:/example.com", E::Scheme),
            ("https://", E::Host),
            ("https:///path", E::Host),
            ("https://intranet/", E::Host),
            ("https://example.com./", E::Host),
            ("https://example..com/", E::Host),
            ("https://.example.com/", E::Host),
            ("https://-a.example/", E::Host),
            ("https://a%2eexample.com/", E::Host),
            ("https://[::1]x/", E::Host),
            ("https://[::1/", E::Host),
            ("https://user@example.com/", E::UserInfo),
            ("https://user:password@example.com/", E::UserInfo),
            ("https://example.com@127.0.0.1/", E::UserInfo),
            ("https://@example.com/", E::UserInfo),
            ("https://example.com\\@127.0.0.1/", E::Character),
            ("https://exa\tmple.com/", E::Character),
            ("https://example.com/\r\nHost:x", E::Character),
            ("https://example.com/a b", E::Character),
            ("https://{tenant}.example.com/", E::Character),
            ("https://ex\u{e4}mple.com/", E::Character),
            ("https://\u{ff11}27.0.0.1/", E::Character),
            ("https://example.com/%zz", E::Character),
            ("https://example.com/%2", E::Character),
            ("https://2130706433/", E::OddAddress),
            ("https://0x7f000001/", E::OddAddress),
            ("https://0X7F.0.0.1/", E::OddAddress),
            ("https://127.0x1/", E::OddAddress),
            ("https://0177.0.0.1/", E::OddAddress),
            ("https://127.0.0.01/", E::OddAddress),
            ("https://127.1/", E::OddAddress),
            ("https://127.0.0.1./", E::OddAddress),
            ("https://1.2.3.4.5/", E::OddAddress),
            ("https://256.0.0.1/", E::OddAddress),
            ("https://[fe80::1%25eth0]/", E::OddAddress),
            ("https://[::ffff:0x7f.0.0.1]/", E::OddAddress),
            ("https://[v1.x]/", E::OddAddress),
            ("https://example.com:/", E::Port),
            ("https://example.com:0/", E::Port),
            ("https://example.com:00443/", E::Port),
            ("https://example.com:+443/", E::Port),
            ("https://example.com:65536/", E::Port),
            ("https://example.com:1:2/", E::Port),
        ] {
            assert_eq!(url(text), Err(error), "{text}");
        }
        let long = format!("https://example.com/{}", "a".repeat(LONGEST));
        assert_eq!(url(&long), Err(E::TooLong));
        let label = format!("https://{}.example/", "a".repeat(64));
        assert_eq!(url(&label), Err(E::Host));
    }
}
