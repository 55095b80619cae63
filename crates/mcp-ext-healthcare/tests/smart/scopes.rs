//! Scopes as text.

use mcp_ext_healthcare::fhir::FhirVersion;
use mcp_ext_healthcare::server::{Interaction, Restriction};
use mcp_ext_healthcare::smart::{Level, Scope, ScopeError, ScopeSet};
use proptest::prelude::*;

/// A scope, and how version 2 writes it.
const VALID: [(&str, &str); 27] = [
    ("patient/Observation.r", "patient/Observation.r"),
    ("patient/Observation.rs", "patient/Observation.rs"),
    ("patient/Observation.cruds", "patient/Observation.cruds"),
    ("patient/Observation.cs", "patient/Observation.cs"),
    ("patient/*.d", "patient/*.d"),
    ("user/*.cruds", "user/*.cruds"),
    ("system/Patient.u", "system/Patient.u"),
    // Version 1.
    ("patient/Observation.read", "patient/Observation.rs"),
    ("patient/Observation.write", "patient/Observation.cud"),
    ("patient/Observation.*", "patient/Observation.cruds"),
    ("user/*.read", "user/*.rs"),
    ("system/*.*", "system/*.cruds"),
    // With a query.
    ("patient/Observation.rs?category=laboratory", "patient/Observation.rs?category=laboratory"),
    (
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
        "patient/Observation.rs?category=http://terminology.hl7.org/CodeSystem/observation-category|laboratory",
    ),
    ("user/Condition.r?category=a,b&code=c", "user/Condition.r?category=a,b&code=c"),
    ("user/Condition.r?code=a%2Cb", "user/Condition.r?code=a,b"),
    ("user/Condition.r?code=a%5C%2Cb", "user/Condition.r?code=a%5C,b"),
    ("user/Condition.r?code=a%26b%3dc%20d", "user/Condition.r?code=a%26b%3Dc%20d"),
    ("user/Condition.r?code=a=b", "user/Condition.r?code=a%3Db"),
    ("user/Condition.r?code:in=http://x", "user/Condition.r?code:in=http://x"),
    ("user/*.rs?_tag=x", "user/*.rs?_tag=x"),
    // A type that FHIR does not have is a name of the right form; it is that of no record.
    ("user/Nothing.rs", "user/Nothing.rs"),
    // Not about records.
    ("launch", "launch"),
    ("launch/patient", "launch/patient"),
    ("launch/questionnaire?role=x", "launch/questionnaire?role=x"),
    ("offline_access", "offline_access"),
    ("fhirUser", "fhirUser"),
];

/// What looks like a scope and is none.
const MALFORMED: [(&str, ScopeError); 58] = [
    ("", ScopeError::Characters),
    (" ", ScopeError::Characters),
    ("patient/Observation.rs ", ScopeError::Characters),
    ("patient/Observation.rs patient/Patient.rs", ScopeError::Characters),
    ("patient/Observation.rs\t", ScopeError::Characters),
    ("patient/Observation.rs?code=\"a\"", ScopeError::Characters),
    ("patient/Observation.rs?code=a\\,b", ScopeError::Characters),
    ("patient/Observation.r\u{455}", ScopeError::Characters),
    ("patient/Observation.rs\u{200b}", ScopeError::Characters),
    ("patient/", ScopeError::ResourceType),
    ("patient/*", ScopeError::ResourceType),
    ("patient/Observation", ScopeError::ResourceType),
    ("patient/.rs", ScopeError::ResourceType),
    ("patient/observation.rs", ScopeError::ResourceType),
    ("patient/Obs*.rs", ScopeError::ResourceType),
    ("patient/**.rs", ScopeError::ResourceType),
    ("patient/*/Observation.rs", ScopeError::ResourceType),
    ("patient//Observation.rs", ScopeError::ResourceType),
    ("patient/Observation/1.rs", ScopeError::ResourceType),
    ("patient/Observation,Patient.rs", ScopeError::ResourceType),
    ("patient/Observation?category=x.rs", ScopeError::ResourceType),
    ("user/-.rs", ScopeError::ResourceType),
    ("system/9.rs", ScopeError::ResourceType),
    ("patient/Observation.", ScopeError::Permissions),
    ("patient/Observation.?code=x", ScopeError::Permissions),
    ("patient/Observation.sr", ScopeError::Permissions),
    ("patient/Observation.dus", ScopeError::Permissions),
    ("patient/Observation.rc", ScopeError::Permissions),
    ("patient/Observation.rr", ScopeError::Permissions),
    ("patient/Observation.rsrs", ScopeError::Permissions),
    ("patient/Observation.R", ScopeError::Permissions),
    ("patient/Observation.x", ScopeError::Permissions),
    ("patient/Observation.rsx", ScopeError::Permissions),
    ("patient/Observation.r*", ScopeError::Permissions),
    ("patient/Observation.**", ScopeError::Permissions),
    ("patient/Observation.Read", ScopeError::Permissions),
    ("patient/Observation.reads", ScopeError::Permissions),
    ("patient/Observation.rea", ScopeError::Permissions),
    ("patient/Observation.read.write", ScopeError::Permissions),
    ("patient/Observation.r.s", ScopeError::Permissions),
    ("patient/Observation.rs/x", ScopeError::Permissions),
    ("patient/Observation.rs&code=x", ScopeError::Permissions),
    ("patient/Observation.rs#x", ScopeError::Permissions),
    ("patient/Observation.read?code=x", ScopeError::QueryOfVersion1),
    ("patient/Observation.*?code=x", ScopeError::QueryOfVersion1),
    // A query that a FHIR server would pass over would narrow nothing.
    ("patient/Observation.rs?", ScopeError::Query),
    ("patient/Observation.rs?code", ScopeError::Query),
    ("patient/Observation.rs?code=", ScopeError::Query),
    ("patient/Observation.rs?=x", ScopeError::Query),
    ("patient/Observation.rs?code=x&", ScopeError::Query),
    ("patient/Observation.rs?code=a,,b", ScopeError::Query),
    ("patient/Observation.rs?code=a,", ScopeError::Query),
    ("patient/Observation.rs?code=%", ScopeError::Encoding),
    ("patient/Observation.rs?code=%4", ScopeError::Encoding),
    ("patient/Observation.rs?code=%ff", ScopeError::Encoding),
    ("patient/Observation.rs?code=a+b", ScopeError::Encoding),
    ("launch/", ScopeError::LaunchContext),
    ("launch/Patient/1", ScopeError::LaunchContext),
];

