//! One run of an export. What is a checkpoint of the task is not done again by the next run.

use std::collections::BTreeSet;
use std::io;
use std::time::SystemTime;

use mcp_core::protocol::{ContentBlock, ResourceLink};
use mcp_core::server::{Cx, HandlerError};
use mcp_trust::label::Join;
use serde::{Deserialize, Serialize};

use super::folder::{Export, Partial, Stored};
use super::tool::{Asked, BulkExport, Level};
use crate::audit::instant;
use crate::protocol::{DenialCode, Label, Reference, Withheld};
use crate::provenance::uuid;
use crate::record::Record;
use crate::server::{
    Disclosed, Disclosure, HealthCx, HealthError, Interaction, Patients, Search, Unreleased,
};

const MEDIA_TYPE: &str = "application/fhir+ndjson";
/// How many records are asked for at once.
const PAGE: usize = 200;
/// How many pages in a row may bring nothing new.
const BARREN: usize = 50;

/// What begins an export, once.
#[derive(Serialize, Deserialize)]
struct Began {
    id: String,
    at: String,
    /// What its pseudonyms are made with. Those of another key would make two of one patient.
    key: Option<String>,
}

/// A type that is done.
#[derive(Serialize, Deserialize)]
struct Written {
    count: u64,
    file: Option<Stored>,
    trace: Stored,
}

/// What giving the records of a type did to the call, for a run that goes on after it.
#[derive(Serialize, Deserialize)]
struct Trace {
    label: Label,
    records: BTreeSet<String>,
    patients: BTreeSet<Reference>,
    withheld: BTreeSet<Withheld>,
    truncated: bool,
    given: u64,
    bytes: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct File {
    resource_type: String,
    uri: String,
    count: u64,
    bytes: u64,
    digest: String,
    media_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Files {
    transaction_time: String,
    level: Level,
    expires: String,
    files: Vec<File>,
}

/// Whose records are exported.
enum Whose {
    Patients,
    Members(BTreeSet<Reference>),
    All,
}

/// Exports what is asked for.
pub(super) async fn export(
    bulk: &BulkExport,
    health: HealthCx,
    cx: Cx,
    asked: Asked,
) -> Result<Disclosed, HandlerError> {
    if !bulk.levels.contains(&asked.level) {
        return Err(health.tell("The server does not export at this level.").into());
    }
    health.note_query(&query(&asked));
    let types = types(&health, asked.types.as_deref())?;
    let whose = whose(bulk, &health, &asked).await?;
    let method = health.call.deid.and_then(|index| health.call.shared.deid.get(index));
    let key = method.and_then(|method| method.key_id());
    let began: Began = cx
        .once("export", async {
            let at = instant((health.call.shared.now)());
            let id = uuid().ok_or_else(|| health.tell("No name could be made."))?;
            Ok::<_, HealthError>(Began { id, at, key: key.clone() })
        })
        .await?;
    if began.key != key {
        return Err(health.tell("The key for pseudonyms has changed since; begin anew.").into());
    }
    if let Err(error) = bulk.folder.sweep().await {
        tracing::warn!(%error, "exports that are over were not removed");
    }
    let folder = bulk.folder.export(&began.id).await.map_err(|error| unwritten(&health, &error))?;
    let job = Job { bulk, health: &health, folder: &folder, whose };
    let mut files = Vec::new();
    let total = u32::try_from(types.len()).unwrap_or(u32::MAX);
    for (done, kind) in (0_u32..).zip(&types) {
        cx.progress(done, total, kind);
        let mut is_new = false;
        let written: Result<Written, _> = cx
            .once(&format!("type {kind}"), async {
                is_new = true;
                job.write(kind).await
            })
            .await;
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                // What is denied is denied whole.
                if health.call.state().denial.is_some() {
                    folder.remove().await;
                }
                return Err(error);
            }
        };
        if !is_new {
            job.recall(kind, &written).await?;
        }
        if let Some(file) = &written.file {
            files.push(File {
                resource_type: kind.clone(),
                uri: folder.uri(kind),
                count: written.count,
                bytes: file.bytes,
                digest: file.digest.to_string(),
                media_type: MEDIA_TYPE,
            });
        }
        if job.is_enough() {
            // There may be more.
            health.call.state().truncated |= done + 1 < total;
            break;
        }
    }
    cx.progress(total, total, "done");
    // The traces stay until the export is swept: the task's end is not kept yet, and a run that comes after all needs them.
    let expires = SystemTime::now() + bulk.folder.time_kept();
    let principal = health.call.access.principal.as_ref();
    let finished = folder.finish(principal, expires).await;
    finished.map_err(|error| unwritten(&health, &error))?;
    let links = files.iter().map(link).collect();
    let files =
        Files { transaction_time: began.at, level: asked.level, expires: instant(expires), files };
    Ok(health.disclosure().linking(&files, links)?)
}

