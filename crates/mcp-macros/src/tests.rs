//! What the macros refuse, with which words and at which place.

use proc_macro2::TokenStream;

use crate::expand::expand;
use crate::options::Kind;

/// The messages of all errors in an expansion, and the text of the line that the first points at,
/// from the place on.
fn errors(kind: Kind, attribute: &str, item: &str) -> (Vec<String>, Option<String>) {
    let tokens: TokenStream = item.parse().unwrap();
    let expanded = expand(kind, attribute.parse().unwrap(), tokens);
    let file: syn::File = syn::parse2(expanded).unwrap();
    let mut messages = Vec::new();
    let mut place = None;
    for item in &file.items {
        let syn::Item::Macro(call) = item else { continue };
        if call.mac.path.segments.last().unwrap().ident != "compile_error" {
            continue;
        }
        let message: syn::LitStr = call.mac.parse_body().unwrap();
        messages.push(message.value());
        let start = call.mac.path.segments.first().unwrap().ident.span();
        place.get_or_insert_with(|| start.source_text());
    }
    (messages, place.flatten())
}

/// Checks that the only error says `message` and points at something that begins with `place`.
#[track_caller]
fn refused(kind: Kind, attribute: &str, item: &str, message: &str, place: &str) {
    let (messages, found) = errors(kind, attribute, item);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].contains(message), "{}", messages[0]);
    let found = found.unwrap_or_default();
    assert!(found.starts_with(place), "points at `{found}`");
}

#[track_caller]
fn accepted(kind: Kind, attribute: &str, item: &str) {
    let (messages, _) = errors(kind, attribute, item);
    assert!(messages.is_empty(), "{messages:?}");
}

#[test]
fn signatures_that_no_handler_has() {
    for (item, message, place) in [
        ("fn f() {}", "`async fn`", "fn"),
        ("async fn f<T>(a: T) {}", "no generic parameters", "T"),
        ("async fn f(a: impl Display) {}", "no generic parameters", "impl"),
        ("async fn f() where String: Sized {}", "no `where` clause", "where"),
        ("async fn f(&self) {}", "without `self`", "&"),
        ("async unsafe fn f() {}", "`unsafe`", "unsafe"),
        ("async extern \"C\" fn f() {}", "calling convention", "extern"),
        ("struct F;", "goes on an async function", "struct"),
    ] {
        refused(Kind::Tool, "", item, message, place);
    }
}

#[test]
fn parameters_that_no_handler_has() {
    for (item, message, place) in [
        ("async fn f((a, b): (i32, i32)) {}", "an argument has a name", "("),
        ("async fn f(_: i32) {}", "not `_`", "_"),
        ("async fn f(text: &str) {}", "take `String`", "&"),
        ("async fn f(list: &[u8]) {}", "take `Vec<…>`", "&"),
        ("async fn f(state: &mut Index) {}", "`&mut` cannot be had", "mut"),
        ("async fn f(state: &dyn Index) {}", "found by its type", "&"),
        ("async fn f(text: Option<&str>) {}", "holds no references", "&"),
        ("async fn f(text: Cow<'_, str>) {}", "holds no references", "_"),
        ("async fn f(#[cfg(unix)] a: i32) {}", "cannot depend on `cfg`", "#"),
        ("async fn f(#[arg] #[from_call] a: i32) {}", "either", "a"),
        ("async fn f(#[arg] #[arg] a: i32) {}", "given twice", "#"),
        ("async fn f(a: i32, Args(b): Args<B>) {}", "not both", "Args"),
        ("async fn f(a: Args<A>, b: RawArgs) {}", "as a whole twice", "RawArgs"),
        ("async fn f(#[arg(default)] a: Option<i32>) {}", "needs no default", "a"),
        (
            "async fn f(a: Cx, b: Cx, c: Cx, d: Cx, e: Cx, f: Cx, g: Cx, h: Cx, i: i32) {}",
            "at most eight",
            "a",
        ),
    ] {
        refused(Kind::Tool, "", item, message, place);
    }
}

