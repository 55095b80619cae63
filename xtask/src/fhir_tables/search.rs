//! Search parameters, and the patient compartment that is made of them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::Value;

use crate::failure::{Context, Result};

/// Writes a line for each parameter of each type: `search Patient birthdate date Patient.birthDate`.
pub(super) fn write_parameters(table: &mut String, parameters: &[Value]) {
    let mut lines = BTreeSet::new();
    for parameter in parameters {
        // The package of examples has some of its own beside FHIR's.
        let is_core = parameter["url"]
            .as_str()
            .is_some_and(|url| url.starts_with("http://hl7.org/fhir/SearchParameter/"));
        let (Some(code), Some(kind)) = (parameter["code"].as_str(), parameter["type"].as_str())
        else {
            continue;
        };
        let is_example = parameter["id"].as_str().is_some_and(|id| id.starts_with("example"));
        if !is_core || is_example {
            continue;
        }
        let expression = parameter["expression"].as_str().unwrap_or_default();
        for base in parameter["base"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let expression = of_base(expression, base);
            let expression = if expression.is_empty() { "-" } else { &expression };
            lines.insert(format!("search {base} {code} {kind} {expression}"));
        }
    }
    for line in lines {
        let _ = writeln!(table, "{line}");
    }
}

/// The alternatives of an expression that can say something of a type.
fn of_base(expression: &str, base: &str) -> String {
    let alternatives: Vec<&str> = expression.split('|').map(str::trim).collect();
    let own = alternatives.iter().filter(|alternative| {
        let start = alternative.trim_start_matches('(');
        let name = start.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
        name == base
    });
    let own: Vec<&str> = own.copied().collect();
    let kept = if own.is_empty() { alternatives } else { own };
    kept.join(" | ")
}

/// Writes a line for each type that can be in a patient's compartment: `compartment Account subject`.
pub(super) fn write_compartment(table: &mut String, definitions: &[Value]) -> Result {
    let definition = definitions
        .iter()
        .find(|definition| definition["id"] == "patient")
        .context("there is no CompartmentDefinition of patients")?;
    for resource in definition["resource"].as_array().into_iter().flatten() {
        let parameters: Vec<&str> =
            resource["param"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if let (Some(code), false) = (resource["code"].as_str(), parameters.is_empty()) {
            let _ = writeln!(table, "compartment {code} {}", parameters.join(" "));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_cut_to_a_type() {
        let both = "Patient.name | (Observation.value as Quantity) | Observation.code";
        assert_eq!(of_base(both, "Patient"), "Patient.name");
        assert_eq!(
            of_base(both, "Observation"),
            "(Observation.value as Quantity) | Observation.code"
        );
        assert_eq!(of_base("Resource.id", "Resource"), "Resource.id");
        assert_eq!(of_base("name", "Basic"), "name");
    }
}
