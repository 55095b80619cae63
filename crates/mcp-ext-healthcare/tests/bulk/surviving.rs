//! What becomes of an export whose process, client or token goes away.

use std::sync::atomic::Ordering;

use mcp_core::Principal;
use mcp_core::server::{RequestContext, ServedTool};
use mcp_ext_healthcare::protocol::ToolMetadata;
use mcp_ext_healthcare::server::{Disclosed, HealthCx, HealthError, Permitted, RecordTool};
use mcp_tasks::{TaskPolicy, TaskTool};
use mcp_testkit::{eventually, request};
use serde_json::json;

use crate::world::{H, Hospital, World, export, knowing, lines, plain};

/// An export that is done with observations and waits for patients.
async fn halfway(world: &World) -> (Hospital, String) {
    world.source.is_closed.store(true, Ordering::SeqCst);
    let hospital = world.start();
    let id = hospital.create(export(json!({ "level": "system" }))).await;
    eventually(async || (world.source.waiting.load(Ordering::SeqCst) > 0).then_some(())).await;
    (hospital, id)
}

#[tokio::test]
async fn an_export_goes_on_where_it_was() {
    let world = World::new();
    let (first, id) = halfway(&world).await;
    let asked = world.source.observed.load(Ordering::SeqCst);
    let message = first.get(&id).await["statusMessage"].as_str().unwrap_or_default().to_owned();
    assert!(!message.contains("anna"), "{message}");
    first.stop().await;
    let is_part = |path: &std::path::PathBuf| path.extension().is_some_and(|kind| kind == "part");
    assert!(!world.all_files().iter().any(is_part));
    world.source.is_closed.store(false, Ordering::SeqCst);
    let second = world.start();
    let task = second.end(&id).await;
    assert_eq!(task["status"], "completed", "{task}");
    assert_eq!(world.source.observed.load(Ordering::SeqCst), asked, "nothing was asked for twice");
    let result = &task["result"];
    assert_eq!(lines(world.files.path(), result, "Observation").len(), 450);
    assert_eq!(lines(world.files.path(), result, "Patient").len(), 3);
    // What the run before gave counts: in the event and in the label.
    let events = second.trail.events();
    assert_eq!(events.len(), 1);
    assert!(events[0].to_string().contains("Observation/o449"));
    let label = &result["_meta"][format!("{H}.label")];
    assert_eq!(label["subjects"].as_array().unwrap().len(), 3);
    second.stop().await;
}

#[tokio::test]
async fn an_export_that_ended_unseen_ends_again() {
    let world = World::new();
    let first = world.start();
    // All files are written, and the event is not.
    first.trail.gate.forget_permits(tokio::sync::Semaphore::MAX_PERMITS);
    let id = first.create(export(json!({ "level": "system" }))).await;
    let is_last = |path: &std::path::PathBuf| path.ends_with("manifest.json");
    eventually(async || world.all_files().iter().any(is_last).then_some(())).await;
    assert_eq!(first.get(&id).await["status"], "working");
    let asked = world.source.observed.load(Ordering::SeqCst);
    first.stop().await;
    let second = world.start();
    let result = second.end(&id).await["result"].clone();
    assert_eq!(lines(world.files.path(), &result, "Observation").len(), 450, "{result}");
    assert_eq!(world.source.observed.load(Ordering::SeqCst), asked, "nothing was asked for twice");
    assert!(second.trail.events()[0].to_string().contains("Observation/o449"));
    second.stop().await;
}

#[tokio::test]
async fn files_that_were_changed_meanwhile_are_not_linked() {
    let world = World::new();
    let (first, id) = halfway(&world).await;
    first.stop().await;
    let files = world.all_files();
    let observations = files.iter().find(|path| path.ends_with("Observation.ndjson")).unwrap();
    std::fs::write(observations, "{}\n").unwrap();
    world.source.is_closed.store(false, Ordering::SeqCst);
    let second = world.start();
    let result = second.end(&id).await["result"].clone();
    assert_eq!(result["isError"], true);
    assert!(result.to_string().contains("are gone"), "{result}");
    second.stop().await;
}

#[tokio::test]
async fn cancelling_ends_the_export() {
    let world = World::new();
    let (hospital, id) = halfway(&world).await;
    let cancel = knowing(request("tasks/cancel").param("taskId", id.as_str()));
    hospital.send(cancel).await.assert_result();
    assert_eq!(hospital.end(&id).await["status"], "cancelled");
    // What was read until then is on record, and nothing of it can be fetched.
    eventually(async || (!hospital.trail.events().is_empty()).then_some(())).await;
    world.source.gate.add_permits(100);
    assert!(!world.all_files().iter().any(|path| path.ends_with("manifest.json")));
    assert_eq!(world.source.gate.available_permits(), 100, "nobody waits for the source any more");
    hospital.stop().await;
}

async fn nothing(health: HealthCx) -> Result<Disclosed, HealthError> {
    let mut disclosure = health.disclosure();
    disclosure.add_all(health.search("Organization", &[]).await?);
    disclosure.records()
}

fn metadata() -> ToolMetadata {
    ToolMetadata::new(["Organization".to_owned()], ["user/Organization.rs".to_owned()])
}

#[tokio::test]
async fn a_task_is_permitted_what_its_call_was() {
    let mut world = World::new();
    world.extra = vec![
        || ServedTool::new("forgets", nothing).records(metadata()).task(TaskPolicy::allowed()),
        || {
            let carries = TaskPolicy::allowed().carry::<Permitted>(Permitted::NAME);
            ServedTool::new("carries", nothing).records(metadata()).task(carries)
        },
    ];
    let hospital = world.start();
    let result = hospital.export(knowing(plain("carries", json!({})))).await;
    assert_eq!(result["structuredContent"]["records"].as_array().unwrap().len(), 1, "{result}");
    // Nobody knows any more whose token it was.
    let result = hospital.export(knowing(plain("forgets", json!({})))).await;
    assert_eq!(result["_meta"][format!("{H}.denial")]["code"], "scope_insufficient");
    // As a direct call it works.
    let direct = hospital.send(plain("forgets", json!({}))).await;
    assert_eq!(direct.assert_structured()["records"].as_array().unwrap().len(), 1);
    // A client cannot say it in the server's place.
    let permitted = json!({ Permitted::NAME: { "launch": { "patient": null, "encounter": null, "fhir_context": [], "scopes": ["user/*.cruds"] } } });
    let forged =
        knowing(plain("forgets", json!({}))).param("dev.mcp-ext/tasks.carried", permitted.clone());
    let result = hospital.export(forged).await;
    assert_eq!(result["_meta"][format!("{H}.denial")]["code"], "scope_insufficient");
    let who = RequestContext::new().with_principal(Some(Principal::new("doctor:bare")));
    let bare = hospital.raw.clone().context(who);
    let forged = export(json!({ "level": "system" })).param("dev.mcp-ext/tasks.carried", permitted);
    let answer = bare.send(forged).await;
    let id = answer.assert_result_type("task")["taskId"].as_str().unwrap().to_owned();
    let task = eventually(async || {
        let get = knowing(request("tasks/get").param("taskId", id.as_str()));
        let task = bare.send(get).await.assert_result().clone();
        Some(task).filter(|task| task["status"] != "working")
    })
    .await;
    let denial = &task["result"]["_meta"][format!("{H}.denial")]["code"];
    assert_eq!(*denial, "scope_insufficient", "{task}");
    hospital.stop().await;
}
