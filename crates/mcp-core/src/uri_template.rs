//! URI templates: matching a URI, and making one.
//!
//! Source: RFC 6570, as far as it can be reversed: literals, `{var}`, `{+var}`, `{#var}`, `{/var}`,
//! `{.var}` and `{?a,b}` / `{&a,b}`.

use std::collections::BTreeMap;

/// A parsed template.
///
/// A simple variable matches what has no reserved character in it; `{+var}` matches anything,
/// slashes included, and as much as the rest of the template leaves. Query parameters are optional
/// and may come in any order. Matching takes time proportional to the URI's length for each variable,
/// whatever the input.
///
/// ```
/// use mcp_core::uri_template::UriTemplate;
///
/// let template = UriTemplate::parse("docs:///{+path}")?;
/// let found = template.matches("docs:///a%20b/c.md").unwrap();
/// assert_eq!(found["path"], "a b/c.md");
/// assert_eq!(template.expand(&found), "docs:///a%20b/c.md");
/// # Ok::<(), mcp_core::uri_template::UriTemplateError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UriTemplate {
    parts: Vec<Part>,
    variables: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Variable { name: String, operator: Operator },
    Query { names: Vec<String>, first: char },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Simple,
    Reserved,
    Fragment,
    Path,
    Label,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriTemplateError {
    /// A brace is not closed, or not opened.
    #[error("a brace has no partner")]
    Brace,
    /// A variable's name is empty or has characters that it must not have.
    #[error("`{0}` is no variable name")]
    Name(String),
    /// An operator or modifier that cannot be matched.
    #[error("`{{{0}}}` cannot be matched against a URI")]
    Unsupported(String),
    /// A character between the variables that no URI has, or a `%` without its two digits.
    #[error("`{0}` must be percent-encoded")]
    Literal(char),
    /// A variable occurs twice.
    #[error("the variable `{0}` occurs twice")]
    Duplicate(String),
    /// Two variables with nothing between them: where one ends could not be told.
    #[error("the variables `{0}` and `{1}` need something between them")]
    Adjacent(String, String),
}

impl UriTemplate {
    /// Parses a template.
    ///
    /// # Errors
    /// If it is malformed or could not be matched in one way only.
    pub fn parse(template: &str) -> Result<Self, UriTemplateError> {
        let mut parsed = Self { parts: Vec::new(), variables: Vec::new() };
        let mut rest = template;
        while !rest.is_empty() {
            let (literal, after) = match rest.split_once('{') {
                None => (rest, None),
                Some((literal, after)) => (literal, Some(after)),
            };
            if literal.contains('}') {
                return Err(UriTemplateError::Brace);
            }
            check_literal(literal)?;
            if !literal.is_empty() {
                parsed.parts.push(Part::Literal(literal.to_owned()));
            }
            let Some(after) = after else { break };
            let (expression, after) = after.split_once('}').ok_or(UriTemplateError::Brace)?;
            parsed.expression(expression)?;
            rest = after;
        }
        parsed.check_adjacent()?;
        Ok(parsed)
    }

    fn expression(&mut self, expression: &str) -> Result<(), UriTemplateError> {
        let unsupported = || UriTemplateError::Unsupported(expression.to_owned());
        let (operator, names) = match expression.chars().next() {
            Some('+') => (Operator::Reserved, expression.get(1..)),
            Some('#') => (Operator::Fragment, expression.get(1..)),
            Some('/') => (Operator::Path, expression.get(1..)),
            Some('.') => (Operator::Label, expression.get(1..)),
            Some(first @ ('?' | '&')) => {
                let names = expression.get(1..).unwrap_or_default();
                let names =
                    names.split(',').map(|name| self.name(name)).collect::<Result<_, _>>()?;
                self.parts.push(Part::Query { names, first });
                return Ok(());
            }
            Some(';' | '=' | ',' | '!' | '@' | '|') => return Err(unsupported()),
            _ => (Operator::Simple, Some(expression)),
        };
        let name = names.unwrap_or_default();
        if name.contains(',') || name.ends_with('*') || name.contains(':') {
            return Err(unsupported());
        }
        let name = self.name(name)?;
        self.parts.push(Part::Variable { name, operator });
        Ok(())
    }