/// As FHIR would ask for it, for the audit event.
fn query(asked: &Asked) -> String {
    let whose = match (asked.level, &asked.group) {
        (Level::Patient, _) => "Patient/",
        (Level::Group, Some(group)) => &format!("{group}/"),
        _ => "",
    };
    let types = asked.types.as_deref().unwrap_or_default().join(",");
    match types.as_str() {
        "" => format!("{whose}$export"),
        types => format!("{whose}$export?_type={types}"),
    }
}

/// The types that are exported: of the tool's, those that are asked for and that may be searched.
fn types(health: &HealthCx, asked: Option<&[String]>) -> Result<BTreeSet<String>, HealthError> {
    let offered: BTreeSet<&String> = health.call.tool.resource_types.iter().collect();
    let wanted: BTreeSet<&String> = match asked {
        None => offered,
        Some(asked) if asked.iter().all(|kind| offered.contains(kind)) => asked.iter().collect(),
        Some(_) => return Err(health.tell("One of the types is not exported.")),
    };
    let may = |kind: &&&String| health.may(Interaction::Search, kind);
    let types: BTreeSet<String> = wanted.iter().filter(may).map(|kind| (*kind).clone()).collect();
    match types.is_empty() {
        true => Err(health.deny(DenialCode::ScopeInsufficient)),
        false => Ok(types),
    }
}

async fn whose(bulk: &BulkExport, health: &HealthCx, asked: &Asked) -> Result<Whose, HealthError> {
    let group = match (asked.level, &asked.group) {
        (Level::Patient, None) => return Ok(Whose::Patients),
        (Level::System, None) => return Ok(Whose::All),
        (Level::Group, Some(group)) => group,
        (Level::Group, None) => return Err(health.tell("Which group is to be said.")),
        (_, Some(_)) => return Err(health.tell("A group goes with the level `group` alone.")),
    };
    let none = || health.tell("There is no such group.");
    let group: Reference = group.parse().map_err(|_| none())?;
    if group.resource_type() != "Group" {
        return Err(none());
    }
    let found = health.read(&group).await?.ok_or_else(none)?;
    // Who is in it is told by what is exported, so it passes the checks of what is given. It is counted if it is exported.
    let room = {
        let state = health.call.state();
        (state.given, state.bytes)
    };
    let mut disclosure = health.disclosure().for_files(bulk.limits.clone());
    let record = found.0.clone();
    if disclosure.add(found).is_none() {
        return Err(none());
    }
    {
        let mut state = health.call.state();
        (state.given, state.bytes) = room;
    }
    members(&record).map(Whose::Members).ok_or_else(none)
}

/// The patients of a group, of R4 or R5. What is excluded (`inactive`) is not in it.
fn members(group: &Record) -> Option<BTreeSet<Reference>> {
    #[derive(Deserialize)]
    struct Member {
        entity: Option<Entity>,
        #[serde(default)]
        inactive: bool,
    }
    #[derive(Deserialize)]
    struct Entity {
        reference: Option<Reference>,
    }
    let Some(members) = group.element("member") else { return Some(BTreeSet::new()) };
    let members: Vec<Member> = members.parse().ok()?;
    let active = members.into_iter().filter(|member| !member.inactive);
    let references = active.filter_map(|member| member.entity?.reference);
    Some(references.filter(|reference| reference.resource_type() == "Patient").collect())
}

/// What the types of one export have in common.
struct Job<'a> {
    bulk: &'a BulkExport,
    health: &'a HealthCx,
    folder: &'a Export,
    whose: Whose,
}

