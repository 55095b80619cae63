//! A library that lends books: an extension with one of everything, and with a flaw on demand.

use std::sync::Arc;

use futures_util::stream;
use mcp_core::extension::{
    Contributions, Document, DocumentBody, Extension, ExtensionDescriptor, ExtensionId,
    MessageDescriptor, MetaKey, MethodOptions, Negotiated, Refusal, ResultType, ServerExtension,
    Topic, TopicMessage,
};
use mcp_core::protocol::{EmptyResult, ReadResourceResult, ResourceContents, ResultBody, methods};
use mcp_core::server::{
    Args, Cx, HandlerError, Middleware, Next, Outcome, ServedPrompt, ServedResource,
    ServedTemplate, ServedTool,
};
use mcp_core::{Error, RawJson};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be wrong with an extension. Each is a mistake that somebody can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// A gated tool was contributed for everyone.
    ToolForEveryone,
    /// A tool was contributed of which nobody was told.
    UnknownTool,
    /// `MethodOptions::routed_by` was forgotten.
    NoRouting,
    /// Another field was given to `routed_by`.
    WrongRouting,
    /// The method's name has a typing error.
    MisspelledMethod,
    /// Parameters are any JSON.
    UntypedParams,
    /// A handler indexes what may not be there.
    Panics,
    /// A handler hides its failure.
    FailsInside,
    /// A notification's handler panics.
    NotificationPanics,
    /// A handler never answers odd input.
    Hangs,
    /// Settings of any version are agreed to.
    AgreesToAll,
    /// The `_meta` of results is for everyone.
    MetaForEveryone,
    /// The value in `_meta` has another type than its key says.
    MetaOfAnotherType,
    /// The request's key was not registered.
    MetaNotRegistered,
    /// The topic was not registered.
    NoTopic,
    /// The middleware sends its own result type to everyone. (The core stops that with -32603.)
    TypeForEveryone,
    /// The notification is not sent.
    Silent,
    /// The resource is missing.
    NoResource,
    /// The valid parameters are an error.
    Refuses,
    /// The result is not what its schema says.
    AnotherResult,
}

