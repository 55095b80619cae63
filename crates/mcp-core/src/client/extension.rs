//! The client's side of extensions.

use std::collections::HashMap;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use crate::RawJson;
use crate::client::ClientError;
use crate::client::build_error::ClientBuildError;
use crate::client::claims::ClaimedResult;
use crate::client::outgoing::OWN_KEYS;
use crate::extension::{Extension, ExtensionId, MetaKey};
use crate::protocol::{JsonMap, JsonObject, Meta, MetaKey as KeyName, methods};

/// The client's side of an extension.
///
/// Enabled with [`ClientBuilder::extension`](crate::client::ClientBuilder::extension); only then is it
/// declared to the server.
///
/// ```
/// use std::sync::Arc;
///
/// use mcp_core::client::{ClientContributions, ClientExtension};
/// use mcp_core::extension::{Extension, ExtensionId, NoSettings};
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
/// struct Storm {
///     place: String,
/// }
///
/// impl ClientExtension for Weather {
///     fn settings(&self) -> NoSettings {
///         NoSettings {}
///     }
///
///     fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
///         to.notification("com.example/storm", |storm: Storm| println!("storm: {}", storm.place));
///         to.routed_method("com.example/forecast", "place");
///     }
/// }
/// ```
pub trait ClientExtension: Extension {
    /// The settings that are declared with every request.
    fn settings(&self) -> Self::ClientSettings;

    /// Declares everything that the extension adds; called once, when the client is built.
    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>)
    where
        Self: Sized;
}

/// A request, as extensions see it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct RequestInfo<'a> {
    /// The method.
    pub method: &'a str,
    /// The tool, prompt or resource, or the value of the method's routing field.
    pub name: Option<&'a str>,
}

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
pub(crate) type Resolver =
    Arc<dyn Fn(ClaimedResult) -> BoxFuture<Result<RawJson, ClientError>> + Send + Sync>;
