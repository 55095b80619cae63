//! Answering a server's questions to a person.
//!
//! Source: specification, *Client features → Elicitation*.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::RawJson;
use crate::client::ClientError;
use crate::protocol::{
    ElicitAction, ElicitRequestFormParams, ElicitRequestUrlParams, ElicitResult, EnumSchema,
    Implementation, MultiSelectEnumSchema, PrimitiveSchemaDefinition, RequestedSchema,
    SingleSelectEnumSchema, methods,
};

/// Who asks, in the course of which request. Show it: people must be able to tell which server wants
/// something of them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct AskedBy {
    /// What the server says of itself, where it said so. Its own claim, fit for display only.
    pub server: Option<Arc<Implementation>>,
    /// The method of the request that cannot go on without the answer.
    pub method: String,
    /// The tool, prompt or resource that the request is about.
    pub name: Option<String>,
    /// The server's key for the question.
    pub key: String,
}

/// A form for a person to fill in.
///
/// The handler shows the message and the server's identity, lets the person review and change what
/// is sent, and offers to decline and to cancel.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FormRequest {
    /// What is asked, and why.
    pub message: String,
    /// The fields.
    pub schema: RequestedSchema,
    /// Who asks.
    pub asked_by: AskedBy,
}

impl FormRequest {
    pub(crate) fn new(params: ElicitRequestFormParams, asked_by: AskedBy) -> Self {
        Self { message: params.message, schema: params.requested_schema, asked_by }
    }

    /// What the fields start with, where they have a default.
    ///
    /// ```
    /// # use mcp_core::client::{ElicitAnswer, FormRequest};
    /// /// For a client without a person: takes what the form starts with.
    /// async fn take_defaults(form: FormRequest) -> ElicitAnswer {
    ///     ElicitAnswer::accept(&form.defaults())
    /// }
    /// # let _ = take_defaults;
    /// ```
    #[must_use]
    pub fn defaults(&self) -> BTreeMap<String, RawJson> {
        let default = |field: &PrimitiveSchemaDefinition| {
            use PrimitiveSchemaDefinition as P;
            match field {
                P::String(field) => json(field.default.as_ref()),
                P::Number(field) => json(field.default.as_ref()),
                P::Boolean(field) => json(field.default.as_ref()),
                P::Enum(EnumSchema::SingleSelect(field)) => match field {
                    SingleSelectEnumSchema::Untitled(field) => json(field.default.as_ref()),
                    SingleSelectEnumSchema::Titled(field) => json(field.default.as_ref()),
                },
                P::Enum(EnumSchema::MultiSelect(field)) => match field {
                    MultiSelectEnumSchema::Untitled(field) => json(field.default.as_ref()),
                    MultiSelectEnumSchema::Titled(field) => json(field.default.as_ref()),
                },
                P::Enum(EnumSchema::LegacyTitled(field)) => json(field.default.as_ref()),
            }
        };
        self.schema
            .properties
            .iter()
            .filter_map(|(name, field)| Some((name.to_owned(), default(field)?)))
            .collect()
    }
}

fn json<T: Serialize>(value: Option<&T>) -> Option<RawJson> {
    RawJson::from_serialize(value?).ok()
}

/// A page for a person to open.
///
/// The handler shows the whole URL and the server's identity, asks for consent, and opens the page
/// in a browser that neither this program nor a model can look into. It must not fetch anything of
/// it before.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UrlRequest {
    /// What is asked, and why.
    pub message: String,
    /// The page: an `https:` URL, or `http:` while developing.
    pub url: String,
    /// Who asks.
    pub asked_by: AskedBy,
}

impl UrlRequest {
    /// Checks the URL, so that no handler gets one that would start something else than a browser.
    pub(crate) fn new(params: ElicitRequestUrlParams, asked_by: AskedBy) -> Result<Self, String> {
        let url = params.url;
        let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("https" | "http")) {
            return Err("the URL of an elicitation is neither https nor http".to_owned());
        }
        if url.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err("the URL of an elicitation has white space or control characters".into());
        }
        let request = Self { message: params.message, url, asked_by };
        if request.host().is_empty() {
            return Err("the URL of an elicitation has no host".to_owned());
        }
        Ok(request)
    }

    /// The page's host (and port), to be shown apart from the rest of the URL.
    #[must_use]
    pub fn host(&self) -> &str {
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        authority.rsplit_once('@').map_or(authority, |(_, host)| host)
    }

    /// Whether the URL may look like another one: an international host name (plain or as Punycode),
    /// or a user name before the host. Warn the person then.
    #[must_use]
    pub fn is_suspicious(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        let rest = self.url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        !host.is_ascii()
            || host.split('.').any(|label| label.starts_with("xn--"))
            || authority.contains('@')
            || rest.contains('\\')
    }
}

/// What a person did with a question.
#[derive(Debug, Clone)]
pub enum ElicitAnswer {
    /// Agreed. For a form, with its content; for a page, without.
    Accept(Option<RawJson>),
    /// Said no.
    Decline,
    /// Closed it without a choice.
    Cancel,
}

impl ElicitAnswer {
    /// Agreed, with a form's content: a struct or map of strings, numbers, booleans and lists of
    /// strings. Content that does not serialise counts as cancelled.
    pub fn accept<T: Serialize + ?Sized>(content: &T) -> Self {
        match RawJson::from_serialize(content) {
            Ok(content) => Self::Accept(Some(content)),
            Err(error) => {
                tracing::error!(%error, "the content of an accepted form does not serialise");
                Self::Cancel
            }
        }
    }

    /// Agreed to open the page.
    #[must_use]
    pub fn opened() -> Self {
        Self::Accept(None)
    }
}

