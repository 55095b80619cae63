//! What the four lists have in common.

use async_trait::async_trait;
use mcp_core::protocol::{ReadResourceResult, Resource};
use mcp_core::server::{
    CacheHints, Cx, HandlerError, ResourcePage, ResourceProvider, ServedPrompt, ServedResource,
    ServedTemplate, ServedTool, Server, ServerBuilder,
};
use serde_json::{Value, json};

use crate::common::{error, messages, request, result};

const LISTS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("prompts/list", "prompts", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
];

fn empty() -> ReadResourceResult {
    ReadResourceResult::new(Vec::new())
}

/// Five entries in each list, two on a page.
fn builder() -> ServerBuilder {
    let mut builder = Server::builder("app", "1").page_size(2);
    for name in ["e", "a", "d", "b", "c"] {
        builder = builder
            .tool(ServedTool::new(name, async || "x"))
            .prompt(ServedPrompt::new(name, async || "x".to_owned()))
            .resource(ServedResource::new(format!("{name}:1"), name, async || empty()))
            .template(ServedTemplate::new(format!("{name}:/{{id}}"), name, async || empty()));
    }
    builder
}

async fn page(server: &Server, method: &str, cursor: &Value) -> Value {
    let params = if cursor.is_null() { json!({}) } else { json!({ "cursor": cursor }) };
    result(server, &request(1, method, params)).await
}

/// All pages of a list.
async fn pages(server: &Server, method: &str) -> Vec<Value> {
    let mut pages = Vec::new();
    let mut cursor = Value::Null;
    loop {
        let next = page(server, method, &cursor).await;
        cursor = next["nextCursor"].clone();
        pages.push(next);
        if cursor.is_null() {
            return pages;
        }
    }
}

fn keys(pages: &[Value], member: &str, key: &str) -> Vec<String> {
    let entries = pages.iter().flat_map(|page| page[member].as_array().unwrap());
    entries.map(|entry| entry[key].as_str().unwrap().to_owned()).collect()
}

async fn listed(server: &Server, (method, member, key): (&str, &str, &str)) -> Vec<String> {
    keys(&pages(server, method).await, member, key)
}

#[tokio::test]
async fn order_is_fixed() {
    let (one, other) = (builder().build().unwrap(), builder().build().unwrap());
    for list in LISTS {
        let first = listed(&one, list).await;
        let names: String = first.iter().map(|key| &key[..1]).collect();
        assert_eq!(names, "eadbc", "{list:?}");
        for _ in 0..10 {
            assert_eq!(listed(&one, list).await, first);
            assert_eq!(listed(&other, list).await, first);
        }
    }
    let handle = one.handle();
    handle.add_tool(ServedTool::new("z", async || "x")).unwrap();
    handle.add_tool(ServedTool::new("d", async || "replaced")).unwrap();
    assert_eq!(listed(&one, LISTS[0]).await.concat(), "eadbcz");
    handle.remove_tool("z");
    assert_eq!(listed(&one, LISTS[0]).await.concat(), "eadbc");
}

#[tokio::test]
async fn what_is_listed_is_there() {
    let server = builder().build().unwrap();
    for name in listed(&server, LISTS[0]).await {
        result(&server, &request(1, "tools/call", json!({ "name": name }))).await;
    }
    for name in listed(&server, LISTS[1]).await {
        result(&server, &request(1, "prompts/get", json!({ "name": name }))).await;
    }
    for uri in listed(&server, LISTS[2]).await {
        result(&server, &request(1, "resources/read", json!({ "uri": uri }))).await;
    }
    for template in listed(&server, LISTS[3]).await {
        let uri = template.replace("{id}", "7");
        result(&server, &request(1, "resources/read", json!({ "uri": uri }))).await;
    }
    // And what is not listed any more is not there.
    server.handle().remove_tool("a");
    assert_eq!(listed(&server, LISTS[0]).await.concat(), "edbc");
    let gone = error(&server, &request(1, "tools/call", json!({ "name": "a" }))).await;
    assert_eq!(gone["code"], -32602);
    // Templates alone are resources too: none is listed, and the templates are.
    let server = Server::builder("app", "1")
        .template(ServedTemplate::new("x:/{id}", "x", async || empty()))
        .build()
        .unwrap();
    assert_eq!(page(&server, "resources/list", &Value::Null).await["resources"], json!([]));
    assert_eq!(listed(&server, LISTS[3]).await, ["x:/{id}"]);
}

