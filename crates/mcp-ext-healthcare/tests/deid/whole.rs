//! Resources that have every element of their type.

use std::collections::BTreeSet;

use mcp_ext_healthcare::deid::LimitedDataSet;
use mcp_ext_healthcare::fhir::{FhirVersion, Json};

use crate::examples::{names, safe_harbor};
use crate::known::Found;
use crate::planting;

/// DEI-1: whatever element, of whatever type.
#[test]
fn no_identifier_remains_in_any_element_of_any_type() {
    for version in FhirVersion::ALL {
        let definitions = version.definitions();
        let (safe, limited) = (safe_harbor(version), LimitedDataSet::new(version, &names(1)));
        for kind in definitions.resources() {
            let text = planting::whole(definitions, kind, 3).to_string();
            assert!(!planting::left(&text).is_empty(), "{kind}");
            let is_abstract = kind.ends_with("Resource");
            let Some(given) = safe.text(&text) else {
                assert!(is_abstract, "{kind}");
                continue;
            };
            assert!(!is_abstract, "{kind}");
            assert!(planting::left(&given).is_empty(), "{kind}: {given}");
            let found = Found::of(
                definitions,
                &Json::parse(given.as_bytes()).unwrap_or_else(|error| {
                    panic!("{error} {}", given.get(..3000).unwrap_or(&given))
                }),
            );
            assert_eq!(found.unknown, BTreeSet::new(), "{kind}");
            let given = limited.text(&text).unwrap();
            let left = planting::left(&given);
            assert!(
                left.iter().all(|mark| ["1987-06", "11:22", ":44:55"].contains(mark)),
                "{kind}: {left:?}"
            );
        }
    }
}
