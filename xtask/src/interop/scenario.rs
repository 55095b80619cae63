//! The scenario files: what a client shall do and find, and where a peer is known to differ.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::failure::{Context, Failure, Result};

/// Who meets whom, and how.
#[derive(Debug)]
pub(super) struct Situation<'a> {
    pub(super) client: &'a str,
    pub(super) server: &'a str,
    pub(super) transport: &'a str,
}

/// A known difference of a peer: where it applies, why it is accepted, and what holds instead.
///
/// A member that is absent applies to everything. A `null` in `instead` removes a member.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    client: Option<String>,
    server: Option<String>,
    transport: Option<String>,
    reason: String,
    instead: Map<String, Value>,
}

impl Exception {
    fn applies(&self, to: &Situation<'_>) -> bool {
        let holds = |own: &Option<String>, given| own.as_deref().is_none_or(|own| own == given);
        holds(&self.client, to.client)
            && holds(&self.server, to.server)
            && holds(&self.transport, to.transport)
    }
}

/// Writes the scenario as it applies to a situation and returns the names of the steps that a
/// client must report, in order.
pub(super) fn resolve(from: &Path, situation: &Situation<'_>, to: &Path) -> Result<Vec<String>> {
    let text =
        std::fs::read_to_string(from).context(format_args!("cannot read {}", from.display()))?;
    let (scenario, steps) =
        resolved(&text, situation).context(format_args!("in {}", from.display()))?;
    std::fs::write(to, scenario).context(format_args!("cannot write {}", to.display()))?;
    Ok(steps)
}

fn resolved(text: &str, situation: &Situation<'_>) -> Result<(String, Vec<String>)> {
    let mut scenario: Map<String, Value> =
        serde_json::from_str(text).context("not a JSON object")?;
    let steps = scenario.get_mut("steps").and_then(Value::as_array_mut);
    let mut names = vec!["connect".to_owned()];
    for step in steps.context("no array of steps")? {
        let step = step.as_object_mut().context("a step is not an object")?;
        let name = step.get("id").and_then(Value::as_str).context("a step has no id")?.to_owned();
        for exception in step.remove("except").iter().flat_map(as_list) {
            let exception: Exception = serde_json::from_value(exception.clone())
                .context(format_args!("an exception of the step {name}"))?;
            if exception.reason.is_empty() {
                return Err(Failure::new(format!("an exception of the step {name} has no reason")));
            }
            if exception.applies(situation) {
                for (member, value) in exception.instead {
                    if value.is_null() {
                        step.remove(&member);
                    } else {
                        step.insert(member, value);
                    }
                }
            }
        }
        if names.contains(&name) {
            return Err(Failure::new(format!("two steps are called {name}")));
        }
        names.push(name);
    }
    names.push("close".to_owned());
    let text = serde_json::to_string_pretty(&scenario).context("cannot write JSON")?;
    Ok((text, names))
}

/// An array's elements; anything else stands for itself and fails to parse with its own message.
fn as_list(value: &Value) -> &[Value] {
    match value {
        Value::Array(elements) => elements,
        other => std::slice::from_ref(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"steps": [
        {"id": "a", "expect": 1, "error": {}, "except": [
            {"client": "ts", "transport": "stdio", "reason": "it drops them", "instead": {"expect": 2, "error": null}}
        ]},
        {"id": "b"}
    ]}"#;

    fn step(situation: &Situation<'_>) -> Value {
        let (text, names) = resolved(TEXT, situation).unwrap();
        assert_eq!(names, ["connect", "a", "b", "close"]);
        let scenario: Value = serde_json::from_str(&text).unwrap();
        scenario["steps"][0].clone()
    }

    #[test]
    fn an_exception_changes_only_the_situation_that_it_names() {
        let situation = Situation { client: "ts", server: "py", transport: "stdio" };
        assert_eq!(step(&situation), serde_json::json!({"id": "a", "expect": 2}));
        let situation = Situation { transport: "http", ..situation };
        assert_eq!(step(&situation), serde_json::json!({"id": "a", "expect": 1, "error": {}}));
    }

    #[test]
    fn a_wrong_scenario_is_named() {
        let situation = Situation { client: "ts", server: "py", transport: "stdio" };
        let failure = |text: &str| resolved(text, &situation).unwrap_err().to_string();
        assert!(failure(r#"{"steps": [{"id": "a"}, {"id": "a"}]}"#).contains("two steps"));
        assert!(failure(r#"{"steps": [{}]}"#).contains("no id"));
        assert!(
            failure(r#"{"steps": [{"id": "a", "except": [{"instead": {}}]}]}"#).contains("reason")
        );
        assert!(failure("{}").contains("no array of steps"));
    }

    #[test]
    fn the_scenarios_of_this_repository_can_be_read() {
        for name in ["peer", "docs", "tasks", "direct", "strangers", "refused"] {
            let file = crate::peers::folder().join("scenarios").join(format!("{name}.json"));
            let text = std::fs::read_to_string(file).unwrap();
            for client in ["py", "ts", "rust", "fast"] {
                let situation = Situation { client, server: "py", transport: "http" };
                resolved(&text, &situation).unwrap();
            }
        }
    }
}
