//! A search parameter with its modifier and values, and whether a record fits.

use super::period::Period;
use super::value::Value;
use crate::fhir::SearchParameter;
use crate::server::SourceError;

/// What one parameter demands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Condition {
    /// `:missing`
    Missing(bool),
    /// One of these.
    AnyOf(Vec<Wanted>),
    /// None of these (`:not`).
    NoneOf(Vec<Wanted>),
}

/// A value that is searched for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Wanted {
    /// `None` is any system; an empty one is none.
    Token {
        system: Option<String>,
        code: Option<String>,
    },
    Reference {
        kind: Option<String>,
        target: String,
    },
    StartsWith(String),
    Contains(String),
    Exact(String),
    Date(Prefix, Period),
    Number(Prefix, f64, f64),
    Quantity {
        prefix: Prefix,
        value: f64,
        about: f64,
        system: Option<String>,
        code: Option<String>,
    },
    Uri(String),
}

/// How numbers and dates are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prefix {
    Eq,
    Ne,
    Gt,
    Lt,
    Ge,
    Le,
    Sa,
    Eb,
    Ap,
}

impl Condition {
    /// Reads what a search asks for. What is not understood is an error.
    pub(super) fn parse(
        parameter: &SearchParameter,
        modifier: Option<&str>,
        values: &str,
    ) -> Result<Self, SourceError> {
        let unknown = SourceError::UnknownParameter;
        if modifier == Some("missing") {
            return values.parse().map(Self::Missing).map_err(|_| unknown);
        }
        let values = split(values, ',');
        let wanted: Option<Vec<Wanted>> =
            values.iter().map(|value| wanted(parameter.kind, modifier, value)).collect();
        let wanted = wanted.filter(|wanted| !wanted.is_empty()).ok_or(unknown)?;
        match (parameter.kind, modifier) {
            ("token", Some("not")) => Ok(Self::NoneOf(wanted)),
            _ => Ok(Self::AnyOf(wanted)),
        }
    }

    /// Whether a record with these values fits.
    pub(super) fn fits(&self, values: &[Value]) -> bool {
        let any = |wanted: &[Wanted]| wanted.iter().any(|one| values.iter().any(|it| one.is(it)));
        match self {
            Self::Missing(missing) => values.is_empty() == *missing,
            Self::AnyOf(wanted) => any(wanted),
            Self::NoneOf(wanted) => !any(wanted),
        }
    }

    /// The records that this refers to, if it is about certain ones.
    pub(super) fn targets(&self) -> Option<Vec<&str>> {
        let Self::AnyOf(wanted) = self else { return None };
        wanted
            .iter()
            .map(|wanted| match wanted {
                Wanted::Reference { target, .. } if target.contains('/') => Some(&**target),
                _ => None,
            })
            .collect()
    }
}

