//! Header values survive their encoding; annotations and arguments of whatever form are read.
//!
//! Input: a schema, a line end, the arguments. All of it also serves as a header value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_core::header_value::{decode, encode};
use mcp_core::param_headers::{ParamHeaders, ParamKind};

fuzz_target!(|data: &[u8]| {
    if let Ok(value) = decode(data) {
        survives(&value);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    survives(text);

    let (schema, arguments) = text.split_once('\n').unwrap_or((text, "{}"));
    let Ok(headers) = ParamHeaders::from_schema(schema) else { return };
    for entry in headers.entries() {
        assert!(!entry.name.is_empty() && !entry.path.is_empty());
        assert!(entry.name.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", entry.name);
    }
    let Ok(values) = headers.extract(arguments) else { return };
    assert_eq!(values.len(), headers.entries().len());
    for (entry, value) in values {
        let Some(value) = value else { continue };
        survives(&value);
        assert!(entry.kind.same(&value, &value), "{value:?} is not the same as itself");
        match entry.kind {
            ParamKind::Integer => assert!(value.parse::<i64>().unwrap().abs() < 1 << 53),
            ParamKind::Boolean => assert!(value == "true" || value == "false"),
            ParamKind::String => {}
        }
    }
});

fn survives(value: &str) {
    let header = encode(value);
    assert!(
        header.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)),
        "{header:?} cannot stand in a header"
    );
    assert_eq!(decode(header.as_bytes()).as_deref(), Ok(value), "by way of {header:?}");
}
