//! The server: the workload's tools on `mcp-core`.

use bench_support::{Result, workload};
use mcp_core::server::{Args, CacheHints, Cx, ServedTool, Server};
use serde::Deserialize;

#[derive(Deserialize, schemars::JsonSchema)]
struct Text {
    text: String,
}

/// Builds the server.
pub(crate) fn server() -> Result<Server> {
    let mut builder = Server::builder(workload::SERVER_NAME, workload::SERVER_VERSION)
        .instructions(workload::INSTRUCTIONS)
        .cache_lists(CacheHints::public(workload::TTL_MS))
        .cache_discover(CacheHints::public(workload::TTL_MS));
    for definition in workload::tools() {
        let name = definition.name;
        let tool = match name.as_str() {
            workload::PROGRESS => {
                ServedTool::new(name, async |cx: Cx, Args(Text { text }): Args<Text>| {
                    cx.progress(1, 2, "");
                    text
                })
            }
            workload::TOUCH => ServedTool::new(name, async |cx: Cx| {
                cx.server().tools_changed();
                workload::TOUCHED.to_owned()
            }),
            // The filler tools are never called: what they do does not matter.
            _ => ServedTool::new(name, async |Args(Text { text }): Args<Text>| text),
        };
        let schema = serde_json::from_value(definition.input_schema)?;
        builder = builder.tool(tool.description(definition.description).input_schema(schema));
    }
    Ok(builder.build()?)
}