/// What means nothing here, and must not come to mean anything.
const OTHERS: [&str; 14] = [
    "email",
    "profile",
    "patient",
    "user",
    "patient.Observation.rs",
    "Patient/Observation.rs",
    "PATIENT/*.rs",
    "patients/*.rs",
    "encounter/*.rs",
    "*/*.rs",
    "*",
    "/patient/*.rs",
    "https://x/user/*.rs",
    "launch.patient",
];

#[test]
fn valid_scopes_are_read_and_written() {
    for (text, written) in VALID {
        let scope: Scope = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(scope.to_string(), written);
        assert_eq!(written.parse::<Scope>().unwrap(), scope, "{text}");
        assert!(!matches!(scope, Scope::Other(_)), "{text}");
    }
}

#[test]
fn malformed_scopes_are_refused_by_name_and_grant_nothing() {
    for (text, error) in MALFORMED {
        assert_eq!(text.parse::<Scope>(), Err(error), "{text}");
        assert!(text.len() < 2 || !error.to_string().contains(text), "{text}");
        let with = ["patient/Patient.r", text];
        assert_eq!(ScopeSet::parse(FhirVersion::R4, with).unwrap_err().number, 1, "{text}");
        let granted = ScopeSet::granted(FhirVersion::R4, with);
        let scopes: Vec<String> = granted.scopes().map(ToString::to_string).collect();
        assert_eq!(scopes, ["patient/Patient.r"], "{text}");
    }
}

#[test]
fn scopes_of_others_grant_nothing() {
    for text in OTHERS {
        assert!(matches!(text.parse(), Ok(Scope::Other(_))), "{text}");
    }
    let others = OTHERS.into_iter().chain(["launch", "launch/patient", "openid", "fhirUser"]);
    assert!(ScopeSet::parse(FhirVersion::R4, others).unwrap().is_empty());
}

#[test]
fn letters_and_words_mean_the_same_interactions() {
    use Interaction::{Create, Delete, Read, Search, Update};
    for (scope, interactions) in [
        ("user/Patient.read", &[Read, Search][..]),
        ("user/Patient.write", &[Create, Update, Delete]),
        ("user/Patient.*", &[Create, Read, Update, Delete, Search]),
        ("user/Patient.cruds", &[Create, Read, Update, Delete, Search]),
        ("user/Patient.r", &[Read]),
        ("user/*.us", &[Update, Search]),
        ("user/Observation.cruds", &[]),
        ("user/Nothing.cruds", &[]),
    ] {
        let set = ScopeSet::parse(FhirVersion::R4, [scope]).unwrap();
        for one in Interaction::ALL {
            assert_eq!(set.may(one, "Patient"), interactions.contains(&one), "{scope} {one:?}");
            // There is no such type to be granted.
            assert!(!set.may(one, "Nothing"));
        }
    }
}

