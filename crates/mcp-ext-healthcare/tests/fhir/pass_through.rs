//! Every official example keeps its digits, untouched and edited.

use mcp_ext_healthcare::fhir::{FhirVersion, Json};
use serde_json::value::RawValue;

use crate::corpus::examples;

/// The numbers of a text, as `serde_json` finds them: another reader than the one that is tested.
fn numbers(text: &str, to: &mut Vec<String>) {
    match text.as_bytes().first() {
        Some(b'{') => {
            let members: std::collections::BTreeMap<String, &RawValue> =
                serde_json::from_str(text).unwrap();
            members.values().for_each(|value| numbers(value.get(), to));
        }
        Some(b'[') => {
            let values: Vec<&RawValue> = serde_json::from_str(text).unwrap();
            values.iter().for_each(|value| numbers(value.get(), to));
        }
        Some(b'-' | b'0'..=b'9') => to.push(text.to_owned()),
        _ => {}
    }
}

fn without_white_space(text: &str) -> String {
    let (mut plain, mut quoted, mut escaped) = (String::new(), false, false);
    for letter in text.chars() {
        if quoted || !letter.is_ascii_whitespace() {
            plain.push(letter);
        }
        if letter == '"' && !escaped {
            quoted = !quoted;
        }
        escaped = letter == '\\' && !escaped;
    }
    plain
}

fn every_example_keeps_its_digits(version: FhirVersion, numbers_of_all: usize, fractions: usize) {
    let Some(examples) = examples(version) else { return };
    let (mut resources, mut all, mut found) = (0, 0, 0);
    for example in examples {
        let mut json = Json::parse(example.text.as_bytes())
            .unwrap_or_else(|error| panic!("{}: {error}", example.name));
        // Every value is byte for byte the one that was read.
        assert!(json.to_string() == without_white_space(&example.text), "{}", example.name);

        let mut before = Vec::new();
        numbers(example.text.trim(), &mut before);
        assert!(json.set("language", Json::text("en")));
        let edited = json.to_string();
        let mut after = Vec::new();
        numbers(&edited, &mut after);
        assert!(before == after, "{}", example.name);
        resources += 1;
        all += before.len();
        found += before.iter().filter(|number| number.contains(['.', 'e', 'E'])).count();
    }
    println!(
        "{}: {resources} resources, {all} numbers kept, {found} of them with a fraction or exponent",
        version.number()
    );
    assert_eq!((all, found), (numbers_of_all, fractions));
}

#[test]
fn every_r4_example_keeps_its_digits() {
    every_example_keeps_its_digits(FhirVersion::R4, 88_348, 860);
}

#[test]
fn every_r5_example_keeps_its_digits() {
    every_example_keeps_its_digits(FhirVersion::R5, 93_429, 897);
}
