//! From a read request to the code that answers it.

use std::any::TypeId;
use std::sync::Arc;

use tracing::Instrument;

use crate::Error;
use crate::message::{IncomingNotification, IncomingRequest};
use crate::protocol::{SUPPORTED_VERSIONS, ServerCapabilities, methods};
use crate::server::cx::CallShared;
use crate::server::exchange::{Exchange, Permit};
use crate::server::middleware::{Next, NextNotification};
use crate::server::{
    Cx, Inner, NotificationCx, Outcome, RequestContext, completion, listeners, prompts, resources,
    span, tools,
};

/// Checks what is common to all requests and starts the answer.
pub(crate) fn start(
    server: &Arc<Inner>,
    request: IncomingRequest,
    context: RequestContext,
) -> Exchange {
    let request = Arc::new(request);
    let span = span::of_request(server, &request, &context);
    let ready =
        prepare(server, &request).and_then(|profile| Ok((profile, Permit::acquire(server)?)));
    let (profile, permit) = match ready {
        Ok(ready) => ready,
        Err(error) => {
            span::failed(&span, &error);
            return Exchange::rejected(request, &error);
        }
    };
    let call = Arc::new(CallShared::new(Arc::clone(server), profile, context));
    let cx = Cx {
        request: Arc::clone(&request),
        call: Arc::clone(&call),
        interaction: None,
        values: None,
    };
    let answer = async move {
        check_shape(cx.request(), &cx.call.server.capabilities)?;
        Next { at: 0 }.run(cx).await
    };
    Exchange::running(request, call, permit, span, Box::pin(answer))
}

/// What every handler of these methods may rely on, and every middleware too.
pub(crate) fn check_shape(
    request: &IncomingRequest,
    offers: &ServerCapabilities,
) -> Result<(), Error> {
    let is_offered = match request.method() {
        methods::TOOLS_CALL => offers.tools.is_some(),
        methods::PROMPTS_GET => offers.prompts.is_some(),
        methods::RESOURCES_READ => offers.resources.is_some(),
        _ => false,
    };
    match request.method() {
        // What is not offered is an unknown method, whatever its shape.
        _ if !is_offered => {}
        methods::TOOLS_CALL | methods::PROMPTS_GET => {
            request.name()?;
            request.arguments()?;
        }
        methods::RESOURCES_READ => drop(request.uri()?),
        _ => {}
    }
    Ok(())
}

pub(crate) fn prepare(
    server: &Inner,
    request: &IncomingRequest,
) -> Result<Arc<crate::extension::ClientProfile>, Error> {
    server.check_version(request.protocol_version())?;
    let profile = server.profiles.get_or_parse(request.client_capabilities(), |text| {
        crate::extension::ClientProfile::parse(text, &server.extensions)
    })?;
    if let Some(info) = request.client_info() {
        server.client_infos.get_or_parse(info, |text| serde_json::from_str(text)).map_err(
            |error| {
                Error::invalid_params(format!(
                    "`_meta` field `clientInfo`: {}",
                    crate::message::without_values(&error)
                ))
            },
        )?;
    }
    server.check_request_meta(&profile, request)?;
    Ok(profile)
}

impl Inner {
    /// # Errors
    /// `-32022` for a revision that is not served.
    pub(crate) fn check_version(&self, version: &str) -> Result<(), Error> {
        if SUPPORTED_VERSIONS.contains(&version) {
            return Ok(());
        }
        Err(Error::UnsupportedProtocolVersion {
            supported: SUPPORTED_VERSIONS.map(str::to_owned).into(),
            requested: version.to_owned(),
        })
    }

    /// Values under keys that agreed extensions own must have their types.
    fn check_request_meta(
        &self,
        profile: &crate::extension::ClientProfile,
        request: &IncomingRequest,
    ) -> Result<(), Error> {
        if self.request_meta.is_empty() || profile.agreed == 0 {
            return Ok(());
        }
        let meta: crate::protocol::Meta =
            serde_json::from_str(request.meta()).map_err(|error| {
                Error::invalid_params(format!(
                    "`_meta`: {}",
                    crate::message::without_values(&error)
                ))
            })?;
        for owned in &self.request_meta {
            if profile.agreed & (1 << owned.extension) == 0 {
                continue;
            }
            if let Some(value) = meta.get_raw(owned.check.key) {
                (owned.check.check)(value)
                    .map_err(|error| crate::message::meta_error(owned.check.key, &error))?;
            }
        }
        Ok(())
    }
}

