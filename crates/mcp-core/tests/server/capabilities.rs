//! What `server/discover` promises, and that it is kept.

use mcp_core::protocol::ReadResourceResult;
use mcp_core::server::{
    BuildError, BuildErrors, CacheHints, ServedPrompt, ServedResource, ServedTemplate, ServedTool,
    Server, ServerBuilder,
};
use serde_json::{Value, json};

use crate::common::{error, exchange, messages, request, result};

fn tool() -> ServedTool {
    ServedTool::new("t", async || "x")
}

fn prompt() -> ServedPrompt {
    ServedPrompt::new("p", async || "x".to_owned())
}

fn resource() -> ServedResource {
    ServedResource::new("x:1", "one", async || ReadResourceResult::new(Vec::new()))
}

fn template() -> ServedTemplate {
    ServedTemplate::new("y:{id}", "some", async || ReadResourceResult::new(Vec::new()))
}

fn completed() -> ServedTemplate {
    template().complete("id", async || vec!["1".to_owned()])
}

fn new() -> ServerBuilder {
    Server::builder("app", "1")
}

async fn discover(server: &Server) -> Value {
    result(server, &request(1, "server/discover", json!({}))).await
}

async fn declared(builder: ServerBuilder) -> Value {
    discover(&builder.build().unwrap()).await["capabilities"].clone()
}

#[tokio::test]
async fn discover_is_always_there() {
    let nothing = discover(&new().build().unwrap()).await;
    assert_eq!(nothing["supportedVersions"], json!(["2026-07-28"]));
    assert_eq!(nothing["capabilities"], json!({}));
    assert!(nothing["instructions"].is_null());
    assert_eq!((&nothing["ttlMs"], &nothing["cacheScope"]), (&json!(0), &json!("private")));
    let everything = new()
        .instructions("Be kind")
        .cache_discover(CacheHints::public(60_000))
        .logging()
        .tool(tool())
        .prompt(prompt())
        .resource(resource())
        .template(completed())
        .build()
        .unwrap();
    let everything = discover(&everything).await;
    assert_eq!(
        everything["capabilities"],
        json!({
            "tools": { "listChanged": true },
            "prompts": { "listChanged": true },
            "resources": { "listChanged": true, "subscribe": true },
            "completions": {},
            "logging": {},
        })
    );
    assert_eq!(everything["instructions"], "Be kind");
    assert_eq!(
        (&everything["ttlMs"], &everything["cacheScope"]),
        (&json!(60_000), &json!("public"))
    );
    for found in [nothing, everything] {
        assert_eq!(
            found["_meta"]["io.modelcontextprotocol/serverInfo"],
            json!({ "name": "app", "version": "1" })
        );
    }
}

#[tokio::test]
async fn tools_are_declared() {
    assert_eq!(declared(new().tool(tool())).await, json!({ "tools": { "listChanged": true } }));
    assert_eq!(declared(new().tools()).await, json!({ "tools": { "listChanged": true } }));
    assert!(declared(new().prompt(prompt())).await["tools"].is_null());
}

#[tokio::test]
async fn resources_are_declared() {
    let yes = json!({ "resources": { "listChanged": true, "subscribe": true } });
    assert_eq!(declared(new().resource(resource())).await, yes);
    assert_eq!(declared(new().template(template())).await, yes);
    assert_eq!(declared(new().resources()).await, yes);
    assert!(declared(new().tool(tool())).await["resources"].is_null());
}

#[tokio::test]
async fn prompts_are_declared() {
    let yes = json!({ "prompts": { "listChanged": true } });
    assert_eq!(declared(new().prompt(prompt())).await, yes);
    assert_eq!(declared(new().prompts()).await, yes);
    assert!(declared(new().tool(tool())).await["prompts"].is_null());
}

#[tokio::test]
async fn completions_are_declared() {
    assert_eq!(declared(new().template(completed())).await["completions"], json!({}));
    assert_eq!(declared(new().completions()).await, json!({ "completions": {} }));
    let prompts = prompt().complete("a", async || vec!["1".to_owned()]);
    assert_eq!(declared(new().prompt(prompts)).await["completions"], json!({}));
    assert!(declared(new().template(template()).prompt(prompt())).await["completions"].is_null());
}