#[test]
fn keys_that_mean_nothing() {
    let ok = "async fn f(a: i32) {}";
    for (attribute, message) in [
        ("colour = 1", "unknown key `colour`; `#[tool]` takes `name`"),
        ("mime_type = \"text/plain\"", "unknown key `mime_type`"),
        ("title = \"a\", title = \"b\"", "given twice"),
        ("read_only = 1", "expected boolean"),
        ("read_only, destructive", "not `destructive`"),
        ("name = \"a b\"", "ASCII letters"),
        ("name = \"\"", "1 to 128"),
        ("timeout = \"fast\"", "a time limit is written"),
        ("timeout = \"30\"", "a time limit is written"),
        ("timeout = \"0s\"", "zero"),
        ("timeout = \"99999999999999999999s\"", "a time limit is written"),
        ("timeout = \"18446744073709551615h\"", "a time limit is written"),
        ("timeout = 30", "string literal"),
        ("header(b = \"B\")", "no argument is named `b`"),
        ("header(a = \"A B\")", "no part of an HTTP header's name"),
        ("header(a = \"A\", a = \"B\")", "mirrored twice"),
    ] {
        let (messages, _) = errors(Kind::Tool, attribute, ok);
        assert_eq!(messages.len(), 1, "{attribute}: {messages:?}");
        assert!(messages[0].contains(message), "{attribute}: {}", messages[0]);
    }
}

#[test]
fn keys_of_arguments_that_mean_nothing() {
    for (arg, message, place) in [
        (
            "colour = 1",
            "unknown key `colour`; `#[arg]` takes `rename`, `default`, `header`",
            "colour",
        ),
        ("complete = f", "unknown key `complete`", "complete"),
        ("default = 1, default = 2", "given twice", "default"),
        ("rename = \"\"", "not empty", "\"\""),
        ("header = \"a:b\"", "HTTP header's name", "\"a:b\""),
    ] {
        let item = format!("async fn f(#[arg({arg})] a: i32) {{}}");
        refused(Kind::Tool, "", &item, message, place);
    }
    refused(
        Kind::Prompt,
        "",
        "async fn f(#[arg(header = \"A\")] a: String) {}",
        "takes `rename`, `default`, `complete`",
        "header",
    );
    refused(Kind::Prompt, "", "async fn f(a: Vec<String>) {}", "are strings", "Vec");
}

#[test]
fn two_arguments_of_one_name() {
    refused(
        Kind::Tool,
        "",
        "async fn f(a: i32, #[arg(rename = \"a\")] b: i32) {}",
        "two arguments are named `a`",
        "\"a\"",
    );
}

#[test]
fn resources_are_checked_against_their_uri() {
    let none = "async fn f() {}";
    refused(Kind::Resource, "\"index\"", none, "begins with a scheme", "\"index\"");
    let (messages, _) = errors(Kind::Resource, "", none);
    assert!(messages[0].contains("comes first"), "{messages:?}");
    let (messages, _) = errors(Kind::Resource, "name = \"x\"", none);
    assert!(messages[0].contains("comes first"), "{messages:?}");
    refused(
        Kind::Resource,
        "\"docs://index\"",
        "async fn f(path: String) {}",
        "fixed URI has no arguments",
        "path",
    );
    refused(
        Kind::Resource,
        "\"docs://{section}\"",
        "async fn f(path: String) {}",
        "no variable `path`; it has `section`",
        "path",
    );
    accepted(
        Kind::Resource,
        "\"docs://{+path}\", mime_type = \"text/plain\"",
        "async fn f(path: String) {}",
    );
    accepted(Kind::Resource, "\"docs://{path}\",", "async fn f() {}");
}

#[test]
fn all_mistakes_are_told_at_once() {
    let (messages, _) =
        errors(Kind::Tool, "colour", "fn f<T>(_: i32, text: &str, (a, b): (i32, i32)) {}");
    assert_eq!(messages.len(), 6, "{messages:#?}");
}

#[test]
fn a_refused_function_still_has_its_name_and_type() {
    let tokens = "fn f() {}".parse().unwrap();
    let text = expand(Kind::Prompt, TokenStream::new(), tokens).to_string();
    assert!(
        text.contains("fn f") && text.contains("struct f") && text.contains("ServedPrompt"),
        "{text}"
    );
}

#[test]
fn what_handlers_may_have() {
    for item in [
        "async fn f() {}",
        "pub(crate) async fn f(cx: &Cx, mut a: i32) -> String {}",
        "async fn f(State(x): State<X>, #[arg] State: State, r#type: Option<u8>) {}",
        "async fn f(Args(A { b, .. }): Args<A>) {}",
        "async fn f(a: Cow<'static, str>, #[from_call] user: &User) {}",
        "async fn f(#[arg(range(min = 1), example = 1, example = 2, title = \"x\")] a: u8) {}",
        "#[cfg(unix)] #[allow(unused)] async fn f(#[allow(unused)] a: u8) {}",
    ] {
        accepted(Kind::Tool, "", item);
    }
    accepted(Kind::Tool, "header(a = \"A\")", "async fn f(a: Args<A>) {}");
    accepted(Kind::Tool, "crate = other::core, name = NAME, timeout = \"5m\"", "async fn f() {}");
    accepted(Kind::Tool, "crate = \"other::core\"", "async fn f() {}");
}