/// The wire form of an answer to a form, checked against what was asked for.
pub(crate) fn form_result(
    answer: ElicitAnswer,
    schema: &RequestedSchema,
) -> Result<ElicitResult, ClientError> {
    let wrong =
        |reason: String| ClientError::InvalidAnswer { method: methods::ELICITATION_CREATE, reason };
    let mut result = ElicitResult::new(match &answer {
        ElicitAnswer::Accept(_) => ElicitAction::Accept,
        ElicitAnswer::Decline => ElicitAction::Decline,
        ElicitAnswer::Cancel => ElicitAction::Cancel,
    });
    if let ElicitAnswer::Accept(content) = answer {
        let content = content.ok_or_else(|| wrong("an accepted form has content".to_owned()))?;
        check_form(schema, &content).map_err(wrong)?;
        let fields = content.parse().map_err(|_| wrong("the content is no object".to_owned()))?;
        result.content = Some(fields);
    }
    Ok(result)
}

/// The wire form of an answer to a page: never with content.
pub(crate) fn url_result(answer: &ElicitAnswer) -> ElicitResult {
    ElicitResult::new(match answer {
        ElicitAnswer::Accept(_) => ElicitAction::Accept,
        ElicitAnswer::Decline => ElicitAction::Decline,
        ElicitAnswer::Cancel => ElicitAction::Cancel,
    })
}

/// Checks content by the form's schema.
#[cfg(feature = "validation")]
fn check_form(schema: &RequestedSchema, content: &RawJson) -> Result<(), String> {
    let schema = RawJson::from_serialize(schema).map_err(|error| error.to_string())?;
    let validator = crate::schema::Validator::compile(schema.get(), &Default::default())
        .map_err(|error| format!("the form's schema: {error}"))?;
    validator.validate(content.get()).map_err(|violations| {
        violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
    })
}

/// Without the validator, checks that the required fields are there and no others than the form's.
#[cfg(not(feature = "validation"))]
fn check_form(schema: &RequestedSchema, content: &RawJson) -> Result<(), String> {
    let fields: BTreeMap<String, RawJson> =
        content.parse().map_err(|_| "the content is no object".to_owned())?;
    match schema.required.iter().flatten().find(|name| !fields.contains_key(*name)) {
        Some(name) => Err(format!("`{name}` is missing")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_by() -> AskedBy {
        AskedBy { server: None, method: "tools/call".into(), name: None, key: "k".into() }
    }

    fn page(url: &str) -> Result<UrlRequest, String> {
        UrlRequest::new(ElicitRequestUrlParams::new("m", url), asked_by())
    }

    #[test]
    fn only_web_pages_are_opened() {
        for url in [
            "javascript:alert(1)",
            "file:///etc/passwd",
            "ftp://example.com/",
            "https:example.com",
            "https://",
            "https:///path",
            "https://exa mple.com",
            "https://example.com/\nx",
            "",
        ] {
            assert!(page(url).is_err(), "{url}");
        }
        assert_eq!(page("HTTPS://example.com:8443/a?b#c").unwrap().host(), "example.com:8443");
    }

    #[test]
    fn misleading_urls_are_marked() {
        for (url, suspicious) in [
            ("https://example.com/", false),
            ("https://xn--e1awd7f.com/", true),
            ("https://ex\u{430}mple.com/", true),
            ("https://example.com@evil.example/", true),
            ("https://example.com\\@evil.example/", true),
            ("https://a.XN--b.example/", true),
        ] {
            assert_eq!(page(url).unwrap().is_suspicious(), suspicious, "{url}");
        }
        assert_eq!(page("https://example.com@evil.example/").unwrap().host(), "evil.example");
    }

    #[test]
    fn answers_are_checked_against_the_form() {
        let schema: RequestedSchema = serde_json::from_str(
            r#"{"type":"object","required":["name"],"properties":{
                "name":{"type":"string","default":"Ada"},
                "age":{"type":"integer","default":36},
                "ok":{"type":"boolean"}}}"#,
        )
        .unwrap();
        let form = FormRequest::new(ElicitRequestFormParams::new("m", schema.clone()), asked_by());
        let defaults = form.defaults();
        assert_eq!(serde_json::to_string(&defaults).unwrap(), r#"{"age":36,"name":"Ada"}"#);
        let accepted = form_result(ElicitAnswer::accept(&defaults), &schema).unwrap();
        assert_eq!(accepted.action, ElicitAction::Accept);
        assert!(accepted.content.is_some());
        for wrong in [
            ElicitAnswer::opened(),
            ElicitAnswer::accept(&serde_json::json!({})),
            ElicitAnswer::accept(&serde_json::json!(["x"])),
        ] {
            let error = form_result(wrong, &schema).unwrap_err();
            assert!(matches!(error, ClientError::InvalidAnswer { .. }), "{error}");
        }
        let declined = form_result(ElicitAnswer::Decline, &schema).unwrap();
        assert_eq!(serde_json::to_string(&declined).unwrap(), r#"{"action":"decline"}"#);
    }

    #[cfg(feature = "validation")]
    #[test]
    fn violations_quote_no_values() {
        let schema: RequestedSchema = serde_json::from_str(
            r#"{"type":"object","properties":{"age":{"type":"integer","maximum":5}}}"#,
        )
        .unwrap();
        let answer = ElicitAnswer::accept(&serde_json::json!({ "age": 777 }));
        let error = form_result(answer, &schema).unwrap_err().to_string();
        assert!(error.contains("/age") && !error.contains("777"), "{error}");
    }

    #[test]
    fn a_page_has_no_content() {
        let result = url_result(&ElicitAnswer::accept(&serde_json::json!({ "a": 1 })));
        assert_eq!(serde_json::to_string(&result).unwrap(), r#"{"action":"accept"}"#);
    }
}
