//! Resources: their addresses, what does not exist, what cannot be read.

use std::sync::{Arc, Mutex};

use mcp_core::Principal;
use mcp_core::protocol::{BlobResourceContents, ReadResourceResult, ResourceContents};
use mcp_core::server::{
    Args, BuildError, CacheHints, Cx, HandlerError, InputError, ServedResource, ServedTemplate,
    Server, resource_not_found,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::common::{answer_as, declaring, error, request, result};

fn one(uri: &str, text: &str) -> ReadResourceResult {
    ReadResourceResult::new(vec![ResourceContents::text(uri, text)])
}

fn read(uri: impl Into<Value>) -> Value {
    request(1, "resources/read", json!({ "uri": uri.into() }))
}

#[derive(Deserialize, JsonSchema)]
struct Place {
    id: String,
}

#[test]
fn uris_are_checked() {
    let wrong = [
        "not a uri",
        "http//x",
        "a b:c",
        "",
        "/a",
        ":a",
        "1:a",
        "x:a b",
        "x:\u{e9}",
        "x:<a>",
        "x:a\n",
        "x:%",
        "x:%2",
        "x:%zz",
        "x:{id}",
        "x:\\a",
        "x:\"a\"",
    ];
    let mut builder = Server::builder("app", "1");
    for uri in wrong {
        builder = builder.resource(ServedResource::new(uri, "x", async || one("x:", "")));
    }
    let templates = ["x:{id", "x:id}", "x:{}", "x:a b/{id}", "x:{id}/%zz"];
    for template in templates {
        builder = builder.template(ServedTemplate::new(template, "x", async || one("x:", "")));
    }
    let errors = builder.build().err().unwrap();
    for uri in wrong {
        let named = |error: &BuildError| matches!(error, BuildError::Name { what: "resource URI", name } if name == uri);
        assert!(errors.as_slice().iter().any(named), "{uri:?}: {errors}");
    }
    for template in templates {
        let named = |error: &BuildError| matches!(error, BuildError::Template { template: of, .. } if of == template);
        assert!(errors.as_slice().iter().any(named), "{template:?}: {errors}");
    }
    assert_eq!(errors.as_slice().len(), wrong.len() + templates.len(), "all at once");

    let mut builder = Server::builder("app", "1");
    for uri in
        ["urn:isbn:1", "file:///a%20b", "https://a:1/b?c=d&e#f", "x:", "a+b-c.d:e", "tag:a,2026:b"]
    {
        builder = builder.resource(ServedResource::new(uri, "x", async || one("x:", "")));
    }
    for template in ["test://x/{id}", "x:{+path}", "x:/s{?q,n}", "x:%20{id}"] {
        builder = builder.template(ServedTemplate::new(template, "x", async || one("x:", "")));
    }
    builder.build().unwrap();
}

fn shelf(asked: &Arc<Mutex<Vec<String>>>) -> Server {
    let asked = Arc::clone(asked);
    Server::builder("app", "1")
        .resource(ServedResource::new("x:empty", "empty", async || one("x:empty", "")))
        .resource(ServedResource::new(
            "x:broken",
            "broken",
            async || -> Result<ReadResourceResult, HandlerError> {
                Err(std::io::Error::other("/srv/secret/file is gone"))?
            },
        ))
        .resource(ServedResource::new("x:panics", "panics", async || -> ReadResourceResult {
            panic!("a secret reason")
        }))
        .template(ServedTemplate::new(
            "item:///{id}",
            "items",
            move |Args(Place { id }): Args<Place>| {
                asked.lock().unwrap().push(id.clone());
                async move {
                    match id.as_str() {
                        "1" => Ok(one("item:///1", "first")),
                        id => Err(resource_not_found(&format!("item:///{id}"))),
                    }
                }
            },
        ))
        .build()
        .unwrap()
}

#[tokio::test]
async fn what_does_not_exist_is_an_error_and_never_empty_contents() {
    let server = shelf(&Arc::default());
    for uri in ["x:unknown", "item:///2", "y:", "item:///1/2", "item:///"] {
        // `error` also shows that there is no result at all.
        let missing = error(&server, &read(uri)).await;
        assert_eq!((&missing["code"], &missing["data"]["uri"]), (&json!(-32602), &json!(uri)));
    }
    let empty = result(&server, &read("x:empty")).await;
    assert_eq!(empty["contents"], json!([{ "uri": "x:empty", "text": "" }]));
    let first = result(&server, &read("item:///1")).await;
    assert_eq!(first["contents"][0]["text"], "first");
}

#[tokio::test]
async fn failing_read_is_32603() {
    let server = shelf(&Arc::default());
    for uri in ["x:broken", "x:panics"] {
        let failed = error(&server, &read(uri)).await;
        assert_eq!(failed["code"], -32603, "{uri}");
        assert!(!failed.to_string().contains("secret"), "{failed}");
    }
    result(&server, &read("x:empty")).await;
}

#[tokio::test]
async fn uris_of_requests_are_validated() {
    let asked = Arc::default();
    let server = shelf(&asked);
    for uri in [
        json!(""),
        json!(" "),
        json!("item:///a b/c"),
        json!("item:///..%2f.."),
        json!("item:///%zz"),
        json!("item:///%ff"),
        json!(format!("y:{}", "a".repeat(1 << 20))),
        json!(7),
        json!(null),
        json!(["x:empty"]),
        json!({ "uri": "x:empty" }),
    ] {
        let refused = error(&server, &read(uri.clone())).await;
        let shown: String = uri.to_string().chars().take(40).collect();
        assert_eq!(refused["code"], -32602, "{shown}");
    }
    let none = request(1, "resources/read", json!({}));
    assert_eq!(error(&server, &none).await["code"], -32602);
    // A simple variable is one step of a path: an encoded slash or zero is the handler's to see, and
    // comes decoded; what is no text at all does not come.
    assert_eq!(*asked.lock().unwrap(), ["../.."]);
    error(&server, &read("item:///a%00b")).await;
    assert_eq!(asked.lock().unwrap()[1], "a\0b");
}

#[tokio::test]
async fn blobs_are_base64() {
    use base64::Engine;
    let bytes: Vec<u8> = (0..=255).collect();
    let kept = bytes.clone();
    let server = Server::builder("app", "1")
        .resource(ServedResource::new("x:bytes", "bytes", move || {
            let contents = BlobResourceContents::from_bytes("x:bytes", &kept);
            async move { ReadResourceResult::new(vec![contents.into()]) }
        }))
        .build()
        .unwrap();
    let sent = result(&server, &read("x:bytes")).await;
    let blob = sent["contents"][0]["blob"].as_str().unwrap();
    assert_eq!(base64::engine::general_purpose::STANDARD.decode(blob).unwrap(), bytes);
    assert!(sent["contents"][0].get("text").is_none());
}

#[tokio::test]
async fn rounds_carry_no_hints() {
    #[derive(Deserialize, JsonSchema)]
    struct Word {
        word: String,
    }
    let asks = async |cx: Cx| -> Result<ReadResourceResult, InputError> {
        let Word { word } = cx.elicit("word", "Which word?").await?;
        let hints = CacheHints::private(60_000);
        Ok(one("x:asks", &word).with_ttl_ms(hints.ttl_ms).with_cache_scope(hints.scope))
    };
    let server = Server::builder("app", "1")
        .cache_lists(CacheHints::public(60_000))
        .resource(ServedResource::new("x:asks", "asks", asks))
        .build()
        .unwrap();
    let read = |more: Value| {
        let mut params = json!({ "uri": "x:asks" });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        declaring(json!({ "elicitation": {} }), "resources/read", params)
    };
    let round = result(&server, &read(json!({}))).await;
    assert_eq!(round["resultType"], "input_required");
    assert!(round.get("ttlMs").is_none() && round.get("cacheScope").is_none(), "{round}");
    let answer = json!({ "action": "accept", "content": { "word": "pear" } });
    let done = result(&server, &read(json!({ "inputResponses": { "word": answer } }))).await;
    assert_eq!(done["contents"][0]["text"], "pear");
    assert_eq!((&done["ttlMs"], &done["cacheScope"]), (&json!(60_000), &json!("private")));
}

#[tokio::test]
async fn reading_can_be_refused_by_principal() {
    let diary = async |who: Option<Principal>| match who {
        Some(who) if who.as_str() == "alice" => Ok(one("x:diary", "dear diary")),
        // To others it is not even there.
        _ => Err(resource_not_found("x:diary")),
    };
    let server = Server::builder("app", "1")
        .cache_lists(CacheHints::public(60_000))
        .resource(ServedResource::new("x:diary", "diary", diary))
        .build()
        .unwrap();
    let alice = answer_as(&server, "alice", &read("x:diary")).await;
    assert_eq!(alice["result"]["contents"][0]["text"], "dear diary");
    let bob = answer_as(&server, "bob", &read("x:diary")).await;
    assert_eq!(bob["error"]["code"], -32602);
    assert!(!bob.to_string().contains("dear"), "a public list opens nothing");
}
