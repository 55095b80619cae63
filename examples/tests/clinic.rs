//! The walk through the clinic, and what it must not show.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests fail by panicking"
)]

use examples::clinic::records::Source;
use examples::clinic::walk::{Seen, Visit, walk};
use examples::clinic::{Clinic, records, serve};
use mcp_core::Shutdown;
use tokio::net::TcpListener;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_sees_what_it_may() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit");
    let clinic = Clinic::new(Source::Memory(records::shipped().unwrap()), None, &audit).unwrap();
    let audit_key = clinic.audit_key.clone();
    let doctor = clinic.people.named("doctor").unwrap().clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/mcp", listener.local_addr().unwrap());
    let (trigger, shutdown) = Shutdown::new();
    let serving = tokio::spawn(async move { serve(&clinic, listener, shutdown).await });
    let mut visit = Visit {
        url: &url,
        token: &doctor.token,
        password: &doctor.password,
        patient: "Patient/anna",
        other: "Patient/bert",
        audit_key,
    };
    let seen = walk(&visit).await.unwrap();
    let expected = Seen {
        conditions: (2, 3),
        summary: (6, 6),
        // The patient, four records of his, and whom they refer to.
        emergency: (0, 6),
        deidentified: (1, false),
        exported: (16, false),
        receipts: 9,
    };
    assert_eq!(seen, expected);
    // A wrong password opens nothing.
    visit.password = "guessed";
    let seen = walk(&visit).await.unwrap();
    assert_eq!(seen.emergency, (0, 0));
    // A wrong token neither.
    visit.token = "guessed";
    assert!(walk(&visit).await.is_err());
    trigger.request();
    serving.await.unwrap().unwrap();
}