/// Takes a text apart at a letter that no `\` stands before. The parts keep their `\`.
fn split(text: &str, at: char) -> Vec<&str> {
    let (mut parts, mut from, mut escaped) = (Vec::new(), 0, false);
    for (index, letter) in text.char_indices() {
        if letter == at && !escaped {
            parts.extend(text.get(from..index));
            from = index + letter.len_utf8();
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.extend(text.get(from..));
    parts
}

fn unescaped(text: &str) -> String {
    let (mut plain, mut letters) = (String::with_capacity(text.len()), text.chars());
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

fn wanted(kind: &str, modifier: Option<&str>, value: &str) -> Option<Wanted> {
    if value.is_empty() {
        return None;
    }
    match (kind, modifier) {
        ("token", None | Some("not")) => token(value),
        ("reference", None) => reference(None, value),
        ("reference", Some(kind)) if kind.starts_with(|first: char| first.is_ascii_uppercase()) => {
            reference(Some(kind), value)
        }
        ("string", None) => Some(Wanted::StartsWith(unescaped(value).to_lowercase())),
        ("string", Some("contains")) => Some(Wanted::Contains(unescaped(value).to_lowercase())),
        ("string", Some("exact")) => Some(Wanted::Exact(unescaped(value))),
        ("date", None) => {
            let (prefix, rest) = prefixed(value);
            Some(Wanted::Date(prefix, Period::parse(rest)?))
        }
        ("number", None) => {
            let (prefix, rest) = prefixed(value);
            let (value, about) = decimal(rest)?;
            Some(Wanted::Number(prefix, value, about))
        }
        ("quantity", None) => quantity(value),
        ("uri", None) => Some(Wanted::Uri(unescaped(value))),
        _ => None,
    }
}

fn token(value: &str) -> Option<Wanted> {
    let some = |text: &str| (!text.is_empty()).then(|| unescaped(text));
    match split(value, '|')[..] {
        [code] => Some(Wanted::Token { system: None, code: some(code) }),
        ["", ""] => None,
        [system, code] => Some(Wanted::Token { system: Some(unescaped(system)), code: some(code) }),
        _ => None,
    }
}

fn reference(kind: Option<&str>, value: &str) -> Option<Wanted> {
    let value = unescaped(value);
    let target = match (kind, value.contains(['/', ':'])) {
        (Some(kind), false) => format!("{kind}/{value}"),
        _ => value,
    };
    Some(Wanted::Reference { kind: kind.map(str::to_owned), target })
}

fn quantity(value: &str) -> Option<Wanted> {
    let (prefix, rest) = prefixed(value);
    let some = |text: &str| (!text.is_empty()).then(|| unescaped(text));
    let (number, system, code) = match split(rest, '|')[..] {
        [number] => (number, None, None),
        [number, system, code] => (number, some(system), some(code)),
        _ => return None,
    };
    let (value, about) = decimal(number)?;
    Some(Wanted::Quantity { prefix, value, about, system, code })
}

fn prefixed(value: &str) -> (Prefix, &str) {
    let all = [
        ("eq", Prefix::Eq),
        ("ne", Prefix::Ne),
        ("gt", Prefix::Gt),
        ("lt", Prefix::Lt),
        ("ge", Prefix::Ge),
        ("le", Prefix::Le),
        ("sa", Prefix::Sa),
        ("eb", Prefix::Eb),
        ("ap", Prefix::Ap),
    ];
    let found = all.iter().find_map(|(text, prefix)| Some((*prefix, value.strip_prefix(text)?)));
    found.unwrap_or((Prefix::Eq, value))
}

/// A number, and half of the last digit that it is written with: `100` means 99.5 to 100.5.
fn decimal(text: &str) -> Option<(f64, f64)> {
    let is_plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E');
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    if !text.bytes().all(is_plain) {
        return None;
    }
    let (digits, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let places = digits.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let power = exponent.parse::<i32>().ok()?.checked_sub(i32::try_from(places).ok()?)?;
    Some((value, 0.5 * 10_f64.powi(power)))
}

impl Prefix {
    fn dates(self, wanted: Period, value: Period) -> bool {
        match self {
            Self::Eq => wanted.contains(value),
            Self::Ne => !wanted.contains(value),
            Self::Gt => value.to > wanted.to,
            Self::Lt => value.from < wanted.from,
            Self::Ge => value.to > wanted.to || wanted.contains(value),
            Self::Le => value.from < wanted.from || wanted.contains(value),
            Self::Sa => value.from >= wanted.to,
            Self::Eb => value.to <= wanted.from,
            Self::Ap => wanted.overlaps(value),
        }
    }

    fn numbers(self, wanted: f64, about: f64, value: f64) -> bool {
        let is_equal = value >= wanted - about && value < wanted + about;
        match self {
            Self::Eq => is_equal,
            Self::Ne => !is_equal,
            Self::Gt | Self::Sa => value > wanted,
            Self::Lt | Self::Eb => value < wanted,
            Self::Ge => value >= wanted,
            Self::Le => value <= wanted,
            Self::Ap => (value - wanted).abs() <= wanted.abs() * 0.1,
        }
    }
}

impl Wanted {
    fn is(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Token { system, code }, Value::Token { system: has, code: is }) => {
                let fits = match system.as_deref() {
                    None => true,
                    Some("") => has.is_none(),
                    Some(system) => has.as_deref() == Some(system),
                };
                fits && code.as_ref().is_none_or(|code| code == is)
            }
            (Self::Reference { kind, target }, Value::Reference(is)) => {
                let of_kind = kind
                    .as_ref()
                    .is_none_or(|kind| is.split_once('/').is_some_and(|(it, _)| it == kind));
                // An id alone is of whatever type.
                let is_it = is == target
                    || (!target.contains(['/', ':'])
                        && is.split_once('/').is_some_and(|(_, id)| id == target));
                of_kind && is_it
            }
            (Self::StartsWith(start), Value::Text { folded, .. }) => folded.starts_with(start),
            (Self::Contains(part), Value::Text { folded, .. }) => folded.contains(part),
            (Self::Exact(whole), Value::Text { exact, .. }) => exact == whole,
            (Self::Date(prefix, wanted), Value::Date(value)) => prefix.dates(*wanted, *value),
            (Self::Number(prefix, wanted, about), Value::Number(value)) => {
                prefix.numbers(*wanted, *about, *value)
            }
            (
                Self::Quantity { prefix, value: wanted, about, system, code },
                Value::Quantity { value, system: has, code: is, unit },
            ) => {
                prefix.numbers(*wanted, *about, *value)
                    && system.as_ref().is_none_or(|system| has.as_ref() == Some(system))
                    && code.as_ref().is_none_or(|code| {
                        is.as_ref() == Some(code)
                            || (system.is_none() && unit.as_ref() == Some(code))
                    })
            }
            (Self::Uri(wanted), Value::Uri(is)) => wanted == is,
            _ => false,
        }
    }
}
