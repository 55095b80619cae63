//! The client's half of a library that lends books: one of everything, and with a flaw on demand.

use std::sync::{Arc, Mutex};

use mcp_core::RawJson;
use mcp_core::client::{Client, ClientContributions, ClientError, ClientExtension};
use mcp_core::extension::{Extension, ExtensionId, MetaKey, NoSettings};
use mcp_core::protocol::methods;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What can be wrong with a client's half. Each is a mistake that somebody can make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    /// Another version is declared than was said.
    DeclaresAnother,
    /// A key of `_meta` is added to every request, and nobody was told.
    UndocumentedMeta,
    /// A request goes out whether the extension is enabled or not.
    NotGuarded,
    /// A result with members that are not known is refused.
    StrictResult,
    /// Results are any JSON.
    UntypedResult,
    /// The server's errors are taken for "nothing found".
    SwallowsErrors,
    /// What is in a result is relied on.
    IndexesResult,
    /// Waits for what never comes.
    Hangs,
    /// The routing field was forgotten.
    NoRouting,
    /// Another field was given.
    WrongRouting,
    /// The method's name has a typing error.
    MisspelledMethod,
    /// The notification is not sent.
    Silent,
    /// The notification is sent as a request.
    Requests,
    /// The name of the notification that is heard has a typing error.
    MisspelledNotification,
    /// Any notification is taken.
    UntypedNotification,
    /// A notification with members that are not known is refused.
    StrictNotification,
    /// The handler of the notification relies on what is in it.
    NotificationPanics,
    /// The result type was not claimed.
    NoClaim,
    /// Anything is a loan.
    UntypedClaim,
    /// What is in a claimed result is relied on.
    ClaimPanics,
    /// A loan that cannot be collected counts as collected.
    ClaimSwallowsErrors,
    /// The request's key is not written.
    NoRequestMeta,
    /// The request's key has a value of another type than was said.
    RequestMetaOfAnotherType,
    /// The result's key is not read.
    NoResultMeta,
    /// Any value of the result's key is taken.
    UntypedResultMeta,
}

