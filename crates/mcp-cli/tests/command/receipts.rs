//! `mcp receipts verify`.

use std::path::Path;

use mcp_trust::keys::{Algorithm, SigningKey};
use mcp_trust::receipts::LogOptions;
use mcp_trust::receipts::note::NoteKey;

use crate::support::{Ran, mcp};

const ORIGIN: &str = "example.com/receipts";

fn verify(log: &Path, more: &[&str]) -> Ran {
    mcp(&[&["--json", "receipts", "verify", log.to_str().unwrap()], more].concat())
}

#[test]
fn a_cut_end_is_found_with_a_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let mut log = LogOptions::new(ORIGIN).create(&path).unwrap();
    for n in 0..5 {
        log.append(&serde_json::json!({ "n": n })).unwrap();
    }
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let checkpoint = log.checkpoint().unwrap().sign_now(&key).unwrap().to_string();
    log.append("after").unwrap();
    drop(log);
    let note = folder.path().join("checkpoint");
    std::fs::write(&note, &checkpoint).unwrap();
    let note = note.to_str().unwrap();
    let known = NoteKey::new(ORIGIN, key.verifying_key().clone()).unwrap().to_string();

    let whole = verify(&path, &["--checkpoint", note, "--key", &known]);
    assert_eq!(whole.code, 0, "{whole:?}");
    assert_eq!(whole.json()["entries"], 6);
    assert_eq!(whole.json()["checkpoint"]["signed"], true);

    // Without its last two lines the log is whole by itself …
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    std::fs::write(&path, lines[..lines.len() - 2].concat()).unwrap();
    let alone = verify(&path, &[]);
    assert_eq!((alone.code, &alone.json()["entries"]), (0, &4.into()));
    // … but not by the checkpoint, signed or not.
    for more in [&["--checkpoint", note][..], &["--checkpoint", note, "--key", &known]] {
        let cut = verify(&path, more);
        assert_eq!((cut.code, cut.json()["name"].as_str()), (1, Some("truncated")), "{cut:?}");
    }
    let words = ["receipts", "verify", path.to_str().unwrap(), "--checkpoint", note];
    let plain = mcp(&words);
    assert!(plain.out.contains("4 entries of the 5"), "{plain:?}");

    // Another's key, a forged checkpoint, a log that was changed.
    let other = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let other = NoteKey::new(ORIGIN, other.verifying_key().clone()).unwrap().to_string();
    std::fs::write(&path, &text).unwrap();
    let unknown = verify(&path, &["--checkpoint", note, "--key", &other]);
    assert_eq!(unknown.json()["name"], "checkpoint-unknown-key");
    let forged = folder.path().join("forged");
    std::fs::write(&forged, checkpoint.replacen("\n5\n", "\n4\n", 1)).unwrap();
    let forged = verify(&path, &["--checkpoint", forged.to_str().unwrap(), "--key", &known]);
    assert_eq!((forged.code, &forged.json()["name"]), (1, &"checkpoint-signature".into()));
    std::fs::write(&path, text.replacen("\"n\":2", "\"n\":7", 1)).unwrap();
    let changed = verify(&path, &[]);
    assert_eq!((changed.code, &changed.json()["name"]), (1, &"tampered".into()));
}

#[test]
fn what_is_no_log_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    assert_eq!(verify(&path, &[]).failure(), "file");
    std::fs::write(&path, "something else\n").unwrap();
    let other = verify(&path, &[]);
    assert_eq!((other.code, &other.json()["name"]), (1, &"not-a-log".into()));
    let bad = verify(&path, &["--checkpoint", path.to_str().unwrap()]);
    assert_eq!((bad.code, bad.failure().as_str()), (5, "content"));
}
