//! The server: tools and listeners.

use std::sync::Arc;

use bench_support::{Result, workload};
use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    handler::server::{
        router::tool::{ToolRoute, ToolRouter},
        tool::ToolCallContext,
        wrapper::Parameters,
    },
    model::{
        CacheScope, CallToolRequestParams, CallToolResponse, Implementation, ListToolsResult,
        PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig,
        SubscriptionFilter, Tool,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

/// Cheap to clone: HTTP makes one for every request.
#[derive(Clone)]
pub(crate) struct Server {
    router: Arc<ToolRouter<Self>>,
    changes: watch::Sender<u64>,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct TextArguments {
    text: String,
}

impl Server {
    pub(crate) fn new() -> Result<Self> {
        let mut router = ToolRouter::new();
        for definition in workload::tools() {
            let Value::Object(schema) = definition.input_schema else {
                return Err(format!("{}: the schema is no object", definition.name).into());
            };
            let tool = Tool::new(definition.name, definition.description, schema);
            router.add_route(match tool.name.as_ref() {
                workload::PROGRESS => {
                    ToolRoute::new_dyn(tool, |context| Box::pin(progress(context)))
                }
                workload::TOUCH => ToolRoute::new(tool, Self::touch),
                // The filler tools are never called: what they do does not matter.
                _ => ToolRoute::new(tool, Self::echo),
            });
        }
        Ok(Self { router: Arc::new(router), changes: watch::Sender::new(0) })
    }

    fn echo(&self, Parameters(arguments): Parameters<TextArguments>) -> String {
        arguments.text
    }

    fn touch(&self) -> String {
        self.changes.send_modify(|generation| *generation += 1);
        workload::TOUCHED.to_owned()
    }
}

async fn progress(context: ToolCallContext<'_, Server>) -> Result<CallToolResponse, ErrorData> {
    let request = context.request_context().clone();
    if let Some(token) = request.meta.get_progress_token() {
        let step = ProgressNotificationParam::new(token, 1.0).with_total(2.0);
        request
            .peer
            .notify_progress(step)
            .await
            .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    }
    context.invoke(Server::echo).await
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let capabilities =
            ServerCapabilities::builder().enable_tools().enable_tool_list_changed().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new(workload::SERVER_NAME, workload::SERVER_VERSION))
            .with_instructions(workload::INSTRUCTIONS)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.router.call(ToolCallContext::new(self, request, context)).await
    }

    async fn list_tools(
        &self,
        _page: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.router.list_all())
            .with_ttl_ms(workload::TTL_MS)
            .with_cache_scope(CacheScope::Public))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.router.get(name).cloned()
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.supported_by(&self.get_info().capabilities))
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = changes.changed() => {
                    if changed.is_err() || context.sink().notify_tool_list_changed().await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }
}
