//! The macros and the functions of the core make the same definitions and give the same answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use mcp_core::protocol::{ReadResourceResult, ResourceContents, ToolAnnotations};
use mcp_core::server::{
    Args, Cx, HandlerError, Json, ServedPrompt, ServedResource, ServedTemplate, ServedTool, Server,
    State,
};
use mcp_macros::{prompt, resource, tool};
use mcp_testkit::{RawClient, call_tool, request};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

struct Prices(u64);

#[derive(Debug, Serialize, JsonSchema)]
struct Offer {
    /// In cents.
    price: u64,
    currency: Currency,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[serde(rename_all = "UPPERCASE")]
enum Currency {
    Eur,
    Usd,
}

mod with_macros {
    use super::*;

    /// Prices a number of pieces.
    #[tool(title = "Price", read_only, timeout = "5s")]
    pub(super) async fn price(
        cx: Cx,
        prices: &Prices,
        /// How many.
        #[arg(minimum = 1)]
        pieces: u64,
        #[arg(header = "Currency")] currency: Currency,
        note: Option<String>,
    ) -> Result<Json<Offer>, HandlerError> {
        super::offer(&cx, prices, pieces, currency, note)
    }

    /// Asks for a bargain.
    #[prompt]
    pub(super) async fn bargain(
        /// What is wanted.
        thing: String,
        limit: Option<String>,
    ) -> String {
        format!("{thing} {limit:?}")
    }

    /// The terms.
    #[resource("shop://terms", title = "Terms", mime_type = "text/plain")]
    pub(super) async fn terms() -> ReadResourceResult {
        ReadResourceResult::new([ResourceContents::text("shop://terms", "No refunds.")])
    }

    /// A thing.
    #[resource("shop://things/{id}")]
    pub(super) async fn thing(id: String) -> ReadResourceResult {
        ReadResourceResult::new([ResourceContents::text(format!("shop://things/{id}"), id)])
    }
}

fn offer(
    cx: &Cx,
    prices: &Prices,
    pieces: u64,
    currency: Currency,
    note: Option<String>,
) -> Result<Json<Offer>, HandlerError> {
    cx.progress(1, 1, note.unwrap_or_default());
    let price = prices.0.checked_mul(pieces).ok_or_else(|| HandlerError::tell("too many"))?;
    Ok(Json(Offer { price, currency }))
}

mod without_macros {
    use super::*;

    #[derive(Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[schemars(rename = "price")]
    struct PriceArguments {
        /// How many.
        #[schemars(extend("minimum" = 1))]
        pieces: u64,
        currency: Currency,
        note: Option<String>,
    }

    async fn price_handler(
        cx: Cx,
        prices: State<Prices>,
        Args(price): Args<PriceArguments>,
    ) -> Result<Json<Offer>, HandlerError> {
        super::offer(&cx, &prices, price.pieces, price.currency, price.note)
    }

    pub(super) fn price() -> ServedTool {
        let mut hints = ToolAnnotations::default();
        hints.read_only_hint = Some(true);
        ServedTool::new("price", price_handler)
            .title("Price")
            .description("Prices a number of pieces.")
            .annotations(hints)
            .timeout(Duration::from_secs(5))
            .mirror_header("currency", "Currency")
    }

    #[derive(Deserialize, JsonSchema)]
    struct BargainArguments {
        /// What is wanted.
        thing: String,
        limit: Option<String>,
    }

    pub(super) fn bargain() -> ServedPrompt {
        ServedPrompt::new("bargain", async |Args(bargain): Args<BargainArguments>| {
            format!("{} {:?}", bargain.thing, bargain.limit)
        })
        .description("Asks for a bargain.")
    }

    pub(super) fn terms() -> ServedResource {
        ServedResource::new("shop://terms", "terms", async || {
            ReadResourceResult::new([ResourceContents::text("shop://terms", "No refunds.")])
        })
        .title("Terms")
        .description("The terms.")
        .mime_type("text/plain")
    }

    #[derive(Deserialize, JsonSchema)]
    struct ThingArguments {
        id: String,
    }

    pub(super) fn thing() -> ServedTemplate {
        ServedTemplate::new(
            "shop://things/{id}",
            "thing",
            async |Args(thing): Args<ThingArguments>| {
                ReadResourceResult::new([ResourceContents::text(
                    format!("shop://things/{}", thing.id),
                    thing.id,
                )])
            },
        )
        .description("A thing.")
    }
}

fn servers() -> [Server; 2] {
    let begin = || Server::builder("shop", "1.0.0").state(Prices(250));
    [
        begin()
            .tool(with_macros::price)
            .prompt(with_macros::bargain)
            .resource(with_macros::terms)
            .template(with_macros::thing)
            .build()
            .unwrap(),
        begin()
            .tool(without_macros::price())
            .prompt(without_macros::bargain())
            .resource(without_macros::terms())
            .template(without_macros::thing())
            .build()
            .unwrap(),
    ]
}

#[tokio::test]
async fn both_ways_are_listed_alike() {
    let [with, without] = servers().map(|server| RawClient::new(&server));
    for method in ["tools/list", "prompts/list", "resources/list", "resources/templates/list"] {
        let (with, without) =
            (with.send(request(method)).await, without.send(request(method)).await);
        assert_eq!(with.assert_result(), without.assert_result(), "{method}");
    }
}

#[tokio::test]
async fn both_ways_answer_alike() {
    let [with, without] = servers().map(|server| RawClient::new(&server));
    let price = |arguments: Value| call_tool("price", arguments).progress_token("p");
    let messages = [
        price(json!({ "pieces": 4, "currency": "EUR", "note": "gift" })),
        price(json!({ "pieces": 0, "currency": "EUR" })),
        price(json!({ "pieces": 4, "currency": "GBP" })),
        price(json!({ "pieces": 4, "currency": "EUR", "nope": 1 })),
        price(json!({ "pieces": u64::MAX, "currency": "USD" })),
        price(json!({})),
        price(json!([])),
        request("prompts/get").param("name", "bargain").param("arguments", json!({ "thing": "a" })),
        request("prompts/get").param("name", "bargain").param("arguments", json!({})),
        request("resources/read").param("uri", "shop://terms"),
        request("resources/read").param("uri", "shop://things/7"),
        request("resources/read").param("uri", "shop://nothing"),
    ];
    for message in messages {
        let with = with.send(message.clone()).await;
        let without = without.send(message).await;
        assert_eq!(with, without);
    }
    let answer = with.send(price(json!({ "pieces": 4, "currency": "EUR" }))).await;
    assert_eq!(answer.assert_structured(), &json!({ "price": 1000, "currency": "EUR" }));
    assert_eq!(answer.progress(), [1.0]);
    // What is a function to the server is still a function to its tests.
    assert_eq!(with_macros::bargain::call("b".to_owned(), None).await, "b None");
}
