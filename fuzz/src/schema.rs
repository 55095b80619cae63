//! Schemas are compiled and validate instances: neither panics, nor takes unbounded time.
//!
//! A panic inside of the compiler that `Validator::compile` turns into an error is none. So panics
//! do not abort at once here; those that get out abort in libFuzzer's harness.
//!
//! Input: a schema, a line end, the instance. libFuzzer's own time limit finds what hangs.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_core::schema::{SchemaLimits, Validator};

fuzz_target!(init: std::panic::set_hook(Box::new(|panic| eprintln!("{panic}"))), |data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (schema, instance) = text.split_once('\n').unwrap_or((text, "null"));
    let limits = SchemaLimits::default();
    let validator = match Validator::compile(schema, &limits) {
        Ok(validator) => validator,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let result = validator.validate(instance);
    // Only the answer: which violations of many are told, and in what order, may differ.
    assert_eq!(result.is_ok(), validator.validate(instance).is_ok(), "two answers to one question");
    if let Err(violations) = result {
        assert!((1..=16).contains(&violations.len()));
    }
});
