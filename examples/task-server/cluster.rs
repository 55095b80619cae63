//! Two instances on one database, and a proxy that gives them requests by turns: what a load balancer does.

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;

type Body = BoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

const INSTANCES: usize = 2;
/// As much of a request is kept, so that another instance can have it.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Where the instances are; `None` for one that is not up.
type Places = Arc<[Mutex<Option<SocketAddr>>]>;

/// Runs instances of this program, starts those anew that end, and stands in front of them.
#[allow(clippy::print_stdout)] // Whoever starts it reads the address there.
pub(crate) async fn run(
    root: &Path,
    address: &str,
    database: &str,
) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(address).await?;
    let places: Places = (0..INSTANCES).map(|_| Mutex::new(None)).collect();
    // What one seals, the other has to open.
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| error.to_string())?;
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    for number in 0..INSTANCES {
        let mut arguments: Vec<OsString> = vec!["serve".into(), root.into()];
        arguments.extend(["--http".into(), "127.0.0.1:0".into()]);
        let environment = [("TASK_SERVER_DATABASE", database), ("TASK_SERVER_KEY", &key)]
            .map(|(name, value)| (name, value.to_owned()));
        tokio::spawn(keep_up(number, arguments, environment, Arc::clone(&places)));
    }
    println!("http://{}/mcp", listener.local_addr()?);
    tokio::select! {
        ended = proxy(listener, places) => ended?,
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(())
}

/// One instance, started anew each time it ends.
async fn keep_up(
    number: usize,
    arguments: Vec<OsString>,
    environment: [(&str, String); 2],
    places: Places,
) {
    loop {
        match instance(number, &arguments, &environment, &places).await {
            Ok(()) => eprintln!("task-server: instance {number} has ended"),
            Err(error) => eprintln!("task-server: instance {number}: {error}"),
        }
        put(&places, number, None);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn instance(
    number: usize,
    arguments: &[OsString],
    environment: &[(&str, String)],
    places: &Places,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(arguments)
        .envs(environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let process = child.id().unwrap_or_default();
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        let address = line.strip_prefix("http://").and_then(|rest| rest.strip_suffix("/mcp"));
        if let Some(address) = address {
            put(places, number, Some(address.parse()?));
            eprintln!("task-server: instance {number} is process {process} on {address}");
        }
    }
    child.wait().await?;
    Ok(())
}

fn put(places: &Places, number: usize, address: Option<SocketAddr>) {
    if let Some(place) = places.get(number) {
        *place.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }
}

fn place(places: &Places, turn: usize) -> Option<SocketAddr> {
    *places.get(turn % INSTANCES)?.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn proxy(listener: TcpListener, places: Places) -> std::io::Result<()> {
    let client: Client<HttpConnector, Full<Bytes>> =
        Client::builder(TokioExecutor::new()).build_http();
    let turns = Arc::new(AtomicUsize::new(0));
    loop {
        let (stream, _) = listener.accept().await?;
        let (client, places, turns) = (client.clone(), Arc::clone(&places), Arc::clone(&turns));
        let service = hyper::service::service_fn(move |request| {
            let turn = turns.fetch_add(1, Ordering::Relaxed);
            let (client, places) = (client.clone(), Arc::clone(&places));
            async move { Ok::<_, Infallible>(forward(request, turn, &client, &places).await) }
        });
        tokio::spawn(async move {
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away in the middle is no failure of ours.
            let _ = connection.await;
        });
    }
}

/// Gives a request to the instance whose turn it is, or to the other if that one cannot be reached.
async fn forward(
    request: Request<Incoming>,
    turn: usize,
    client: &Client<HttpConnector, Full<Bytes>>,
    places: &Places,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY).collect().await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    // An instance that was killed is up again in a moment.
    for attempt in 0..50 {
        let Some(address) = place(places, turn + attempt) else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
        let Ok(uri) = format!("http://{address}{path}").parse::<Uri>() else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let mut request = Request::builder().method(head.method.clone()).uri(uri);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&head.headers);
        }
        let Ok(request) = request.body(Full::new(body.clone())) else {
            return plain(StatusCode::BAD_REQUEST);
        };
        match client.request(request).await {
            Ok(response) => return response.map(|body| body.map_err(Into::into).boxed()),
            // It was not reached: another may have the request. Once it was, only the client may say it again.
            Err(error) if error.is_connect() => {}
            Err(_) => return plain(StatusCode::BAD_GATEWAY),
        }
    }
    plain(StatusCode::SERVICE_UNAVAILABLE)
}

fn plain(status: StatusCode) -> Response<Body> {
    let body = Full::new(Bytes::new()).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
