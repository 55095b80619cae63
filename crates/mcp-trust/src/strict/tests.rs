use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// The variant's name and position, as `DuplicateKey@7`.
fn refusal(text: impl AsRef<[u8]>) -> String {
    match check(text.as_ref()) {
        Ok(_) => "accepted".to_owned(),
        Err(error) => {
            let name = format!("{error:?}");
            let name = name.split([' ', '(']).next().unwrap_or_default();
            format!("{name}@{}", error.at().unwrap_or_default())
        }
    }
}

#[test]
fn each_refusal_has_its_name_and_place() {
    for (text, expected) in [
        ("\u{feff}1", "ByteOrderMark@0"),
        ("", "UnexpectedEnd@0"),
        (" ", "UnexpectedEnd@1"),
        ("[1,", "UnexpectedEnd@3"),
        (r#"{"a"#, "UnexpectedEnd@3"),
        (r#"{"a""#, "UnexpectedEnd@4"),
        (r#""\ud83d"#, "UnexpectedEnd@7"),
        ("tru", "UnexpectedEnd@3"),
        ("-", "UnexpectedEnd@1"),
        ("1.", "UnexpectedEnd@2"),
        ("1e+", "UnexpectedEnd@3"),
        ("trua", "Unexpected@3"),
        ("NaN", "Unexpected@0"),
        ("+1", "Unexpected@0"),
        (".5", "Unexpected@0"),
        ("-a", "Unexpected@1"),
        ("1.x", "Unexpected@2"),
        ("01", "TrailingData@1"),
        ("[01]", "Unexpected@2"),
        ("[1 2]", "Unexpected@3"),
        ("[1,]", "Unexpected@3"),
        ("[,1]", "Unexpected@1"),
        ("[1}", "Unexpected@2"),
        ("{1:2}", "Unexpected@1"),
        (r#"{"a":1,}"#, "Unexpected@7"),
        (r#"{"a" 1}"#, "Unexpected@5"),
        (r#"{"a":}"#, "Unexpected@5"),
        ("'a'", "Unexpected@0"),
        ("/**/1", "Unexpected@0"),
        ("\"a\nb\"", "ControlCharacter@2"),
        ("\"\0\"", "ControlCharacter@1"),
        (r#""\x""#, "InvalidEscape@1"),
        (r#""\u00g0""#, "InvalidEscape@1"),
        (r#""\ud83d""#, "LoneSurrogate@1"),
        (r#""a\ud83dx""#, "LoneSurrogate@2"),
        (r#""\ud83d\n""#, "LoneSurrogate@1"),
        (r#""\ud83d\ud83d""#, "LoneSurrogate@1"),
        (r#""\ude02""#, "LoneSurrogate@1"),
        (r#"{"\ude02":1}"#, "LoneSurrogate@2"),
        (r#"{"a":1,"a":1}"#, "DuplicateKey@7"),
        (r#"{"a":1,"\u0061":2}"#, "DuplicateKey@7"),
        (r#"{"":1,"":2}"#, "DuplicateKey@6"),
        (r#"{"b":{"a":1},"a":2,"c":[{"d":1,"e":2,"d":3}]}"#, "DuplicateKey@37"),
        (r#"{"a":1,"b":2,"c":3,"b":4,"a":5}"#, "DuplicateKey@19"),
        ("9007199254740992", "UnsafeInteger@0"),
        ("[-9007199254740992]", "UnsafeInteger@1"),
        ("123456789012345678901234567890", "UnsafeInteger@0"),
        ("9007199254740992.0", "UnsafeInteger@0"),
        ("9007199254740991.7", "UnsafeInteger@0"),
        ("1e20", "UnsafeInteger@0"),
        ("0.1e21", "UnsafeInteger@0"),
        ("1e400", "NumberTooLarge@0"),
        ("[0, -1e400]", "NumberTooLarge@4"),
        ("1 2", "TrailingData@2"),
        ("{}\u{a0}", "TrailingData@2"),
        ("null,", "TrailingData@4"),
    ] {
        assert_eq!(refusal(text), expected, "{text:?}");
    }
    assert_eq!(refusal(b"\"\xff\""), "InvalidUtf8@1");
    // A surrogate half encoded as if it were a character, and an overlong slash.
    assert_eq!(refusal(b"\"\xed\xa0\x80\""), "InvalidUtf8@1");
    assert_eq!(refusal(b"\"a\xc0\xaf\""), "InvalidUtf8@2");
    assert_eq!(refusal(b"\"\xe2\x82"), "InvalidUtf8@1");
}

#[test]
fn what_all_readers_agree_on_is_accepted() {
    for text in [
        "0",
        "-0",
        " [ ] ",
        "\t{\r\n}",
        "9007199254740991",
        "-9007199254740991",
        "1e21",
        "-1.5E+300",
        "1e-400",
        "0.1",
        "3.14159265358979323846264338327950288",
        r#""\ud83d\ude02 \/ \" \\ \b\f\n\r\t \u0000""#,
        "\"\u{10ffff}\u{ffff}\"",
        r#"{"a":{"a":{"a":[]}},"A":1,"":[{},{}]}"#,
        "[[],[[]],{},0]",
    ] {
        assert_eq!(refusal(text), "accepted", "{text:?}");
        serde_json::from_str::<Value>(text).unwrap();
    }
}

#[test]
fn depth_is_counted_and_bounded() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(check(nested(DEFAULT_DEPTH).as_bytes()).is_ok());
    assert_eq!(refusal(nested(DEFAULT_DEPTH + 1)), "TooDeep@64");
    assert_eq!(refusal(r#"{"a":"#.repeat(100_000)), "TooDeep@320");

    let deepest = Reader::new().max_depth(usize::MAX);
    assert!(deepest.from_slice::<Value>(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(deepest.check(nested(MAX_DEPTH + 1).as_bytes()).is_err());

    let scalars = Reader::new().max_depth(0);
    assert!(scalars.check(b"1").is_ok());
    assert!(matches!(scalars.check(b" {}"), Err(StrictError::TooDeep { at: 1, limit: 0 })));
    // Beside one another is not within one another.
    assert!(Reader::new().max_depth(2).check(b"[[],[],{},[[]]]").is_err());
    assert!(Reader::new().max_depth(2).check(b"[[],[],{},[1]]").is_ok());
}

#[test]
fn any_number_is_accepted_where_it_stays_text() {
    let reader = Reader::new().any_number();
    for text in ["9007199254740992", "-1e400", "[123456789012345678901234567890.10]", "0"] {
        assert!(reader.check(text.as_bytes()).is_ok(), "{text}");
    }
    // But only numbers.
    for text in ["01", "1.", "--1", "1e", r#"{"a":1,"a":1}"#, "[1", "+1"] {
        assert!(reader.check(text.as_bytes()).is_err(), "{text}");
    }
}

#[test]
fn a_form_error_quotes_nothing_by_itself() {
    let error = from_slice::<u8>(br#""secret""#).unwrap_err();
    assert_eq!(error.to_string(), "the value is not of the expected form");
    assert_eq!(error.at(), None);
    assert!(std::error::Error::source(&error).is_some());
}

fn json() -> impl Strategy<Value = Value> {
    let number = prop_oneof![
        (-9007199254740991_i64..=9007199254740991).prop_map(Value::from),
        any::<f64>()
            .prop_filter("safe", |f| f.is_finite() && !(9e15..1e21).contains(&f.abs()))
            .prop_map(Value::from),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number,
        any::<String>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Bytes that JSON is made of, so that random texts get somewhere.
fn jsonish() -> impl Strategy<Value = Vec<u8>> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "d83d",
        "dE02",
        "0061",
        "a",
        "\"a\"",
        "\"a\":",
        "null",
        "true",
        "1",
        "0",
        "-",
        ".",
        "e",
        "9007199254740993",
        " ",
        "\n",
        "\u{e9}",
        "\0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..24)
        .prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn values_that_are_strict_pass_and_read_the_same(value in json()) {
        for text in [value.to_string(), serde_json::to_string_pretty(&value).unwrap()] {
            prop_assert_eq!(from_slice::<Value>(text.as_bytes()).unwrap(), value.clone());
        }
    }

    #[test]
    fn beginnings_are_told_from_what_is_wrong(value in json(), cut in any::<prop::sample::Index>()) {
        let text = Value::from(vec![value]).to_string();
        let cut = cut.index(text.len());
        if let Some(beginning) = text.get(..cut) {
            let at = check(beginning.as_bytes()).unwrap_err();
            let whole = matches!(at, StrictError::UnexpectedEnd { .. });
            prop_assert!(whole, "{at:?}");
        }
    }

    #[test]
    fn what_is_accepted_is_json(text in jsonish()) {
        let ours = check(&text);
        let theirs = serde_json::from_slice::<Value>(&text);
        prop_assert!(ours.is_err() || theirs.is_ok(), "{:?}", theirs);
        // And the other way round, but for what is refused by name.
        if theirs.is_ok() {
            let named = matches!(
                ours,
                Ok(_) | Err(StrictError::DuplicateKey { .. } | StrictError::UnsafeInteger { .. })
            );
            prop_assert!(named, "{:?}", ours);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = check(&bytes);
    }
}
