//! `subscriptions/listen`: who wants to hear of what, and what they have not heard yet.
//!
//! A listener costs a few hundred bytes, however many changes happen: changes are marks, not
//! messages, until its transport has room for one. A client that stops reading therefore loses
//! nothing and holds nothing up.
//!
//! Source: specification, *Patterns → Subscriptions*.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use serde::Serialize;

use crate::extension::{Topic, TopicMessage};
use crate::protocol::{NotificationMetaObject, RequestId, ResultBody, meta_keys, methods};
use crate::server::outcome::{notification, with_subscription_id};
use crate::server::{Cx, Outcome};
use crate::{Error, RawJson};

/// All open subscriptions of a server.
#[derive(Default)]
pub(crate) struct Listeners {
    state: Mutex<ListenersState>,
}

#[derive(Default)]
struct ListenersState {
    /// Counts the changes of lists.
    changes: u64,
    open: HashMap<u64, Arc<Listener>>,
    next: u64,
    ended: bool,
}

/// One subscription: what it wants, and what it has not been told yet.
struct Listener {
    tools: bool,
    prompts: bool,
    resources: bool,
    uris: Box<[String]>,
    news: Mutex<News>,
}

#[derive(Default)]
struct News {
    tools: bool,
    prompts: bool,
    resources: bool,
    /// Places in `uris`.
    updated: BTreeSet<usize>,
    ended: bool,
    waker: Option<Waker>,
}

/// Something that listeners can be told.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change<'a> {
    Tools,
    Prompts,
    Resources,
    Updated(&'a str),
}

/// What a listener is told next.
enum Telling {
    Tools,
    Prompts,
    Resources,
    Updated(usize),
    Topic(&'static str, RawJson),
    Ended,
}

impl Listeners {
    fn lock(&self) -> MutexGuard<'_, ListenersState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a change for everyone who wants to hear of it.
    pub(crate) fn tell(&self, change: Change<'_>) {
        let listeners: Vec<_> = {
            let mut state = self.lock();
            if !matches!(change, Change::Updated(_)) {
                state.changes += 1;
            }
            state.open.values().cloned().collect()
        };
        for listener in listeners {
            listener.mark(change);
        }
    }

    /// Ends all subscriptions, each with its final answer; new ones end at once.
    pub(crate) fn end(&self) {
        let listeners: Vec<_> = {
            let mut state = self.lock();
            state.ended = true;
            state.open.values().cloned().collect()
        };
        for listener in listeners {
            listener.change(|news| {
                news.ended = true;
                true
            });
        }
    }

    pub(crate) fn changes(&self) -> u64 {
        self.lock().changes
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().open.len()
    }

