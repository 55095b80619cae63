//! Types and their elements.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;

use super::codes::{self, Codes};
use crate::failure::{Context, Result};

const FHIR_TYPE: &str = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type";
const PROFILES: &str = "http://hl7.org/fhir/StructureDefinition/";

/// Whether a *StructureDefinition* defines a type of FHIR's own, and is no profile.
pub(super) fn is_core(structure: &Value) -> bool {
    let is_type =
        matches!(structure["kind"].as_str(), Some("primitive-type" | "complex-type" | "resource"));
    is_type && structure["derivation"] != "constraint"
}

/// All elements of a type, its own first.
pub(super) fn of(structure: &Value) -> impl Iterator<Item = &Value> {
    structure["snapshot"]["element"].as_array().into_iter().flatten()
}

/// Writes all types, and what each adds to the one it is derived from.
pub(super) fn write(table: &mut String, structures: &[Value], codes: &Codes) -> Result {
    let mut lines: BTreeMap<&str, Vec<(String, String)>> = BTreeMap::new();
    for structure in structures {
        let name = name(structure)?;
        let own = of(structure).filter_map(|element| line(element, name, codes)).collect();
        lines.insert(name, own);
    }
    let none = Vec::new();
    for structure in structures {
        let name = name(structure)?;
        let base = structure["baseDefinition"].as_str().and_then(|url| url.rsplit('/').next());
        let kind = structure["kind"].as_str().unwrap_or_default();
        let kind = kind.strip_suffix("-type").unwrap_or(kind);
        let _ = writeln!(table, "{kind} {name} {}", base.unwrap_or("-"));
        if kind == "primitive" {
            // The values of primitives have a form, and no elements that JSON would show.
            continue;
        }
        let inherited: BTreeSet<_> =
            base.and_then(|base| lines.get(base)).unwrap_or(&none).iter().collect();
        let backbones = ["Element", "BackboneElement"].map(|base| lines.get(base));
        let nested: BTreeSet<_> = backbones
            .iter()
            .flatten()
            .flat_map(|lines| lines.iter())
            .map(|(_, rest)| rest)
            .collect();
        for element in lines.get(name).unwrap_or(&none) {
            let (path, rest) = element;
            let depth = path.matches('.').count();
            let is_inherited =
                if depth == 0 { inherited.contains(element) } else { nested.contains(rest) };
            if !is_inherited {
                let _ = writeln!(table, "{}{rest}", " ".repeat(depth + 1));
            }
        }
    }
    Ok(())
}

fn name(structure: &Value) -> Result<&str> {
    structure["type"].as_str().context("a StructureDefinition without a type")
}

/// An element's path without its type's name, and its line.
fn line(element: &Value, of_type: &str, codes: &Codes) -> Option<(String, String)> {
    let path = element["path"].as_str()?.strip_prefix(of_type)?.strip_prefix('.')?;
    let mut line = path.rsplit('.').next()?.to_owned();
    if element["isModifier"] == true {
        line.push('!');
    }
    match (element["min"].as_u64()?, element["max"].as_str()?) {
        (0, "0") => return None,
        (0, "1") => {}
        (1, "1") => line += " 1",
        (0, "*") => line += " *",
        (1, "*") => line += " +",
        (min, max) => {
            let _ = write!(line, " {min}..{max}");
        }
    }
    line.push(' ');
    match element["contentReference"].as_str() {
        // R5 has the whole URL before the number sign.
        Some(reference) => {
            line.push('@');
            line += reference.rsplit('#').next()?;
        }
        None => line += &types(element, codes, path == "id")?,
    }
    Some((path.to_owned(), line))
}

fn types(element: &Value, codes: &Codes, is_own_id: bool) -> Option<String> {
    let mut types: Vec<String> = Vec::new();
    for own in element["type"].as_array()? {
        let code = own["code"].as_str()?;
        let name = match code.strip_prefix("http://hl7.org/fhirpath/System.") {
            None => code.to_owned(),
            // The ids of resources; R4 calls them strings.
            Some(_) if is_own_id && element["base"]["path"] == "Resource.id" => "id".to_owned(),
            Some(_) => {
                let mut extensions = own["extension"].as_array().into_iter().flatten();
                let declared = extensions.find(|extension| extension["url"] == FHIR_TYPE);
                let declared = declared.and_then(|found| {
                    found["valueUrl"].as_str().or_else(|| found["valueUri"].as_str())
                });
                declared.unwrap_or("string").to_owned()
            }
        };
        let mut targets: Vec<&str> = own["targetProfile"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|url| url.as_str()?.strip_prefix(PROFILES))
            .collect();
        targets.sort_unstable();
        // A reference to anything needs no list.
        targets.retain(|target| *target != "Resource");
        let bound = codes::binding(element).map(codes::name);
        types.push(match bound.filter(|bound| name == "code" && codes.contains_key(bound)) {
            Some(bound) => format!("code={bound}"),
            None if targets.is_empty() => name,
            None => format!("{name}({})", targets.join(",")),
        });
    }
    Some(types.join("|"))
}