    fn name(&mut self, name: &str) -> Result<String, UriTemplateError> {
        let fits = !name.is_empty()
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(&byte));
        if !fits {
            return Err(UriTemplateError::Name(name.to_owned()));
        }
        if self.variables.iter().any(|known| known == name) {
            return Err(UriTemplateError::Duplicate(name.to_owned()));
        }
        self.variables.push(name.to_owned());
        Ok(name.to_owned())
    }

    fn check_adjacent(&self) -> Result<(), UriTemplateError> {
        for pair in self.parts.windows(2) {
            if let [
                Part::Variable { name: first, .. },
                Part::Variable { name: second, operator: Operator::Simple | Operator::Reserved },
            ] = pair
            {
                return Err(UriTemplateError::Adjacent(first.clone(), second.clone()));
            }
        }
        Ok(())
    }

    /// The names of its variables, in their order.
    #[must_use]
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The variables' decoded values, if the URI fits.
    #[must_use]
    pub fn matches(&self, uri: &str) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        let mut rest = uri;
        for (at, part) in self.parts.iter().enumerate() {
            match part {
                Part::Literal(literal) => rest = rest.strip_prefix(literal.as_str())?,
                Part::Query { names, first } => {
                    rest = match_query(rest, names, *first, &mut values)?;
                }
                Part::Variable { name, operator } => {
                    let text = match operator.lead() {
                        None => rest,
                        Some(lead) => rest.strip_prefix(lead)?,
                    };
                    let end = self.end_of(text, at, *operator)?;
                    let (value, after) = text.split_at_checked(end)?;
                    if value.is_empty() && *operator != Operator::Fragment {
                        return None;
                    }
                    values.insert(name.clone(), percent_decode(value)?);
                    rest = after;
                }
            }
        }
        rest.is_empty().then_some(values)
    }

    /// Where the variable at `at` ends in `text`.
    fn end_of(&self, text: &str, at: usize, operator: Operator) -> Option<usize> {
        let greedy = matches!(operator, Operator::Reserved | Operator::Fragment);
        let limit = if greedy {
            // A query of the template is not part of the value.
            let query = matches!(self.parts.last(), Some(Part::Query { .. }));
            if query { text.find('?').unwrap_or(text.len()) } else { text.len() }
        } else {
            text.find(|next: char| "/?#[]@!$&'()*+,;=:".contains(next)).unwrap_or(text.len())
        };
        let within = text.get(..limit)?;
        match self.parts.get(at + 1) {
            None | Some(Part::Query { .. }) => Some(limit),
            Some(Part::Literal(literal)) => {
                // The last place where the literal stands, so that the value is as long as it can be;
                // the value may end right where the literal begins.
                let end = text.floor_char_boundary(limit + literal.len());
                text.get(..end)?.rfind(literal.as_str()).filter(|end| *end <= limit)
            }
            Some(Part::Variable { operator, .. }) => match operator.lead() {
                Some(lead) if greedy => within.rfind(lead),
                Some(lead) => text.find(lead).filter(|end| *end <= limit),
                None => None,
            },
        }
    }

    /// The URI that the values make; variables without a value are left out.
    #[must_use]
    pub fn expand(&self, values: &BTreeMap<String, String>) -> String {
        let mut uri = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => uri.push_str(literal),
                Part::Variable { name, operator } => {
                    let Some(value) = values.get(name) else { continue };
                    if let Some(lead) = operator.lead() {
                        uri.push(lead);
                    }
                    let keep = matches!(operator, Operator::Reserved | Operator::Fragment);
                    percent_encode(value, keep, &mut uri);
                }
                Part::Query { names, first } => {
                    let mut lead = *first;
                    for name in names {
                        let Some(value) = values.get(name) else { continue };
                        uri.push(lead);
                        uri.push_str(name);
                        uri.push('=');
                        percent_encode(value, false, &mut uri);
                        lead = '&';
                    }
                }
            }
        }
        uri
    }
}

impl Operator {
    fn lead(self) -> Option<char> {
        match self {
            Self::Simple | Self::Reserved => None,
            Self::Fragment => Some('#'),
            Self::Path => Some('/'),
            Self::Label => Some('.'),
        }
    }
}

fn match_query<'a>(
    rest: &'a str,
    names: &[String],
    first: char,
    values: &mut BTreeMap<String, String>,
) -> Option<&'a str> {
    let Some(query) = rest.strip_prefix(first) else { return Some(rest) };
    let (query, after) = match query.find('#') {
        Some(at) => query.split_at_checked(at)?,
        None => (query, ""),
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !names.iter().any(|known| known == name) || values.contains_key(name) {
            return None;
        }
        values.insert(name.to_owned(), percent_decode(value)?);
    }
    Some(after)
}

/// RFC 6570, section 2.1: what may stand outside of expressions. Letters that are no ASCII may, though
/// URIs have them percent-encoded.
fn check_literal(literal: &str) -> Result<(), UriTemplateError> {
    let wrong = |letter: &char| letter.is_control() || " \"<>\\^`|".contains(*letter);
    match literal.chars().find(wrong) {
        Some(letter) => Err(UriTemplateError::Literal(letter)),
        None if !percents_are_whole(literal) => Err(UriTemplateError::Literal('%')),
        None => Ok(()),
    }
}

