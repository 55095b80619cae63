//! One request to one address, and its answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::time::{Instant, timeout};

use super::cache::{Kept, freshness};
use super::meter::{Meter, Metered};
use super::policy::Addresses;
use super::{Connection, Host, Inner, Refusal, Url, Waited};

/// What a host answered.
pub(super) enum Answer {
    Document {
        document: Kept,
        keep: bool,
    },
    /// What is kept is still right.
    Unchanged {
        fresh_until: Instant,
    },
    /// The document is elsewhere.
    Redirect(String),
}

/// Why there is no answer.
enum Failed {
    Refused(Refusal),
    /// What is wrong with it shows when it is known how much the connection brought.
    Broken(hyper::Error),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<hyper::Error> for Failed {
    fn from(error: hyper::Error) -> Self {
        Self::Broken(error)
    }
}

impl Inner {
    /// Asks for a document, at one of the addresses that were checked.
    pub(super) async fn ask(
        &self,
        url: &Url,
        addresses: &Addresses,
        header: &str,
        accept: &[&str],
        etag: Option<&str>,
    ) -> Result<Answer, Refusal> {
        let (connection, wire) = self.connect(url, addresses).await?;
        let (connection, clear) = Metered::new(connection, u64::MAX);
        let asked = self.exchange(connection, url, header, accept, etag).await;
        asked.map_err(|failed| match failed {
            Failed::Refused(refusal) => refusal,
            Failed::Broken(_) if wire.is_exceeded() => {
                Refusal::TooManyBytes { limit: self.limits.wire() }
            }
            // hyper gives up on a head that fills its buffer.
            Failed::Broken(error)
                if error.is_parse() && clear.read() >= self.limits.head as u64 =>
            {
                Refusal::HeadTooLarge { limit: self.limits.head }
            }
            Failed::Broken(error) if error.is_parse() => Refusal::Malformed,
            Failed::Broken(_) => Refusal::Disconnected,
        })
    }

    /// Connects to the first address that answers, and encrypts.
    async fn connect(
        &self,
        url: &Url,
        addresses: &Addresses,
    ) -> Result<(Box<dyn Connection>, Meter), Refusal> {
        let mut last = Refusal::NoAddress;
        for address in &addresses.all {
            let after = self.limits.connect;
            last = match timeout(after, self.network.connect(*address)).await {
                Err(_) => Refusal::Timeout { waited: Waited::Connect, after },
                Ok(Err(error)) => Refusal::Connect(error),
                Ok(Ok(connection)) => {
                    let (metered, meter) = Metered::new(connection, self.limits.wire());
                    if !url.is_secure() {
                        return Ok((Box::new(metered), meter));
                    }
                    // Who answers in the host's name decides about it: no second try elsewhere.
                    let secured =
                        timeout(after, self.tls.connect(server_name(url)?, metered)).await;
                    let waited = Waited::Connect;
                    let secured = secured.map_err(|_| Refusal::Timeout { waited, after })?;
                    return Ok((Box::new(secured.map_err(Refusal::Tls)?), meter));
                }
            };
        }
        Err(last)
    }

    async fn exchange(
        &self,
        connection: Metered<Box<dyn Connection>>,
        url: &Url,
        header: &str,
        accept: &[&str],
        etag: Option<&str>,
    ) -> Result<Answer, Failed> {
        let request = self.request(url, header, etag)?;
        let mut builder = http1::Builder::new();
        // A field has four bytes at least, so the size alone decides.
        builder.max_buf_size(self.limits.head).max_headers(self.limits.head / 4);
        let io = TokioIo::new(connection);
        let (mut sender, connection) = self.idle(builder.handshake(io)).await??;
        // The connection is driven here and nowhere else: dropping this ends it.
        let mut driver = Driver { connection: pin!(connection), ended: false };
        let response = self.idle(driver.along(sender.send_request(request))).await??;
        match response.status() {
            StatusCode::OK => self.document(response, &mut driver, accept).await,
            StatusCode::NOT_MODIFIED => {
                Ok(Answer::Unchanged { fresh_until: fresh_until(response.headers()) })
            }
            StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT => {
                let location = response.headers().get(header::LOCATION);
                let location = location.and_then(|location| location.to_str().ok());
                Ok(Answer::Redirect(location.ok_or(Refusal::RedirectNowhere)?.to_owned()))
            }
            other => Err(Refusal::Status(other.as_u16()).into()),
        }
    }