#[tokio::test]
async fn cursors_are_stable() {
    for list @ (method, member, key) in LISTS {
        let (one, other) = (builder().build().unwrap(), builder().build().unwrap());
        let cursor = page(&one, method, &Value::Null).await["nextCursor"].clone();
        let second = page(&one, method, &cursor).await;
        assert_eq!(page(&one, method, &cursor).await, second);
        assert_eq!(page(&other, method, &cursor).await, second, "another server of the same kind");
        // An entry before it goes: none is lost, none is doubled.
        let handle = one.handle();
        match method {
            "tools/list" => assert!(handle.remove_tool("e")),
            "prompts/list" => assert!(handle.remove_prompt("e")),
            "resources/list" => assert!(handle.remove_resource("e:1")),
            _ => continue,
        }
        assert_eq!(page(&one, method, &cursor).await, second);
        let rest = keys(&[second], member, key);
        let all = listed(&one, list).await;
        assert_eq!(all[1..3], rest);
        // The entry itself goes: a cursor that says nothing any more is refused.
        match method {
            "tools/list" => assert!(handle.remove_tool("a")),
            "prompts/list" => assert!(handle.remove_prompt("a")),
            _ => assert!(handle.remove_resource("a:1")),
        }
        let params = json!({ "cursor": cursor });
        assert_eq!(error(&one, &request(1, method, params)).await["code"], -32602);
    }
}

#[tokio::test]
async fn bad_cursors_are_refused() {
    let server = builder().build().unwrap();
    let mut of_others = Vec::new();
    for (method, ..) in LISTS {
        of_others.push((method, page(&server, method, &Value::Null).await["nextCursor"].clone()));
    }
    for (method, ..) in LISTS {
        let mut bad = vec![
            json!("x"),
            json!(""),
            json!("k."),
            json!("k.!!"),
            json!("p.0."),
            json!("p.x"),
            json!("p.18446744073709551616."),
            json!("k.".to_owned() + &"A".repeat(1 << 20)),
            json!(7),
            json!(["x"]),
        ];
        // Tools and prompts have equal names here; the others have cursors of their own.
        let foreign = |of: &str| match method {
            "tools/list" | "prompts/list" => of.starts_with("resources"),
            _ => of != method,
        };
        bad.extend(
            of_others.iter().filter(|(of, _)| foreign(of)).map(|(_, cursor)| cursor.clone()),
        );
        for cursor in bad {
            let params = json!({ "cursor": cursor });
            let refused = error(&server, &request(1, method, params)).await;
            let shown: String = cursor.to_string().chars().take(40).collect();
            assert_eq!(refused["code"], -32602, "{method} {shown}");
            assert!(refused.to_string().len() < 1000, "{method} {shown}");
        }
        page(&server, method, &Value::Null).await;
    }
}

/// Two pages of two resources; `here` and `there` are not among the fixed ones.
struct Shelf;

#[async_trait]
impl ResourceProvider for Shelf {
    async fn list(&self, _: &Cx, cursor: Option<&str>) -> Result<ResourcePage, HandlerError> {
        let (uri, next) = match cursor {
            None => ("shelf:here", Some("more".to_owned())),
            Some("more") => ("shelf:there", None),
            Some(_) => return Err(HandlerError::tell("there is no such page")),
        };
        Ok(ResourcePage { resources: vec![Resource::new(uri, uri)], next })
    }

