//! What a handler of a tool that touches records has in hand.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_core::server::{Cx, FromCall, HandlerError, Needs};
use mcp_core::{Error, RawJson};
use mcp_trust::digest::Digest;
use mcp_trust::label::Join;

use super::consents::Consulted;
use super::disclosure::Disclosure;
use super::policy::{Access, Interaction, Restriction};
use super::records::{Found, Records, Search, SourceError};
use super::{Healthcare, Shared};
use crate::protocol::{
    Citation, Context, DenialCode, Label, Minimize, Reference, ToolMetadata, Withheld,
};
use crate::record::Record;

/// One call, as the layer and the handler share it.
pub(crate) struct Call {
    pub(crate) shared: Arc<Shared>,
    pub(crate) cx: Cx,
    pub(crate) access: Access,
    pub(crate) minimize: Minimize,
    pub(crate) tool: Arc<ToolMetadata>,
    /// The method by which everything is de-identified before it is given.
    pub(crate) deid: Option<usize>,
    /// The Consents of those whom it concerns, as far as they were read.
    pub(crate) consents: Arc<Consulted>,
    pub(crate) state: Mutex<State>,
}

/// What a call has come to so far.
pub(crate) struct State {
    pub(crate) label: Label,
    pub(crate) citations: Vec<Citation>,
    pub(crate) withheld: BTreeSet<Withheld>,
    pub(crate) truncated: bool,
    pub(crate) given: u64,
    pub(crate) bytes: u64,
    pub(crate) records: BTreeSet<String>,
    pub(crate) patients: BTreeSet<Reference>,
    pub(crate) query: Option<String>,
    pub(crate) denial: Option<DenialCode>,
    /// Whether the denied call can be asked for in an emergency.
    pub(crate) offer: bool,
    /// Texts for the caller that hold nothing of a request or a record, since they stand in the program.
    pub(crate) told: Vec<&'static str>,
    /// What a [`Disclosed`](super::Disclosed) became.
    pub(crate) returned: Option<Digest>,
}

impl Call {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            label: Label::nothing(),
            citations: Vec::new(),
            withheld: BTreeSet::new(),
            truncated: false,
            given: 0,
            bytes: 0,
            records: BTreeSet::new(),
            patients: BTreeSet::new(),
            query: None,
            denial: None,
            offer: false,
            told: Vec::new(),
            returned: None,
        }
    }

    pub(crate) fn raise(&mut self, label: &Label) {
        self.label.raise(label);
    }
}

/// What is said where Consents cannot be read. It says nothing of a patient.
pub(super) const NO_CONSENTS: &str = "What the patient consented to could not be read.";

/// Why a tool that touches records has no result. Made by a [`HealthCx`], and shown to the caller as what it is: its text
/// stands in the program and holds nothing of a request or a record.
///
/// It is no [`std::error::Error`], since the texts of those are not shown to callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HealthError(&'static str);

impl std::fmt::Display for HealthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl From<HealthError> for HandlerError {
    fn from(error: HealthError) -> Self {
        Self::tell(error.0)
    }
}

/// A record that nobody has decided on yet. What it holds can be seen when it was
/// [added](Disclosure::add) to what the call gives.
pub struct Unreleased(pub(crate) Record, pub(crate) Option<Interaction>);

impl Unreleased {
    /// A record that a tool found by itself, and how. Without it, a record counts as read and as searched for.
    #[must_use]
    pub fn found_by(record: Record, interaction: Interaction) -> Self {
        Self(record, Some(interaction))
    }
}

impl From<Record> for Unreleased {
    fn from(record: Record) -> Self {
        Self(record, None)
    }
}

