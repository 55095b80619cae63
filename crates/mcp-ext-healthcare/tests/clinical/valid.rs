//! Whether JSON is what FHIR says, by the definitions: another reader than those that are tested.

use mcp_ext_healthcare::fhir::{Content, Definitions, FhirVersion, Shape};
use serde_json::Value;

/// Every element is known, none that is mandatory is missing, lists are lists, codes are within their value sets. Gives the
/// number of elements.
pub(crate) fn assert_valid(version: FhirVersion, resource: &Value) -> usize {
    let definitions = version.definitions();
    let kind = resource["resourceType"].as_str().expect("a type");
    let shape = definitions.resource(kind).unwrap_or_else(|| panic!("no type {kind}"));
    let mut elements = 0;
    walk(version, definitions, shape, resource, kind, &mut elements);
    elements
}

fn walk(
    version: FhirVersion,
    definitions: &Definitions,
    shape: Shape,
    json: &Value,
    at: &str,
    count: &mut usize,
) {
    let members = json.as_object().unwrap_or_else(|| panic!("{at} is no object"));
    assert!(!members.is_empty(), "{at} is empty");
    for (name, value) in members {
        if name == "resourceType" {
            continue;
        }
        *count += 1;
        let own = name.strip_prefix('_').unwrap_or(name);
        let element = definitions
            .member(shape, own)
            .unwrap_or_else(|| panic!("{at}.{name} is no element of {}", version.number()));
        assert_eq!(value.is_array(), element.is_repeated, "{at}.{name}");
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        assert!(!all.is_empty(), "{at}.{name} is empty");
        for value in all {
            match element.content {
                _ if name.starts_with('_') => {}
                Content::Elements(shape) => {
                    walk(version, definitions, shape, value, &format!("{at}.{name}"), count);
                }
                Content::Resource => *count += assert_valid(version, value),
                Content::Primitive(_) => {
                    assert!(!value.is_object() && !value.is_array(), "{at}.{name}");
                    if let (Some(codes), Some(code)) = (element.codes, value.as_str())
                        && let Some(codes) = definitions.codes(codes)
                    {
                        assert!(codes.contains(&code), "{at}.{name}: {code}");
                    }
                }
            }
        }
    }
    for element in definitions.elements(shape).iter().filter(|element| element.is_mandatory) {
        let is_there = members.keys().any(|name| {
            let name = name.strip_prefix('_').unwrap_or(name);
            name == element.name
                || element.choice.is_some_and(|choice| {
                    definitions.member(shape, name).is_some_and(|one| one.choice == Some(choice))
                })
        });
        assert!(is_there, "{at} has no {}", element.name);
    }
}