    fn open(&self, listener: &Arc<Listener>, limit: usize) -> Result<u64, Error> {
        let mut state = self.lock();
        if state.open.len() >= limit {
            return Err(Error::Overloaded);
        }
        if state.ended {
            listener.change(|news| {
                news.ended = true;
                true
            });
        }
        let key = state.next;
        state.next += 1;
        state.open.insert(key, Arc::clone(listener));
        Ok(key)
    }
}

impl Listener {
    fn change(&self, mark: impl FnOnce(&mut News) -> bool) {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        let waker = if mark(&mut news) { news.waker.take() } else { None };
        drop(news);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn mark(&self, change: Change<'_>) {
        self.change(|news| match change {
            Change::Tools if self.tools => !std::mem::replace(&mut news.tools, true),
            Change::Prompts if self.prompts => !std::mem::replace(&mut news.prompts, true),
            Change::Resources if self.resources => !std::mem::replace(&mut news.resources, true),
            Change::Updated(uri) => match self.uris.binary_search_by(|own| own.as_str().cmp(uri)) {
                Ok(at) => news.updated.insert(at),
                Err(_) => false,
            },
            _ => false,
        });
    }

    fn poll_news(&self, context: &mut Context<'_>) -> Poll<Telling> {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut news.tools) {
            return Poll::Ready(Telling::Tools);
        }
        if std::mem::take(&mut news.prompts) {
            return Poll::Ready(Telling::Prompts);
        }
        if std::mem::take(&mut news.resources) {
            return Poll::Ready(Telling::Resources);
        }
        if let Some(at) = news.updated.pop_first() {
            return Poll::Ready(Telling::Updated(at));
        }
        if news.ended {
            return Poll::Ready(Telling::Ended);
        }
        match &mut news.waker {
            Some(waker) => waker.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// Closes a subscription when its request is answered or dropped.
struct Open<'a> {
    listeners: &'a Listeners,
    key: u64,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.listeners.lock().open.remove(&self.key);
    }
}

type TopicStream = Pin<Box<dyn Stream<Item = TopicMessage> + Send>>;

/// What a client listens to.
struct Subscription {
    listener: Listener,
    topics: Vec<TopicStream>,
    /// What of the client's wishes is honoured, by field.
    acknowledged: BTreeMap<String, RawJson>,
}

/// Serves a subscription until its client goes away or the server ends it.
pub(crate) async fn listen(cx: Cx) -> Result<Outcome, Error> {
    let subscription = Box::pin(subscribe(&cx)).await?;
    tell(cx, subscription).await
}

/// Reads what the client wishes and subscribes it to what is there.
async fn subscribe(cx: &Cx) -> Result<Subscription, Error> {
    let server = &cx.call.server;
    let filter: Filter = cx.request.parse_params()?;
    let mut fields = filter.notifications;
    let wanted = known_fields(&mut fields)?;

    let capabilities = &server.capabilities;
    let offers = |capability: Option<bool>| capability.unwrap_or(false);
    let tools = wanted.tools_list_changed == Some(true)
        && offers(capabilities.tools.as_ref().and_then(|tools| tools.list_changed));
    let prompts = wanted.prompts_list_changed == Some(true)
        && offers(capabilities.prompts.as_ref().and_then(|prompts| prompts.list_changed));
    let resources = wanted.resources_list_changed == Some(true)
        && offers(capabilities.resources.as_ref().and_then(|resources| resources.list_changed));
    let mut uris = wanted.resource_subscriptions.unwrap_or_default();
    if !offers(capabilities.resources.as_ref().and_then(|resources| resources.subscribe)) {
        uris.clear();
    }
    if uris.len() > server.limits.subscribed_resources {
        return Err(Error::invalid_params("too many resources in one subscription"));
    }
    uris.sort_unstable();
    uris.dedup();

    let mut acknowledged: BTreeMap<String, RawJson> = BTreeMap::new();
    let mut acknowledge =
        |field: &str, value: RawJson| acknowledged.insert(field.to_owned(), value);
    for (field, honoured) in [
        ("toolsListChanged", tools),
        ("promptsListChanged", prompts),
        ("resourcesListChanged", resources),
    ] {
        if honoured {
            acknowledge(field, json(&true)?);
        }
    }
    if !uris.is_empty() {
        acknowledge("resourceSubscriptions", json(&uris)?);
    }
    let mut topics: Vec<TopicStream> = Vec::new();
    for (field, value) in fields {
        let Some(topic) = server.topics.get(field.as_str()) else { continue };
        // A client that did not declare the extension may name its field; it is not honoured,
        // unless the extension says that this is an error.
        if let Err(undeclared) = cx.call.profile.require(topic.extension, topic.owner) {
            if topic.strict {
                return Err(undeclared);
            }
            continue;
        }
        if let Some(Topic { acknowledged, messages }) = (topic.subscribe)(cx.clone(), value).await?
        {
            acknowledge(&field, acknowledged);
            topics.push(messages);
        }
    }

    let listener =
        Listener { tools, prompts, resources, uris: uris.into(), news: Mutex::default() };
    Ok(Subscription { listener, topics, acknowledged })
}

/// Acknowledges a subscription and tells what happens.
async fn tell(cx: Cx, subscription: Subscription) -> Result<Outcome, Error> {
    let Subscription { listener, mut topics, acknowledged } = subscription;
    let id = cx.request.id().clone();
    let server = Arc::clone(&cx.call.server);
    let listener = Arc::new(listener);
    let key = server.listeners.open(&listener, server.limits.listeners)?;
    let _open = Open { listeners: &server.listeners, key };

    let meta = NotificationMetaObject::new().with_subscription_id(id.clone());
    let first = Acknowledged { meta: &meta, notifications: &acknowledged };
    say(&cx, methods::NOTIFICATIONS_SUBSCRIPTIONS_ACKNOWLEDGED, &first).await;
    drop(acknowledged);
    loop {
        let bare = Bare { meta: &meta };
        match next(&listener, &mut topics).await {
            Telling::Tools => say(&cx, methods::NOTIFICATIONS_TOOLS_LIST_CHANGED, &bare).await,
            Telling::Prompts => say(&cx, methods::NOTIFICATIONS_PROMPTS_LIST_CHANGED, &bare).await,
            Telling::Resources => {
                say(&cx, methods::NOTIFICATIONS_RESOURCES_LIST_CHANGED, &bare).await;
            }
            Telling::Updated(at) => {
                if let Some(uri) = listener.uris.get(at) {
                    let updated = Updated { meta: &meta, uri };
                    say(&cx, methods::NOTIFICATIONS_RESOURCES_UPDATED, &updated).await;
                }
            }
            Telling::Topic(method, params) => {
                say(&cx, method, &with_subscription_id(&params, &id)?).await;
            }
            Telling::Ended => {
                // Where the end of the messages cannot be seen, it is told (specification,
                // *Cancellation*); the final answer says that it is a clean one.
                if cx.call.context.is_shared_channel() {
                    let cancelled = Cancelled { meta: &meta, request_id: &id };
                    say(&cx, methods::NOTIFICATIONS_CANCELLED, &cancelled).await;
                }
                return ended(&id);
            }
        }
    }
}

/// The next thing to tell: the listener's own news first, then the topics in turn.
async fn next(listener: &Listener, topics: &mut Vec<TopicStream>) -> Telling {
    poll_fn(|context| {
        if let Poll::Ready(telling) = listener.poll_news(context) {
            return Poll::Ready(telling);
        }
        let mut at = 0;
        while let Some(topic) = topics.get_mut(at) {
            match topic.as_mut().poll_next(context) {
                Poll::Ready(Some(message)) => {
                    // The one that spoke goes last, so that a busy topic does not drown the others.
                    let topic = topics.remove(at);
                    topics.push(topic);
                    return Poll::Ready(Telling::Topic(message.method, message.params));
                }
                Poll::Ready(None) => drop(topics.remove(at)),
                Poll::Pending => at += 1,
            }
        }
        Poll::Pending
    })
    .await
}

/// Hands a notification to the transport, waiting while it has no room.
async fn say<P: Serialize>(cx: &Cx, method: &str, params: &P) {
    let bytes = notification(method, params);
    while cx.call.outbox.push(bytes.clone()).is_err() {
        let mut yielded = false;
        poll_fn(|context| {
            if std::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// The answer that ends a subscription cleanly.
fn ended(id: &RequestId) -> Result<Outcome, Error> {
    #[derive(Serialize)]
    struct Nothing {}
    impl ResultBody for Nothing {}
    let mut outcome = Outcome::complete(Nothing {})?;
    outcome.meta_mut().insert(meta_keys::SUBSCRIPTION_ID, id).map_err(|_| Error::Internal)?;
    Ok(outcome)
}

fn json<T: Serialize>(value: &T) -> Result<RawJson, Error> {
    RawJson::from_serialize(value).map_err(|_| Error::Internal)
}

#[derive(serde::Deserialize)]
struct Filter {
    notifications: BTreeMap<String, RawJson>,
}

/// The core's fields of a filter.
struct Wanted {
    tools_list_changed: Option<bool>,
    prompts_list_changed: Option<bool>,
    resources_list_changed: Option<bool>,
    resource_subscriptions: Option<Vec<String>>,
}

/// Takes the core's fields out of a filter.
fn known_fields(fields: &mut BTreeMap<String, RawJson>) -> Result<Wanted, Error> {
    fn take<T: serde::de::DeserializeOwned>(
        fields: &mut BTreeMap<String, RawJson>,
        name: &str,
    ) -> Result<Option<T>, Error> {
        match fields.remove(name) {
            None => Ok(None),
            Some(value) => value.parse().map_err(|_| {
                Error::invalid_params(format!("`params.notifications.{name}` has a wrong type"))
            }),
        }
    }
    Ok(Wanted {
        tools_list_changed: take(fields, "toolsListChanged")?,
        prompts_list_changed: take(fields, "promptsListChanged")?,
        resources_list_changed: take(fields, "resourcesListChanged")?,
        resource_subscriptions: take(fields, "resourceSubscriptions")?,
    })
}

#[derive(Serialize)]
struct Bare<'a> {
    #[serde(rename = "_meta")]
    meta: &'a NotificationMetaObject,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    #[serde(rename = "_meta")]
    meta: &'a NotificationMetaObject,
    #[serde(rename = "requestId")]
    request_id: &'a RequestId,
}

#[derive(Serialize)]
struct Updated<'a> {
    #[serde(rename = "_meta")]
    meta: &'a NotificationMetaObject,
    uri: &'a str,
}

#[derive(Serialize)]
struct Acknowledged<'a> {
    #[serde(rename = "_meta")]
    meta: &'a NotificationMetaObject,
    notifications: &'a BTreeMap<String, RawJson>,
}
