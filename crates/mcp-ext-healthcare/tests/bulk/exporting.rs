//! What an export holds, and who gets it.

use std::collections::BTreeSet;

use mcp_core::Principal;
use mcp_ext_healthcare::protocol::LimitSettings;
use mcp_trust::digest::Digest;
use serde_json::{Value, json};

use crate::world::{DOCTOR, H, World, export, knowing, lines, plain};

fn subjects(lines: &[Value]) -> BTreeSet<String> {
    lines.iter().map(|line| line["subject"]["reference"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn exports_are_tasks() {
    let world = World::new();
    let hospital = world.start();
    let arguments = json!({ "level": "system" });
    let refused = hospital.send(plain("bulk_export", arguments.clone())).await;
    let needed = &refused.assert_error(-32021)["data"]["requiredCapabilities"]["extensions"];
    assert!(needed.get("io.modelcontextprotocol/tasks").is_some(), "{needed}");
    assert!(hospital.trail.events().is_empty() && world.all_files().is_empty());
    let result = hospital.export(export(arguments)).await;
    assert_eq!(result["structuredContent"]["files"].as_array().unwrap().len(), 4);
    let discovered = hospital.send(knowing(mcp_testkit::request("server/discover"))).await;
    let bulk = &discovered.assert_result()["capabilities"]["extensions"][H]["bulk"];
    assert_eq!(*bulk, json!({ "levels": ["patient", "group", "system"], "requiresTasks": true }));
    hospital.stop().await;
}

#[tokio::test]
async fn exports_hold_links() {
    let world = World::new();
    let hospital = world.start();
    let result = hospital.export(export(json!({ "level": "system" }))).await;
    let files = result["structuredContent"]["files"].as_array().unwrap();
    let links: Vec<&Value> = result["content"].as_array().unwrap().iter().skip(1).collect();
    assert_eq!(links.len(), files.len());
    for (file, link) in files.iter().zip(links) {
        assert_eq!((&link["type"], &link["uri"]), (&json!("resource_link"), &file["uri"]));
        let path = file["uri"].as_str().unwrap();
        let path = path.strip_prefix("https://clinic.example/exports/").unwrap();
        let path =
            world.folder().file(Some(&Principal::new(DOCTOR)), path).await.expect("it is theirs");
        let bytes = std::fs::read(path).unwrap();
        assert_eq!((&file["bytes"], &link["size"]), (&json!(bytes.len()), &json!(bytes.len())));
        assert_eq!(file["digest"], Digest::of(&bytes).to_string());
        let count = bytes.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(file["count"], count);
    }
    // More than one page of the source, more than one result may hold, and each once.
    let observations = lines(world.files.path(), &result, "Observation");
    let ids: BTreeSet<&str> = observations.iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!((observations.len(), ids.len()), (450, 450));
    assert!(!ids.contains("closed"), "what is withheld is not exported");
    // Never what is in them.
    let text = result.to_string();
    assert!(!text.contains("Zanzibar") && !text.contains("29463-7"), "{text}");
    let label = &result["_meta"][format!("{H}.label")];
    assert_eq!(
        (&label["phi"], label["subjects"].as_array().unwrap().len()),
        (&json!("identified"), 3)
    );
    assert!(result["_meta"][format!("{H}.audit")]["id"].is_string());
    // One event, with all that was given and what was asked for.
    let events = hospital.trail.events();
    assert_eq!(events.len(), 1);
    let event = events[0].to_string();
    assert!(event.contains("Observation/o449") && event.contains("Organization/house"));
    assert!(!event.contains("Observation/closed"));
    hospital.stop().await;
}

#[tokio::test]
async fn files_are_for_whose_call_it_was() {
    let world = World::new();
    let hospital = world.start();
    let result = hospital.export(export(json!({ "level": "system", "types": ["Patient"] }))).await;
    let uri = result["structuredContent"]["files"][0]["uri"].as_str().unwrap();
    let path = uri.strip_prefix("https://clinic.example/exports/").unwrap();
    let (folder, doctor) = (world.folder(), Principal::new(DOCTOR));
    assert!(folder.file(Some(&doctor), path).await.is_some());
    let export = path.split_once('/').unwrap().0;
    std::fs::write(world.files.path().join("secret.ndjson"), "x").unwrap();
    for (who, path) in [
        (None, path.to_owned()),
        (Some(Principal::new("doctor:other")), path.to_owned()),
        (Some(doctor.clone()), format!("{export}/Observation.ndjson")),
        (Some(doctor.clone()), format!("{export}/manifest.json")),
        (Some(doctor.clone()), format!("{export}/Patient.trace")),
        (Some(doctor.clone()), format!("{export}/../secret.ndjson")),
        (Some(doctor.clone()), format!("{export}/../{path}")),
        (Some(doctor.clone()), "../secret.ndjson".to_owned()),
        (Some(doctor.clone()), "secret.ndjson".to_owned()),
        (Some(doctor.clone()), String::new()),
        (Some(doctor.clone()), format!("{}/Patient.ndjson", "a".repeat(36))),
    ] {
        assert!(folder.file(who.as_ref(), &path).await.is_none(), "{path}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        for file in world.all_files_of(export) {
            assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o077, 0);
        }
    }
    // What is over is gone, and cannot be fetched before that.
    let over = folder.clone().kept(std::time::Duration::ZERO);
    assert_eq!(over.sweep().await.unwrap(), 0, "it is kept for as long as was said then");
    // One that goes on is left alone, however short they are kept.
    std::fs::create_dir(world.files.path().join("a".repeat(36))).unwrap();
    assert_eq!(over.sweep().await.unwrap(), 0);
    let manifest = world.files.path().join(export).join("manifest.json");
    let mut ended: Value = serde_json::from_slice(&std::fs::read(&manifest).unwrap()).unwrap();
    ended["expires"] = json!(1);
    std::fs::write(&manifest, ended.to_string()).unwrap();
    assert!(folder.file(Some(&doctor), path).await.is_none());
    assert_eq!(folder.sweep().await.unwrap(), 1);
    assert!(!world.files.path().join(export).exists());
    hospital.stop().await;
}

#[tokio::test]
async fn an_export_is_confined_as_a_read_is() {
    let world = World::new();
    let hospital = world.start();
    let root = world.files.path();
    // The patient who is open.
    for level in ["patient", "system"] {
        let call = export(json!({ "level": level }));
        let call = call.meta(&format!("{H}.context"), json!({ "patient": "Patient/anna" }));
        let result = hospital.export(call).await;
        assert_eq!(
            subjects(&lines(root, &result, "Observation")),
            ["Patient/anna".to_owned()].into()
        );
        assert_eq!(lines(root, &result, "Patient").len(), 1);
        assert_eq!(lines(root, &result, "Organization").len(), usize::from(level == "system"));
    }
    // The active members of a group.
    let result = hospital.export(export(json!({ "level": "group", "group": "Group/ward" }))).await;
    let members = ["Patient/anna".to_owned(), "Patient/cleo".to_owned()];
    assert_eq!(subjects(&lines(root, &result, "Observation")), members.into());
    assert_eq!(lines(root, &result, "Patient").len(), 2);
    assert!(lines(root, &result, "Organization").is_empty());
    // What a client must not have.
    let call = knowing(mcp_testkit::call_tool("bulk_export", json!({ "level": "system" })))
        .meta(&format!("{H}.purpose"), json!({ "code": "TREAT" }))
        .declaring_raw(H, json!({ "version": "0.1" }));
    let result = hospital.export(call).await;
    assert_eq!(result["structuredContent"]["files"].as_array().unwrap().len(), 1, "{result}");
    assert_eq!(lines(root, &result, "Organization").len(), 1);
    hospital.stop().await;
}

#[tokio::test]
async fn de_identified_exports_name_nobody() {
    let world = World::new();
    let hospital = world.start();
    let call = export(json!({ "level": "patient" }));
    let call = call.meta(&format!("{H}.minimize"), json!({ "deid": "safe-harbor" }));
    let result = hospital.export(call).await;
    let label = &result["_meta"][format!("{H}.label")];
    assert_eq!(label["phi"], "deidentified");
    assert_eq!(result["_meta"][format!("{H}.deid")]["method"], "safe-harbor");
    let observations = lines(world.files.path(), &result, "Observation");
    assert_eq!(observations.len(), 450);
    assert!(observations.iter().all(|one| one["code"]["coding"][0]["code"] == "29463-7"));
    assert_eq!(subjects(&observations).len(), 3, "pseudonyms tell patients apart");
    for file in world.all_files() {
        let text = std::fs::read_to_string(&file).unwrap();
        if file.extension().is_some_and(|kind| kind == "ndjson") {
            assert!(!text.contains("Zanzibar") && !text.contains("anna"), "{file:?}");
        }
        assert!(file.extension().is_none_or(|kind| kind != "part"));
    }
    hospital.stop().await;
}

#[tokio::test]
async fn limits_cut_or_deny() {
    let mut world = World::new();
    world.limits = LimitSettings::new(451_u64, 1_u64 << 30);
    let hospital = world.start();
    // A part of it would mislead.
    let result = hospital.export(export(json!({ "level": "system" }))).await;
    assert_eq!(result["isError"], true);
    assert_eq!(result["_meta"][format!("{H}.denial")]["code"], "result_too_large");
    assert!(world.all_files().is_empty(), "nothing of it stays");
    // What the client asked for is cut where it said, and says so.
    let call = export(json!({ "level": "system" }));
    let call = call.meta(&format!("{H}.minimize"), json!({ "maxResources": 7 }));
    let result = hospital.export(call).await;
    let files = result["structuredContent"]["files"].as_array().unwrap();
    let count: u64 = files.iter().map(|file| file["count"].as_u64().unwrap()).sum();
    assert_eq!(count, 7, "{result}");
    assert_eq!(result["_meta"][format!("{H}.minimization")]["truncated"], true);
    hospital.stop().await;
    world.limits = LimitSettings::new(1_000_u64, 10_000_u64);
    let hospital = world.start();
    let result = hospital.export(export(json!({ "level": "system" }))).await;
    assert_eq!(result["_meta"][format!("{H}.denial")]["code"], "result_too_large");
    hospital.stop().await;
}

#[tokio::test]
async fn what_cannot_be_exported_is_said() {
    let world = World::new();
    let hospital = world.start();
    for (arguments, word) in [
        (json!({ "level": "group" }), "Which group"),
        (json!({ "level": "group", "group": "Group/none" }), "no such group"),
        (json!({ "level": "group", "group": "Patient/anna" }), "no such group"),
        (json!({ "level": "group", "group": "../Zanzibar" }), "no such group"),
        (json!({ "level": "system", "group": "Group/ward" }), "level `group` alone"),
        (json!({ "level": "system", "types": ["Zanzibar"] }), "not exported"),
    ] {
        let result = hospital.export(export(arguments)).await;
        assert_eq!(result["isError"], true);
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.contains(word) && !text.contains("Zanzibar"), "{text}");
    }
    for wrong in [json!({}), json!({ "level": "all" }), json!({ "level": "system", "x": 1 })] {
        hospital.send(export(wrong)).await.assert_tool_error();
    }
    hospital.stop().await;
}