/// A call of a tool that touches records: for whom, for what, and the way to records.
///
/// ```
/// use mcp_core::server::Args;
/// use mcp_ext_healthcare::server::{Disclosed, HealthCx, HealthError};
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Read {
///     /// Such as `Observation/7`.
///     reference: String,
/// }
///
/// async fn read(health: HealthCx, Args(read): Args<Read>) -> Result<Disclosed, HealthError> {
///     let mut disclosure = health.disclosure();
///     let reference = read.reference.parse().map_err(|_| health.tell("no such form of reference"))?;
///     if let Some(record) = health.read(&reference).await? {
///         disclosure.add(record);
///     }
///     disclosure.records()
/// }
/// # let _ = read;
/// ```
#[derive(Clone)]
pub struct HealthCx {
    pub(crate) call: Arc<Call>,
}

impl HealthCx {
    /// For whom the call is, if the host said so.
    #[must_use]
    pub fn context(&self) -> Option<&Context> {
        self.call.access.context.as_ref()
    }

    /// The patient that the call is confined to. Nothing outside of this patient's compartment is given, whatever is
    /// asked for; a tool that knows it asks for less.
    #[must_use]
    pub fn patient(&self) -> Option<&Reference> {
        self.call.access.patient()
    }

    /// For what purpose, a code of HL7 v3 *ActReason*. The reason in words is for the audit trail alone.
    #[must_use]
    pub fn purpose(&self) -> Option<&str> {
        self.call.access.purpose.as_ref().map(|purpose| purpose.code.as_str())
    }

    /// How little is enough. It is applied to each record; a tool that knows it asks for less.
    #[must_use]
    pub fn minimize(&self) -> &Minimize {
        &self.call.minimize
    }

    /// Begins what the call gives.
    #[must_use]
    pub fn disclosure(&self) -> Disclosure {
        Disclosure::new(Arc::clone(&self.call))
    }

    /// Whether anything of a type may be asked for in this way. A tool of several types that does not want the call to be denied
    /// asks first.
    #[must_use]
    pub fn may(&self, interaction: Interaction, resource_type: &str) -> bool {
        self.restriction(interaction, resource_type) != Restriction::Nothing
    }

    /// What of a type may be asked for in this way.
    #[must_use]
    pub fn restriction(&self, interaction: Interaction, resource_type: &str) -> Restriction {
        let policy = &self.call.shared.policy;
        let mut all = Restriction::Everything;
        for access in self.call.readings() {
            match policy.restriction(&access, interaction, resource_type) {
                Restriction::Nothing => return Restriction::Nothing,
                Restriction::Everything => {}
                // Each record is checked against all of them, so the last is no worse than any.
                only => all = only,
            }
        }
        all
    }

    /// Reads a record from the [`Records`] of the extension.
    ///
    /// # Errors
    /// If the extension has none, or they have no answer; a type of which nothing may be read denies the call
    /// (`scope_insufficient`).
    pub async fn read(&self, reference: &Reference) -> Result<Option<Unreleased>, HealthError> {
        if !self.may(Interaction::Read, reference.resource_type()) {
            return Err(self.deny(DenialCode::ScopeInsufficient));
        }
        let found = self.source()?.read(reference).await.map_err(|error| self.of_source(error))?;
        self.consult_for(&found).await?;
        Ok(found.map(|record| Unreleased(record, Some(Interaction::Read))))
    }

    /// The first matches of a search of the [`Records`] of the extension, and what they include. The query goes into the audit event. For results of
    /// several pages: [`fill`](Self::fill).
    ///
    /// # Errors
    /// If the extension has none, or they have no answer; a parameter that they do not know denies the call
    /// (`unknown_search_param`), and so does a type of which nothing may be searched for (`scope_insufficient`).
    pub async fn search(
        &self,
        resource_type: &str,
        parameters: &[(String, String)],
    ) -> Result<Vec<Unreleased>, HealthError> {
        let mut search = Search::new(resource_type);
        search.parameters = parameters.to_vec();
        search.compartment = self.patient().cloned();
        self.note_query(&search.query());
        // One more than may be given, so that it is known whether there were more; what is withheld counts against it.
        let limit = usize::try_from(self.call.shared.limits.max_resources).unwrap_or(usize::MAX);
        search.limit = limit.saturating_add(1);
        let (found, _) = self.searched(&search, false).await?;
        let records = found.matches.into_iter().chain(found.included);
        Ok(records.map(|record| Unreleased(record, Some(Interaction::Search))).collect())
    }

    /// Searches for what scopes allow, if the source understands how they restrict it; otherwise, or if it was `plain` the last time, for
    /// what was asked for. Says whether it was the latter.
    pub(crate) async fn searched(
        &self,
        search: &Search,
        plain: bool,
    ) -> Result<(Found, bool), HealthError> {
        let source = self.source()?;
        match self.restriction(Interaction::Search, &search.resource_type) {
            Restriction::Nothing => return Err(self.deny(DenialCode::ScopeInsufficient)),
            Restriction::Only(lists) if !plain => {
                // A source searches for one list at a time. What it does not know of it is checked record by record.
                if let [only] = lists.as_slice() {
                    let mut narrow = search.clone();
                    narrow.parameters.extend(only.iter().cloned());
                    match source.search(&narrow).await {
                        Err(SourceError::UnknownParameter) if search.page.is_none() => {}
                        found => {
                            let found = found.map_err(|error| self.of_source(error))?;
                            self.consult_for(found.matches.iter().chain(&found.included)).await?;
                            return Ok((found, false));
                        }
                    }
                }
            }
            Restriction::Only(_) | Restriction::Everything => {}
        }
        let found = source.search(search).await.map_err(|error| self.of_source(error))?;
        self.consult_for(found.matches.iter().chain(&found.included)).await?;
        Ok((found, true))
    }

    /// Reads what those consented to whose records these are, before anything of them is decided on.
    pub(super) async fn consult_for<'a>(
        &self,
        records: impl IntoIterator<Item = &'a Record>,
    ) -> Result<(), HealthError> {
        self.call.consult_for(records).await.map_err(|_| self.tell(NO_CONSENTS))
    }

    /// Says in the audit event what was searched for.
    pub fn note_query(&self, query: &str) {
        self.call.state().query = Some(query.to_owned());
    }

    /// Denies the call, with [`H.denial`](crate::protocol::Denial).
    #[must_use]
    pub fn deny(&self, code: DenialCode) -> HealthError {
        let text = code.text();
        self.call.state().denial.get_or_insert(code);
        HealthError(text)
    }

    /// A failure that the model can mend. Its text stands in the program, so that it holds no value of an argument and
    /// nothing of a record.
    #[must_use]
    pub fn tell(&self, text: &'static str) -> HealthError {
        self.call.state().told.push(text);
        HealthError(text)
    }

    pub(super) fn source(&self) -> Result<&Arc<dyn Records>, HealthError> {
        let none = || {
            tracing::error!("a tool reads records, and the extension was given none");
            self.of_source(SourceError::Unavailable)
        };
        self.call.shared.records.as_ref().ok_or_else(none)
    }

    pub(super) fn of_source(&self, error: SourceError) -> HealthError {
        match error {
            SourceError::UnknownParameter => self.deny(DenialCode::UnknownSearchParam),
            SourceError::Unavailable => self.tell("The source of records did not answer."),
            SourceError::UnknownPage => self.tell("The cursor is no longer known; begin anew."),
            SourceError::Unsupported => self.tell("The source of records does not offer this."),
        }
    }
}

impl FromCall for HealthCx {
    fn from_call(cx: &Cx, _: &str) -> Result<Self, HandlerError> {
        cx.call_value::<Self>().cloned().ok_or_else(|| {
            tracing::error!("a handler takes HealthCx, and its tool was not said to touch records");
            HandlerError::Protocol(Error::Internal)
        })
    }

    fn describe(needs: &mut Needs) {
        needs.extension::<Healthcare>();
    }
}

/// JSON for a tool's structured result.
pub(crate) fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Result<RawJson, HealthError> {
    RawJson::from_serialize(value).map_err(|_| HealthError("The tool failed."))
}
