//! Who may ask: the checks that keep web pages of others away from a local server.
//!
//! A page can make a browser send requests to any address, and by DNS rebinding even to a name of its
//! own that leads to this machine. Both show in the headers `Origin` and `Host`.

use http::{HeaderMap, Uri, header};

/// Which hosts and origins may ask.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    hosts: Allowed,
    /// Beside loopback ones.
    origins: Vec<Box<str>>,
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
        Self { hosts: Allowed::Listed(Vec::new()), origins: Vec::new() }
    }
}

impl Guard {
    pub(crate) fn allow_host(&mut self, host: &str) {
        if let Allowed::Listed(listed) = &mut self.hosts {
            listed.push(normal(host));
        }
    }

    pub(crate) fn allow_origin(&mut self, origin: &str) {
        self.origins.push(normal(origin));
    }

    pub(crate) fn allow_any_host(&mut self) {
        self.hosts = Allowed::Any;
    }

    /// Whether the request is for a host that is answered.
    pub(crate) fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Denied> {
        let Allowed::Listed(listed) = &self.hosts else { return Ok(()) };
        let is_allowed = |host: &str| is_loopback(host) || has(listed, host);
        let mut hosts = headers.get_all(header::HOST).iter();
        let (first, second) = (hosts.next(), hosts.next());
        // HTTP/2 has the host in the address, HTTP/1.1 can have it there as well.
        let addressed = uri.authority().map(http::uri::Authority::as_str);
        let allowed = match (first, addressed) {
            _ if second.is_some() => false,
            (None, None) => false,
            (host, addressed) => {
                host.is_none_or(|host| host.to_str().is_ok_and(is_allowed))
                    && addressed.is_none_or(is_allowed)
            }
        };
        if allowed { Ok(()) } else { Err(Denied::Host) }
    }

    /// Whether the request comes from no page, or from one that may ask.
    pub(crate) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Denied> {
        let allowed = headers.get_all(header::ORIGIN).iter().all(|origin| {
            origin.to_str().is_ok_and(|origin| {
                has(&self.origins, origin)
                    || origin
                        .strip_prefix("http://")
                        .or_else(|| origin.strip_prefix("https://"))
                        .is_some_and(is_loopback)
            })
        });
        if allowed { Ok(()) } else { Err(Denied::Origin) }
    }
}

fn normal(name: &str) -> Box<str> {
    name.trim_end_matches('/').to_ascii_lowercase().into()
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
        guard.check_host(&Uri::from_static("/mcp"), &headers)?;
        guard.check_origin(&headers)
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
        assert_eq!(Guard::default().check_host(&uri, &headers), Err(Denied::Host));
    }

    #[test]
    fn the_host_in_the_address_counts_too() {
        let host = |host| HeaderMap::from_iter([(header::HOST, HeaderValue::from_static(host))]);
        let guard = Guard::default();
        for (uri, headers, expected) in [
            ("http://localhost/mcp", HeaderMap::new(), Ok(())),
            ("http://localhost/mcp", host("localhost:80"), Ok(())),
            ("http://evil.example/mcp", HeaderMap::new(), Err(Denied::Host)),
            ("http://evil.example/mcp", host("localhost"), Err(Denied::Host)),
            ("http://localhost/mcp", host("evil.example"), Err(Denied::Host)),
        ] {
            assert_eq!(guard.check_host(&Uri::from_static(uri), &headers), expected, "{uri}");
        }
    }

    #[test]
    fn each_of_several_origins_must_be_allowed() {
        let mut headers = HeaderMap::new();
        headers.append(header::ORIGIN, HeaderValue::from_static("http://localhost"));
        assert_eq!(Guard::default().check_origin(&headers), Ok(()));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://evil.example"));
        assert_eq!(Guard::default().check_origin(&headers), Err(Denied::Origin));
        let odd = HeaderValue::from_bytes(b"http://localhost\xff").unwrap();
        let headers = HeaderMap::from_iter([(header::ORIGIN, odd)]);
        assert_eq!(Guard::default().check_origin(&headers), Err(Denied::Origin));
    }
}
