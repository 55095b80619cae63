//! Where a FHIR server is, and which addresses are its own.

use http::Uri;
use http::uri::{Authority, Scheme};

use super::FhirServerError;

/// The longest link that is followed, in bytes.
const LONGEST: usize = 8 * 1024;

/// The address of a FHIR server, without a slash at the end.
#[derive(Clone)]
pub(super) struct Base {
    scheme: Scheme,
    authority: Authority,
    path: String,
}

impl Base {
    pub(super) fn parse(text: &str) -> Result<Self, FhirServerError> {
        // A `Uri` drops fragments without a word.
        if !is_plain(text) {
            return Err(FhirServerError::Address);
        }
        let uri: Uri = text.parse().map_err(|_| FhirServerError::Address)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(FhirServerError::Address);
        };
        if scheme != Scheme::HTTP && scheme != Scheme::HTTPS {
            return Err(FhirServerError::Address);
        }
        if authority.as_str().contains('@') {
            return Err(FhirServerError::UserInfo);
        }
        let path = parts.path_and_query.map(|path| path.as_str().to_owned()).unwrap_or_default();
        let path = path.trim_end_matches('/').to_owned();
        if authority.host().is_empty() || path.contains('?') {
            return Err(FhirServerError::Address);
        }
        Ok(Self { scheme, authority, path })
    }

    /// Whether what is sent there can be read on its way: it is not encrypted, and leaves this machine.
    pub(super) fn is_exposed(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        self.scheme != Scheme::HTTPS && !is_here
    }

    pub(super) fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    pub(super) fn host(&self) -> &str {
        self.authority.host()
    }

    /// The address of what is below: `/Patient/1`, `?page=2`.
    pub(super) fn below(&self, rest: &str) -> Option<Uri> {
        // Whoever wrote `rest`, it leads nowhere else.
        if rest.len() > LONGEST || !begins_below(rest) || !is_plain(rest) {
            return None;
        }
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(format!("{}{rest}", self.path))
            .build()
            .ok()
    }

    /// What a link means below this address; `None` if it leads elsewhere or could.
    pub(super) fn own(&self, link: &str) -> Option<String> {
        if link.len() > LONGEST || !is_plain(link) {
            return None;
        }
        let has_scheme = link.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty()
                && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
        let rest = if has_scheme {
            let uri: Uri = link.parse().ok()?;
            let is_same = uri.scheme() == Some(&self.scheme)
                && uri.authority().is_some_and(|other| self.is_same_authority(other));
            // As text, since a `Uri` could have changed it.
            let from = link.find("://")?.checked_add(3)?;
            let after = link.get(from..)?;
            let path = after.find(['/', '?']).and_then(|at| after.get(at..)).unwrap_or_default();
            path.strip_prefix(&*self.path).filter(|_| is_same)?
        } else if link.starts_with("//") {
            return None;
        } else if link.starts_with('/') {
            link.strip_prefix(&*self.path)?
        } else if link.starts_with('?') {
            link
        } else {
            // Relative to the server, as references are.
            return Some(format!("/{link}"));
        };
        begins_below(rest).then(|| rest.to_owned())
    }

    fn is_same_authority(&self, other: &Authority) -> bool {
        let port =
            |it: &Authority| it.port_u16().unwrap_or(if self.is_secure() { 443 } else { 80 });
        !other.as_str().contains('@')
            && other.host().eq_ignore_ascii_case(self.authority.host())
            && port(other) == port(&self.authority)
    }
}

/// Whether something begins where the path of the base may end: `/fhirx` is not below `/fhir`.
fn begins_below(rest: &str) -> bool {
    rest.is_empty() || (rest.starts_with(['/', '?']) && !rest.starts_with("//"))
}

/// Whether an address has nothing in it that its readers could understand differently: steps upwards, encoded slashes, backslashes,
/// fragments.
fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_graphic()
            && !matches!(byte, b'#' | b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}')
    };
    let path = text.split_once('?').map_or(text, |(path, _)| path).to_ascii_lowercase();
    let path = path.replace("%2e", ".");
    text.bytes().all(allowed)
        && !["%2f", "%5c", "%00"].iter().any(|odd| path.contains(odd))
        && !path.split('/').any(|step| matches!(step, "." | ".."))
}

