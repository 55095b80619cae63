//! A network in memory: names answer what a test says, each time anew, and addresses are played by
//! scripts that speak TLS with certificates of a made-up authority.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use mcp_identity::fetch::{
    Connection, FetchError, FetchLimits, Fetched, Fetcher, FetcherBuilder, Network, Url,
};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

pub(crate) const JSON: &str = "application/json";
/// An address on the public network.
pub(crate) const PUBLIC: &str = "9.9.9.9";

pub(crate) type Stream = Box<dyn Connection>;
type Served = Pin<Box<dyn Future<Output = ()> + Send>>;
type Script = Arc<dyn Fn(Request, Stream) -> Served + Send + Sync>;

/// What a host was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) head: String,
}

impl Request {
    pub(crate) fn path(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

#[derive(Clone)]
pub(crate) struct Internet(Arc<Inner>);

struct Inner {
    /// What each name answers, one answer after the other; the last one stays.
    names: Mutex<HashMap<String, VecDeque<Vec<IpAddr>>>>,
    looked_up: Mutex<Vec<String>>,
    connected: Mutex<Vec<SocketAddr>>,
    requests: Mutex<Vec<Request>>,
    script: Script,
    authority: Authority,
}

struct Authority {
    acceptor: TlsAcceptor,
    trust: rustls::ClientConfig,
}

impl Internet {
    /// A network where every address plays this script, once the request's head has come.
    pub(crate) fn playing<F, Fut>(script: F) -> Self
    where
        F: Fn(Request, Stream) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(Inner {
            names: Mutex::default(),
            looked_up: Mutex::default(),
            connected: Mutex::default(),
            requests: Mutex::default(),
            script: Arc::new(move |request, stream| Box::pin(script(request, stream))),
            authority: Authority::new(),
        }))
    }

    /// A network where every address answers by this function.
    pub(crate) fn answering(answer: impl Fn(&Request) -> String + Send + Sync + 'static) -> Self {
        Self::playing(move |request, mut stream| {
            let answer = answer(&request);
            async move {
                // The client may have gone: its business.
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        })
    }

    pub(crate) fn name(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers = answers.iter().map(|all| all.iter().map(|a| a.parse().unwrap()).collect());
        self.0.names.lock().unwrap().insert(name.to_owned(), answers.collect());
        self
    }

    pub(crate) fn connected(&self) -> Vec<SocketAddr> {
        self.0.connected.lock().unwrap().clone()
    }

    pub(crate) fn looked_up(&self) -> Vec<String> {
        self.0.looked_up.lock().unwrap().clone()
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.0.requests.lock().unwrap().clone()
    }

    pub(crate) fn builder(&self) -> FetcherBuilder {
        Fetcher::builder().network(self.clone()).tls_config(self.0.authority.trust.clone())
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        self.builder().build().unwrap()
    }

    pub(crate) fn limited(&self, limit: impl FnOnce(&mut FetchLimits)) -> Fetcher {
        let mut limits = FetchLimits::default();
        limit(&mut limits);
        self.builder().limits(limits).build().unwrap()
    }
}

impl Authority {
    /// Vouches for these hosts.
    fn new() -> Self {
        let hosts = ["a.example", "b.example", "c.example", PUBLIC];
        let names = hosts.map(str::to_owned).to_vec();
        let signed = rcgen::generate_simple_self_signed(names).unwrap();
        let certificate = signed.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(signed.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(key))
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let trust = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { acceptor: TlsAcceptor::from(Arc::new(server)), trust }
    }
}

#[async_trait]
impl Network for Internet {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.0.looked_up.lock().unwrap().push(host.to_owned());
        let mut names = self.0.names.lock().unwrap();
        let answers = names.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        let answer = answers.pop_front().unwrap_or_default();
        if answers.is_empty() {
            answers.push_back(answer.clone());
        }
        Ok(answer)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<Box<dyn Connection>> {
        self.0.connected.lock().unwrap().push(address);
        let (here, there) = tokio::io::duplex(16 * 1024);
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let mut stream: Stream = if address.port() == 80 {
                Box::new(there)
            } else {
                match inner.authority.acceptor.accept(there).await {
                    Ok(stream) => Box::new(stream),
                    Err(_) => return,
                }
            };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => return,
                }
            }
            let request = Request { head: String::from_utf8(head).unwrap() };
            inner.requests.lock().unwrap().push(request.clone());
            (inner.script)(request, stream).await;
        });
        Ok(Box::new(here))
    }
}

/// An answer with a document.
pub(crate) fn ok(body: &str, more: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{more}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

pub(crate) fn redirect(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n")
}

pub(crate) fn url(text: &str) -> Url {
    text.parse().unwrap()
}

pub(crate) async fn get(fetcher: &Fetcher, text: &str) -> Result<Fetched, FetchError> {
    fetcher.get(&url(text), &[JSON]).await
}

/// The name of the refusal.
pub(crate) async fn refused(fetcher: &Fetcher, text: &str) -> &'static str {
    get(fetcher, text).await.unwrap_err().refusal.name()
}
