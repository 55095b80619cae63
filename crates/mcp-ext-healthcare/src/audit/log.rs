//! Audit events in a log of receipts.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mcp_core::RawJson;
use mcp_trust::keys::Signer;
use mcp_trust::receipts::{Entry, LogError, LogOptions, SharedLog, TornTail, VerifiedLog};
use serde::Deserialize;
use serde_json::json;

use super::{AuditError, AuditEvent, AuditTrail, KeptEvent};
use crate::fhir::FhirVersion;
use crate::protocol::{LogEvidence, Receipt};

/// Keeps events in a [receipt log](mcp_trust::receipts): a file that only grows, and shows when it was changed.
///
/// An entry is `{ "event": AuditEvent, "salt": … }`. The salt is random and not in the receipt, so that whoever has
/// a receipt cannot find out by trying whom the event is about. Its digest is the entry's leaf in the log's Merkle
/// tree: with a proof and a signed checkpoint, the holder shows that the entry is in the log.
///
/// A trail that was [opened](Self::open) by its path gives the events, too, and goes on by itself after a disk was full: the log is read
/// and opened again, and until then each call is denied (`audit_unavailable`). Whoever asks for an event first has the whole log read; from then on it takes
/// some 200 bytes of memory for each event.
///
/// ```
/// use mcp_ext_healthcare::audit::LoggedTrail;
/// use mcp_trust::receipts::LogOptions;
/// # let folder = std::env::temp_dir().join(format!("healthcare-trail-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// # let path = folder.join("audit");
///
/// let (trail, torn) = LoggedTrail::open(&LogOptions::new("clinic.example/audit"), &path)?;
/// if let Some(torn) = torn {
///     eprintln!("the log ended in the middle of an entry: {torn}");
/// }
/// # drop(trail);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct LoggedTrail {
    fhir: FhirVersion,
    signer: Option<Arc<dyn Signer>>,
    retry_after: Duration,
    shared: Arc<Shared>,
}

struct Shared {
    /// Where the log is, if it can be opened again.
    place: Option<(LogOptions, PathBuf)>,
    log: Mutex<Writing>,
    /// The log as it is read; `None` until somebody asks for an event.
    archive: Mutex<Option<Archive>>,
}

/// The log as it is written.
struct Writing {
    /// `None` after a failure, until it is opened again.
    log: Option<SharedLog>,
    /// Tells a log from the one that was opened in its place.
    generation: u64,
    failed_at: Option<Instant>,
}

/// The log as it is read, and where each event is.
struct Archive {
    log: VerifiedLog,
    by_id: HashMap<String, u64>,
}

impl LoggedTrail {
    /// Keeps events in this log, and gives none.
    #[must_use]
    pub fn new(log: SharedLog) -> Self {
        Self::of(log, None)
    }

    /// Opens the log at a path, or begins one. What a crash left of the last entry is cut off and handed back, to be logged
    /// as a warning: nobody was answered on the strength of it. Give the options the last checkpoint that is known
    /// ([`LogOptions::expect`]), so that a log that was deleted is not begun anew in silence.
    ///
    /// # Errors
    /// If the file is being written by another, is no log of this origin, was changed, or is not readable.
    pub fn open(
        options: &LogOptions,
        path: impl AsRef<Path>,
    ) -> Result<(Self, Option<TornTail>), LogError> {
        let path = path.as_ref();
        let (log, torn) = options.open_or_create(path)?;
        Ok((Self::of(SharedLog::new(log)?, Some((options.clone(), path.to_owned()))), torn))
    }

    fn of(log: SharedLog, place: Option<(LogOptions, PathBuf)>) -> Self {
        let log = Writing { log: Some(log), generation: 0, failed_at: None };
        let shared = Shared { place, log: Mutex::new(log), archive: Mutex::new(None) };
        Self {
            fhir: FhirVersion::R4,
            signer: None,
            retry_after: Duration::from_secs(1),
            shared: Arc::new(shared),
        }
    }