/// The end of the way: the method itself.
pub(crate) async fn route(cx: Cx) -> Result<Outcome, Error> {
    let server = Arc::clone(&cx.call.server);
    let offers = &server.capabilities;
    match cx.request.method() {
        methods::SERVER_DISCOVER => Ok(Outcome::rendered(server.discover.clone())),
        methods::TOOLS_CALL if offers.tools.is_some() => tools::call(cx).await,
        methods::TOOLS_LIST if offers.tools.is_some() => tools::list(&cx),
        methods::PROMPTS_GET if offers.prompts.is_some() => prompts::get(cx).await,
        methods::PROMPTS_LIST if offers.prompts.is_some() => prompts::list(&cx),
        methods::RESOURCES_READ if offers.resources.is_some() => resources::read(cx).await,
        methods::RESOURCES_LIST if offers.resources.is_some() => resources::list(&cx).await,
        methods::RESOURCES_TEMPLATES_LIST if offers.resources.is_some() => {
            resources::list_templates(&cx)
        }
        methods::COMPLETION_COMPLETE if offers.completions.is_some() => {
            // Boxed, since its future is the largest and every request would keep room for it.
            Box::pin(completion::complete(cx)).await
        }
        methods::SUBSCRIPTIONS_LISTEN => listeners::listen(cx).await,
        method => match server.methods.get(method) {
            Some(known) => {
                cx.call.profile.require(known.extension, known.owner)?;
                (known.call)(cx).await
            }
            None => Err(Error::MethodNotFound(method.to_owned())),
        },
    }
}

/// Handles a notification.
pub(crate) async fn notified(
    server: &Arc<Inner>,
    notification: IncomingNotification,
    context: RequestContext,
) -> Result<(), Error> {
    let span = span::of_notification(server, &notification, &context);
    let handled = handle_notification(server, notification, context).instrument(span.clone()).await;
    handled.inspect_err(|error| span::failed(&span, error))
}

async fn handle_notification(
    server: &Arc<Inner>,
    notification: IncomingNotification,
    context: RequestContext,
) -> Result<(), Error> {
    let profile = match notification.client_capabilities() {
        None => None,
        Some(text) => Some(server.profiles.get_or_parse(text, |text| {
            crate::extension::ClientProfile::parse(text, &server.extensions)
        })?),
    };
    let cx = NotificationCx {
        server: Arc::clone(server),
        notification: Arc::new(notification),
        profile,
        context,
    };
    catch_panic(NextNotification { at: 0 }.run(cx)).await
}

/// Turns a panic of a handler into `-32603`, so that it does not take its transport down.
pub(crate) async fn catch_panic<T>(
    running: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut running = std::pin::pin!(running);
    std::future::poll_fn(|context| {
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            running.as_mut().poll(context)
        }));
        polled.unwrap_or_else(|_| {
            tracing::error!("a handler panicked");
            std::task::Poll::Ready(Err(Error::Internal))
        })
    })
    .await
}

/// The end of a notification's way. Unknown ones are ignored, as JSON-RPC asks.
pub(crate) async fn route_notification(cx: NotificationCx) -> Result<(), Error> {
    match cx.server.notifications.get(cx.notification.method()) {
        Some(call) => call(cx.clone()).await,
        None => {
            tracing::debug!("an unknown notification was ignored");
            Ok(())
        }
    }
}

impl CallShared {
    pub(crate) fn new(
        server: Arc<Inner>,
        profile: Arc<crate::extension::ClientProfile>,
        context: RequestContext,
    ) -> Self {
        Self {
            server,
            profile,
            context,
            outbox: Default::default(),
            rounds: Default::default(),
            questions: Default::default(),
            result_meta: Default::default(),
            last_progress: Default::default(),
        }
    }
}

/// Looks a state up by its type.
pub(crate) type States = std::collections::HashMap<TypeId, Arc<dyn std::any::Any + Send + Sync>>;
