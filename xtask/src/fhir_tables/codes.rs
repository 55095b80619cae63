//! The codes that elements with a required binding may have, where they can be listed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::elements;
use crate::failure::Result;
use crate::peers::FhirPackages;

/// Codes by the name of their value set. Value sets that are a grammar (media types, currencies, languages) have none.
pub(super) type Codes = BTreeMap<String, Vec<String>>;

/// The codes of all value sets that elements of type `code` are bound to.
pub(super) fn of_required_bindings(
    packages: &FhirPackages,
    package: &str,
    structures: &[Value],
) -> Result<Codes> {
    let sets = by_url(packages.resources(package, "ValueSet")?);
    let systems = by_url(packages.resources(package, "CodeSystem")?);
    let mut codes = Codes::new();
    for element in structures.iter().flat_map(elements::of) {
        if let Some(url) = binding(element) {
            let mut listed = BTreeSet::new();
            let complete = expand(url, &sets, &systems, &mut listed);
            // A code with a space could not be told from two, and no required binding has one.
            if complete && !listed.is_empty() && !listed.iter().any(|code| code.contains(' ')) {
                codes.insert(name(url), listed.into_iter().collect());
            }
        }
    }
    Ok(codes)
}

/// The canonical URL of the value set that an element of type `code` must have its value from.
pub(super) fn binding(element: &Value) -> Option<&str> {
    let binding = element.get("binding")?;
    let is_required = binding.get("strength")?.as_str()? == "required";
    let types = element.get("type")?.as_array()?;
    let is_code = types.iter().any(|own| own["code"] == "code");
    let url = binding.get("valueSet")?.as_str()?;
    (is_required && is_code).then(|| url.split('|').next().unwrap_or(url))
}

/// What a value set is called in the table.
pub(super) fn name(url: &str) -> String {
    url.rsplit('/').next().unwrap_or(url).to_owned()
}

fn by_url(resources: Vec<Value>) -> BTreeMap<String, Value> {
    let url = |resource: &Value| Some(resource.get("url")?.as_str()?.to_owned());
    resources.into_iter().filter_map(|resource| Some((url(&resource)?, resource))).collect()
}

/// Adds a value set's codes. False if there are others that cannot be listed.
fn expand(
    url: &str,
    sets: &BTreeMap<String, Value>,
    systems: &BTreeMap<String, Value>,
    codes: &mut BTreeSet<String>,
) -> bool {
    let Some(compose) = sets.get(url).and_then(|set| set.get("compose")) else { return false };
    if compose.get("exclude").is_some() {
        return false;
    }
    let includes = compose["include"].as_array().into_iter().flatten();
    let mut complete = true;
    for include in includes {
        let listed = include.get("concept").and_then(Value::as_array);
        let system = include["system"].as_str().and_then(|url| systems.get(url));
        if include.get("filter").is_some() {
            complete = false;
        } else if let Some(listed) = listed {
            collect(listed, codes);
        } else if let Some(concepts) = system.and_then(|system| system.get("concept")) {
            collect(concepts.as_array().map(Vec::as_slice).unwrap_or_default(), codes);
        } else if let Some(others) = include.get("valueSet").and_then(Value::as_array) {
            for other in others.iter().filter_map(Value::as_str) {
                complete &= expand(other, sets, systems, codes);
            }
        } else {
            complete = false;
        }
    }
    complete
}

fn collect(concepts: &[Value], codes: &mut BTreeSet<String>) {
    for concept in concepts {
        codes.extend(concept["code"].as_str().map(str::to_owned));
        collect(concept["concept"].as_array().map(Vec::as_slice).unwrap_or_default(), codes);
    }
}
