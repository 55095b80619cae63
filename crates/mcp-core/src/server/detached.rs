//! Calls that outlive the request they came with.

use std::sync::{Arc, PoisonError};

use crate::Error;
use crate::extension::{Extension, ExtensionId};
use crate::message::IncomingRequest;
use crate::protocol::methods;
use crate::server::cx::CallShared;
use crate::server::middleware::Next;
use crate::server::{Cx, Inner, Interaction, Outcome, RequestContext, dispatch};

/// A request to be run apart from the exchange that it came in: later, again, or on another machine.
///
/// For extensions that answer a call at once and do its work afterwards. The request is an ordinary
/// one, kept as its text; what the transport knew (the principal) is given again as `context`.
/// Nothing is sent to a client: questions and kept values go to the [`Interaction`], notifications
/// nowhere. Run by [`ServerHandle::run_detached`](crate::server::ServerHandle::run_detached); dropping
/// that future drops the handler.
///
/// Layers around the call see it a second time, unless [`inside`](Self::inside) says where to begin.
pub struct DetachedCall {
    request: IncomingRequest,
    context: RequestContext,
    interaction: Arc<dyn Interaction>,
    inside: Option<(ExtensionId, &'static str)>,
}

impl DetachedCall {
    /// A call with where its questions go.
    pub fn new(request: IncomingRequest, interaction: Arc<dyn Interaction>) -> Self {
        Self { request, context: RequestContext::new(), interaction, inside: None }
    }

    /// Sets what the transport knew of the request.
    #[must_use]
    pub fn context(mut self, context: RequestContext) -> Self {
        self.context = context;
        self
    }

    /// Begins inside the layer that extension `E` added under the name `layer`: the layers further
    /// out, and that one, saw the call when it came.
    #[must_use]
    pub fn inside<E: Extension>(mut self, layer: &'static str) -> Self {
        self.inside = Some((E::ID, layer));
        self
    }

    pub(crate) async fn run(self, server: &Arc<Inner>) -> Result<Outcome, Error> {
        if self.request.method() == methods::SUBSCRIPTIONS_LISTEN {
            return Err(Error::InvalidRequest(
                "a subscription needs somebody who listens".to_owned(),
            ));
        }
        let profile = dispatch::prepare(server, &self.request)?;
        let call = Arc::new(CallShared::new(Arc::clone(server), profile, self.context));
        call.outbox.close();
        let cx = Cx {
            request: Arc::new(self.request),
            call: Arc::clone(&call),
            interaction: Some(self.interaction),
            values: None,
        };
        let at = match self.inside {
            None => 0,
            Some((owner, name)) => server
                .layers
                .iter()
                .position(|layer| layer.info.owner == Some(owner) && layer.info.name == name)
                .map(|at| at + 1)
                .ok_or_else(|| {
                    tracing::error!(%owner, name, "there is no such layer");
                    Error::Internal
                })?,
        };
        let mut outcome = dispatch::catch_panic(async move {
            dispatch::check_shape(cx.request(), &cx.call.server.capabilities)?;
            Next { at }.run(cx).await
        })
        .await?;
        if !outcome.is_complete() {
            tracing::error!(result_type = outcome.result_type(), "not a final result");
            return Err(Error::Internal);
        }
        if let Some(added) = call.result_meta.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            outcome.meta_mut().extend(added);
        }
        Ok(outcome)
    }
}
