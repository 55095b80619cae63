//! What does not fit a schema, in words that quote no value.

use std::fmt;

use boon::{ErrorKind, ValidationError};

/// One thing that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Where, as a JSON Pointer into the instance; empty for the whole.
    pub instance_path: String,
    /// What the schema asks for. Holds names and limits of the schema, no values of the instance.
    pub message: String,
}

impl Violation {
    pub(super) fn new(instance_path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { instance_path: instance_path.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.instance_path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// The leaves of an error, at most `most`.
pub(super) fn of(error: &ValidationError<'_, '_>, most: usize) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut waiting = vec![error];
    while let Some(error) = waiting.pop() {
        if found.len() >= most {
            break;
        }
        let is_group = matches!(
            error.kind,
            ErrorKind::Group
                | ErrorKind::Schema { .. }
                | ErrorKind::Reference { .. }
                | ErrorKind::AllOf
                | ErrorKind::ContentSchema
        );
        if is_group && !error.causes.is_empty() {
            waiting.extend(error.causes.iter().rev());
        } else {
            let path: String = error.instance_location.to_string();
            found.push(Violation::new(path, message(&error.kind)));
        }
    }
    found
}

fn message(kind: &ErrorKind<'_, '_>) -> String {
    use ErrorKind as K;
    match kind {
        K::FalseSchema => "nothing is allowed here".to_owned(),
        K::Type { want, .. } => {
            let kinds: Vec<_> = want.iter().map(|kind| kind.to_string()).collect();
            format!("must be of type {}", kinds.join(" or "))
        }
        K::Enum { want } => match serde_json::to_string(want) {
            Ok(want) if want.len() <= 200 => format!("must be one of {want}"),
            _ => "must be one of the schema's values".to_owned(),
        },
        K::Const { .. } => "must be the schema's value".to_owned(),
        K::Format { want, .. } => format!("must have the format `{want}`"),
        K::MinProperties { want, .. } => format!("must have at least {want} properties"),
        K::MaxProperties { want, .. } => format!("must have at most {want} properties"),
        K::AdditionalProperties { got } => {
            format!(
                "has {} that the schema does not know",
                count(got.len(), "property", "properties")
            )
        }
        K::Required { want } => format!("lacks {}", names(want)),
        K::Dependency { prop, missing } | K::DependentRequired { prop, missing } => {
            format!("lacks {}, which `{prop}` needs", names(missing))
        }
        K::MinItems { want, .. } => format!("must have at least {want} items"),
        K::MaxItems { want, .. } => format!("must have at most {want} items"),
        K::Contains => "has no item of the wanted kind".to_owned(),
        K::MinContains { want, .. } => {
            format!("must have at least {want} items of the wanted kind")
        }
        K::MaxContains { want, .. } => format!("must have at most {want} items of the wanted kind"),
        K::UniqueItems { got: [first, second] } => {
            format!("has equal items at {first} and {second}")
        }
        K::AdditionalItems { got } => {
            format!("has {} too many", count(*got, "item", "items"))
        }
        K::MinLength { want, .. } => format!("must have at least {want} characters"),
        K::MaxLength { want, .. } => format!("must have at most {want} characters"),
        K::Pattern { want, .. } => format!("must match `{want}`"),
        K::Minimum { want, .. } => format!("must be at least {want}"),
        K::Maximum { want, .. } => format!("must be at most {want}"),
        K::ExclusiveMinimum { want, .. } => format!("must be more than {want}"),
        K::ExclusiveMaximum { want, .. } => format!("must be less than {want}"),
        K::MultipleOf { want, .. } => format!("must be a multiple of {want}"),
        K::Not => "must not fit the schema under `not`".to_owned(),
        K::AnyOf => "fits none of the schemas under `anyOf`".to_owned(),
        K::OneOf(None) => "fits none of the schemas under `oneOf`".to_owned(),
        K::OneOf(Some((first, second))) => {
            format!("fits both schema {first} and schema {second} under `oneOf`")
        }
        K::PropertyName { .. } => "has a property with a name that is not allowed".to_owned(),
        _ => "does not fit the schema".to_owned(),
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn names(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
