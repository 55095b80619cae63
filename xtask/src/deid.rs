//! `cargo xtask deid`: de-identification by PyPI's `fhir-mcp` and by ours, of the same R4 resources with the same planted
//! identifiers, in one run.
//!
//! The programs are `tests/interop/deid.py` and the example `deid-lines` of `mcp-ext-healthcare`, as it is shipped.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;

use crate::failure::{Context, Failure, Result};
use crate::peers::{self, FhirPackages, Python};
use crate::{background, process, workspace};

/// What is ours among the tools.
const OURS: &str = "mcp-ext-healthcare";
/// How long the comparison may take.
const LIMIT: Duration = Duration::from_secs(1200);

/// A line that the program prints: a kind of identifier, or a tool's sum.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Kind { tool: String, kind: String, left: u64, planted: u64 },
    Tool(Tool),
}

#[derive(Debug, Deserialize)]
struct Tool {
    tool: String,
    resources: u64,
    withheld: u64,
    seconds: f64,
    codings: u64,
    kept: u64,
}

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    use lexopt::ValueExt;

    let mut limit = None;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("limit") => limit = Some(arguments.value()?.parse::<u64>()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let folder = workspace::members()?.results()?.join("deid");
    std::fs::create_dir_all(&folder).context(format_args!("cannot make {}", folder.display()))?;
    let built = workspace::build(&[
        "build",
        "--locked",
        "--release",
        "--package",
        OURS,
        "--example",
        "deid-lines",
    ])?;
    let ours = built
        .into_iter()
        .find(|program| program.kind == "example" && program.name == "deid-lines")
        .ok_or_else(|| Failure::new("cargo did not say where deid-lines is".to_owned()))?;
    let resources = FhirPackages::ready()?.root().join("node_modules").join("hl7.fhir.r4.examples");
    let requirements = peers::folder().join("deid-requirements.txt");
    let mut words = Python::with("python-deid", &requirements)?.script("deid.py");
    words.extend(["--resources".to_owned(), resources.display().to_string()]);
    words.extend(["--ours".to_owned(), ours.path.display().to_string()]);
    words.extend(["--folder".to_owned(), folder.display().to_string()]);
    words.extend(limit.into_iter().flat_map(|limit| ["--limit".to_owned(), limit.to_string()]));

    let mut lines: Vec<Line> = Vec::new();
    let mut command = background::command(&words)?;
    let status =
        process::follow(&mut command, LIMIT, |text| lines.extend(serde_json::from_str(text)))?;
    if !status.success() {
        return Err(Failure::new(format!("deid.py ended with {status}")));
    }
    judge(&lines)
}

/// Prints what was found side by side; a failure if ours left anything, or kept too little.
fn judge(lines: &[Line]) -> Result {
    let mut kinds: BTreeMap<&str, (u64, BTreeMap<&str, u64>)> = BTreeMap::new();
    let mut tools: Vec<&Tool> = Vec::new();
    for line in lines {
        match line {
            Line::Kind { tool, kind, left, planted } => {
                let entry = kinds.entry(kind).or_default();
                entry.0 = *planted;
                entry.1.insert(tool, *left);
            }
            Line::Tool(tool) => tools.push(tool),
        }
    }
    let row = |name: &str, planted: &str, values: Vec<String>| {
        println!(
            "{name:<36} {planted:>10} {}",
            values.iter().map(|it| format!("{it:>20}")).collect::<String>()
        );
    };
    row("identifiers left", "planted", tools.iter().map(|tool| tool.tool.clone()).collect());
    let left = |tool: &Tool, found: &BTreeMap<&str, u64>| found.get(tool.tool.as_str()).copied();
    for (kind, (planted, found)) in &kinds {
        let values = tools.iter().map(|tool| left(tool, found).unwrap_or_default().to_string());
        row(kind, &planted.to_string(), values.collect());
    }
    let sum =
        |tool: &Tool| -> u64 { kinds.values().filter_map(|(_, found)| left(tool, found)).sum() };
    let planted: u64 = kinds.values().map(|(planted, _)| planted).sum();
    let each = |value: &dyn Fn(&Tool) -> String| tools.iter().map(|tool| value(tool)).collect();
    row("all", &planted.to_string(), each(&|tool| sum(tool).to_string()));
    row("resources", "", each(&|tool| tool.resources.to_string()));
    row("of them withheld", "", each(&|tool| tool.withheld.to_string()));
    row("systems with codes kept, %", "", each(&|tool| format!("{:.1}", share(tool))));
    row("resources per second of CPU", "", each(&|tool| format!("{:.0}", rate(tool))));
    let ours = tools.iter().find(|tool| tool.tool == OURS);
    let ours = ours.ok_or_else(|| Failure::new("deid.py says nothing of ours".to_owned()))?;
    match sum(ours) {
        0 if planted > 0 => Ok(()),
        left => Err(Failure::new(format!("ours left {left} of {planted} identifiers"))),
    }
}

fn share(tool: &Tool) -> f64 {
    100.0 * tool.kept as f64 / tool.codings.max(1) as f64
}

fn rate(tool: &Tool) -> f64 {
    tool.resources as f64 / tool.seconds.max(1e-9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(left: u64) -> Vec<Line> {
        let text = [
            format!(r#"{{"tool":"mcp-ext-healthcare","kind":"names","left":{left},"planted":7}}"#),
            r#"{"tool":"mcp-ext-healthcare","resources":3,"withheld":0,"seconds":0.5,"codings":4,"kept":3}"#
                .to_owned(),
        ];
        text.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn what_is_left_fails() {
        assert!(judge(&lines(0)).is_ok());
        assert!(judge(&lines(1)).unwrap_err().to_string().contains("1 of 7"));
        // Nothing planted, nothing compared.
        assert!(judge(&[]).is_err());
    }
}
