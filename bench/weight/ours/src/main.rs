//! A minimal stdio server, as mcp-core's documentation writes it.

use mcp_core::{
    Shutdown,
    server::{Args, ServedTool, Server},
    transport::{StdioOptions, serve_stdio},
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct TextArguments {
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let echo = ServedTool::new("echo", async |Args(TextArguments { text })| text)
        .description("Answers the text it is given.");
    let server = Server::builder("echo", "1.0.0").tool(echo).build()?;
    let (_trigger, shutdown) = Shutdown::new();
    serve_stdio(server, StdioOptions::default(), shutdown).await?;
    Ok(())
}
