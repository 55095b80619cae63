//! Who may ask: the checks that keep web pages of others away from a local server.
//!
//! A page can make a browser send requests to any address, and by DNS rebinding even to a name of its
//! own that leads to this machine. Both show in the headers `Origin` and `Host`.

use http::{HeaderMap, Uri, header};

/// Which hosts and origins may ask.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    hosts: Allowed,
    origins: Allowed,
}

#[derive(Debug, Clone)]
enum Allowed {
    Any,
    /// Loopback names with any port, and these.
    Listed(Vec<Box<str>>),
}

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Denied {
    Host,
    Origin,
}

impl Default for Guard {
    fn default() -> Self {
        Self { hosts: Allowed::Listed(Vec::new()), origins: Allowed::Listed(Vec::new()) }
    }
}

impl Guard {
    pub(crate) fn allow_host(&mut self, host: &str) {
        allow(&mut self.hosts, host);
    }

    pub(crate) fn allow_origin(&mut self, origin: &str) {
        allow(&mut self.origins, origin);
    }

    pub(crate) fn allow_any_host(&mut self) {
        self.hosts = Allowed::Any;
    }

    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        if let Allowed::Listed(listed) = &self.hosts {
            let mut hosts = headers.get_all(header::HOST).iter();
            let host = match (hosts.next(), hosts.next()) {
                (Some(host), None) => host.to_str().ok(),
                // HTTP/2 has the host in the address instead.
                (None, None) => uri.authority().map(http::uri::Authority::as_str),
                _ => None,
            };
            if !host.is_some_and(|host| is_loopback(host) || has(listed, host)) {
                return Err(Denied::Host);
            }
        }
        if let Allowed::Listed(listed) = &self.origins {
            for origin in headers.get_all(header::ORIGIN) {
                let allowed = origin.to_str().is_ok_and(|origin| {
                    has(listed, origin)
                        || origin
                            .strip_prefix("http://")
                            .or_else(|| origin.strip_prefix("https://"))
                            .is_some_and(is_loopback)
                });
                if !allowed {
                    return Err(Denied::Origin);
                }
            }
        }
        Ok(())
    }
}

fn allow(allowed: &mut Allowed, name: &str) {
    if let Allowed::Listed(listed) = allowed {
        listed.push(name.trim_end_matches('/').to_ascii_lowercase().into());
    }
}

fn has(listed: &[Box<str>], name: &str) -> bool {
    listed.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// `localhost`, `127.0.0.1` or `[::1]`, with any port or none.
fn is_loopback(authority: &str) -> bool {
    for name in ["localhost", "127.0.0.1", "[::1]"] {
        let Some(start) = authority.get(..name.len()) else { continue };
        if !start.eq_ignore_ascii_case(name) {
            continue;
        }
        let rest = authority.get(name.len()..).unwrap_or_default();
        return match rest.strip_prefix(':') {
            None => rest.is_empty(),
            Some(port) => !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit()),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check(guard: &Guard, host: Option<&str>, origin: Option<&str>) -> Result<(), Denied> {
        let mut headers = HeaderMap::new();
        if let Some(host) = host {
            headers.insert(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_str(origin).unwrap());
        }
        guard.check(&Uri::from_static("/mcp"), &headers)
    }

    #[test]
    fn loopback_may_ask_and_others_not() {
        let guard = Guard::default();
        for host in ["localhost", "LOCALHOST:1", "127.0.0.1:8080", "[::1]", "[::1]:80"] {
            assert_eq!(check(&guard, Some(host), None), Ok(()), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "localhost:",
            "[::1]x",
            "",
        ] {
            assert_eq!(check(&guard, Some(host), None), Err(Denied::Host), "{host}");
        }
        assert_eq!(check(&guard, None, None), Err(Denied::Host));
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:5"] {
            assert_eq!(check(&guard, Some("localhost"), Some(origin)), Ok(()), "{origin}");
        }
        for origin in ["https://evil.example", "null", "http://localhost.evil.example", "file://"] {
            assert_eq!(
                check(&guard, Some("localhost"), Some(origin)),
                Err(Denied::Origin),
                "{origin}"
            );
        }
    }

    #[test]
    fn named_hosts_and_origins_may_ask() {
        let mut guard = Guard::default();
        guard.allow_host("mcp.example.com");
        guard.allow_origin("https://app.example.com/");
        assert_eq!(check(&guard, Some("MCP.example.com"), Some("https://app.example.com")), Ok(()));
        assert_eq!(check(&guard, Some("mcp.example.com:8443"), None), Err(Denied::Host));
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        let uri = Uri::from_static("/mcp");
        assert_eq!(Guard::default().check(&uri, &headers), Err(Denied::Host));
    }
}
