//! The suite that every extension has to pass.

mod gating;
mod lists;
mod metadata;
mod params;
mod probe;
mod report;
mod rival;
mod routing;
mod schemas;
mod settings;

pub use report::{Finding, Report, Rule};

use std::fmt;
use std::time::Duration;

use mcp_core::extension::{Contributions, ExtensionId, MetaKey};
use mcp_core::server::ServerBuilder;
use serde::Serialize;
use serde_json::{Value, json};

use crate::request::Message;
use crate::suite::probe::Probe;
use crate::suite::rival::Rival;

/// Checks an extension against the rules of the protocol, from outside, over the wire.
///
/// Its author says what the extension adds, with valid examples; the suite derives everything else:
/// what happens to clients that did not declare it, to malformed settings and parameters, to another
/// extension that claims the same names, and what HTTP routes by. The server that `build` defines
/// has the extension and the states that it needs, and *nothing else*, so that whatever the server
/// offers must have been named here.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::Arc;
///
/// use mcp_core::extension::{
///     Contributions, Extension, ExtensionId, MethodOptions, NoSettings, ServerExtension,
/// };
/// use mcp_core::protocol::EmptyResult;
/// use mcp_core::server::{ServedTool, Server};
/// use mcp_testkit::ExtensionSuite;
/// use serde_json::json;
///
/// struct Weather;
///
/// impl Extension for Weather {
///     const ID: ExtensionId = ExtensionId::new("com.example/weather");
///     type ClientSettings = NoSettings;
///     type ServerSettings = NoSettings;
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Place {
///     city: String,
/// }
///
/// impl ServerExtension for Weather {
///     fn settings(&self) -> NoSettings {
///         NoSettings {}
///     }
///
///     fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
///         to.method("weather/now", MethodOptions::new().routed_by("city"), async |_, _, at: Place| {
///             drop(at.city);
///             Ok(EmptyResult::new())
///         });
///         to.tool(ServedTool::new("forecast", async || "sun"));
///     }
/// }
///
/// let report = ExtensionSuite::new(Weather::ID, || {
///     Server::builder("weather", "1.0.0").extension(Weather)
/// })
/// .method("weather/now", json!({ "city": "Oslo" }))
/// .routing("weather/now", "city")
/// .gated_tool("forecast", json!({}))
/// .run()
/// .await;
/// report.assert_passed();
/// # }
/// ```
#[must_use = "a suite checks nothing until it runs"]
pub struct ExtensionSuite {
    id: ExtensionId,
    build: Box<dyn Fn() -> ServerBuilder + Send + Sync>,
    settings: Value,
    refused_settings: Vec<Value>,
    methods: Vec<MethodCase>,
    notifications: Vec<(&'static str, Value)>,
    offers: Vec<Offer>,
    result_types: Vec<(&'static str, Message)>,
    sends: Vec<(&'static str, Message)>,
    topics: Vec<(&'static str, Value)>,
    strict_topics: Vec<&'static str>,
    request_meta: Vec<RequestMetaCase>,
    result_meta: Vec<ResultMetaCase>,
    deadline: Duration,
    principal: Option<String>,
    /// What was said of methods that were not added.
    misuses: Vec<String>,
}

/// A method with parameters that it takes.
struct MethodCase {
    name: &'static str,
    params: Value,
    routing: Option<&'static str>,
    refused: Vec<Value>,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OfferKind {
    Tool,
    Prompt,
    Resource,
    Template,
}

/// A tool, prompt, resource or template with what makes it answer.
struct Offer {
    kind: OfferKind,
    name: &'static str,
    /// Arguments; for a template, the URI to read.
    valid: Value,
    gated: bool,
}

type Claim = fn(&mut Contributions<Rival>);

struct RequestMetaCase {
    key: &'static str,
    valid: Value,
    invalid: Value,
    claim: Claim,
}

struct ResultMetaCase {
    key: &'static str,
    message: Message,
    fits: fn(&Value) -> Result<(), String>,
    claim: Claim,
}

fn value(from: impl Serialize) -> Value {
    serde_json::to_value(from).unwrap_or(Value::Null)
}

impl fmt::Debug for ExtensionSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExtensionSuite").field("id", &self.id).finish_non_exhaustive()
    }
}

impl ExtensionSuite {
    /// A suite for the extension `id`. `build` defines a server with it, and nothing else; it is
    /// called several times.
    pub fn new(id: ExtensionId, build: impl Fn() -> ServerBuilder + Send + Sync + 'static) -> Self {
        Self {
            id,
            build: Box::new(build),
            settings: json!({}),
            refused_settings: Vec::new(),
            methods: Vec::new(),
            notifications: Vec::new(),
            offers: Vec::new(),
            result_types: Vec::new(),
            sends: Vec::new(),
            topics: Vec::new(),
            strict_topics: Vec::new(),
            request_meta: Vec::new(),
            result_meta: Vec::new(),
            deadline: Duration::from_secs(10),
            principal: None,
            misuses: Vec::new(),
        }
    }

    /// Sets the settings that a client declares in every check; `{}` unless set.
    pub fn settings(mut self, settings: impl Serialize) -> Self {
        self.settings = value(settings);
        self
    }

    /// Sends every request as this principal; as nobody, without.
    pub fn authenticated(mut self, principal: impl Into<String>) -> Self {
        self.principal = Some(principal.into());
        self
    }

    /// Adds settings that the extension must refuse.
    pub fn refused_settings(mut self, settings: impl Serialize) -> Self {
        self.refused_settings.push(value(settings));
        self
    }

    /// Adds a method with parameters that it answers with a result.
    pub fn method(mut self, name: &'static str, params: impl Serialize) -> Self {
        let params = value(params);
        self.methods.push(MethodCase { name, params, routing: None, refused: Vec::new() });
        self
    }

    /// Says by which field HTTP routes a method that was added before.
    pub fn routing(mut self, method: &str, field: &'static str) -> Self {
        match self.methods.iter_mut().find(|case| case.name == method) {
            Some(case) => case.routing = Some(field),
            None => self.misuses.push(format!("`routing` of the unknown method {method}")),
        }
        self
    }

    /// Adds parameters that a method, added before, must refuse with `-32602`.
    pub fn refused_params(mut self, method: &str, params: impl Serialize) -> Self {
        match self.methods.iter_mut().find(|case| case.name == method) {
            Some(case) => case.refused.push(value(params)),
            None => self.misuses.push(format!("`refused_params` of the unknown method {method}")),
        }
        self
    }

    /// Adds a notification that clients send, with parameters that it takes.
    pub fn notification(mut self, name: &'static str, params: impl Serialize) -> Self {
        self.notifications.push((name, value(params)));
        self
    }

    fn offer(mut self, kind: OfferKind, name: &'static str, valid: Value, gated: bool) -> Self {
        self.offers.push(Offer { kind, name, valid, gated });
        self
    }

    /// Adds a tool for clients that declared the extension, with arguments that it answers.
    pub fn gated_tool(self, name: &'static str, arguments: impl Serialize) -> Self {
        self.offer(OfferKind::Tool, name, value(arguments), true)
    }

    /// Adds a tool for everyone, with arguments that it answers.
    pub fn open_tool(self, name: &'static str, arguments: impl Serialize) -> Self {
        self.offer(OfferKind::Tool, name, value(arguments), false)
    }

    /// Adds a prompt for clients that declared the extension, with arguments that it answers.
    pub fn gated_prompt(self, name: &'static str, arguments: impl Serialize) -> Self {
        self.offer(OfferKind::Prompt, name, value(arguments), true)
    }

    /// Adds a prompt for everyone, with arguments that it answers.
    pub fn open_prompt(self, name: &'static str, arguments: impl Serialize) -> Self {
        self.offer(OfferKind::Prompt, name, value(arguments), false)
    }

    /// Adds a resource for clients that declared the extension.
    pub fn gated_resource(self, uri: &'static str) -> Self {
        self.offer(OfferKind::Resource, uri, json!(uri), true)
    }

    /// Adds a resource for everyone.
    pub fn open_resource(self, uri: &'static str) -> Self {
        self.offer(OfferKind::Resource, uri, json!(uri), false)
    }

    /// Adds a resource template for clients that declared the extension, and a URI that it matches.
    pub fn gated_template(self, uri_template: &'static str, uri: &str) -> Self {
        self.offer(OfferKind::Template, uri_template, json!(uri), true)
    }

    /// Adds a resource template for everyone, and a URI that it matches.
    pub fn open_template(self, uri_template: &'static str, uri: &str) -> Self {
        self.offer(OfferKind::Template, uri_template, json!(uri), false)
    }

    /// Adds a result type, and a request that gets it from a client that declared the extension. The
    /// suite declares it.
    pub fn result_type(mut self, tag: &'static str, request: Message) -> Self {
        self.result_types.push((tag, request));
        self
    }

    /// Adds a notification that the server sends, and a request that makes it do so. The suite
    /// declares the extension.
    pub fn sends(mut self, notification: &'static str, request: Message) -> Self {
        self.sends.push((notification, request));
        self
    }

    /// Adds a field of the `subscriptions/listen` filter, with a value that is acknowledged.
    pub fn topic(mut self, field: &'static str, filter: impl Serialize) -> Self {
        self.topics.push((field, value(filter)));
        self
    }

    /// As [`topic`](Self::topic), for a field that a client must not name without the declaration.
    pub fn strict_topic(mut self, field: &'static str, filter: impl Serialize) -> Self {
        self.strict_topics.push(field);
        self.topic(field, filter)
    }

    /// Adds a key of requests' `_meta`, with a value that is taken and one that is refused.
    pub fn request_meta<K: MetaKey>(
        mut self,
        valid: impl Serialize,
        invalid: impl Serialize,
    ) -> Self {
        self.request_meta.push(RequestMetaCase {
            key: K::KEY,
            valid: value(valid),
            invalid: value(invalid),
            claim: Contributions::request_meta::<K>,
        });
        self
    }

    /// Adds a key of results' `_meta`, and a request whose result has it. The suite declares the
    /// extension.
    pub fn result_meta<K: MetaKey>(mut self, request: Message) -> Self {
        self.result_meta.push(ResultMetaCase {
            key: K::KEY,
            message: request,
            fits: |value| {
                serde_json::from_value::<K::Value>(value.clone())
                    .map(drop)
                    .map_err(|error| error.to_string())
            },
            claim: Contributions::result_meta::<K>,
        });
        self
    }

    /// Sets how long an answer may take: 10 seconds unless set. What takes longer is a problem.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs all checks. Nothing panics and nothing waits for ever; what goes wrong is in the report.
    pub async fn run(&self) -> Report {
        let mut report = Report::new(self.id);
        for misuse in &self.misuses {
            report.record(Rule::Built, "the suite", Some(misuse.clone()));
        }
        let server = match (self.build)().build() {
            Ok(server) => server,
            Err(errors) => {
                report.record(Rule::Built, "the server", Some(errors.to_string()));
                return report;
            }
        };
        let absent = !server.extensions().any(|id| id == self.id);
        let problem = absent.then(|| "the server does not have the extension".to_owned());
        report.record(Rule::Built, "the server", problem);
        if absent {
            return report;
        }
        let mut probe = Probe::new(self, &server, report);
        settings::announced(&mut probe).await;
        gating::methods(&mut probe).await;
        gating::notifications(&mut probe).await;
        gating::offers(&mut probe).await;
        gating::topics(&mut probe).await;
        gating::results(&mut probe).await;
        settings::refused(&mut probe).await;
        lists::all(&mut probe).await;
        routing::methods(&mut probe);
        params::methods(&mut probe).await;
        params::notifications(&mut probe).await;
        params::tools(&mut probe).await;
        metadata::requests(&mut probe).await;
        metadata::results(&mut probe).await;
        schemas::published(&mut probe).await;
        rival::conflicts(&mut probe);
        probe.into_report()
    }
}