fn written(set: &ScopeSet) -> Vec<String> {
    set.scopes().map(ToString::to_string).collect()
}

/// What a token has, what a tool lists, and what is left.
#[test]
fn a_token_opens_of_a_tool_what_both_list() {
    for (token, tool, both) in [
        ("patient/*.rs", "patient/Observation.rs", &["patient/Observation.rs"][..]),
        ("patient/Observation.cruds", "patient/*.r", &["patient/Observation.r"]),
        ("patient/Observation.rs", "patient/Condition.rs", &[]),
        ("patient/Observation.r", "patient/Observation.s", &[]),
        (
            "patient/*.*",
            "patient/Observation.rs?category=a",
            &["patient/Observation.rs?category=a"],
        ),
        (
            "patient/Observation.rs?category=a",
            "patient/Observation.rs?code=b",
            &["patient/Observation.rs?category=a&code=b"],
        ),
        (
            "patient/Observation.rs?category=a",
            "patient/Observation.rs?category=a",
            &["patient/Observation.rs?category=a"],
        ),
        // A user reaches what is for one patient; what is for one patient does not reach a user's.
        ("user/*.rs", "patient/Observation.rs", &["user/Observation.rs"]),
        ("system/*.rs", "patient/Observation.rs", &["system/Observation.rs"]),
        ("patient/*.rs", "user/Observation.rs", &[]),
        ("patient/*.rs", "system/Observation.rs", &[]),
        ("system/*.rs", "user/Observation.rs", &[]),
        ("user/*.rs", "system/Observation.rs", &[]),
        ("user/*.rs", "user/*.r", &["user/*.r"]),
        ("openid launch/patient", "patient/*.rs", &[]),
        (
            "patient/*.r user/Patient.s",
            "patient/Patient.rs user/Patient.s",
            &["patient/Patient.r", "user/Patient.s"],
        ),
    ] {
        let set = |scopes: &str| ScopeSet::parse(FhirVersion::R4, scopes.split(' ')).unwrap();
        let mut left = written(&set(token).within(&set(tool)));
        left.dedup();
        assert_eq!(left, both, "{token} within {tool}");
    }
    let set = ScopeSet::parse(FhirVersion::R4, ["user/*.r", "patient/*.s"]).unwrap();
    assert_eq!(written(&set.at(Level::User)), ["user/*.r"]);
}

#[test]
fn a_search_is_restricted_to_what_is_granted() {
    let restriction = |scopes: &[&str], kind: &str| {
        ScopeSet::parse(FhirVersion::R4, scopes).unwrap().restriction(Interaction::Search, kind)
    };
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(restriction(&["user/Patient.rs"], "Observation"), Restriction::Nothing);
    assert_eq!(restriction(&["user/Observation.r"], "Observation"), Restriction::Nothing);
    assert_eq!(restriction(&["user/*.s"], "Observation"), Restriction::Everything);
    let some = ["user/Observation.s?category=a,b&code=x%7Cy", "user/Observation.rs?status=final"];
    let lists =
        vec![vec![pair("category", "a,b"), pair("code", "x|y")], vec![pair("status", "final")]];
    assert_eq!(restriction(&some, "Observation"), Restriction::Only(lists));
    assert_eq!(restriction(&[some[0], "user/*.rs"], "Observation"), Restriction::Everything);
    // What cannot be told of a record grants nothing.
    for query in
        ["code:in=http://x", "patient.name=x", "date=2026", "_count=1", "_filter=x", "nothing=x"]
    {
        let scope = format!("user/Observation.rs?{query}");
        assert_eq!(restriction(&[&scope], "Observation"), Restriction::Nothing, "{query}");
        let scope = format!("user/Observation.rs?category=a&{query}");
        assert_eq!(restriction(&[&scope], "Observation"), Restriction::Nothing, "{query}");
    }
}

proptest! {
    #[test]
    fn any_text_is_answered_and_what_is_read_is_written_the_same(
        text in "(patient|user|system|launch)?/?([A-Z*][a-z]{0,3})?[.]?[cruds*]{0,4}([?&][a-z]{0,2}[=%,|0-9a-f]{0,6}){0,2}",
    ) {
        if let Ok(scope) = text.parse::<Scope>() {
            prop_assert_eq!(scope.to_string().parse::<Scope>().unwrap(), scope);
        }
    }

    #[test]
    fn any_characters_are_answered(text: String) {
        let _ = text.parse::<Scope>();
        let _ = format!("patient/Observation.rs?{text}").parse::<Scope>();
    }
}
