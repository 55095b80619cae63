//! Headers that mirror the body: every disagreement is refused, and nothing else.

use mcp_testkit::{HttpRequest, Message, call_tool, request};
use serde_json::{Value, json};

use crate::support::{mcp, plain, start};

fn prompt() -> Message {
    request("prompts/get").id(1).param("name", "greeting")
}

fn resource() -> Message {
    request("resources/read").id(1).param("uri", "file:///a%20b")
}

#[tokio::test]
async fn every_disagreement_is_refused() {
    let running = start().await;
    for (message, header, right) in [
        (plain(), "MCP-Protocol-Version", "2026-07-28"),
        (plain(), "Mcp-Method", "tools/call"),
        (plain(), "Mcp-Name", "plain"),
        (prompt(), "Mcp-Name", "greeting"),
        (resource(), "Mcp-Name", "file:///a%20b"),
    ] {
        let good = mcp(&message);
        for wrong in ["other", "", &format!("{right}x"), &format!("{right},{right}")] {
            let request = good.clone().replace_header(header, wrong);
            running.refused(&request, 400, -32020, &json!(1)).await;
        }
        running.refused(&good.clone().header(header, right), 400, -32020, &json!(1)).await;
        for same in [format!("  {right}\t "), right.to_owned()] {
            let response = running.send(&good.clone().replace_header(header, same)).await;
            assert_eq!(response.status(), 200, "{header}: {}", response.text());
        }
    }
}

#[tokio::test]
async fn header_errors_are_whole() {
    let running = start().await;
    for header in ["MCP-Protocol-Version", "Mcp-Method", "Mcp-Name"] {
        for request in [
            mcp(&plain()).without_header(header),
            mcp(&plain()).replace_header(header, "secret-value"),
            mcp(&plain()).header(header, "secret-value"),
        ] {
            let response = running.refused(&request, 400, -32020, &json!(1)).await;
            let message = response.json().unwrap()["error"]["message"].to_string();
            assert!(message.contains(header), "{message}");
            assert!(!message.contains("secret-value"), "{message}");
        }
    }
}

#[tokio::test]
async fn missing_version_header() {
    let running = start().await;
    let request = mcp(&plain()).without_header("MCP-Protocol-Version");
    let response = running.refused(&request, 400, -32020, &json!(1)).await;
    assert!(response.text().contains("MCP-Protocol-Version"));
}

#[tokio::test]
async fn a_name_in_the_header_alone_is_a_disagreement() {
    let running = start().await;
    let nameless = request("tools/call").id(1).param("arguments", json!({}));
    let response = running.send(&mcp(&nameless)).await;
    assert_eq!(response.json().unwrap()["error"]["code"], -32602);
    let named = mcp(&nameless).header("Mcp-Name", "plain");
    running.refused(&named, 400, -32020, &json!(1)).await;
    // Methods without a name do not look at the header.
    let list = mcp(&request("tools/list").id(1)).header("Mcp-Name", "plain");
    assert_eq!(running.send(&list).await.status(), 200);
}

#[tokio::test]
async fn header_names_have_no_case() {
    let running = start().await;
    let message = call_tool("mirrors", json!({ "region": "Mitte" })).id(1);
    let request = HttpRequest::new("POST", "/mcp")
        .header("content-type", "application/json")
        .header("ACCEPT", "*/*")
        .header("mcp-PROTOCOL-version", "2026-07-28")
        .header("MCP-METHOD", "tools/call")
        .header("mcp-name", "mirrors")
        .body(message.to_json().to_string());
    let response = running.send(&request.clone().header("mcp-param-REGION", "Mitte")).await;
    assert_eq!(response.status(), 200);
    running.refused(&request.header("mcp-param-REGION", "mitte"), 400, -32020, &json!(1)).await;
}

#[tokio::test]
async fn encoded_headers_are_decoded() {
    let running = start().await;
    let named = |value: &str| mcp(&plain()).replace_header("Mcp-Name", value);
    assert_eq!(running.send(&named("=?base64?cGxhaW4=?=")).await.status(), 200);
    for bad in [
        "=?base64?cGxhaW4?=",   // No padding.
        "=?base64?cGxhaW5=?=",  // Trailing bits.
        "=?base64?cGxha-4=?=",  // Another alphabet.
        "=?base64? cGxhaW4=?=", // White space.
        "=?base64?/w==?=",      // No UTF-8.
        "=?base64??=",
    ] {
        running.refused(&named(bad), 400, -32020, &json!(1)).await;
    }
    let uri = mcp(&resource()).replace_header("Mcp-Name", "=?base64?ZmlsZTovLy9hJTIwYg==?=");
    assert_eq!(running.send(&uri).await.status(), 200);
}

#[tokio::test]
async fn markers_are_exact() {
    let running = start().await;
    for literal in ["=?BASE64?SGk=?=", "=?base64?SGk=", "SGk=?="] {
        let same = call_tool("mirrors", json!({ "region": literal })).id(1);
        let response = running.send(&mcp(&same).header("Mcp-Param-Region", literal)).await;
        assert_eq!(response.status(), 200, "{literal}: {}", response.text());
        let decoded = call_tool("mirrors", json!({ "region": "Hi" })).id(1);
        let request = mcp(&decoded).header("Mcp-Param-Region", literal);
        running.refused(&request, 400, -32020, &json!(1)).await;
    }
}