    /// Writes events as a version of FHIR has them: R4, without, which is what IHE BALP profiles.
    #[must_use]
    pub fn fhir(mut self, version: FhirVersion) -> Self {
        self.fhir = version;
        self
    }

    /// Signs checkpoints with an Ed25519 key, so that `audit.get` shows with each event that it is in the log. Without it, it shows the
    /// event alone.
    #[must_use]
    pub fn signed_by(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Sets how long a log that failed is left alone before it is opened again: a second, without. All of it is read then.
    #[must_use]
    pub fn retry_after(mut self, time: Duration) -> Self {
        self.retry_after = time;
        self
    }
}

impl Shared {
    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log to write to, opened again if it failed.
    fn log(&self, retry_after: Duration) -> Result<(SharedLog, u64), LogError> {
        let mut writing = self.writing();
        if let Some(log) = &writing.log {
            return Ok((log.clone(), writing.generation));
        }
        let Some((options, path)) = &self.place else { return Err(LogError::Failed) };
        if writing.failed_at.is_some_and(|at| at.elapsed() < retry_after) {
            return Err(LogError::Failed);
        }
        // Never a new one: a log that is gone is not begun anew in the middle of a day.
        let opened = options.open(path).and_then(|(log, torn)| {
            if let Some(torn) = torn {
                tracing::warn!(%torn, "the audit log was cut to its last whole entry");
            }
            SharedLog::new(log)
        });
        match opened {
            Ok(log) => {
                tracing::info!("the audit log was opened again");
                writing.log = Some(log.clone());
                writing.generation += 1;
                Ok((log, writing.generation))
            }
            Err(error) => {
                writing.failed_at = Some(Instant::now());
                Err(error)
            }
        }
    }

    fn append(
        &self,
        entry: &serde_json::Value,
        retry_after: Duration,
    ) -> Result<mcp_trust::receipts::Appended, LogError> {
        let (log, generation) = self.log(retry_after)?;
        let appended = log.append(entry);
        let is_broken =
            matches!(appended, Err(LogError::Failed | LogError::Io { .. } | LogError::Interfered));
        if is_broken && self.place.is_some() {
            let mut writing = self.writing();
            if writing.generation == generation {
                writing.log = None;
                writing.failed_at = Some(Instant::now());
            }
        }
        appended
    }

    /// The log as it is now, to be read.
    fn read<T>(
        &self,
        with: impl FnOnce(&Archive) -> Result<T, LogError>,
    ) -> Result<Option<T>, LogError> {
        let Some((_, path)) = &self.place else { return Ok(None) };
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let mut current = match archive.take() {
            Some(mut archive) => {
                archive.log.refresh()?;
                archive
            }
            None => Archive { log: VerifiedLog::open(path)?, by_id: HashMap::new() },
        };
        current.learn()?;
        with(archive.insert(current)).map(Some)
    }
}

impl Archive {
    /// Learns where the events are that it does not know yet.
    fn learn(&mut self) -> Result<(), LogError> {
        let known = u64::try_from(self.by_id.len()).unwrap_or(u64::MAX);
        let mut new = Vec::new();
        for entry in self.log.entries(known)? {
            let entry = entry?;
            // What is not an event (of whoever else writes to the log) still has a place.
            let id = LoggedEntry::of(&entry).and_then(|logged| logged.id());
            new.push((id.unwrap_or_else(|| format!("#{}", entry.index())), entry.index()));
        }
        self.by_id.extend(new);
        Ok(())
    }
}

/// An entry of the log.
#[derive(Deserialize)]
pub(crate) struct LoggedEntry {
    pub(crate) event: RawJson,
}

impl LoggedEntry {
    pub(crate) fn of(entry: &Entry) -> Option<Self> {
        serde_json::from_str(entry.receipt()).ok()
    }

    fn id(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Id {
            id: String,
        }
        self.event.parse::<Id>().ok().map(|event| event.id)
    }