type NoteHandler = Arc<dyn Fn(&RawJson) -> Result<(), serde_json::Error> + Send + Sync>;
type MetaWriter =
    Arc<dyn Fn(&RequestInfo<'_>) -> Result<Option<RawJson>, serde_json::Error> + Send + Sync>;
type MetaReader =
    Arc<dyn Fn(&RequestInfo<'_>, &RawJson) -> Result<(), serde_json::Error> + Send + Sync>;

/// Everything an extension contributes, gathered before it is checked against the rest.
pub(crate) struct Contributed {
    id: ExtensionId,
    settings: Result<RawJson, serde_json::Error>,
    claims: Vec<(&'static str, Resolver)>,
    notifications: Vec<(&'static str, NoteHandler)>,
    routed: Vec<(&'static str, &'static str)>,
    request_meta: Vec<(&'static str, MetaWriter)>,
    result_meta: Vec<(&'static str, MetaReader)>,
}

/// Takes what an extension adds to a client, and only that.
pub struct ClientContributions<E> {
    gathered: Contributed,
    owner: PhantomData<fn() -> E>,
}

impl<E: ClientExtension> ClientContributions<E> {
    /// Claims a result type of the extension's own. `resolver` gets such a result and finds the
    /// final one, by further requests if need be; the caller waits for it. It is dropped when the
    /// caller goes away.
    pub fn claim<F, Fut>(&mut self, result_type: &'static str, resolver: F)
    where
        F: Fn(ClaimedResult) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<RawJson, ClientError>> + Send + 'static,
    {
        let resolver: Resolver = Arc::new(move |claimed| Box::pin(resolver(claimed)));
        self.gathered.claims.push((result_type, resolver));
    }

    /// Handles a notification of the server's, wherever it comes: with a request's messages, on a
    /// subscription, or alone. One whose parameters do not fit is logged and ignored. The handler
    /// must be quick; have it send to a channel if it is not.
    pub fn notification<P>(
        &mut self,
        method: &'static str,
        handler: impl Fn(P) + Send + Sync + 'static,
    ) where
        P: DeserializeOwned + JsonSchema,
    {
        let handler: NoteHandler = Arc::new(move |params| params.parse::<P>().map(&handler));
        self.gathered.notifications.push((method, handler));
    }

    /// Says which member of a method's parameters (a string) HTTP mirrors into `Mcp-Name`.
    pub fn routed_method(&mut self, method: &'static str, field: &'static str) {
        self.gathered.routed.push((method, field));
    }

    /// Adds a value to the `_meta` of requests, where `value` gives one.
    pub fn request_meta<K: MetaKey>(
        &mut self,
        value: impl Fn(&RequestInfo<'_>) -> Option<K::Value> + Send + Sync + 'static,
    ) {
        let writer: MetaWriter =
            Arc::new(move |info| value(info).as_ref().map(RawJson::from_serialize).transpose());
        self.gathered.request_meta.push((K::KEY, writer));
    }

    /// Reads a value of results' `_meta`. One that does not fit is logged and ignored.
    pub fn result_meta<K: MetaKey>(
        &mut self,
        reader: impl Fn(&RequestInfo<'_>, K::Value) + Send + Sync + 'static,
    ) {
        let reader: MetaReader =
            Arc::new(move |info, raw| raw.parse().map(|value| reader(info, value)));
        self.gathered.result_meta.push((K::KEY, reader));
    }
}

/// Gathers what `extension` contributes.
pub(crate) fn gather<E: ClientExtension>(extension: E) -> Contributed {
    let extension = Arc::new(extension);
    let settings = RawJson::from_serialize(&extension.settings());
    let mut contributions = ClientContributions {
        gathered: Contributed {
            id: E::ID,
            settings,
            claims: Vec::new(),
            notifications: Vec::new(),
            routed: Vec::new(),
            request_meta: Vec::new(),
            result_meta: Vec::new(),
        },
        owner: PhantomData::<fn() -> E>,
    };
    extension.contribute(&mut contributions);
    contributions.gathered
}

/// All extensions of a client, checked against each other.
#[derive(Default)]
pub(crate) struct Extensions {
    ids: Vec<ExtensionId>,
    pub(crate) settings: JsonMap<JsonObject>,
    claims: HashMap<&'static str, Resolver>,
    notifications: HashMap<&'static str, NoteHandler>,
    routed: HashMap<&'static str, &'static str>,
    request_meta: Vec<(&'static str, MetaWriter)>,
    result_meta: Vec<(&'static str, MetaReader)>,
}

impl Extensions {
    /// Puts the extensions together; all conflicts are added to `errors`.
    pub(crate) fn compile(gathered: Vec<Contributed>, errors: &mut Vec<ClientBuildError>) -> Self {
        let mut all = Self::default();
        let mut claims = Claims::default();
        for extension in gathered {
            let id = extension.id;
            if all.ids.contains(&id) {
                errors.push(ClientBuildError::DuplicateExtension(id));
                continue;
            }
            all.ids.push(id);
            match extension.settings {
                Ok(settings) => match JsonObject::try_from(settings) {
                    Ok(settings) => {
                        all.settings.insert(id.as_str(), settings);
                    }
                    Err(_) => errors.push(ClientBuildError::Settings { id }),
                },
                Err(_) => errors.push(ClientBuildError::Settings { id }),
            }
            for (tag, resolver) in extension.claims {
                if claims.claim("result type", tag, id, errors) {
                    all.claims.insert(tag, resolver);
                }
            }
            for (method, handler) in extension.notifications {
                if claims.claim("notification", method, id, errors) {
                    all.notifications.insert(method, handler);
                }
            }
            for (method, field) in extension.routed {
                if claims.claim("method", method, id, errors) {
                    all.routed.insert(method, field);
                }
            }
            for (key, writer) in extension.request_meta {
                if claims.claim_key("request `_meta` key", key, id, errors) {
                    all.request_meta.push((key, writer));
                }
            }
            for (key, reader) in extension.result_meta {
                if claims.claim_key("result `_meta` key", key, id, errors) {
                    all.result_meta.push((key, reader));
                }
            }
        }
        all
    }

    pub(crate) fn contains(&self, id: ExtensionId) -> bool {
        self.ids.contains(&id)
    }

    pub(crate) fn ids(&self) -> &[ExtensionId] {
        &self.ids
    }

    pub(crate) fn resolver(&self, result_type: &str) -> Option<&Resolver> {
        self.claims.get(result_type)
    }

    /// The member of the parameters that an extension's method is routed by.
    pub(crate) fn routing_field(&self, method: &str) -> Option<&'static str> {
        self.routed.get(method).copied()
    }

    /// Adds what the extensions want in a request's `_meta`; what is there already stays.
    pub(crate) fn write_meta(&self, info: &RequestInfo<'_>, meta: &mut Meta) {
        for (key, writer) in &self.request_meta {
            match writer(info) {
                Ok(Some(value)) => {
                    if !meta.contains_key(key) {
                        meta.insert_raw(*key, value);
                    }
                }
                Ok(None) => {}
                Err(error) => tracing::error!(key, %error, "a `_meta` value does not serialise"),
            }
        }
    }

    /// Shows a result's `_meta` to the extensions that read it.
    pub(crate) fn read_meta(&self, info: &RequestInfo<'_>, meta: &Meta) {
        for (key, reader) in &self.result_meta {
            let Some(value) = meta.get_raw(key) else { continue };
            if let Err(error) = reader(info, value) {
                let reason = crate::message::without_values(&error);
                tracing::warn!(key, reason, "a `_meta` value of a result was ignored");
            }
        }
    }

    pub(crate) fn reads_meta(&self) -> bool {
        !self.result_meta.is_empty()
    }

    /// Hands a notification to the extension that handles it; says whether there is one.
    pub(crate) fn notified(&self, method: &str, params: &str) -> bool {
        let Some(handler) = self.notifications.get(method) else { return false };
        let handled = serde_json::from_str::<RawJson>(params).and_then(|raw| handler(&raw));
        if let Err(error) = handled {
            let reason = crate::message::without_values(&error);
            tracing::warn!(method, reason, "a notification was ignored");
        }
        true
    }
}

/// Who claimed which name.
#[derive(Default)]
struct Claims(HashMap<(&'static str, &'static str), ExtensionId>);

impl Claims {
    /// Says whether `owner` gets the name.
    fn claim(
        &mut self,
        what: &'static str,
        name: &'static str,
        owner: ExtensionId,
        errors: &mut Vec<ClientBuildError>,
    ) -> bool {
        let core = match what {
            "method" => methods::ALL.contains(&name),
            "notification" => methods::ALL.contains(&name),
            "result type" => matches!(name, "complete" | "input_required"),
            _ => OWN_KEYS.contains(&name),
        };
        if core {
            errors.push(ClientBuildError::CoreName { owner, what, name: name.to_owned() });
            return false;
        }
        match self.0.insert((what, name), owner) {
            None => true,
            Some(first) => {
                let name = name.to_owned();
                errors.push(ClientBuildError::Claimed { what, name, first, second: owner });
                false
            }
        }
    }

    /// As [`claim`](Self::claim), for a key with a prefix that the owner may use.
    fn claim_key(
        &mut self,
        what: &'static str,
        key: &'static str,
        owner: ExtensionId,
        errors: &mut Vec<ClientBuildError>,
    ) -> bool {
        if !self.claim(what, key, owner, errors) {
            return false;
        }
        let fits =
            KeyName::parse_prefixed(key).is_ok_and(|key| !key.is_reserved() || owner.is_reserved());
        if !fits {
            errors.push(ClientBuildError::MetaKey { owner, key: key.to_owned() });
        }
        fits
    }
}