#[tokio::test]
async fn params_match_headers() {
    let running = start().await;
    for (arguments, header, same, different) in [
        (json!({ "region": "eu" }), "Mcp-Param-Region", "eu", "us"),
        (json!({ "region": "" }), "Mcp-Param-Region", "", "us"),
        (json!({ "region": "ü" }), "Mcp-Param-Region", "=?base64?w7w=?=", "=?base64?dQ==?="),
        (json!({ "count": -7 }), "Mcp-Param-Count", "-7", "7"),
        (json!({ "flag": true }), "Mcp-Param-Flag", "true", "True"),
        (json!({ "flag": false }), "Mcp-Param-Flag", "false", "0"),
        (json!({ "place": { "city": "Köln" } }), "Mcp-Param-City", "=?base64?S8O2bG4=?=", "Koeln"),
    ] {
        let good = mcp(&call_tool("mirrors", &arguments).id(1));
        let response = running.send(&good.clone().header(header, same)).await;
        assert_eq!(response.status(), 200, "{arguments}: {}", response.text());
        running.refused(&good.clone().header(header, different), 400, -32020, &json!(1)).await;
        let twice = good.header(header, same).header(header, same);
        running.refused(&twice, 400, -32020, &json!(1)).await;
    }
}

#[tokio::test]
async fn missing_param_header() {
    let running = start().await;
    for arguments in [
        json!({ "region": "eu" }),
        json!({ "region": "" }),
        json!({ "count": 0 }),
        json!({ "flag": false }),
        json!({ "place": { "city": "Mitte" } }),
    ] {
        let request = mcp(&call_tool("mirrors", arguments).id(1));
        running.refused(&request, 400, -32020, &json!(1)).await;
    }
}

#[tokio::test]
async fn null_needs_no_header() {
    let running = start().await;
    for (arguments, header) in [
        (json!({}), "Mcp-Param-Region"),
        (json!({ "region": null }), "Mcp-Param-Region"),
        (json!({ "place": {} }), "Mcp-Param-City"),
        (json!({ "place": { "city": null } }), "Mcp-Param-City"),
        (json!({ "place": null }), "Mcp-Param-City"),
    ] {
        let good = mcp(&call_tool("mirrors", &arguments).id(1));
        let response = running.send(&good).await;
        assert_eq!(response.status(), 200, "{arguments}");
        assert!(response.json().unwrap()["error"].is_null(), "{arguments}");
        for value in ["x", ""] {
            running.refused(&good.clone().header(header, value), 400, -32020, &json!(1)).await;
        }
    }
}

#[tokio::test]
async fn integers_are_compared_as_numbers() {
    let running = start().await;
    let counted = |body: &str, header: &str| {
        let message = call_tool("mirrors", json!({ "count": "COUNT" })).id(1).to_json();
        let body = message.to_string().replace("\"COUNT\"", body);
        mcp(&call_tool("mirrors", json!({}))).header("Mcp-Param-Count", header).body(body)
    };
    for (body, header) in [
        ("42", "42"),
        ("42", "42.0"),
        ("42", "4.2e1"),
        ("42.0", "42"),
        ("0", "-0"),
        ("9007199254740991", "9007199254740991"),
    ] {
        let response = running.send(&counted(body, header)).await;
        assert_eq!(response.status(), 200, "{body} {header}: {}", response.text());
    }
    for (body, header) in [
        ("42", "43"),
        ("42", "42.5"),
        ("42", "forty-two"),
        ("42", "0x2a"),
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993", "9007199254740993"),
    ] {
        running.refused(&counted(body, header), 400, -32020, &json!(1)).await;
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_mirrored_hides_no_other() {
    let running = start().await;
    // `count` comes before `region`.
    let arguments = json!({ "region": "eu", "count": "not a number" });
    let request = mcp(&call_tool("mirrors", arguments).id(1));
    let other = request.clone().header("Mcp-Param-Region", "us");
    running.refused(&other, 400, -32020, &json!(1)).await;
    let both = request.clone().header("Mcp-Param-Region", "eu").header("Mcp-Param-Count", "7");
    running.refused(&both, 400, -32020, &json!(1)).await;
    // Headers that are right leave the wrong value to the tool's schema, and to the model.
    let response = running.send(&request.header("Mcp-Param-Region", "eu")).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.json().unwrap()["result"]["isError"], Value::Bool(true));
}

#[tokio::test]
async fn bad_param_characters() {
    let running = start().await;
    let request = mcp(&call_tool("mirrors", json!({ "region": "ü" })).id(1));
    for value in ["ü".as_bytes(), b"\xff", b"=?base64?w7w?=", b"=?base64?*?="] {
        let request = request.clone().header("Mcp-Param-Region", value);
        running.refused(&request, 400, -32020, &json!(1)).await;
    }
    // What no header can hold at all never gets past the HTTP parser.
    let control = request.header("Mcp-Param-Region", b"a\x01b");
    assert_eq!(running.send(&control).await.status(), 400);
}

#[tokio::test]
async fn param_mismatch_is_32020() {
    let running = start().await;
    let request = mcp(&call_tool("mirrors", json!({ "region": "eu" })).id("id"));
    let different = request.clone().header("Mcp-Param-Region", "secret-value");
    for request in [different, request] {
        let response = running.refused(&request, 400, -32020, &json!("id")).await;
        let message = response.json().unwrap()["error"]["message"].to_string();
        assert!(message.contains("Mcp-Param-Region"), "{message}");
        assert!(!message.contains("secret-value"), "{message}");
    }
}

#[tokio::test]
async fn unknown_param_headers_are_ignored() {
    let running = start().await;
    let request = mcp(&plain()).header("Mcp-Param-Unknown", "x").header("Mcp-Param-Region", "y");
    assert_eq!(running.send(&request).await.status(), 200);
}