/// Every method of the core with parameters that a server with [`tool`] and so on understands.
fn methods() -> Vec<(&'static str, &'static str, Value)> {
    let complete = json!({
        "ref": { "type": "ref/resource", "uri": "y:{id}" },
        "argument": { "name": "id", "value": "" },
    });
    vec![
        ("tools", "tools/list", json!({})),
        ("tools", "tools/call", json!({ "name": "t" })),
        ("prompts", "prompts/list", json!({})),
        ("prompts", "prompts/get", json!({ "name": "p" })),
        ("resources", "resources/list", json!({})),
        ("resources", "resources/templates/list", json!({})),
        ("resources", "resources/read", json!({ "uri": "y:1" })),
        ("completions", "completion/complete", complete),
    ]
}

#[tokio::test]
async fn capabilities_match_methods() {
    for parts in 0..16_u8 {
        let mut builder = new();
        if parts & 1 != 0 {
            builder = builder.tool(tool());
        }
        if parts & 2 != 0 {
            builder = builder.prompt(prompt());
        }
        if parts & 4 != 0 {
            builder = builder.template(template());
        }
        if parts & 8 != 0 {
            // Completion is of something: this brings resources too.
            builder = builder.template(
                ServedTemplate::new("z:{id}", "more", async || ReadResourceResult::new(Vec::new()))
                    .complete("id", async || vec!["1".to_owned()]),
            );
        }
        let server = builder.build().unwrap();
        let declared = discover(&server).await["capabilities"].clone();
        for (capability, method, mut params) in methods() {
            if parts & 4 == 0 {
                // Only the other template is there.
                params = serde_json::from_str(&params.to_string().replace("y:", "z:")).unwrap();
            }
            let answer = messages(exchange(&server, &request(1, method, params))).await;
            let code = &answer[0]["error"]["code"];
            if declared[capability].is_null() {
                assert_eq!(*code, -32601, "{parts:04b} {method}");
            } else {
                assert!(answer[0]["result"].is_object(), "{parts:04b} {method}: {answer:?}");
            }
        }
        // Never there, whatever is declared.
        for gone in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "tools/run"] {
            assert_eq!(error(&server, &request(1, gone, json!({}))).await["code"], -32601);
        }
    }
}

#[tokio::test]
async fn discover_follows_the_definition() {
    let server = new().build().unwrap();
    let handle = server.handle();
    let refused = |added: Result<(), BuildErrors>| {
        let errors = added.unwrap_err();
        let [BuildError::NotDeclared { capability, .. }] = errors.as_slice() else {
            panic!("{errors}")
        };
        *capability
    };
    assert_eq!(refused(handle.add_tool(tool())), "tools");
    assert_eq!(refused(handle.add_prompt(prompt())), "prompts");
    assert_eq!(refused(handle.add_resource(resource())), "resources");
    assert_eq!(refused(handle.add_template(template())), "resources");
    assert_eq!(discover(&server).await["capabilities"], json!({}));
    assert_eq!(error(&server, &request(1, "tools/list", json!({}))).await["code"], -32601);

    let server = new().tools().prompts().resources().build().unwrap();
    let handle = server.handle();
    handle.add_tool(tool()).unwrap();
    handle.add_prompt(prompt()).unwrap();
    handle.add_resource(resource()).unwrap();
    handle.add_template(template()).unwrap();
    let completing = prompt().complete("a", async || vec!["1".to_owned()]);
    assert_eq!(refused(handle.add_prompt(completing)), "completions");
    assert_eq!(refused(handle.add_template(completed())), "completions");
    let listed = result(&server, &request(1, "resources/templates/list", json!({}))).await;
    assert_eq!(listed["resourceTemplates"][0]["uriTemplate"], "y:{id}");

    let server = new().resources().completions().build().unwrap();
    server.handle().add_template(completed()).unwrap();
    let (_, method, params) = methods().pop().unwrap();
    let proposed = result(&server, &request(1, method, params)).await;
    assert_eq!(proposed["completion"]["values"], json!(["1"]));
}
