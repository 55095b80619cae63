//! Operations of a terminology server: SPEC.md, section 2.1 (`terminology`).
//!
//! Source: FHIR R4 and R5, *Terminology Service* and the operation definitions that it names.

use std::fmt;

use async_trait::async_trait;

use crate::fhir::FhirVersion;

/// An operation of FHIR's terminology service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// What a code means.
    Lookup,
    /// Whether a code system has a code.
    ValidateCode,
    /// Whether a value set has a code.
    ValidateMember,
    /// Which codes a value set has.
    Expand,
    /// What a code is in another system.
    Translate,
    /// Whether one code is a case of another.
    Subsumes,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Lookup,
        Self::ValidateCode,
        Self::ValidateMember,
        Self::Expand,
        Self::Translate,
        Self::Subsumes,
    ];

    /// Its path below a FHIR server's address.
    ///
    /// ```
    /// use mcp_ext_healthcare::server::Operation;
    ///
    /// assert_eq!(Operation::Expand.path(), "ValueSet/$expand");
    /// ```
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Lookup => "CodeSystem/$lookup",
            Self::ValidateCode => "CodeSystem/$validate-code",
            Self::ValidateMember => "ValueSet/$validate-code",
            Self::Expand => "ValueSet/$expand",
            Self::Translate => "ConceptMap/$translate",
            Self::Subsumes => "CodeSystem/$subsumes",
        }
    }
}

/// What a parameter of an operation holds.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Input {
    /// `valueUri`
    Uri(String),
    /// `valueCode`
    Code(String),
    /// `valueString`
    String(String),
    /// `valueBoolean`
    Boolean(bool),
    /// `valueInteger`
    Integer(u32),
}

impl Input {
    /// Its text, as a query has it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Uri(text) | Self::Code(text) | Self::String(text) => text.clone(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
        }
    }
}

/// Shows no value.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Uri(_) => "Uri(..)",
            Self::Code(_) => "Code(..)",
            Self::String(_) => "String(..)",
            Self::Boolean(_) => "Boolean(..)",
            Self::Integer(_) => "Integer(..)",
        })
    }
}

/// A parameter of an operation, by FHIR's name of it.
pub type Parameter = (&'static str, Input);

/// The value of a parameter, as text, if it is there.
///
/// ```
/// use mcp_ext_healthcare::server::{Input, input_text};
///
/// let parameters = [("code", Input::Code("final".to_owned()))];
/// assert_eq!(input_text(&parameters, "code"), Some("final".to_owned()));
/// assert_eq!(input_text(&parameters, "system"), None);
/// ```
#[must_use]
pub fn input_text(parameters: &[Parameter], name: &str) -> Option<String> {
    parameters.iter().find(|(own, _)| *own == name).map(|(_, value)| value.text())
}

/// Why an operation has no answer. It holds nothing of what was asked, nor of what was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
#[non_exhaustive]
pub enum OperationError {
    /// The server cannot be reached, or failed.
    Unavailable,
    /// The server took too long.
    TimedOut,
    /// The answer is larger than is read.
    TooLarge,
    /// The answer is not what FHIR says.
    Malformed,
    /// The server does not have this operation.
    Unsupported,
    /// The server does not know the code.
    UnknownCode,
    /// The server does not know the code system, the value set or the map.
    UnknownSource,
    /// The server has it, and cannot do this with it: a filter that it does not understand, say, or one more version than
    /// can be told apart.
    NotPossible,
    /// The server refuses the parameters.
    Refused,
    /// It would be more than the server is ready to do. A filter helps.
    TooCostly,
}

impl OperationError {
    /// Its text, which stands in the program.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unavailable => "The terminology server did not answer.",
            Self::TimedOut => "The terminology server took too long.",
            Self::TooLarge => "The terminology server's answer is too large.",
            Self::Malformed => "The terminology server's answer cannot be read.",
            Self::Unsupported => "The terminology server does not offer this operation.",
            Self::UnknownCode => "The terminology server does not know this code.",
            Self::UnknownSource => {
                "The terminology server does not have this code system, value set or map."
            }
            Self::NotPossible => {
                "The terminology server cannot do this with this code system, value set or map."
            }
            Self::Refused => "The terminology server refuses these parameters.",
            Self::TooCostly => {
                "This is more than the terminology server does at once; narrow it down by a filter."
            }
        }
    }
}

/// A terminology server: somewhere else, or [in this process](crate::terminology::LocalTerminology).
///
/// What it is asked goes to it whole. Where it is another's, a model that puts a patient's name into a filter tells it to them: the
/// operator chooses a server whom that may happen to.
#[async_trait]
pub trait Operations: Send + Sync + 'static {
    /// The version of FHIR that it speaks.
    fn version(&self) -> FhirVersion;

    /// What it offers. Tools are made of these alone, and `server/discover` lists them.
    fn offered(&self) -> Vec<Operation>;

    /// The code systems that it has, by their canonical URLs, if it knows them. `server/discover` lists them.
    fn systems(&self) -> Vec<String> {
        Vec::new()
    }

    /// Does an operation. The answer is a resource as JSON: a *ValueSet* for [`Operation::Expand`], *Parameters* for the
    /// others.
    ///
    /// # Errors
    /// If there is no answer, in time and of a size that can be read.
    async fn invoke(
        &self,
        operation: Operation,
        parameters: &[Parameter],
    ) -> Result<String, OperationError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_have_one_text() {
        for error in [
            OperationError::Unavailable,
            OperationError::TimedOut,
            OperationError::TooLarge,
            OperationError::Malformed,
            OperationError::Unsupported,
            OperationError::UnknownCode,
            OperationError::UnknownSource,
            OperationError::NotPossible,
            OperationError::Refused,
            OperationError::TooCostly,
        ] {
            assert_eq!(error.to_string(), error.text());
        }
        let shown = format!("{:?}", Input::String("Miller".to_owned()));
        assert!(!shown.contains("Miller"), "{shown}");
    }
}
