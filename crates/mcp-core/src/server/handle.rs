//! Changing a server while it serves.

use std::sync::Arc;

use crate::Error;
use crate::server::compile::{compile_prompt, compile_resource, compile_template, compile_tool};
use crate::server::listeners::Change;
use crate::server::{
    BuildError, BuildErrors, DetachedCall, Inner, Outcome, ServedPrompt, ServedResource,
    ServedTemplate, ServedTool,
};

/// Changes a server's lists and tells its listeners.
///
/// Requests in flight keep what they began with.
///
/// ```
/// use mcp_core::server::{ServedTool, Server};
///
/// let server = Server::builder("example", "1.0.0").tools().build()?;
/// let handle = server.handle();
/// handle.add_tool(ServedTool::new("late", async || "hello"))?;
/// assert!(handle.remove_tool("late"));
/// # Ok::<(), mcp_core::server::BuildErrors>(())
/// ```
#[derive(Clone)]
pub struct ServerHandle {
    inner: Arc<Inner>,
}

impl ServerHandle {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Adds a tool, or replaces the one of the same name.
    ///
    /// # Errors
    /// If its definition is wrong, as when a server is built; or [`BuildError::NotDeclared`] if the
    /// server was built without tools
    /// ([`ServerBuilder::tools`](crate::server::ServerBuilder::tools) declares them beforehand).
    pub fn add_tool(&self, tool: impl Into<ServedTool>) -> Result<(), BuildErrors> {
        let tool = tool.into();
        let declared = self.inner.capabilities.tools.is_some();
        check("tools", declared, &tool.definition.name)?;
        let tool = compile_tool(tool, None, &self.inner.known()).map_err(BuildErrors)?;
        self.inner.tools.insert(Arc::new(tool));
        self.tools_changed();
        Ok(())
    }

    /// Removes a tool; says whether there was one.
    pub fn remove_tool(&self, name: &str) -> bool {
        let removed = self.inner.tools.remove(name);
        if removed {
            self.tools_changed();
        }
        removed
    }

    /// Adds a prompt, or replaces the one of the same name.
    ///
    /// # Errors
    /// If its definition is wrong, or the server was built without what it needs
    /// ([`BuildError::NotDeclared`]).
    pub fn add_prompt(&self, prompt: impl Into<ServedPrompt>) -> Result<(), BuildErrors> {
        let prompt = prompt.into();
        let declared = self.inner.capabilities.prompts.is_some();
        check("prompts", declared, &prompt.definition.name)?;
        self.check_completions(prompt.completions.is_empty(), &prompt.definition.name)?;
        let prompt = compile_prompt(prompt, None, &self.inner.known()).map_err(BuildErrors)?;
        self.inner.prompts.insert(Arc::new(prompt));
        self.prompts_changed();
        Ok(())
    }

    /// Removes a prompt; says whether there was one.
    pub fn remove_prompt(&self, name: &str) -> bool {
        let removed = self.inner.prompts.remove(name);
        if removed {
            self.prompts_changed();
        }
        removed
    }

    /// Adds a resource, or replaces the one with the same URI.
    ///
    /// # Errors
    /// If its definition is wrong, or the server was built without what it needs
    /// ([`BuildError::NotDeclared`]).
    pub fn add_resource(&self, resource: impl Into<ServedResource>) -> Result<(), BuildErrors> {
        let resource = resource.into();
        let declared = self.inner.capabilities.resources.is_some();
        check("resources", declared, &resource.definition.uri)?;
        let resource =
            compile_resource(resource, None, &self.inner.known()).map_err(BuildErrors)?;
        self.inner.resources.insert(Arc::new(resource));
        self.resources_changed();
        Ok(())
    }

    /// Removes a resource; says whether there was one.
    pub fn remove_resource(&self, uri: &str) -> bool {
        let removed = self.inner.resources.remove(uri);
        if removed {
            self.resources_changed();
        }
        removed
    }

    /// Adds a resource template, or replaces the same one.
    ///
    /// # Errors
    /// If its definition is wrong, or the server was built without what it needs
    /// ([`BuildError::NotDeclared`]).
    pub fn add_template(&self, template: impl Into<ServedTemplate>) -> Result<(), BuildErrors> {
        let template = template.into();
        let declared = self.inner.capabilities.resources.is_some();
        check("resources", declared, &template.definition.uri_template)?;
        self.check_completions(template.completions.is_empty(), &template.definition.uri_template)?;
        let template =
            compile_template(template, None, &self.inner.known()).map_err(BuildErrors)?;
        self.inner.templates.insert(Arc::new(template));
        self.resources_changed();
        Ok(())
    }

    /// The value of this type that the tool `name` was given
    /// ([`ServedTool::value`](crate::server::ServedTool::value)); `None` if there is none, or no such tool.
    #[must_use]
    pub fn tool_value<T: Send + Sync + 'static>(&self, name: &str) -> Option<Arc<T>> {
        let tool = self.inner.tools.get(name)?;
        Arc::clone(tool.values.get(&std::any::TypeId::of::<T>())?).downcast().ok()
    }

    /// Whether there is a tool of this name.
    #[must_use]
    pub fn has_tool(&self, name: &str) -> bool {
        self.inner.tools.get(name).is_some()
    }

    /// The names of all tools, whoever may see them.
    #[must_use]
    pub fn tool_names(&self) -> Vec<String> {
        let table = self.inner.tools.table();
        table.items().iter().map(|tool| tool.definition.name.clone()).collect()
    }

    /// Runs a request that nobody waits for on a connection; see [`DetachedCall`].
    ///
    /// # Errors
    /// What the request comes to. A handler that panics comes to `-32603`, and so does a result that
    /// is no final one.
    pub async fn run_detached(&self, call: DetachedCall) -> Result<Outcome, Error> {
        call.run(&self.inner).await
    }

    fn check_completions(&self, has_none: bool, name: &str) -> Result<(), BuildErrors> {
        let declared = self.inner.capabilities.completions.is_some();
        check("completions", has_none || declared, name)
    }

    /// Tells listeners that the list of tools changed.
    pub fn tools_changed(&self) {
        self.inner.listeners.tell(Change::Tools);
    }

    /// Tells listeners that the list of prompts changed.
    pub fn prompts_changed(&self) {
        self.inner.listeners.tell(Change::Prompts);
    }

    /// Tells listeners that the list of resources changed.
    pub fn resources_changed(&self) {
        self.inner.listeners.tell(Change::Resources);
    }

    /// Tells those who subscribed to `uri` that it changed.
    pub fn resource_updated(&self, uri: &str) {
        self.inner.listeners.tell(Change::Updated(uri));
    }
}

/// What is served has been declared: clients may keep what `server/discover` told them.
fn check(capability: &'static str, declared: bool, name: &str) -> Result<(), BuildErrors> {
    if declared {
        return Ok(());
    }
    Err(BuildErrors(vec![BuildError::NotDeclared { capability, name: name.to_owned() }]))
}
