//! Notes, checkpoints, proofs and keys of notes: what is accepted is written as it was read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mcp_trust::receipts::note::{NoteKey, SignedNote};
use mcp_trust::receipts::{Checkpoint, Entry, ReceiptProof};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(note) = text.parse::<SignedNote>() {
        assert_eq!(note.to_string(), text, "a note");
    }
    if let Ok(checkpoint) = text.parse::<Checkpoint>() {
        // Lines that follow are allowed, and not kept.
        assert!(text.starts_with(checkpoint.to_string().trim_end()), "a checkpoint");
        let again: Checkpoint = checkpoint.to_string().parse().expect("its own text");
        assert_eq!(again, checkpoint);
    }
    if let Ok(key) = text.parse::<NoteKey>() {
        assert_eq!(key.to_string(), text, "a key");
    }
    if let Ok(entry) = Entry::parse(text) {
        assert_eq!(entry.as_str(), text, "an entry");
        assert!(text.contains(entry.receipt()));
    }
    if let Ok(proof) = text.parse::<ReceiptProof>() {
        let written = proof.to_string();
        let again: ReceiptProof = written.parse().expect("a proof's own text");
        assert_eq!(again.to_string(), written, "a proof");
    }
});
