//! A minimal stdio server, as rmcp's documentation writes it.

use rmcp::{
    ServiceExt, handler::server::wrapper::Parameters, schemars, tool, tool_router, transport::stdio,
};

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct TextArguments {
    text: String,
}

#[derive(Clone)]
struct Echo;

#[tool_router(server_handler)]
impl Echo {
    #[tool(description = "Answers the text it is given.")]
    fn echo(&self, Parameters(arguments): Parameters<TextArguments>) -> String {
        arguments.text
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Echo.serve(stdio()).await?.waiting().await?;
    Ok(())
}