    /// Whose access it was: the agent that the event says asked for it as a person or system, not as a program.
    fn principal(&self) -> Option<String> {
        #[derive(Deserialize)]
        struct Event {
            agent: Vec<Agent>,
        }
        #[derive(Deserialize)]
        struct Agent {
            #[serde(rename = "type")]
            kind: Kind,
            who: Who,
        }
        #[derive(Deserialize)]
        struct Kind {
            coding: Vec<Coding>,
        }
        #[derive(Deserialize)]
        struct Coding {
            code: String,
        }
        #[derive(Deserialize)]
        struct Who {
            identifier: Option<Identifier>,
        }
        #[derive(Deserialize)]
        struct Identifier {
            value: String,
        }
        let event: Event = self.event.parse().ok()?;
        let is_user = |agent: &Agent| agent.kind.coding.iter().any(|coding| coding.code == "IRCP");
        let user = event.agent.into_iter().find(is_user)?;
        user.who.identifier.map(|identifier| identifier.value)
    }
}

fn failed(error: &LogError, what: &'static str) -> AuditError {
    tracing::error!(%error, "{what}");
    AuditError
}

#[async_trait]
impl AuditTrail for LoggedTrail {
    async fn record(&self, event: &AuditEvent) -> Result<Receipt, AuditError> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|_| AuditError)?;
        let entry =
            json!({ "event": event.to_fhir_in(self.fhir), "salt": URL_SAFE_NO_PAD.encode(salt) });
        let (shared, retry_after) = (Arc::clone(&self.shared), self.retry_after);
        // The disk is waited for.
        let appended = tokio::task::spawn_blocking(move || shared.append(&entry, retry_after))
            .await
            .map_err(|_| AuditError)?
            .map_err(|error| failed(&error, "the audit log takes no event"))?;
        let (id, recorded) = (event.id.as_str(), event.recorded.as_str());
        Ok(Receipt::new(id, recorded, appended.digest.to_string())
            .with_prev(appended.after.to_string()))
    }

    async fn event(&self, id: &str) -> Result<Option<KeptEvent>, AuditError> {
        const WHAT: &str = "the audit log cannot be read";
        let (shared, wanted) = (Arc::clone(&self.shared), id.to_owned());
        let found = tokio::task::spawn_blocking(move || {
            let found = shared.read(|archive| {
                archive.by_id.get(&wanted).map(|index| archive.log.entry(*index)).transpose()
            })?;
            // Everything in a checkpoint is on the disk, so only who writes can take one.
            let log = shared.writing().log.clone();
            let checkpoint = match (&found, log) {
                (Some(Some(_)), Some(log)) => log.checkpoint().ok(),
                _ => None,
            };
            Ok((found.flatten(), checkpoint))
        });
        let (entry, checkpoint) =
            found.await.map_err(|_| AuditError)?.map_err(|error| failed(&error, WHAT))?;
        let Some(entry) = entry else { return Ok(None) };
        let Some(logged) = LoggedEntry::of(&entry) else { return Ok(None) };
        let mut kept = KeptEvent::new(logged.principal(), logged.event);
        if let (Some(signer), Some(checkpoint)) = (&self.signer, checkpoint) {
            let signed = checkpoint.sign(&**signer).await.map_err(|error| {
                tracing::error!(%error, "a checkpoint of the audit log was not signed");
                AuditError
            })?;
            let (shared, index) = (Arc::clone(&self.shared), entry.index());
            let proof = tokio::task::spawn_blocking(move || {
                shared.read(|archive| archive.log.prove(index, &signed))
            });
            let proof = proof.await.map_err(|_| AuditError)?;
            let proof = proof.map_err(|error| failed(&error, WHAT))?;
            kept.evidence = proof.map(|proof| {
                LogEvidence::new(checkpoint.origin(), entry.as_str(), proof.to_string())
            });
        }
        Ok(Some(kept))
    }

    fn is_chained(&self) -> bool {
        true
    }
}
