//! From a search parameter's expression to the elements it looks at.
//!
//! No FHIRPath engine: of the language, what HL7's own expressions for references and codes use. An expression with anything
//! else is refused by name, so nobody takes "found nothing" for "there is nothing".

use std::borrow::Cow;

use super::definitions::{Content, Definitions, Element, Shape};
use super::json::Json;

/// Why the elements of a search parameter are not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The type has no such parameter.
    #[error("the type has no such search parameter")]
    UnknownParameter,
    /// The parameter's expression uses more of FHIRPath than is read here, or has none.
    #[error("the search parameter's expression is not a plain path")]
    Unsupported,
}

/// A way from a resource to some of its elements.
///
/// ```
/// use mcp_ext_healthcare::fhir::{FhirVersion, Json};
///
/// let r4 = FhirVersion::R4.definitions();
/// let resource = Json::parse(br#"{"resourceType":"Appointment","participant":[
///     {"actor":{"reference":"Patient/1"}},{"actor":{"reference":"Location/2"}}]}"#)?;
/// let [path] = r4.paths("Appointment", "actor")?.try_into().map_err(|_| "one path")?;
/// assert_eq!(path.values(&resource).len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElementPath {
    /// The names at each step; several if the element is a choice.
    steps: Vec<Vec<Cow<'static, str>>>,
    /// The type that a reference must be to.
    refers_to: Option<&'static str>,
}

impl ElementPath {
    /// The elements that are there, arrays taken apart.
    #[must_use]
    pub fn values<'j, 'a>(&self, resource: &'j Json<'a>) -> Vec<&'j Json<'a>> {
        let mut found = vec![resource];
        for names in &self.steps {
            let mut next = Vec::new();
            for name in names {
                for value in found.iter().filter_map(|value| value.get(name)) {
                    match value {
                        Json::Array(values) => next.extend(values),
                        value => next.push(value),
                    }
                }
            }
            found = next;
        }
        found
    }

    /// The type that references must be to, if the expression has a condition about it (`resolve() is Patient`).
    #[must_use]
    pub fn refers_to(&self) -> Option<&'static str> {
        self.refers_to
    }
}

impl Definitions {
    /// Where a search parameter of a type looks.
    ///
    /// # Errors
    /// If the type has no such parameter, or it looks in ways that are not known here.
    pub fn paths(
        &self,
        resource_type: &str,
        parameter: &str,
    ) -> Result<Vec<ElementPath>, PathError> {
        let parameter =
            self.search_parameter(resource_type, parameter).ok_or(PathError::UnknownParameter)?;
        let shape = self.resource(resource_type).ok_or(PathError::UnknownParameter)?;
        let path = |alternative: &'static str| {
            self.path(shape, resource_type, alternative.trim()).ok_or(PathError::Unsupported)
        };
        parameter.expression.split('|').map(path).collect()
    }

    fn path(
        &self,
        shape: Shape,
        resource_type: &str,
        expression: &'static str,
    ) -> Option<ElementPath> {
        let mut expression = unwrapped(expression);
        let mut refers_to = None;
        if let Some((path, condition)) = expression.split_once(".where(resolve() is ") {
            (expression, refers_to) = (path, Some(condition.strip_suffix(')')?));
        }
        let mut datatype = None;
        if let Some((path, name)) = expression.split_once(" as ") {
            (expression, datatype) = (unwrapped(path), Some(name));
        }
        for function in [".ofType(", ".as("] {
            if let Some((path, name)) = expression.split_once(function) {
                (expression, datatype) = (path, Some(name.strip_suffix(')')?));
            }
        }
        let mut names = expression.split('.');
        let start = names.next()?;
        if ![resource_type, "Resource", "DomainResource"].contains(&start) {
            return None;
        }
        let mut names = names.peekable();
        let mut shapes = vec![shape];
        let mut steps = Vec::new();
        while let Some(name) = names.next() {
            let is_last = names.peek().is_none();
            let elements: Vec<&Element> = shapes
                .iter()
                .flat_map(|shape| self.elements(*shape))
                .filter(|element| element.choice.unwrap_or(&element.name) == name)
                .filter(|element| {
                    // Which of a choice; other elements have one type anyway.
                    let of_type = datatype.filter(|_| is_last && element.choice.is_some());
                    of_type.is_none_or(|datatype| element.datatype == datatype)
                })
                .collect();
            if elements.is_empty() {
                return None;
            }
            shapes = elements
                .iter()
                .filter_map(|element| match element.content {
                    Content::Elements(shape) => Some(shape),
                    Content::Primitive(_) | Content::Resource => None,
                })
                .collect();
            steps.push(elements.iter().map(|element| element.name.clone()).collect());
        }
        (!steps.is_empty()).then_some(ElementPath { steps, refers_to })
    }
}

fn unwrapped(expression: &'static str) -> &'static str {
    expression
        .strip_prefix('(')
        .and_then(|inner| inner.strip_suffix(')'))
        .filter(|inner| !inner.starts_with('('))
        .unwrap_or(expression)
}

#[cfg(test)]
mod tests {
    use super::super::FhirVersion;
    use super::*;

    fn values(version: FhirVersion, parameter: &str, json: &str) -> Vec<String> {
        let json = Json::parse(json.as_bytes()).unwrap();
        let kind = json.get("resourceType").unwrap().as_str().unwrap().into_owned();
        let paths = version.definitions().paths(&kind, parameter).unwrap();
        paths.iter().flat_map(|path| path.values(&json)).map(ToString::to_string).collect()
    }

    #[test]
    fn choices_arrays_and_conditions_are_followed() {
        let r5 = r#"{"resourceType":"RequestOrchestration","action":[{"participant":[
            {"actorReference":{"reference":"Patient/1"}},{"actorCanonical":"http://x"}]},{}]}"#;
        let found = values(FhirVersion::R5, "participant", r5);
        assert_eq!(found, [r#"{"reference":"Patient/1"}"#, "\"http://x\""]);

        let r4 = r#"{"resourceType":"MedicationRequest","medicationCodeableConcept":{"text":"x"},
            "medicationReference":{"reference":"Medication/1"}}"#;
        assert_eq!(values(FhirVersion::R4, "medication", r4), [r#"{"reference":"Medication/1"}"#]);
        assert_eq!(values(FhirVersion::R4, "code", r4), [r#"{"text":"x"}"#]);

        let paths = FhirVersion::R4.definitions().paths("Condition", "patient").unwrap();
        assert_eq!(paths[0].refers_to(), Some("Patient"));
    }

    #[test]
    fn what_is_not_read_is_refused() {
        let r4 = FhirVersion::R4.definitions();
        assert_eq!(r4.paths("Patient", "nothing"), Err(PathError::UnknownParameter));
        assert_eq!(r4.paths("Nobody", "_id"), Err(PathError::UnknownParameter));
        // `Patient.telecom.where(system='email')`
        assert_eq!(r4.paths("Patient", "email"), Err(PathError::Unsupported));
        // No expression at all.
        assert_eq!(r4.paths("Patient", "_text"), Err(PathError::Unsupported));
    }

    #[test]
    fn every_parameter_of_the_compartment_is_read() {
        for version in FhirVersion::ALL {
            let definitions = version.definitions();
            let mut read = 0;
            for kind in definitions.resources() {
                for parameter in definitions.compartment(kind) {
                    // R5 writes so that a patient is in its own compartment.
                    if *parameter != "{def}" {
                        assert!(!definitions.paths(kind, parameter).unwrap().is_empty());
                        read += 1;
                    }
                }
            }
            assert!(read > 90, "{read}");
        }
    }
}