pub(crate) struct Lending(pub(crate) Flaw);

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ClientSettings {
    /// The version that the client speaks.
    pub(crate) version: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct ServerSettings {
    versions: Vec<u32>,
}

impl Extension for Lending {
    const ID: ExtensionId = ExtensionId::new("com.example/lending");
    type ClientSettings = ClientSettings;
    type ServerSettings = ServerSettings;
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Find {
    /// Where to look.
    shelf: String,
    /// What to look for.
    title: String,
    most: Option<u8>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Found {
    books: Vec<String>,
}

impl ResultBody for Found {}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Returned {
    book: u32,
}

#[derive(Debug, Serialize)]
struct Loan {
    days: u32,
}

impl ResultBody for Loan {}

/// Who reads.
pub(crate) struct Reader;

impl MetaKey for Reader {
    const KEY: &'static str = "com.example/reader";
    type Value = u32;
}

/// Where a book stood.
pub(crate) struct Shelf;

impl MetaKey for Shelf {
    const KEY: &'static str = "com.example/shelf";
    type Value = String;
}

mcp_core::register_extension!(ExtensionDescriptor::of::<Lending>("SPEC.md").with_messages(
    const {
        &[
            MessageDescriptor::method::<Find, Found>("lending/find"),
            MessageDescriptor::notification::<Returned>("notifications/lending/returned"),
        ]
    }
));

/// Lends instead of answering, where a client understands that.
struct Lends {
    loan: ResultType<Lending>,
    flaw: Flaw,
}

#[async_trait::async_trait]
impl Middleware for Lends {
    async fn request(&self, cx: Cx, next: Next) -> Result<Outcome, Error> {
        if cx.request().name().is_ok_and(|name| name == "borrow") {
            match cx.negotiated::<Lending>() {
                Ok(proof) => return self.loan.outcome(&proof, Loan { days: 14 }),
                Err(_) if self.flaw == Flaw::TypeForEveryone => {
                    // Without a proof there is no way to make the outcome; the nearest mistake.
                    return Err(Error::Internal);
                }
                Err(_) => {}
            }
        }
        let mut outcome = next.run(cx.clone()).await?;
        if self.flaw == Flaw::MetaForEveryone && cx.negotiated::<Lending>().is_err() {
            outcome
                .meta_mut()
                .insert("com.example/undocumented", &1)
                .map_err(|_| Error::Internal)?;
        }
        Ok(outcome)
    }
}

impl Lending {
    fn is(&self, flaw: Flaw) -> bool {
        self.0 == flaw
    }

    async fn find(&self, cx: &Cx, proof: &Negotiated<Self>, find: Find) -> Result<Found, Error> {
        if self.is(Flaw::Panics) && find.title.is_empty() {
            let _ = find.title.chars().next().unwrap();
        }
        if self.is(Flaw::FailsInside) && find.shelf.contains('\0') {
            return Err(Error::Internal);
        }
        if self.is(Flaw::Hangs) && find.title.contains("..") {
            std::future::pending::<()>().await;
        }
        if self.is(Flaw::Refuses) {
            return Err(Error::invalid_params("not today"));
        }
        if !self.is(Flaw::Silent) {
            cx.notify(proof, "notifications/lending/looked", &json!({ "shelf": find.shelf }))?;
        }
        if !self.is(Flaw::MetaOfAnotherType) {
            cx.set_result_meta::<Shelf>(&find.shelf)?;
        }
        Ok(Found { books: vec![find.title] })
    }
}

async fn borrow() -> &'static str {
    "Come to the desk."
}

#[derive(Deserialize, JsonSchema)]
struct Renew {
    weeks: u8,
}

async fn renew(
    proof: Negotiated<Lending>,
    Args(renew): Args<Renew>,
) -> Result<String, HandlerError> {
    let weeks = renew.weeks.checked_mul(2).ok_or_else(|| HandlerError::tell("too long"))?;
    Ok(format!("{weeks} {}", proof.version))
}

#[async_trait::async_trait]
impl ServerExtension for Lending {
    fn settings(&self) -> ServerSettings {
        ServerSettings { versions: vec![2] }
    }

    fn negotiate(&self, client: &ClientSettings) -> Result<(), Refusal> {
        if client.version == 2 || self.is(Flaw::AgreesToAll) {
            return Ok(());
        }
        Err(Refusal::new("only version 2").accepting(&json!({ "version": 2 })))
    }

    fn contribute(self: Arc<Self>, to: &mut Contributions<Self>) {
        self.contribute_messages(to);
        let renewing = ServedTool::new("renew", renew);
        if self.is(Flaw::ToolForEveryone) {
            to.tool_for_everyone(ServedTool::new("renew", async |Args(_): Args<Renew>| "yes"));
        } else {
            to.tool(renewing);
        }
        if self.is(Flaw::UnknownTool) {
            to.tool_for_everyone(ServedTool::new("burn", async || "gone"));
        }
        to.tool_for_everyone(ServedTool::new("borrow", borrow));
        to.prompt(ServedPrompt::new("recommend", async || "Recommend a book.".to_owned()));
        to.prompt_for_everyone(ServedPrompt::new("greet", async || "Greet.".to_owned()));
        if !self.is(Flaw::NoResource) {
            to.resource(ServedResource::new("lending://rules", "rules", async || {
                ReadResourceResult::new([ResourceContents::text(
                    "lending://rules",
                    "Bring it back.",
                )])
            }));
        }
        to.template_for_everyone(ServedTemplate::new("lending://book/{id}", "book", async || {
            ReadResourceResult::new([ResourceContents::text(
                "lending://book/1",
                "Once upon a time",
            )])
        }));
        to.document(Document::new("/lending.txt", "text/plain", |_| DocumentBody {
            bytes: "rules".into(),
        }));
        let loan = to.result_type("loan", &[methods::TOOLS_CALL]);
        to.around_call("lends", 10, Lends { loan, flaw: self.0 });
        if !self.is(Flaw::MetaNotRegistered) {
            to.request_meta::<Reader>();
        }
        to.result_meta::<Shelf>();
        if !self.is(Flaw::NoTopic) {
            to.topic("shelves", async |_, _, shelves: Vec<String>| {
                let honoured = RawJson::from_serialize(&shelves).map_err(|_| Error::Internal)?;
                Ok(Some(Topic::new(honoured, stream::pending::<TopicMessage>())))
            });
        }
    }
}

impl Lending {
    fn contribute_messages(self: &Arc<Self>, to: &mut Contributions<Self>) {
        let name = match self.0 {
            Flaw::MisspelledMethod => "lending/fnid",
            _ => "lending/find",
        };
        let options = match self.0 {
            Flaw::NoRouting => MethodOptions::new(),
            Flaw::WrongRouting => MethodOptions::new().routed_by("title"),
            _ => MethodOptions::new().routed_by("shelf"),
        };
        let lending = Arc::clone(self);
        match self.0 {
            Flaw::UntypedParams => {
                to.method(name, options, async |proof, cx: Cx, _: Value| {
                    cx.notify(&proof, "notifications/lending/looked", &json!({}))?;
                    cx.set_result_meta::<Shelf>(&"A".to_owned())?;
                    Ok(Found { books: Vec::new() })
                });
            }
            Flaw::AnotherResult => to.method(name, options, async |proof, cx: Cx, find: Find| {
                cx.notify(&proof, "notifications/lending/looked", &json!({}))?;
                cx.set_result_meta::<Shelf>(&find.shelf)?;
                Ok(EmptyResult::new())
            }),
            _ => to.method(name, options, move |proof, cx: Cx, find: Find| {
                let lending = Arc::clone(&lending);
                async move { lending.find(&cx, &proof, find).await }
            }),
        }
        let flaw = self.0;
        to.notification(
            "notifications/lending/returned",
            move |_, _, returned: Returned| async move {
                if flaw == Flaw::NotificationPanics && returned.book == 0 {
                    let _ = 1 / returned.book;
                }
                Ok(())
            },
        );
    }
}
