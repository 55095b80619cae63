//! A text that is accepted is read in one way: `serde_json` reads it too, writing it again changes nothing, and its canonical form is
//! accepted in turn.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_trust::canonical::Canonical;
use mcp_trust::strict::{self, Reader, StrictError};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let (depth, text) = data.split_first().unwrap_or((&64, &[]));
    let reader = Reader::new().max_depth(usize::from(*depth));
    let text = match reader.check(text) {
        Ok(text) => text,
        Err(error) => {
            assert!(error.at().is_none_or(|at| at <= text.len()), "{error} lies outside the text");
            return;
        }
    };
    // Depth apart, `serde_json` reads all that is accepted.
    let value: Value = serde_json::from_str(text).expect("an accepted text that is no JSON");
    let Ok(canonical) = Canonical::from_slice(text.as_bytes()) else {
        // Deeper than the default.
        assert!(matches!(strict::check(text.as_bytes()), Err(StrictError::TooDeep { .. })));
        return;
    };
    let again = Canonical::from_slice(canonical.as_bytes()).expect("a canonical form is refused");
    assert_eq!(again.as_str(), canonical.as_str(), "the canonical form has another one");
    let read: Value = serde_json::from_str(canonical.as_str()).expect("no JSON");
    assert_eq!(of_doubles(read), of_doubles(value), "the canonical form is another value");
});

/// All numbers as doubles, as the canonical form has them: `1` and `1.0` are one value.
fn of_doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => {
            // Negative zero is zero.
            Value::from(number.as_f64().unwrap_or(f64::NAN) + 0.0)
        }
        Value::Array(all) => all.into_iter().map(of_doubles).collect(),
        Value::Object(all) => {
            all.into_iter().map(|(key, value)| (key, of_doubles(value))).collect()
        }
        other => other,
    }
}