    fn request(
        &self,
        url: &Url,
        accept: &str,
        etag: Option<&str>,
    ) -> Result<Request<Empty<Bytes>>, Refusal> {
        let value = |text: &str| HeaderValue::from_str(text).map_err(|_| Refusal::Malformed);
        let mut request = Request::new(Empty::new());
        *request.method_mut() = Method::GET;
        *request.uri_mut() = url.target().parse().map_err(|_| Refusal::Malformed)?;
        let headers = request.headers_mut();
        headers.insert(header::HOST, value(url.authority())?);
        headers.insert(header::ACCEPT, value(accept)?);
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(header::USER_AGENT, value(&self.user_agent)?);
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        if let Some(etag) = etag {
            headers.insert(header::IF_NONE_MATCH, value(etag)?);
        }
        Ok(request)
    }

    async fn document<C>(
        &self,
        response: Response<Incoming>,
        driver: &mut Driver<'_, C>,
        accept: &[&str],
    ) -> Result<Answer, Failed>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let headers = response.headers();
        let coding = headers.get(header::CONTENT_ENCODING);
        if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(Refusal::ContentCoding.into());
        }
        let media_type = essence(headers);
        if !accept.iter().any(|accepted| accepted.eq_ignore_ascii_case(&media_type)) {
            return Err(Refusal::MediaType(shown(&media_type)).into());
        }
        let etag = headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
        let keep = freshness(headers).is_some_and(|fresh| etag.is_some() || !fresh.is_zero());
        let fresh_until = fresh_until(headers);
        let body = self.read(response.into_body(), driver).await?;
        Ok(Answer::Document { document: Kept { body, media_type, etag, fresh_until }, keep })
    }

    async fn read<C>(&self, mut body: Incoming, driver: &mut Driver<'_, C>) -> Result<Bytes, Failed>
    where
        C: Future<Output = hyper::Result<()>>,
    {
        let limit = self.limits.body;
        let mut document = Vec::new();
        loop {
            if (document.len() as u64).saturating_add(body.size_hint().lower()) > limit as u64 {
                return Err(Refusal::BodyTooLarge { limit }.into());
            }
            let Some(frame) = self.idle(driver.along(body.frame())).await? else {
                return Ok(document.into());
            };
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            if document.len() + data.len() > limit {
                return Err(Refusal::BodyTooLarge { limit }.into());
            }
            document.extend_from_slice(&data);
        }
    }

    /// Waits for the next piece of an answer.
    async fn idle<T>(&self, piece: impl Future<Output = T>) -> Result<T, Refusal> {
        let after = self.limits.idle;
        let waited = Waited::Idle;
        timeout(after, piece).await.map_err(|_| Refusal::Timeout { waited, after })
    }
}

/// A connection of hyper's does nothing unless somebody polls it.
struct Driver<'a, C> {
    connection: Pin<&'a mut C>,
    ended: bool,
}

impl<C: Future<Output = hyper::Result<()>>> Driver<'_, C> {
    /// Polls the connection along with what waits for it.
    async fn along<F: Future>(&mut self, waiting: F) -> F::Output {
        let mut waiting = pin!(waiting);
        poll_fn(|context| {
            if !self.ended && self.connection.as_mut().poll(context).is_ready() {
                // How it ended is told to who waits.
                self.ended = true;
            }
            waiting.as_mut().poll(context)
        })
        .await
    }
}

fn server_name(url: &Url) -> Result<ServerName<'static>, Refusal> {
    match url.host() {
        Host::Address(address) => Ok(ServerName::from(*address)),
        // Underscores may stand in names of hosts, but not in certificates.
        Host::Name(name) => ServerName::try_from(name.clone())
            .map_err(|error| Refusal::Tls(std::io::Error::other(error))),
    }
}

fn fresh_until(headers: &HeaderMap) -> Instant {
    let fresh = freshness(headers).unwrap_or(Duration::ZERO);
    Instant::now().checked_add(fresh).unwrap_or_else(Instant::now)
}

/// The media type without its parameters, in small letters; empty if there is none.
fn essence(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().to_ascii_lowercase()
}

/// A media type for people to read.
fn shown(media_type: &str) -> String {
    media_type.chars().filter(char::is_ascii_graphic).take(80).collect()
}