/// A name or value as it stands in a query or a form.
pub(super) fn encode(text: &str, to: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(char::from(byte));
        } else {
            to.push('%');
            for digit in [byte >> 4, byte & 15] {
                let digit = char::from_digit(u32::from(digit), 16).unwrap_or('0');
                to.push(digit.to_ascii_uppercase());
            }
        }
    }
}

/// The names and values of a query, decoded; what is no UTF-8 is left out.
pub(super) fn decode(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|one| !one.is_empty())
        .filter_map(|one| {
            let (name, value) = one.split_once('=').unwrap_or((one, ""));
            Some((decoded(name)?, decoded(value)?))
        })
        .collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                u8::try_from(high * 16 + low).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn own_links_are_told_from_others() {
        let base = Base::parse("https://Fhir.example.org/r4/").unwrap();
        for (link, expected) in [
            ("https://fhir.example.org/r4?page=2", "?page=2"),
            ("https://fhir.example.org:443/r4/Observation?page=2", "/Observation?page=2"),
            ("https://fhir.example.org/r4", ""),
            ("/r4/Observation?a=//b", "/Observation?a=//b"),
            ("?page=https://x/", "?page=https://x/"),
            ("Observation?page=2", "/Observation?page=2"),
            ("Observation?code=http://loinc.org|1", "/Observation?code=http://loinc.org|1"),
        ] {
            assert_eq!(base.own(link).as_deref(), Some(expected), "{link}");
        }
        for link in [
            "http://fhir.example.org/r4?page=2",
            "https://fhir.example.org.evil.example/r4?page=2",
            "https://evil.example/r4?page=2",
            "https://fhir.example.org:8443/r4?page=2",
            "https://fhir.example.org@evil.example/r4?page=2",
            "https://evil.example@fhir.example.org/r4?page=2",
            "https://fhir.example.org/r4evil?page=2",
            "https://fhir.example.org/r4/../admin",
            "https://fhir.example.org/r4/%2e%2E/admin",
            "https://fhir.example.org/r4/..%2fadmin",
            "https://fhir.example.org/r4//evil.example",
            "https://fhir.example.org/r5?page=2",
            "https://fhir.example.org/",
            "//evil.example/r4",
            "/admin",
            "/r4/\\evil.example",
            "../admin",
            "javascript://fhir.example.org/r4",
            "https://fhir.example.org/r4?a=b#c",
            "https://fhir.example.org/r4?a= b",
            "https:///r4",
            "\u{ff1f}page=2",
        ] {
            assert_eq!(base.own(link), None, "{link}");
        }
        assert_eq!(base.own(&format!("?{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn addresses_of_servers_are_checked() {
        for good in ["http://127.0.0.1:8080", "https://h/a/b/", "http://[::1]/fhir"] {
            assert!(!Base::parse(good).unwrap().is_exposed(), "{good}");
        }
        assert!(Base::parse("http://fhir.example.org").unwrap().is_exposed());
        for bad in
            ["", "fhir", "ftp://h/", "https://h/a?b", "https://h/../a", "https://h/a#b", "/r4"]
        {
            assert!(matches!(Base::parse(bad), Err(FhirServerError::Address)), "{bad}");
        }
        assert!(matches!(Base::parse("https://a:b@h/"), Err(FhirServerError::UserInfo)));
    }

    proptest! {
        #[test]
        fn what_is_below_stays_there(rest in "[a-z/?.%=&:@\\\\2efE#]{0,20}") {
            let base = Base::parse("https://h:1/r4").unwrap();
            if let Some(uri) = base.below(&rest) {
                prop_assert_eq!(uri.authority().unwrap().as_str(), "h:1");
                prop_assert!(uri.path() == "/r4" || uri.path().starts_with("/r4/"));
                prop_assert!(!uri.path().split('/').any(|step| step == ".."));
            }
            if let Some(own) = base.own(&rest) {
                prop_assert!(own.is_empty() || base.below(&own).is_some());
            }
        }

        #[test]
        fn what_is_encoded_is_decoded(name in ".{0,9}", value in ".{0,9}") {
            let mut query = String::new();
            encode(&name, &mut query);
            query.push('=');
            encode(&value, &mut query);
            prop_assert!(query.is_ascii());
            if query != "=" {
                prop_assert_eq!(decode(&query), vec![(name, value)]);
            }
        }
    }
}
