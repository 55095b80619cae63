//! A glossary: the extension of the extension guide, served on standard input and output.
//!
//! The guide quotes this file; a test compares the two.
#![allow(unreachable_pub, missing_docs, reason = "a library's code, in a program")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::stream;
use mcp_core::client::{Client, ClientContributions, ClientError, ClientExtension};
use mcp_core::extension::{
    Contributions, Extension, ExtensionDescriptor, ExtensionId, MessageDescriptor, MetaKey,
    MethodOptions, Negotiated, Refusal, ServerExtension, Topic, TopicMessage,
};
use mcp_core::protocol::{ResultBody, methods};
use mcp_core::server::{Args, Cx, Middleware, Next, Outcome, ServedTool, Server, ServerBuilder};
use mcp_core::transport::{StdioOptions, serve_stdio};
use mcp_core::{ApplicationCode, Error, RawJson, Shutdown};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::broadcast;

pub struct Glossary {
    terms: Mutex<BTreeMap<String, String>>,
    changes: broadcast::Sender<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ClientSettings {
    /// The language that definitions are wanted in.
    language: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServerSettings {
    /// The languages that there are definitions in.
    languages: Vec<String>,
}

impl Extension for Glossary {
    const ID: ExtensionId = ExtensionId::new("com.example/glossary");
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

impl ServerExtension for Glossary {
    fn settings(&self) -> ServerSettings {
        ServerSettings { languages: vec!["en".to_owned()] }
    }

    fn negotiate(&self, client: &ClientSettings) -> Result<(), Refusal> {
        if client.language == "en" {
            return Ok(());
        }
        Err(Refusal::new("there are definitions in English only")
            .accepting(&json!({ "language": "en" })))
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        self.contribute_messages(to);
        self.contribute_topic(to);
        self.contribute_tools(to);
        to.around_call("glossary.explain", 100, Explaining::default());
        to.request_meta::<Audience>();
        to.result_meta::<Edition>();
    }
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Define {
    /// The term, in lower case.
    term: String,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Definition {
    /// What it means.
    text: String,
}

impl ResultBody for Definition {}

/// A term that the server asks the client to look at too.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SeeAlso {
    term: String,
}

/// A definition that the client suggests.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Suggested {
    pub term: String,
    pub text: String,
}

const UNKNOWN_TERM: ApplicationCode = ApplicationCode::new(4404);

impl Glossary {
    fn contribute_messages(self: &Arc<Self>, to: &mut Contributions<Self>) {
        let glossary = Arc::clone(self);
        to.method(
            "glossary/define",
            MethodOptions::new().routed_by("term"),
            move |proof, cx, define: Define| {
                let glossary = Arc::clone(&glossary);
                async move { glossary.define(&proof, &cx, &define) }
            },
        );
        let glossary = Arc::clone(self);
        to.notification(
            "notifications/glossary/suggested",
            move |_proof, _cx, suggested: Suggested| {
                let glossary = Arc::clone(&glossary);
                async move { glossary.add(suggested.term, suggested.text) }
            },
        );
    }

    fn define(
        &self,
        proof: &Negotiated<Self>,
        cx: &Cx,
        define: &Define,
    ) -> Result<Definition, Error> {
        let terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        let text = terms
            .get(&define.term)
            .ok_or_else(|| Error::application(UNKNOWN_TERM, "the glossary has no such term"))?;
        for term in terms.keys().filter(|term| **term != define.term && text.contains(*term)) {
            let also = SeeAlso { term: term.clone() };
            cx.notify(proof, "notifications/glossary/see_also", &also)?;
        }
        cx.set_result_meta::<Edition>(&terms.len())?;
        match cx.request_meta::<Audience>()? {
            Some(AudienceValue::Children) => Ok(Definition { text: format!("{text}. Easy!") }),
            Some(AudienceValue::Adults) | None => Ok(Definition { text: text.clone() }),
        }
    }

    fn add(&self, term: String, text: String) -> Result<(), Error> {
        if term.trim().is_empty() || term.len() > 100 {
            return Err(Error::invalid_params("a term has 1 to 100 bytes"));
        }
        self.terms.lock().unwrap_or_else(PoisonError::into_inner).insert(term.clone(), text);
        // Nobody may be listening; that is no failure.
        let _ = self.changes.send(term);
        Ok(())
    }
}

impl Glossary {
    fn contribute_topic(self: &Arc<Self>, to: &mut Contributions<Self>) {
        let glossary = Arc::clone(self);
        to.topic("glossaryTerms", move |_proof, _cx, wanted: Vec<String>| {
            let changes = glossary.changes.subscribe();
            async move {
                let honoured = RawJson::from_serialize(&wanted).map_err(|_| Error::Internal)?;
                let messages = stream::unfold((changes, wanted), |(mut changes, wanted)| async {
                    loop {
                        let term = match changes.recv().await {
                            Ok(term) => term,
                            Err(broadcast::error::RecvError::Lagged(_)) => continue,
                            Err(broadcast::error::RecvError::Closed) => return None,
                        };
                        if wanted.contains(&term) {
                            let params = SeeAlso { term };
                            let message =
                                TopicMessage::new("notifications/glossary/changed", &params)
                                    .ok()?;
                            return Some((message, (changes, wanted)));
                        }
                    }
                });
                Ok(Some(Topic::new(honoured, messages)))
            }
        });
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Explain {
    /// Any text.
    text: String,
}

impl Glossary {
    fn contribute_tools(self: &Arc<Self>, to: &mut Contributions<Self>) {
        let glossary = Arc::clone(self);
        let explain = move |_proof: Negotiated<Self>, Args(explain): Args<Explain>| {
            let glossary = Arc::clone(&glossary);
            async move {
                let terms = glossary.terms.lock().unwrap_or_else(PoisonError::into_inner);
                let known = terms.iter().filter(|(term, _)| explain.text.contains(*term));
                known.map(|(term, text)| format!("{term}: {text}\n")).collect::<String>()
            }
        };
        to.tool(
            ServedTool::new("explain", explain)
                .description("Explains the terms that occur in a text."),
        );
        let glossary = Arc::clone(self);
        let count = move || {
            let glossary = Arc::clone(&glossary);
            async move {
                let terms = glossary.terms.lock().unwrap_or_else(PoisonError::into_inner);
                format!("{} terms", terms.len())
            }
        };
        to.tool_for_everyone(
            ServedTool::new("count_terms", count).description("Counts the terms of the glossary."),
        );
    }
}

/// Looks at every call of a tool: changes it, answers it, or counts that it failed.
#[derive(Default)]
struct Explaining {
    failed: AtomicU64,
}

#[async_trait]
impl Middleware for Explaining {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        let mut cx = cx;
        if cx.request().name()? == "explain" && cx.negotiated::<Glossary>().is_ok() {
            let mut params: BTreeMap<String, RawJson> = cx.request().parse_params()?;
            if let Ok(explain) = serde_json::from_str::<Explain>(cx.request().arguments()?) {
                if explain.text.is_empty() {
                    // Answered early: the tool is not called.
                    return Outcome::complete(nothing_to_explain());
                }
                // Changed: the tool sees the text in lower case, and `_meta` as it came.
                let changed = json!({ "text": explain.text.to_lowercase() });
                params.insert("arguments".to_owned(), changed.into());
                let params = serde_json::to_string(&params).map_err(|_| Error::Internal)?;
                cx = cx.with_params(&params)?;
            }
        }
        let outcome = next.run(cx).await;
        if let Err(error) = &outcome {
            // Observed: the error goes on as it is.
            let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::info!(code = error.code(), failed, "a call failed");
        }
        outcome
    }
}

fn nothing_to_explain() -> mcp_core::protocol::CallToolResult {
    let text = mcp_core::protocol::ContentBlock::text("There is nothing to explain.");
    mcp_core::protocol::CallToolResult::new(vec![text])
}

/// For whom a definition is meant: a key of requests' `_meta`.
pub struct Audience;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AudienceValue {
    Children,
    Adults,
}

impl MetaKey for Audience {
    const KEY: &'static str = "com.example/audience";
    type Value = AudienceValue;
}

/// How many terms the glossary had: a key of results' `_meta`.
pub struct Edition;

impl MetaKey for Edition {
    const KEY: &'static str = "com.example/edition";
    type Value = usize;
}

mcp_core::register_extension!(ExtensionDescriptor::of::<Glossary>("SPEC.md").with_messages(
    const {
        &[
            MessageDescriptor::method::<Define, Definition>("glossary/define"),
            MessageDescriptor::notification::<Suggested>("notifications/glossary/suggested"),
            MessageDescriptor::notification::<SeeAlso>("notifications/glossary/see_also"),
            MessageDescriptor::notification::<SeeAlso>("notifications/glossary/changed"),
        ]
    }
));

/// The client's side: it reads the glossary, and remembers what it was pointed to.
#[derive(Clone, Default)]
pub struct GlossaryReader {
    see_also: Arc<Mutex<Vec<String>>>,
    edition: Arc<AtomicU64>,
}

impl Extension for GlossaryReader {
    const ID: ExtensionId = Glossary::ID;
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

impl ClientExtension for GlossaryReader {
    fn settings(&self) -> ClientSettings {
        ClientSettings { language: "en".to_owned() }
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        to.routed_method("glossary/define", "term");
        let reader = Arc::clone(&self);
        to.notification("notifications/glossary/see_also", move |also: SeeAlso| {
            reader.see_also.lock().unwrap_or_else(PoisonError::into_inner).push(also.term);
        });
        to.request_meta::<Audience>(|request| {
            (request.method == "glossary/define").then_some(AudienceValue::Children)
        });
        to.result_meta::<Edition>(move |_request, edition| {
            self.edition.store(edition as u64, Ordering::Relaxed);
        });
    }
}

impl GlossaryReader {
    pub async fn define(&self, client: &Client, term: &str) -> Result<String, ClientError> {
        let define = Define { term: term.to_owned() };
        let definition: Definition =
            client.request_extension::<Self, _, _>("glossary/define", &define).await?;
        Ok(definition.text)
    }

    pub async fn suggest(&self, client: &Client, suggested: &Suggested) -> Result<(), ClientError> {
        client.notify_extension::<Self, _>("notifications/glossary/suggested", suggested).await
    }

    pub fn was_pointed_to(&self) -> Vec<String> {
        self.see_also.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn edition(&self) -> u64 {
        self.edition.load(Ordering::Relaxed)
    }
}

impl Default for Glossary {
    fn default() -> Self {
        let terms = [
            ("extension", "an addition to the protocol that both sides agree on"),
            ("protocol", "the rules of a conversation"),
        ];
        let terms = terms.map(|(term, text)| (term.to_owned(), text.to_owned())).into();
        Self { terms: Mutex::new(terms), changes: broadcast::channel(64).0 }
    }
}

pub fn define_server() -> ServerBuilder {
    Server::builder("glossary-server", "1.0.0").extension(Glossary::default())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = define_server().build()?;
    for layer in server.layers() {
        let method = layer.method.unwrap_or(methods::ALL[0]);
        eprintln!("{} at {} around {method}", layer.name, layer.order);
    }
    let (_trigger, shutdown) = Shutdown::new();
    serve_stdio(server, StdioOptions::default(), shutdown).await?;
    Ok(())
}