impl Job<'_> {
    /// Whether the client's own limit is reached.
    fn is_enough(&self) -> bool {
        let most = self.health.call.minimize.max_resources;
        most.is_some_and(|most| self.health.call.state().given >= most)
    }

    /// Writes all records of a type that may be given.
    async fn write(&self, kind: &str) -> Result<Written, HealthError> {
        let (health, call) = (self.health, &self.health.call);
        let (records, patients) = {
            let state = call.state();
            (state.records.clone(), state.patients.clone())
        };
        let mut disclosure = health.disclosure().for_files(self.bulk.limits.clone());
        let mut file = None;
        let mut count = 0;
        let mut search = Search::new(kind);
        (search.limit, search.compartment) = (PAGE, health.patient().cloned());
        let (mut seen, mut plain, mut barren) = (BTreeSet::new(), false, 0);
        loop {
            let (found, was_plain) = health.searched(&search, plain).await?;
            plain = was_plain;
            let before = seen.len();
            let mut is_full = false;
            for record in found.matches {
                if seen.insert(record.versioned_reference()) && self.is_asked_for(&record) {
                    let unreleased = Unreleased::found_by(record, Interaction::Search);
                    if disclosure.try_add(unreleased).is_err() {
                        is_full = true;
                        break;
                    }
                }
            }
            count += self.put(kind, &mut disclosure, &mut file).await?;
            if is_full && !self.is_enough() {
                return Err(health.deny(DenialCode::ResultTooLarge));
            }
            barren = if seen.len() == before { barren + 1 } else { 0 };
            match found.next {
                Some(_) if barren == BARREN => {
                    return Err(health.tell("The source of records came to no end."));
                }
                Some(next) if !is_full => search.page = Some(next),
                _ => break,
            }
        }
        let file = match file {
            Some(file) => Some(file.finish().await.map_err(|error| unwritten(health, &error))?),
            None => None,
        };
        let trace = {
            let state = call.state();
            let trace = Trace {
                label: state.label.clone(),
                records: state.records.difference(&records).cloned().collect(),
                patients: state.patients.difference(&patients).cloned().collect(),
                withheld: state.withheld.clone(),
                truncated: state.truncated,
                given: state.given,
                bytes: state.bytes,
            };
            serde_json::to_vec(&trace).map_err(|_| health.tell("The export failed."))?
        };
        let trace = self.folder.keep(&trace_name(kind), &trace).await;
        let trace = trace.map_err(|error| unwritten(health, &error))?;
        Ok(Written { count, file, trace })
    }

    fn is_asked_for(&self, record: &Record) -> bool {
        match (&self.whose, self.health.call.shared.compartment.patients(record)) {
            (Whose::All, _) => true,
            (Whose::Patients, Patients::Of(patients)) => !patients.is_empty(),
            // What is of somebody else, too, is not the group's to have.
            (Whose::Members(members), Patients::Of(patients)) => {
                !patients.is_empty() && patients.is_subset(members)
            }
            _ => false,
        }
    }

    /// Writes down what was given, a line for each, and says how many there were.
    async fn put(
        &self,
        kind: &str,
        disclosure: &mut Disclosure,
        file: &mut Option<Partial>,
    ) -> Result<u64, HealthError> {
        let (mut lines, mut count) = (Vec::new(), 0);
        for released in disclosure.drain() {
            // JSON has line ends between its tokens alone.
            let text = released.json().get().bytes().filter(|byte| !matches!(byte, b'\n' | b'\r'));
            lines.extend(text);
            lines.push(b'\n');
            count += 1;
        }
        if lines.is_empty() {
            return Ok(0);
        }
        let written = async {
            if file.is_none() {
                *file = Some(self.folder.begin(&format!("{kind}.ndjson")).await?);
            }
            match file {
                Some(file) => file.write(&lines).await,
                None => Ok(()),
            }
        };
        written.await.map_err(|error| unwritten(self.health, &error))?;
        Ok(count)
    }

    /// Takes up what an earlier run has done.
    async fn recall(&self, kind: &str, written: &Written) -> Result<(), HealthError> {
        let gone = || self.health.tell("The files of this export are gone; begin anew.");
        if let Some(file) = &written.file
            && !self.folder.is_whole(&format!("{kind}.ndjson"), file).await
        {
            return Err(gone());
        }
        let trace = self.folder.recall(&trace_name(kind), &written.trace).await.ok_or_else(gone)?;
        let trace: Trace = serde_json::from_slice(&trace).map_err(|_| gone())?;
        let mut state = self.health.call.state();
        state.label.raise(&trace.label);
        state.records.extend(trace.records);
        state.patients.extend(trace.patients);
        state.withheld.extend(trace.withheld);
        state.truncated |= trace.truncated;
        state.given = state.given.max(trace.given);
        state.bytes = state.bytes.max(trace.bytes);
        Ok(())
    }
}

fn trace_name(kind: &str) -> String {
    format!("{kind}.trace")
}

fn link(file: &File) -> ContentBlock {
    let name = format!("{}.ndjson", file.resource_type);
    let link = ResourceLink::new(file.uri.clone(), name).with_mime_type(MEDIA_TYPE);
    ContentBlock::ResourceLink(link.with_size(file.bytes))
}

fn unwritten(health: &HealthCx, error: &io::Error) -> HealthError {
    tracing::error!(kind = %error.kind(), "an export cannot be written");
    health.tell("The files of the export could not be written.")
}
