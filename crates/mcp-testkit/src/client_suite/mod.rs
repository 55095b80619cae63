//! The suite for the client's side of an extension.

mod checks;
mod probe;
mod rival;
mod stage;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use mcp_core::client::{Client, ClientBuilder, ClientContributions, ClientError};
use mcp_core::extension::{Extension, ExtensionId, MetaKey};
use serde::Serialize;
use serde_json::{Value, json};

use crate::client_suite::probe::Probe;
use crate::client_suite::rival::Rival;
use crate::suite::{Report, Rule};

/// Checks the client's half of an extension, before servers that have the extension, do not have it,
/// and have it wrong.
///
/// The counterpart of [`ExtensionSuite`](crate::ExtensionSuite). The author says what the half sends
/// and understands, with valid examples, and how to see that it understood; the suite derives
/// everything else. `H` is what the author looks at and calls: usually the half itself, whose clones
/// share what they heard.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// use std::sync::{Arc, Mutex, PoisonError};
///
/// use mcp_core::client::{Client, ClientContributions, ClientError, ClientExtension};
/// use mcp_core::extension::{Extension, ExtensionId, NoSettings};
/// use mcp_testkit::ClientExtensionSuite;
/// use serde_json::json;
///
/// #[derive(Clone, Default)]
/// struct Weather {
///     storms: Arc<Mutex<Vec<String>>>,
/// }
///
/// impl Extension for Weather {
///     const ID: ExtensionId = ExtensionId::new("com.example/weather");
///     type ClientSettings = NoSettings;
///     type ServerSettings = NoSettings;
/// }
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Storm {
///     place: String,
/// }
///
/// #[derive(serde::Deserialize)]
/// struct Forecast {
///     sunny: bool,
/// }
///
/// impl ClientExtension for Weather {
///     fn settings(&self) -> NoSettings {
///         NoSettings {}
///     }
///
///     fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
///         to.notification("notifications/weather/storm", move |storm: Storm| {
///             self.storms.lock().unwrap_or_else(PoisonError::into_inner).push(storm.place);
///         });
///         to.routed_method("weather/forecast", "city");
///     }
/// }
///
/// impl Weather {
///     async fn is_sunny(&self, client: &Client, city: &str) -> Result<bool, ClientError> {
///         let asked = json!({ "city": city });
///         let forecast: Forecast =
///             client.request_extension::<Self, _, _>("weather/forecast", &asked).await?;
///         Ok(forecast.sunny)
///     }
/// }
///
/// let report = ClientExtensionSuite::new(Weather::ID, || {
///     let weather = Weather::default();
///     (Client::builder("weather", "1.0.0").extension(weather.clone()), weather)
/// })
/// .server_settings::<Weather>(json!({}))
/// .call("weather/forecast", json!({ "sunny": true }), async |client, weather| {
///     weather.is_sunny(&client, "Oslo").await.map(drop)
/// })
/// .routing("weather/forecast", "city")
/// .refused_result("weather/forecast", json!({}))
/// .notification("notifications/weather/storm", json!({ "place": "Oslo" }), |weather| {
///     !weather.storms.lock().unwrap().is_empty()
/// })
/// .refused_notification("notifications/weather/storm", json!({ "place": 7 }))
/// .run()
/// .await;
/// report.assert_passed();
/// # }
/// ```
#[must_use = "a suite checks nothing until it runs"]
pub struct ClientExtensionSuite<H> {
    id: ExtensionId,
    build: Box<dyn Fn() -> (ClientBuilder, H) + Send + Sync>,
    declares: Value,
    server: Value,
    read_settings: Option<ReadSettings>,
    refused_server_settings: Vec<Value>,
    calls: Vec<CallCase<H>>,
    notifies: Vec<(&'static str, Drive<H>)>,
    notifications: Vec<NotificationCase<H>>,
    claims: Vec<ClaimCase>,
    request_meta: Vec<RequestMetaCase>,
    result_meta: Vec<ResultMetaCase<H>>,
    deadline: Duration,
    /// What was said of things that were not added.
    misuses: Vec<String>,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Drive<H> = Box<dyn Fn(Client, H) -> BoxFuture<Result<(), ClientError>> + Send + Sync>;
type Seen<H> = Box<dyn Fn(&H) -> bool + Send + Sync>;
type ReadSettings = fn(Client) -> BoxFuture<Result<bool, ClientError>>;
/// The result of a further request, if the server has one.
type Then = Arc<dyn Fn(&Value) -> Option<Value> + Send + Sync>;
type Claim = fn(&mut ClientContributions<Rival>);

/// A request of the half's own, with a result that it takes.
struct CallCase<H> {
    method: &'static str,
    result: Value,
    drive: Drive<H>,
    routing: Option<&'static str>,
    refused: Vec<Value>,
}

struct NotificationCase<H> {
    method: &'static str,
    params: Value,
    seen: Seen<H>,
    refused: Vec<Value>,
}

/// A result type with a result, and the server's side of what follows it.
struct ClaimCase {
    tag: &'static str,
    result: Value,
    then: Then,
    refused: Vec<Value>,
}

struct RequestMetaCase {
    key: &'static str,
    method: &'static str,
    fits: fn(&Value) -> Result<(), String>,
    claim: Claim,
}

struct ResultMetaCase<H> {
    key: &'static str,
    valid: Value,
    invalid: Value,
    seen: Seen<H>,
    claim: Claim,
}

fn value(from: impl Serialize) -> Value {
    serde_json::to_value(from).unwrap_or(Value::Null)
}

impl<H> fmt::Debug for ClientExtensionSuite<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientExtensionSuite").field("id", &self.id).finish_non_exhaustive()
    }
}

impl<H: Clone + Send + Sync + 'static> ClientExtensionSuite<H> {
    /// A suite for the extension `id`. `build` defines a client with it and nothing else, and hands
    /// out what is looked at; it is called for each check, and each time makes a half that has heard
    /// nothing yet.
    pub fn new(
        id: ExtensionId,
        build: impl Fn() -> (ClientBuilder, H) + Send + Sync + 'static,
    ) -> Self {
        Self {
            id,
            build: Box::new(build),
            declares: json!({}),
            server: json!({}),
            read_settings: None,
            refused_server_settings: Vec::new(),
            calls: Vec::new(),
            notifies: Vec::new(),
            notifications: Vec::new(),
            claims: Vec::new(),
            request_meta: Vec::new(),
            result_meta: Vec::new(),
            deadline: Duration::from_secs(10),
            misuses: Vec::new(),
        }
    }

    /// Sets the settings that every message has to declare; `{}` unless set.
    pub fn declares(mut self, settings: impl Serialize) -> Self {
        self.declares = value(settings);
        self
    }

    /// Sets the settings that servers with the extension show, and has them read as
    /// `E::ServerSettings`; `{}`, and not read, unless set.
    pub fn server_settings<E: Extension>(mut self, settings: impl Serialize) -> Self {
        self.server = value(settings);
        self.read_settings = Some(|client| {
            Box::pin(async move { Ok(client.server_settings::<E>().await?.is_some()) })
        });
        self
    }

    /// Adds settings of a server that must be refused.
    pub fn refused_server_settings(mut self, settings: impl Serialize) -> Self {
        if self.read_settings.is_none() {
            self.misuses.push("`refused_server_settings` before `server_settings`".to_owned());
        }
        self.refused_server_settings.push(value(settings));
        self
    }

    /// Adds a request: `drive` has the half send `method` through the client, and `result` is one
    /// that it takes.
    pub fn call<F, Fut>(mut self, method: &'static str, result: impl Serialize, drive: F) -> Self
    where
        F: Fn(Client, H) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        let drive: Drive<H> = Box::new(move |client, half| Box::pin(drive(client, half)));
        let result = value(result);
        self.calls.push(CallCase { method, result, drive, routing: None, refused: Vec::new() });
        self
    }

    /// Says by which field HTTP routes a method that was added before.
    pub fn routing(mut self, method: &str, field: &'static str) -> Self {
        match self.calls.iter_mut().find(|case| case.method == method) {
            Some(case) => case.routing = Some(field),
            None => self.misuses.push(format!("`routing` of the unknown method {method}")),
        }
        self
    }

    /// Adds a result of a method, added before, that must be an error for the caller.
    pub fn refused_result(mut self, method: &str, result: impl Serialize) -> Self {
        match self.calls.iter_mut().find(|case| case.method == method) {
            Some(case) => case.refused.push(value(result)),
            None => self.misuses.push(format!("`refused_result` of the unknown method {method}")),
        }
        self
    }

    /// Adds a notification that `drive` has the half send.
    pub fn notifies<F, Fut>(mut self, method: &'static str, drive: F) -> Self
    where
        F: Fn(Client, H) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        self.notifies.push((method, Box::new(move |client, half| Box::pin(drive(client, half)))));
        self
    }

    /// Adds a notification that the half hears; `seen` says whether it did.
    pub fn notification(
        mut self,
        method: &'static str,
        params: impl Serialize,
        seen: impl Fn(&H) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (params, seen) = (value(params), Box::new(seen));
        self.notifications.push(NotificationCase { method, params, seen, refused: Vec::new() });
        self
    }

    /// Adds parameters of a notification, added before, that must be ignored.
    pub fn refused_notification(mut self, method: &str, params: impl Serialize) -> Self {
        match self.notifications.iter_mut().find(|case| case.method == method) {
            Some(case) => case.refused.push(value(params)),
            None => self.misuses.push(format!("`refused_notification` of the unknown {method}")),
        }
        self
    }

    /// Adds a result type that the half resolves, and a result of it. `then` is the server's side of
    /// what follows: it gets each further request and gives its result, if it has one.
    pub fn claim(
        mut self,
        result_type: &'static str,
        result: impl Serialize,
        then: impl Fn(&Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let (result, then): (_, Then) = (value(result), Arc::new(then));
        self.claims.push(ClaimCase { tag: result_type, result, then, refused: Vec::new() });
        self
    }

    /// Adds a result of a type, added before, that must be an error for the caller.
    pub fn refused_claim(mut self, result_type: &str, result: impl Serialize) -> Self {
        match self.claims.iter_mut().find(|case| case.tag == result_type) {
            Some(case) => case.refused.push(value(result)),
            None => self.misuses.push(format!("`refused_claim` of the unknown {result_type}")),
        }
        self
    }

    /// Adds a key of requests' `_meta` that the half writes with requests of `method`: one that was
    /// added with [`call`](Self::call), or one of the core's.
    pub fn request_meta<K: MetaKey>(mut self, method: &'static str) -> Self {
        self.request_meta.push(RequestMetaCase {
            key: K::KEY,
            method,
            fits: |value| {
                serde_json::from_value::<K::Value>(value.clone())
                    .map(drop)
                    .map_err(|error| error.to_string())
            },
            claim: |to| to.request_meta::<K>(|_| None),
        });
        self
    }

    /// Adds a key of results' `_meta` with a value that the half reads (`seen` says whether it did)
    /// and one that it must ignore.
    pub fn result_meta<K: MetaKey>(
        mut self,
        valid: impl Serialize,
        invalid: impl Serialize,
        seen: impl Fn(&H) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.result_meta.push(ResultMetaCase {
            key: K::KEY,
            valid: value(valid),
            invalid: value(invalid),
            seen: Box::new(seen),
            claim: |to| to.result_meta::<K>(|_, _| {}),
        });
        self
    }

    /// Sets how long anything may take: 10 seconds unless set. What takes longer is a problem.
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
        let mut probe = Probe::new(self, report);
        let Some(actor) = probe.actor(|_| None) else { return probe.into_report() };
        let absent = !actor.client.extensions().any(|id| id == self.id);
        let problem = absent.then(|| "the client does not have the extension".to_owned());
        probe.check(Rule::Built, "the client", problem);
        if absent {
            return probe.into_report();
        }
        checks::inert(&mut probe).await;
        checks::settings(&mut probe).await;
        checks::calls(&mut probe).await;
        checks::notifications(&mut probe).await;
        checks::claims(&mut probe).await;
        checks::metadata(&mut probe).await;
        rival::conflicts(&mut probe);
        probe.into_report()
    }
}
