//! The documents as a `tower` service, before another.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll, ready as poll_ready};

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::answer;
use super::site::{Place, Site};

/// Puts the documents of a [`Site`] before a service.
#[derive(Debug, Clone)]
pub struct SiteLayer {
    site: Site,
}

impl SiteLayer {
    pub(super) fn new(site: Site) -> Self {
        Self { site }
    }
}

impl<S> tower_layer::Layer<S> for SiteLayer {
    type Service = SiteService<S>;

    fn layer(&self, inner: S) -> SiteService<S> {
        SiteService::new(self.site.clone(), inner)
    }
}

/// Answers for the documents of a [`Site`], and lets another service answer everything else. What that answers to `GET` and `HEAD`
/// gets a `Link` to the catalog, so that who comes across any page of the site finds it.
#[derive(Clone)]
pub struct SiteService<S> {
    site: Site,
    link: Option<HeaderValue>,
    inner: S,
}

impl<S> SiteService<S> {
    pub(super) fn new(site: Site, inner: S) -> Self {
        let link = format!("<{}>; rel=\"{}\"", site.catalog_url(), crate::catalog::LINK_RELATION);
        Self { link: HeaderValue::from_str(&link).ok(), site, inner }
    }
}

impl<S> fmt::Debug for SiteService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SiteService").field("site", &self.site).finish_non_exhaustive()
    }
}

impl<S, Q, B> tower_service::Service<Request<Q>> for SiteService<S>
where
    S: tower_service::Service<Request<Q>, Response = Response<B>>,
{
    type Response = Response<SiteBody<B>>;
    type Error = S::Error;
    type Future = SiteFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let reads = answer::reads(request.method());
        let Some(place) = self.site.place(request.uri().path()) else {
            let link = reads.and_then(|_| self.link.clone());
            return SiteFuture::Inner { future: self.inner.call(request), link };
        };
        let Some(is_head) = reads else {
            return SiteFuture::ready(answer::other(request.method()));
        };
        let headers = request.headers();
        let look =
            self.site.look(|rendered| rendered.at(place).map(|it| it.read(is_head, headers)));
        match look {
            Some(Some(response)) => SiteFuture::ready(response),
            Some(None) => SiteFuture::ready(answer::bare(StatusCode::NOT_FOUND)),
            None => {
                let headers = request.headers().clone();
                let site = self.site.clone();
                SiteFuture::Render { future: Box::pin(render(site, place, is_head, headers)) }
            }
        }
    }
}

/// The slow way: the documents have to be made first.
async fn render(
    site: Site,
    place: Place,
    is_head: bool,
    headers: http::HeaderMap,
) -> Response<Bytes> {
    match site.renewed().await {
        Ok(rendered) => match rendered.at(place) {
            Some(document) => document.read(is_head, &headers),
            None => answer::bare(StatusCode::NOT_FOUND),
        },
        Err(_) => {
            let mut response = answer::bare(StatusCode::SERVICE_UNAVAILABLE);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
            response
        }
    }
}

pin_project! {
    /// The answer of a [`SiteService`] in the making.
    #[project = Projected]
    pub enum SiteFuture<F, B> {
        /// A document.
        #[doc(hidden)]
        Ready { response: Option<Response<SiteBody<B>>> },
        /// A document that has to be made first.
        #[doc(hidden)]
        Render { future: Pin<Box<dyn Future<Output = Response<Bytes>> + Send>> },
        /// The other service.
        #[doc(hidden)]
        Inner { #[pin] future: F, link: Option<HeaderValue> },
    }
}

impl<F, B> SiteFuture<F, B> {
    fn ready(response: Response<Bytes>) -> Self {
        Self::Ready { response: Some(response.map(SiteBody::whole)) }
    }
}

impl<F, B, E> Future for SiteFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<SiteBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            // Polled again after it was done, it waits for ever.
            Projected::Ready { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Projected::Render { future } => {
                let response = poll_ready!(future.as_mut().poll(context));
                Poll::Ready(Ok(response.map(SiteBody::whole)))
            }
            Projected::Inner { future, link } => {
                let mut response = poll_ready!(future.poll(context))?;
                if let Some(link) = link.take() {
                    response.headers_mut().append(header::LINK, link);
                }
                Poll::Ready(Ok(response.map(|inner| SiteBody { kind: Kind::Inner { inner } })))
            }
        }
    }
}

impl<F, B> fmt::Debug for SiteFuture<F, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteFuture(..)")
    }
}

pin_project! {
    /// A document, or the body of the other service.
    pub struct SiteBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjected]
    enum Kind<B> {
        Whole { bytes: Bytes },
        Inner { #[pin] inner: B },
    }
}

impl<B> SiteBody<B> {
    fn whole(bytes: Bytes) -> Self {
        Self { kind: Kind::Whole { bytes } }
    }
}

impl<B: Body<Data = Bytes>> Body for SiteBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().kind.project() {
            KindProjected::Whole { bytes } if bytes.is_empty() => Poll::Ready(None),
            KindProjected::Whole { bytes } => {
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            KindProjected::Inner { inner } => inner.poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Whole { bytes } => bytes.is_empty(),
            Kind::Inner { inner } => inner.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole { bytes } => SizeHint::with_exact(bytes.len() as u64),
            Kind::Inner { inner } => inner.size_hint(),
        }
    }
}

impl<B> fmt::Debug for SiteBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SiteBody(..)")
    }
}

/// Answers 404 to everything: what is behind a site that serves nothing but its documents.
#[derive(Debug, Clone, Copy, Default)]
pub struct NotFound;

impl<Q> tower_service::Service<Request<Q>> for NotFound {
    type Response = Response<NoBody>;
    type Error = Infallible;
    type Future = Ready<Result<Response<NoBody>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Q>) -> Self::Future {
        let mut response = Response::new(NoBody);
        *response.status_mut() = StatusCode::NOT_FOUND;
        ready(Ok(response))
    }
}

/// No body.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoBody;

impl Body for NoBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(0)
    }
}