#[derive(Debug, Clone)]
pub(crate) struct Borrowing {
    flaw: Flaw,
    heard: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Version {
    version: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Versions {
    versions: Vec<u32>,
}

impl Extension for Borrowing {
    const ID: ExtensionId = ExtensionId::new("com.example/lending");
    type ClientSettings = Version;
    type ServerSettings = Versions;
}

/// The same extension, as somebody sees it who allows for nothing new.
pub(crate) struct Strict;

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StrictVersions {
    versions: Vec<u32>,
}

impl Extension for Strict {
    const ID: ExtensionId = Borrowing::ID;
    type ClientSettings = Version;
    type ServerSettings = StrictVersions;
}

/// The same extension, as somebody sees it who does not look.
pub(crate) struct Careless;

impl Extension for Careless {
    const ID: ExtensionId = Borrowing::ID;
    type ClientSettings = Version;
    type ServerSettings = NoSettings;
}

/// Who reads.
pub(crate) struct Reader;

impl MetaKey for Reader {
    const KEY: &'static str = "com.example/reader";
    type Value = u32;
}

/// The same key with another type.
struct NamedReader;

impl MetaKey for NamedReader {
    const KEY: &'static str = "com.example/reader";
    type Value = String;
}

/// Where a book stood.
pub(crate) struct Shelf;

impl MetaKey for Shelf {
    const KEY: &'static str = "com.example/shelf";
    type Value = String;
}

/// The same key with any value.
struct AnyShelf;

impl MetaKey for AnyShelf {
    const KEY: &'static str = "com.example/shelf";
    type Value = Value;
}

struct Undocumented;

impl MetaKey for Undocumented {
    const KEY: &'static str = "com.example/undocumented";
    type Value = bool;
}

#[derive(Debug, Deserialize)]
struct Found {
    books: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StrictlyFound {
    books: Vec<String>,
    #[serde(rename = "resultType")]
    _kind: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct Looked {
    shelf: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct StrictlyLooked {
    shelf: String,
}

#[derive(Debug, Deserialize)]
struct Loan {
    desk: String,
}

impl Borrowing {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, heard: Arc::default() }
    }

    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn hear(&self, what: impl Into<String>) {
        self.heard.lock().unwrap().push(what.into());
    }

    pub(crate) fn heard(&self, what: &str) -> bool {
        self.heard.lock().unwrap().iter().any(|heard| heard == what)
    }

    /// Looks for books.
    pub(crate) async fn find(&self, client: &Client) -> Result<Vec<String>, ClientError> {
        let method = if self.is(Flaw::MisspelledMethod) { "lending/fnid" } else { "lending/find" };
        let asked = json!({ "shelf": "A", "title": "Emma" });
        if self.is(Flaw::NotGuarded) {
            let found = client.request_raw(method, &asked).await?;
            return Ok(found.parse::<Found>().map(|found| found.books).unwrap_or_default());
        }
        if self.is(Flaw::StrictResult) {
            let found: StrictlyFound =
                client.request_extension::<Self, _, _>(method, &asked).await?;
            return Ok(found.books);
        }
        if self.is(Flaw::UntypedResult) {
            let _: Value = client.request_extension::<Self, _, _>(method, &asked).await?;
            return Ok(Vec::new());
        }
        if self.is(Flaw::IndexesResult) {
            let found: Value = client.request_extension::<Self, _, _>(method, &asked).await?;
            return Ok(vec![found["books"][0].as_str().unwrap().to_owned()]);
        }
        let found = client.request_extension::<Self, _, Found>(method, &asked).await;
        match found {
            Err(ClientError::Rpc(_)) if self.is(Flaw::SwallowsErrors) => Ok(Vec::new()),
            Err(ClientError::Transport(_)) if self.is(Flaw::Hangs) => std::future::pending().await,
            found => Ok(found?.books),
        }
    }

    /// Brings a book back.
    pub(crate) async fn give_back(&self, client: &Client) -> Result<(), ClientError> {
        let method = "notifications/lending/returned";
        let book = json!({ "book": 7 });
        if self.is(Flaw::Silent) {
            return Ok(());
        }
        if self.is(Flaw::Requests) {
            let _ = client.request_raw(method, &book).await;
            return Ok(());
        }
        client.notify_extension::<Self, _>(method, &book).await
    }

    async fn collect(
        &self,
        claimed: mcp_core::client::ClaimedResult,
    ) -> Result<RawJson, ClientError> {
        if self.is(Flaw::ClaimPanics) {
            let loan: Value = claimed.result.parse().unwrap();
            assert!(loan["desk"].is_string());
        }
        let desk = match claimed.result.parse::<Loan>() {
            Ok(loan) => loan.desk,
            Err(_) if self.is(Flaw::UntypedClaim) => "any".to_owned(),
            Err(error) => {
                return Err(ClientError::UnexpectedResult {
                    method: claimed.method,
                    reason: error.to_string(),
                });
            }
        };
        let desk = json!({ "desk": desk });
        match claimed.client.request_raw("lending/collect", &desk).await {
            Err(_) if self.is(Flaw::ClaimSwallowsErrors) => {
                Ok(RawJson::from(json!({ "content": [] })))
            }
            collected => collected,
        }
    }
}

impl ClientExtension for Borrowing {
    fn settings(&self) -> Version {
        Version { version: if self.is(Flaw::DeclaresAnother) { 1 } else { 2 } }
    }

    fn contribute(self: Arc<Self>, to: &mut ClientContributions<Self>) {
        match self.flaw {
            Flaw::NoRouting => {}
            Flaw::WrongRouting => to.routed_method("lending/find", "title"),
            _ => to.routed_method("lending/find", "shelf"),
        }
        self.contribute_notification(to);
        let this = Arc::clone(&self);
        if !self.is(Flaw::NoClaim) {
            to.claim("loan", move |claimed| {
                let this = Arc::clone(&this);
                async move { this.collect(claimed).await }
            });
        }
        let finds = |method: &str| method == "lending/find" || method == methods::TOOLS_CALL;
        match self.flaw {
            Flaw::NoRequestMeta => {}
            Flaw::RequestMetaOfAnotherType => {
                to.request_meta::<NamedReader>(move |request| {
                    finds(request.method).then(|| "Ann".to_owned())
                });
            }
            _ => to.request_meta::<Reader>(move |request| finds(request.method).then_some(7)),
        }
        if self.is(Flaw::UndocumentedMeta) {
            to.request_meta::<Undocumented>(|_| Some(true));
        }
        let this = Arc::clone(&self);
        match self.flaw {
            Flaw::NoResultMeta => {}
            Flaw::UntypedResultMeta => to.result_meta::<AnyShelf>(move |_, _| this.hear("shelf")),
            _ => to.result_meta::<Shelf>(move |_, _| this.hear("shelf")),
        }
    }
}

impl Borrowing {
    fn contribute_notification(self: &Arc<Self>, to: &mut ClientContributions<Self>) {
        let this = Arc::clone(self);
        let looked = "notifications/lending/looked";
        match self.flaw {
            Flaw::MisspelledNotification => {
                to.notification("notifications/lending/lokked", move |looked: Looked| {
                    this.hear(looked.shelf);
                });
            }
            Flaw::UntypedNotification => {
                to.notification(looked, move |_: Value| this.hear("A"));
            }
            Flaw::StrictNotification => {
                to.notification(looked, move |looked: StrictlyLooked| this.hear(looked.shelf));
            }
            Flaw::NotificationPanics => {
                to.notification(looked, move |looked: Value| {
                    this.hear(looked["shelf"].as_str().unwrap());
                });
            }
            _ => to.notification(looked, move |looked: Looked| this.hear(looked.shelf)),
        }
    }
}