    async fn read(&self, _: &Cx, uri: &str) -> Result<Option<ReadResourceResult>, HandlerError> {
        Ok(uri.starts_with("shelf:").then(empty))
    }
}

#[tokio::test]
async fn pages_share_their_scope() {
    for hints in [CacheHints::public(5), CacheHints::private(7), CacheHints::default()] {
        let builder = builder().cache_lists(hints).resource_provider(Shelf);
        let server = builder.build().unwrap();
        for (method, ..) in LISTS {
            let pages = pages(&server, method).await;
            assert!(pages.len() >= 3, "{method}");
            for page in pages {
                assert_eq!(page["cacheScope"], json!(hints.scope), "{method}");
                assert_eq!(page["ttlMs"], json!(hints.ttl_ms), "{method}");
            }
        }
    }
}

#[tokio::test]
async fn resources_that_are_looked_up_follow_the_fixed_ones() {
    let server = builder().resource_provider(Shelf).build().unwrap();
    let all = listed(&server, LISTS[2]).await;
    assert_eq!(all, ["e:1", "a:1", "d:1", "b:1", "c:1", "shelf:here", "shelf:there"]);
    for bad in ["p.0.nowhere", "p.1.", "p.7.more"] {
        let refused = request(1, "resources/list", json!({ "cursor": bad }));
        assert_eq!(error(&server, &refused).await["code"], -32602, "{bad}");
    }
}

#[tokio::test]
async fn six_methods_carry_hints() {
    let hints = CacheHints::public(5);
    let server = builder().cache_lists(hints).build().unwrap();
    let hinted = |result: &Value| !result["ttlMs"].is_null() && !result["cacheScope"].is_null();
    for (method, ..) in LISTS {
        for page in pages(&server, method).await {
            assert!(hinted(&page), "{method}");
        }
    }
    let discovered = result(&server, &request(1, "server/discover", json!({}))).await;
    assert!(hinted(&discovered));
    let read = result(&server, &request(1, "resources/read", json!({ "uri": "a:1" }))).await;
    assert!(hinted(&read));
    for (method, params) in
        [("tools/call", json!({ "name": "a" })), ("prompts/get", json!({ "name": "a" }))]
    {
        let plain = result(&server, &request(1, method, params)).await;
        assert!(plain["ttlMs"].is_null() && plain["cacheScope"].is_null(), "{method}");
    }
}

#[tokio::test]
async fn default_hints_are_safe() {
    let server = builder().build().unwrap();
    for (method, params) in [
        ("server/discover", json!({})),
        ("tools/list", json!({})),
        ("prompts/list", json!({})),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "a:1" })),
    ] {
        let answer = result(&server, &request(1, method, params)).await;
        assert_eq!((&answer["ttlMs"], &answer["cacheScope"]), (&json!(0), &json!("private")));
    }
}

/// The lists as bytes: nothing of them depends on what was asked before.
#[tokio::test]
async fn lists_do_not_depend_on_the_past() {
    let server = builder().build().unwrap();
    let all = async || {
        let mut all = Vec::new();
        for (method, ..) in LISTS {
            all.push(pages(&server, method).await);
        }
        all
    };
    let before = all().await;
    for (method, params) in [
        ("tools/call", json!({ "name": "a" })),
        ("tools/call", json!({ "name": "no such" })),
        ("prompts/get", json!({ "name": "a" })),
        ("resources/read", json!({ "uri": "a:1" })),
        ("subscriptions/listen", json!({ "notifications": {} })),
    ] {
        let mut running = crate::common::exchange(&server, &request(9, method, params));
        running.next().await.unwrap();
    }
    assert_eq!(all().await, before);
    let listed = request(1, "tools/list", json!({}));
    let as_alice = crate::common::answer_as(&server, "alice", &listed).await;
    let plain = messages(crate::common::exchange(&server, &listed)).await.remove(0);
    assert_eq!(as_alice, plain, "nothing here is only some people's");
}
