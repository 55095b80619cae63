//! Code around requests, in an order that can be looked at.

use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;
use crate::extension::ExtensionId;
use crate::server::dispatch;
use crate::server::{Cx, NotificationCx, Outcome};

/// Wraps the handling of requests and notifications.
///
/// It may look at the request, change it ([`Cx::with_params`]), answer it without going on, look at
/// the outcome or the error, and change either. It is ordinary code: an application adds it with
/// [`ServerBuilder::layer`](crate::server::ServerBuilder::layer), an extension with
/// [`Contributions::around_call`](crate::extension::Contributions::around_call). It needs no
/// extension and is not announced.
///
/// ```
/// use async_trait::async_trait;
/// use mcp_core::Error;
/// use mcp_core::server::{Cx, Middleware, Next, Outcome};
///
/// struct CountErrors(std::sync::atomic::AtomicU64);
///
/// #[async_trait]
/// impl Middleware for CountErrors {
///     async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
///         let outcome = next.run(cx).await;
///         if outcome.is_err() {
///             self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
///         }
///         outcome
///     }
/// }
/// ```
#[async_trait]
pub trait Middleware: Send + Sync + 'static {
    /// Around a request. Not calling `next` answers it early.
    ///
    /// # Errors
    /// Answers the request.
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        next.run(cx).await
    }

    /// Around a notification from the client.
    ///
    /// # Errors
    /// Refuses the notification, as far as the transport can.
    async fn notification(&self, cx: NotificationCx, next: NextNotification) -> Result<(), Error> {
        next.run(cx).await
    }
}

/// A middleware and its place.
#[derive(Clone)]
pub(crate) struct Layer {
    pub(crate) info: LayerInfo,
    pub(crate) middleware: Arc<dyn Middleware>,
}

/// What is known of a middleware: who put it where.
///
/// ```
/// # use mcp_core::server::Server;
/// # fn show(server: &Server) {
/// for layer in server.layers() {
///     println!("{:>4} {} {:?}", layer.order, layer.name, layer.owner);
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LayerInfo {
    /// Its name, for people.
    pub name: &'static str,
    /// The extension that contributes it; `None` for the application's own.
    pub owner: Option<ExtensionId>,
    /// Its place: lower is further out. Equal ones keep the order in which they were added.
    pub order: i32,
    /// The only method it sees, or `None` for all.
    pub method: Option<&'static str>,
}

impl Layer {
    pub(crate) fn new(name: &'static str, order: i32, middleware: Arc<dyn Middleware>) -> Self {
        Self { info: LayerInfo { name, owner: None, order, method: None }, middleware }
    }

    pub(crate) fn for_extension(
        name: &'static str,
        owner: ExtensionId,
        order: i32,
        method: Option<&'static str>,
        middleware: Arc<dyn Middleware>,
    ) -> Self {
        Self { info: LayerInfo { name, owner: Some(owner), order, method }, middleware }
    }
}

/// The rest of the way of a request: the layers further in, then the handler.
pub struct Next {
    pub(crate) at: usize,
}

impl Next {
    /// Goes on.
    ///
    /// # Errors
    /// Whatever the rest of the way comes to.
    pub async fn run(self, cx: Cx) -> Result<Outcome, Error> {
        let server = Arc::clone(&cx.call.server);
        for (at, layer) in server.layers.iter().enumerate().skip(self.at) {
            if layer.info.method.is_none_or(|method| method == cx.request.method()) {
                return layer.middleware.request(cx, Self { at: at + 1 }).await;
            }
        }
        dispatch::route(cx).await
    }
}

/// The rest of the way of a notification.
pub struct NextNotification {
    pub(crate) at: usize,
}

impl NextNotification {
    /// Goes on.
    ///
    /// # Errors
    /// Whatever the rest of the way comes to.
    pub async fn run(self, cx: NotificationCx) -> Result<(), Error> {
        let server = Arc::clone(&cx.server);
        for (at, layer) in server.layers.iter().enumerate().skip(self.at) {
            if layer.info.method.is_none_or(|method| method == cx.notification.method()) {
                return layer.middleware.notification(cx, Self { at: at + 1 }).await;
            }
        }
        dispatch::route_notification(cx).await
    }
}