/// Whether every `%` is followed by two hexadecimal digits.
pub(crate) fn percents_are_whole(text: &str) -> bool {
    text.split('%').skip(1).all(|after| {
        let digits = after.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

fn percent_decode(text: &str) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

fn percent_encode(text: &str, keep_reserved: bool, out: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        let plain = byte.is_ascii_alphanumeric()
            || b"-._~".contains(&byte)
            || (keep_reserved && b":/?#[]@!$&'()*+,;=".contains(&byte));
        if plain {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matched(template: &str, uri: &str) -> Option<Vec<(String, String)>> {
        UriTemplate::parse(template).unwrap().matches(uri).map(|found| found.into_iter().collect())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Option<Vec<(String, String)>> {
        Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn templates_match() {
        for (template, uri, expected) in [
            ("test://template/{id}/data", "test://template/123/data", pairs(&[("id", "123")])),
            ("test://template/{id}/data", "test://template/1/2/data", None),
            ("test://template/{id}/data", "test://template//data", None),
            ("test://template/{id}/data", "test://template/123/data/x", None),
            ("file:///{+path}", "file:///a/b.txt", pairs(&[("path", "a/b.txt")])),
            ("file:///{+path}", "file:///", None),
            ("{+a}/end/{b}", "x/end/y/end/z", pairs(&[("a", "x/end/y"), ("b", "z")])),
            ("x:{a}-{b}", "x:1-2-3", pairs(&[("a", "1-2"), ("b", "3")])),
            ("x:{a}{/b}", "x:1/2", pairs(&[("a", "1"), ("b", "2")])),
            ("x:{a}{.b}", "x:name.txt", pairs(&[("a", "name"), ("b", "txt")])),
            ("x:/s{?q,n}", "x:/s?n=2&q=a%20b", pairs(&[("n", "2"), ("q", "a b")])),
            ("x:/s{?q,n}", "x:/s", pairs(&[])),
            ("x:/s{?q,n}", "x:/s?z=1", None),
            ("x:/{+p}{?q}", "x:/a/b?q=1", pairs(&[("p", "a/b"), ("q", "1")])),
            // What stands in the query says nothing of where the path ends.
            ("{+p}0{?q}", "x:a0?q=%00", pairs(&[("p", "x:a"), ("q", "\0")])),
            ("{+p}.md{?q}", "x:a.md?q=b.md", pairs(&[("p", "x:a"), ("q", "b.md")])),
            ("x:{+p}{.e}{?q}", "x:a.b?q=c.d", pairs(&[("e", "b"), ("p", "a"), ("q", "c.d")])),
            // A literal that reaches over a reserved character, before text that is no ASCII.
            ("x:{a}b/{+e}", "x:ab/ü", pairs(&[("a", "a"), ("e", "ü")])),
            ("x:{a}b/c{.d}", "x:ab/c.ü", pairs(&[("a", "a"), ("d", "ü")])),
            ("x:{a}bb/{+e}", "x:abb/ü", pairs(&[("a", "a"), ("e", "ü")])),
            ("x:{a}", "x:%zz", None),
            ("x:{a}", "x:%ff", None),
            ("x:{a}", "x:%C3%BC", pairs(&[("a", "ü")])),
            ("x:fixed", "x:fixed", pairs(&[])),
        ] {
            assert_eq!(matched(template, uri), expected, "{template} {uri}");
        }
    }

    #[test]
    fn bad_templates_are_named() {
        use UriTemplateError as E;
        for (template, error) in [
            ("x:{a", E::Brace),
            ("x:a}", E::Brace),
            ("x:{}", E::Name(String::new())),
            ("x:{a b}", E::Name("a b".into())),
            ("x:{a*}", E::Unsupported("a*".into())),
            ("x:{a:3}", E::Unsupported("a:3".into())),
            ("x:{;a}", E::Unsupported(";a".into())),
            ("x:a b/{c}", E::Literal(' ')),
            ("x:{c}/<", E::Literal('<')),
            ("x:\n{c}", E::Literal('\n')),
            ("x:%zz{c}", E::Literal('%')),
            ("x:{c}%2", E::Literal('%')),
            ("x:{a}{b}", E::Adjacent("a".into(), "b".into())),
            ("x:{a}/{a}", E::Duplicate("a".into())),
        ] {
            assert_eq!(UriTemplate::parse(template).unwrap_err(), error, "{template}");
        }
    }

    proptest! {
        #[test]
        fn what_was_expanded_matches(id in ".{1,20}", path in ".{1,20}") {
            for template in ["t://{id}/x/{+path}", "t:///{+path}{?id}"] {
                let template = UriTemplate::parse(template).unwrap();
                let values = BTreeMap::from([
                    ("id".to_owned(), id.clone()),
                    ("path".to_owned(), path.replace(['?', '#'], "_")),
                ]);
                let uri = template.expand(&values);
                prop_assert_eq!(template.matches(&uri), Some(values), "{}", uri);
            }
        }

        #[test]
        fn nothing_panics(template in ".{0,30}", uri in ".{0,60}") {
            if let Ok(template) = UriTemplate::parse(&template) {
                let _ = template.matches(&uri);
            }
        }
    }
}
