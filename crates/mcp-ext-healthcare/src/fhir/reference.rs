//! What a `Reference.reference` says.
//!
//! Source: FHIR R4 and R5, *References between Resources* (literal references) and *Resource* (`id`).

/// A literal reference, taken apart. Nothing is unescaped and nothing normalised: what is written in another way than FHIR has
/// it is [`Other`](Self::Other), and means nobody.
///
/// ```
/// use mcp_ext_healthcare::fhir::FhirReference;
///
/// assert_eq!(
///     FhirReference::parse("https://example.org/fhir/Patient/1/_history/2"),
///     FhirReference::Resource {
///         base: Some("https://example.org/fhir"),
///         resource_type: "Patient",
///         id: "1",
///         version: Some("2"),
///     },
/// );
/// assert_eq!(FhirReference::parse("#p1"), FhirReference::Contained("p1"));
/// assert_eq!(FhirReference::parse("Patient/1#frag"), FhirReference::Other);
/// assert_eq!(FhirReference::parse("Patient/../Patient/1"), FhirReference::Other);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FhirReference<'a> {
    /// `Patient/1`, `https://example.org/fhir/Patient/1`, with or without a version.
    Resource {
        /// The server, without a slash at the end; `None` if the reference is relative.
        base: Option<&'a str>,
        /// The type.
        resource_type: &'a str,
        /// The id.
        id: &'a str,
        /// The version.
        version: Option<&'a str>,
    },
    /// `#p1`: a resource within the same one. Empty: the containing resource itself.
    Contained(&'a str),
    /// `urn:uuid:` or `urn:oid:`: an entry of the same Bundle, by its `fullUrl`.
    Urn(&'a str),
    /// Conditional, of a server without types, or malformed.
    Other,
}

impl<'a> FhirReference<'a> {
    /// Takes a reference apart.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        Self::resource(text).unwrap_or_else(|| {
            if let Some(id) = text.strip_prefix('#') {
                // Ids of contained resources need not have FHIR's form in older records.
                return Self::Contained(id);
            }
            let is_urn = ["urn:uuid:", "urn:oid:"].iter().any(|scheme| {
                text.strip_prefix(scheme).is_some_and(|id| !id.is_empty() && is_plain(id))
            });
            if is_urn { Self::Urn(text) } else { Self::Other }
        })
    }

    fn resource(text: &'a str) -> Option<Self> {
        if text.starts_with("urn:") || !is_plain(text) {
            return None;
        }
        let (text, version) = match text.rsplit_once("/_history/") {
            Some((text, version)) if is_id(version) => (text, Some(version)),
            Some(_) => return None,
            None => (text, None),
        };
        let (text, id) = text.rsplit_once('/')?;
        let (base, resource_type) = match text.rsplit_once('/') {
            Some((base, resource_type)) if is_base(base) => (Some(base), resource_type),
            Some(_) => return None,
            None => (None, text),
        };
        let found = Self::Resource { base, resource_type, id, version };
        (is_type(resource_type) && is_id(id)).then_some(found)
    }

    /// The type and id, if it is a reference to a resource by them.
    #[must_use]
    pub fn type_and_id(&self) -> Option<(&'a str, &'a str)> {
        match *self {
            Self::Resource { resource_type, id, .. } => Some((resource_type, id)),
            _ => None,
        }
    }
}

/// Whether a text is an id: up to 64 of letters, digits, `-` and `.`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    // Dots alone would be a step in a path.
    (1..=64).contains(&text.len()) && text.bytes().all(allowed) && !matches!(text, "." | "..")
}

fn is_type(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether a text can be a server's address: `http` or `https`, a host, no steps within the path.
fn is_base(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.split('/').all(|step| !matches!(step, "" | "." | "..")) && !rest.contains('@')
    })
}

/// Whether a text has nothing that some reader would take out, unescape or stop at.
fn is_plain(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'#' | b'?' | b'%' | b'\\' | b'|'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_told() {
        let of = |text| FhirReference::parse(text);
        let patient = |base, version| FhirReference::Resource {
            base,
            resource_type: "Patient",
            id: "a-1.b",
            version,
        };
        assert_eq!(of("Patient/a-1.b"), patient(None, None));
        assert_eq!(of("Patient/a-1.b/_history/3"), patient(None, Some("3")));
        assert_eq!(of("http://h:8080/Patient/a-1.b"), patient(Some("http://h:8080"), None));
        assert_eq!(of("https://h/x/y/Patient/a-1.b"), patient(Some("https://h/x/y"), None));
        assert_eq!(of("#"), FhirReference::Contained(""));
        assert_eq!(of("#a b"), FhirReference::Contained("a b"));
        assert_eq!(of("urn:oid:1.2.3"), FhirReference::Urn("urn:oid:1.2.3"));
        let uuid = "urn:uuid:c757873d-ec9a-4326-a141-556f43239520";
        assert_eq!(of(uuid), FhirReference::Urn(uuid));
    }

    #[test]
    fn odd_spellings_mean_nobody() {
        for text in [
            "",
            "Patient",
            "Patient/",
            "/Patient/1",
            "patient/1",
            "Patient/1/",
            "Patient//1",
            "Patient/1?x=y",
            "Patient/1#",
            "Patient?identifier=1",
            "Patient/1/_history",
            "Patient/1/_history/",
            "Patient/1/_history/2/_history/3",
            "Patient/..",
            "Patient/%31",
            "Patient/1 ",
            " Patient/1",
            "Pati\u{0435}nt/1",
            "Patient/1\u{200b}",
            "x/Patient/1",
            "../Patient/1",
            "ftp://h/Patient/1",
            "http:///Patient/1",
            "http://h/../Patient/1",
            "http://h//Patient/1",
            "http://a@h/Patient/1",
            "http://h\\Patient/1",
            "HTTP://h/Patient/1",
            "urn:uuid:",
            "urn:x:1",
            "urn:uuid:a/Patient/1?",
            "Patient/1|2",
        ] {
            assert_eq!(FhirReference::parse(text), FhirReference::Other, "{text}");
        }
        assert_eq!(
            FhirReference::parse(&format!("Patient/{}", "a".repeat(65))),
            FhirReference::Other
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_was_written_so(text in "(https?://[a-z/.]{0,9}/)?[A-Za-z]{0,4}/?[a-z0-9./_%#-]{0,9}") {
            if let FhirReference::Resource { base, resource_type, id, version } = FhirReference::parse(&text) {
                let base = base.map(|base| format!("{base}/")).unwrap_or_default();
                let version = version.map(|version| format!("/_history/{version}")).unwrap_or_default();
                prop_assert_eq!(format!("{base}{resource_type}/{id}{version}"), text);
            }
        }
    }
}
