use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::note::NoteKey;
use super::*;
use crate::canonical::Canonical;
use crate::keys::{Algorithm, SigningKey};

const ORIGIN: &str = "example.com/receipts";

/// A folder that is removed with the test, and a path in it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("receipts")
    }

    fn with(bytes: &[u8]) -> Self {
        let place = Self::new();
        fs::write(place.path(), bytes).unwrap();
        place
    }
}

fn options() -> LogOptions {
    LogOptions::new(ORIGIN)
}

/// The bytes of a log of so many receipts, and its checkpoints at every size.
fn small(count: usize) -> (Vec<u8>, Vec<Checkpoint>) {
    let place = Place::new();
    let mut log = options().sync(SyncPolicy::OnRequest).create(place.path()).unwrap();
    let mut checkpoints = vec![log.checkpoint().unwrap()];
    for number in 0..count {
        log.append(&json!({"call": number, "who": "zoë"})).unwrap();
        checkpoints.push(log.checkpoint().unwrap());
    }
    drop(log);
    (fs::read(place.path()).unwrap(), checkpoints)
}

fn read(mut bytes: &[u8]) -> Result<Summary, LogError> {
    verify(&mut bytes)
}

#[test]
fn what_was_appended_is_there_after_opening_again() {
    let place = Place::new();
    let mut log = options().create(place.path()).unwrap();
    for number in 0..5 {
        let appended = log.append(&json!({"number": number})).unwrap();
        assert_eq!((appended.index, appended.durable), (number, true));
    }
    let checkpoint = log.checkpoint().unwrap();
    drop(log);
    let (mut log, torn) = options().expect(checkpoint.clone()).open(place.path()).unwrap();
    assert_eq!(torn, None);
    assert_eq!((log.size(), log.durable()), (5, 5));
    assert_eq!(log.checkpoint().unwrap(), checkpoint);
    let appended = log.append("six").unwrap();
    assert_eq!(appended.index, 5);

    let archive = VerifiedLog::open(place.path()).unwrap();
    assert_eq!((archive.size(), archive.root()), (6, log.checkpoint().unwrap().root()));
    assert_eq!(archive.entry(5).unwrap().digest(), appended.digest);
    assert_eq!(archive.entry(2).unwrap().receipt(), r#"{"number":2}"#);
    assert!(matches!(archive.entry(6), Err(LogError::NoEntry { index: 6 })));
    archive.check(&checkpoint).unwrap();
}

/// The format must not change under existing files.
#[test]
fn a_log_is_written_as_documented() {
    let (bytes, _) = small(2);
    let text = String::from_utf8(bytes).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let header = r#"{"format":"mcp-trust/receipts/1","origin":"example.com/receipts"}"#;
    let hash = |json: &str| merkle::leaf(json.as_bytes()).to_hex();
    assert_eq!(lines[0], format!("{header} {}", hash(header)));
    let first =
        format!(r#"{{"after":"{}","index":0,"receipt":{{"call":0,"who":"zoë"}}}}"#, hash(header));
    assert_eq!(lines[1], format!("{first} {}", hash(&first)));
    let second =
        format!(r#"{{"after":"{}","index":1,"receipt":{{"call":1,"who":"zoë"}}}}"#, hash(&first));
    assert_eq!(lines[2], format!("{second} {}", hash(&second)));
    assert_eq!((lines.len(), text.ends_with('\n')), (3, true));
    // Entries are canonical, so other programs can make the same bytes of their parts.
    assert!(Canonical::checked(first.as_bytes()).unwrap().is_some());
}

#[test]
fn every_flipped_bit_is_refused() {
    let (bytes, _) = small(3);
    for bit in 0..bytes.len() * 8 {
        let mut changed = bytes.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&changed).is_err(), "bit {bit}");
    }
}

#[test]
fn flipped_bits_are_refused_for_writing_and_nothing_is_cut() {
    let (bytes, _) = small(2);
    // Around the ends of lines, where a change could pass for a crash, and some elsewhere.
    let ends = (0..bytes.len())
        .filter(|at| bytes[at.saturating_sub(1)..].iter().take(3).any(|byte| *byte == b'\n'));
    for at in ends.chain((0..bytes.len()).step_by(37)) {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let place = Place::with(&changed);
            assert!(options().open(place.path()).is_err(), "bit {bit} of {at}");
            assert_eq!(fs::read(place.path()).unwrap(), changed);
        }
    }
}

#[test]
fn every_end_that_is_cut_off_is_found_with_a_checkpoint() {
    let (bytes, checkpoints) = small(3);
    let last = checkpoints.last().unwrap();
    let first_entry = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for length in 0..bytes.len() {
        let cut = &bytes[..length];
        if length < first_entry {
            assert!(matches!(read(cut), Err(LogError::NotALog)), "{length}");
            continue;
        }
        let whole = cut.iter().filter(|byte| **byte == b'\n').count() - 1;
        let summary = read(cut).unwrap();
        assert_eq!(summary.checkpoint, checkpoints[whole], "{length}");
        assert_eq!(summary.torn.is_some(), !cut.ends_with(b"\n"), "{length}");

        let place = Place::with(cut);
        let refused = VerifiedLog::open(place.path()).unwrap().check(last);
        assert!(matches!(refused, Err(LogError::Truncated { expected: 3, .. })));
        let refused = options().expect(last.clone()).open(place.path());
        assert!(matches!(refused, Err(LogError::Truncated { expected: 3, .. })));
        assert_eq!(
            fs::read(place.path()).unwrap(),
            cut,
            "nothing is cut from a log that is refused"
        );
    }
}

#[test]
fn a_torn_tail_is_cut_and_named() {
    let (bytes, checkpoints) = small(3);
    let line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for length in line + 1..bytes.len() {
        for zeros in [0, 1, 4096] {
            let torn = [&bytes[..length], &vec![0; zeros]].concat();
            let place = Place::with(&torn);
            let (mut log, tail) =
                options().expect(checkpoints[2].clone()).open(place.path()).unwrap();
            let tail = tail.unwrap();
            assert_eq!((tail.at, tail.bytes.as_slice()), (line as u64, &torn[line..]));
            assert!(tail.to_string().contains("not written completely"));
            assert_eq!(log.checkpoint().unwrap(), checkpoints[2]);
            // The same receipt again makes the same log.
            log.append(&json!({"call": 2, "who": "zoë"})).unwrap();
            drop(log);
            assert_eq!(fs::read(place.path()).unwrap(), bytes);
            if length % 40 != 0 {
                break;
            }
        }
    }
}

#[test]
fn what_no_crash_leaves_is_not_taken_for_a_torn_tail() {
    let (bytes, _) = small(2);
    let line = bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    let entry = &bytes[line..bytes.len() - 1];
    for tail in [
        &b"x"[..],
        b"\r",
        b" ",
        b"{}",
        b"{\"before\"",
        b"\0x",
        b"\xff",
        b"\xe2\x82",
        entry,
        &bytes[..line],
    ] {
        let changed = [&bytes[..], tail].concat();
        // Whole lines are refused for what they are, anything else as a tail.
        assert!(matches!(read(&changed), Err(LogError::Tampered { .. })), "{tail:?}");
    }
    // A whole entry with something in place of its line feed.
    for more in [&b" "[..], b"\r", b"}", b"0", b"\0x"] {
        let changed = [&bytes[..bytes.len() - 1], more].concat();
        assert!(
            matches!(read(&changed), Err(LogError::Tampered { damage: Damage::Tail, .. })),
            "{more:?}"
        );
    }
    // An entry that goes on after it has ended.
    let mut changed = bytes[..line].to_vec();
    changed.extend_from_slice(&entry[..entry.len() - 65]);
    assert!(read(&changed).unwrap().torn.is_some());
    changed.extend_from_slice(b",");
    assert!(matches!(read(&changed), Err(LogError::Tampered { damage: Damage::Tail, .. })));
}

#[test]
fn a_log_whose_header_was_torn_is_new() {
    let (bytes, checkpoints) = small(0);
    for length in 0..bytes.len() {
        for zeros in [0, 7] {
            let place = Place::with(&[&bytes[..length], &vec![0; zeros]].concat());
            let (mut log, torn) = options().open(place.path()).unwrap();
            assert_eq!(torn.is_some(), length + zeros > 0);
            assert_eq!(log.checkpoint().unwrap(), checkpoints[0]);
            drop(log);
            assert_eq!(fs::read(place.path()).unwrap(), bytes);
        }
    }
    for other in
        [&b"x"[..], b"something else\n", b"{}", b"\n", b"{\"format\":\"mcp-trust/receipts/2\"}\n"]
    {
        let place = Place::with(other);
        assert!(options().open(place.path()).is_err(), "{other:?}");
        assert_eq!(fs::read(place.path()).unwrap(), other, "what is no log is left alone");
    }
}

#[test]
fn lines_cannot_be_dropped_moved_repeated_or_brought_in() {
    let (bytes, checkpoints) = small(4);
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let (other, _) = {
        let place = Place::new();
        let mut log = LogOptions::new("example.com/other").create(place.path()).unwrap();
        for _ in 0..4 {
            log.append("x").unwrap();
        }
        (fs::read(place.path()).unwrap(), ())
    };
    let other: Vec<_> = other.split_inclusive(|byte| *byte == b'\n').collect();
    for at in 1..lines.len() {
        let mut dropped = lines.clone();
        dropped.remove(at);
        if at + 1 < lines.len() {
            let refused = read(&dropped.concat());
            let index = at as u64 - 1;
            let Err(LogError::Tampered { index: found, damage: Damage::Order, .. }) = refused
            else {
                panic!("{refused:?}");
            };
            assert_eq!(found, index);
        }
        for to in 1..=lines.len() {
            let mut repeated = lines.clone();
            repeated.insert(to, lines[at]);
            assert!(read(&repeated.concat()).is_err(), "{at} again at {to}");
            let mut brought = lines.clone();
            brought.insert(to, other[at]);
            assert!(read(&brought.concat()).is_err(), "{at} of another at {to}");
            if to < lines.len() && to != at {
                let mut swapped = lines.clone();
                swapped.swap(at, to);
                assert!(read(&swapped.concat()).is_err(), "{at} for {to}");
            }
        }
    }
    // Under another log's header, too.
    let mut exchanged = lines.clone();
    exchanged[0] = other[0];
    assert!(matches!(
        read(&exchanged.concat()),
        Err(LogError::Tampered { index: 0, damage: Damage::Order, .. })
    ));
    assert!(read(&lines[1..].concat()).is_err());
    // An older copy of the whole file is whole in itself; the checkpoint tells.
    let older = lines[..3].concat();
    assert_eq!(read(&older).unwrap().checkpoint, checkpoints[2]);
    let place = Place::with(&older);
    let refused = options().expect(checkpoints[4].clone()).open(place.path());
    assert!(matches!(refused, Err(LogError::Truncated { size: 2, expected: 4 })));
}

#[test]
fn a_log_that_was_written_anew_is_found_with_a_checkpoint() {
    let (_, checkpoints) = small(3);
    let place = Place::new();
    let mut log = options().create(place.path()).unwrap();
    for number in 0..5 {
        log.append(&json!({"call": number, "who": "zoe"})).unwrap();
    }
    drop(log);
    let archive = VerifiedLog::open(place.path()).unwrap();
    assert!(matches!(archive.check(&checkpoints[3]), Err(LogError::Rewritten { size: 3 })));
    assert!(archive.check(&checkpoints[0]).is_ok());
    for checkpoint in &checkpoints[1..] {
        let refused = options().expect(checkpoint.clone()).open(place.path());
        assert!(matches!(refused, Err(LogError::Rewritten { .. })));
    }
    let elsewhere = Checkpoint::new("example.com/other", 0, merkle::Tree::new().root()).unwrap();
    assert!(matches!(archive.check(&elsewhere), Err(LogError::OtherOrigin)));
    let refused = options().expect(elsewhere).open(place.path());
    assert!(matches!(refused, Err(LogError::Rewritten { size: 0 })));
    let refused = LogOptions::new("example.com/other").open(place.path());
    assert!(matches!(refused, Err(LogError::OtherOrigin)));
}

/// What only someone who writes whole logs could bring in: lines whose digests and places are right.
#[test]
fn entries_of_another_form_are_refused() {
    let (bytes, _) = small(0);
    let header = bytes.strip_suffix(b"\n").unwrap();
    let (_, head) = entry::whole(header).unwrap();
    for receipt in [
        "1,\"receipt\":2",
        "1,\"z\":2",
        "{\"a\":1,\"a\":2}",
        "",
        "9007199254740993",
        " 1",
        "\"\\ud800\"",
    ] {
        let mut log = bytes.clone();
        entry::write(&mut log, &head, 0, receipt);
        let refused = read(&log);
        let accepted = receipt == " 1";
        assert_eq!(refused.is_ok(), accepted, "{receipt}: {refused:?}");
    }
}

#[test]
fn one_writes_at_a_time() {
    let place = Place::new();
    let mut log = options().create(place.path()).unwrap();
    assert!(matches!(options().open(place.path()), Err(LogError::Locked)));
    assert!(matches!(options().open_or_create(place.path()), Err(LogError::Locked)));
    assert!(matches!(options().create(place.path()), Err(LogError::Locked)));
    // Under another name for the same file.
    let roundabout = place.folder.path().join(".").join("receipts");
    assert!(matches!(options().open(roundabout), Err(LogError::Locked)));
    // Reading goes on beside it.
    log.append("one").unwrap();
    let mut archive = VerifiedLog::open(place.path()).unwrap();
    log.append("two").unwrap();
    assert_eq!((archive.refresh().unwrap(), archive.size()), (1, 2));
    drop(log);
    assert!(options().open(place.path()).is_ok());
    assert!(matches!(options().create(place.path()), Err(LogError::Io { .. })));
    assert!(options().open_or_create(place.path()).is_ok());
    let missing = place.folder.path().join("missing");
    assert!(matches!(options().open(&missing), Err(LogError::Io { .. })));
    assert_eq!(
        fs::read_dir(place.folder.path()).unwrap().count(),
        2,
        "nothing is left of what failed"
    );
    assert!(options().open_or_create(&missing).is_ok());
}

#[test]
fn what_others_write_is_noticed() {
    let place = Place::new();
    let mut log = options().create(place.path()).unwrap();
    log.append("one").unwrap();
    let mut archive = VerifiedLog::open(place.path()).unwrap();
    let bytes = fs::read(place.path()).unwrap();
    fs::write(place.path(), [&bytes[..], b"{"].concat()).unwrap();
    assert!(matches!(log.append("two"), Err(LogError::Interfered)));
    // It stays so until the log is opened again.
    fs::write(place.path(), &bytes).unwrap();
    assert!(matches!(log.append("two"), Err(LogError::Failed)));
    assert!(matches!(log.sync(), Err(LogError::Failed)));
    assert!(matches!(log.checkpoint(), Err(LogError::Failed)));
    drop(log);

    fs::write(place.path(), [&bytes[..bytes.len() - 2], b"x\n"].concat()).unwrap();
    assert!(matches!(
        archive.entry(0),
        Err(LogError::Tampered { index: 0, damage: Damage::Digest, .. })
    ));
    fs::write(place.path(), &bytes[..bytes.len() - 2]).unwrap();
    assert!(matches!(archive.refresh(), Err(LogError::Truncated { size: 0, expected: 1 })));
    assert!(archive.entry(0).is_err());
}

#[test]
fn receipts_reach_the_disk_when_the_policy_says() {
    let place = Place::new();
    let after = SyncPolicy::After(3.try_into().unwrap());
    let mut log = options().sync(after).create(place.path()).unwrap();
    let durable: Vec<_> = (0..4).map(|_| log.append("x").unwrap().durable).collect();
    assert_eq!(durable, [false, false, true, false]);
    assert_eq!((log.size(), log.durable()), (4, 3));
    log.checkpoint().unwrap();
    assert_eq!(log.durable(), 4);

    let receipts: Vec<_> = (0..10).map(|number| Canonical::of(&number).unwrap()).collect();
    let appended = log.append_all(&receipts).unwrap();
    assert!(appended.iter().all(|one| one.durable) && appended.len() == 10);
    drop(log);
    let place = Place::new();
    let mut log = options().sync(SyncPolicy::OnRequest).create(place.path()).unwrap();
    assert!(!log.append("x").unwrap().durable);
    assert_eq!(log.append_all([]).unwrap(), []);
    log.sync().unwrap();
    assert_eq!(log.durable(), 1);
}

#[test]
fn receipts_that_cannot_be_written_leave_no_trace() {
    let place = Place::new();
    let mut log = options().create(place.path()).unwrap();
    log.append("one").unwrap();
    let before = fs::read(place.path()).unwrap();
    assert!(matches!(log.append(&f64::NAN), Err(LogError::Receipt(_))));
    assert!(matches!(log.append(&u64::MAX), Err(LogError::Receipt(_))));
    let long = "x".repeat(MAX_RECEIPT - 1);
    let two = [Canonical::of("fine").unwrap(), Canonical::of(&long).unwrap()];
    assert!(matches!(log.append_all(&two), Err(LogError::ReceiptTooLong { .. })));
    assert_eq!(fs::read(place.path()).unwrap(), before);
    // The longest one, the deepest one, and the strangest.
    log.append(&long[1..]).unwrap();
    let depth = crate::strict::DEFAULT_DEPTH;
    let deep: serde_json::Value =
        serde_json::from_str(&format!("{}{}", "[".repeat(depth), "]".repeat(depth))).unwrap();
    log.append(&deep).unwrap();
    let strange = "\0\n\r\"\\ \u{2028}\u{feff}{\"after\":\"";
    log.append(strange).unwrap();
    drop(log);
    let (log, torn) = options().open(place.path()).unwrap();
    assert_eq!((log.size(), torn), (4, None));
    let entry = VerifiedLog::open(place.path()).unwrap().entry(3).unwrap();
    assert_eq!(serde_json::from_str::<String>(entry.receipt()).unwrap(), strange);

    let mut endless = std::io::BufReader::new(std::io::repeat(b'x'));
    assert!(matches!(verify(&mut endless), Err(LogError::LineTooLong { at: 0 })));
    assert!(matches!(LogOptions::new("two words").create(place.path()), Err(LogError::Note(_))));
}

#[test]
fn proofs_hold_offline_and_for_nothing_else() {
    let place = Place::new();
    let key = SigningKey::generate(Algorithm::EdDsa).unwrap();
    let known = [NoteKey::new(ORIGIN, key.verifying_key().clone()).unwrap()];
    let mut log = options().sync(SyncPolicy::OnRequest).create(place.path()).unwrap();
    let (mut notes, mut checkpoints) = (Vec::new(), Vec::new());
    for number in 0..9 {
        log.append(&number).unwrap();
        checkpoints.push(log.checkpoint().unwrap());
        notes.push(log.checkpoint().unwrap().sign_now(&key).unwrap());
    }
    let archive = VerifiedLog::open(place.path()).unwrap();
    let entries: Vec<_> = (0..9).map(|index| archive.entry(index).unwrap()).collect();
    for (size, note) in (1..).zip(&notes) {
        for index in 0..size {
            let text = archive.prove(index, note).unwrap().to_string();
            let proof: ReceiptProof = text.parse().unwrap();
            assert_eq!(proof.to_string(), text);
            for (other, entry) in (0..).zip(&entries) {
                let holds = proof.verify(entry, ORIGIN, &known);
                assert_eq!(holds.is_ok(), other == index, "{other}, {index} of {size}");
            }
            assert!(proof.verify(&entries[0], "example.com/other", &known).is_err());
            assert!(proof.verify(&entries[0], ORIGIN, &[]).is_err());
        }
        assert!(matches!(archive.prove(size, note), Err(LogError::NoEntry { .. })));
        for (old, checkpoint) in checkpoints.iter().enumerate().take(size as usize) {
            let new = &checkpoints[size as usize - 1];
            let proof = archive.prove_consistency(checkpoint, new).unwrap();
            assert!(proof.verify(old as u64 + 1, &checkpoint.root(), size, &new.root()));
            if checkpoint.size() < size {
                assert!(archive.prove_consistency(new, checkpoint).is_err());
            }
        }
    }
    // A checkpoint of another log of the same name proves nothing here.
    let foreign = Checkpoint::new(ORIGIN, 9, merkle::leaf(b"x")).unwrap().sign_now(&key).unwrap();
    assert!(matches!(archive.prove(0, &foreign), Err(LogError::Rewritten { size: 9 })));

    let text = archive.prove(5, &notes[8]).unwrap().to_string();
    for bit in 0..text.len() * 8 {
        let mut bytes = text.clone().into_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let verified = changed
            .parse::<ReceiptProof>()
            .and_then(|proof| proof.verify(&entries[5], ORIGIN, &known));
        assert!(verified.is_err(), "bit {bit}: {changed}");
    }
    let extra = text.replacen("index", "extra AAAA\nindex", 1);
    assert!(extra.parse::<ReceiptProof>().unwrap().verify(&entries[5], ORIGIN, &known).is_ok());
    for wrong in [
        text.replace("index 5", "index 05"),
        text.replace("@v1", "@v2"),
        extra.replace("AAAA", "A"),
    ] {
        assert_eq!(wrong.parse::<ReceiptProof>(), Err(note::NoteError::Proof));
    }
    // An entry's bits are those that were proven.
    let json = entries[5].as_str();
    for bit in 0..json.len() * 8 {
        let mut bytes = json.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        let proof: ReceiptProof = text.parse().unwrap();
        assert!(
            Entry::parse(&changed).and_then(|entry| proof.verify(&entry, ORIGIN, &known)).is_err()
        );
    }
}

/// Bytes of a log in which something was done to it.
fn changed(bytes: &[u8], at: usize, remove: usize, insert: &[u8]) -> Vec<u8> {
    let until = (at + remove).min(bytes.len());
    [&bytes[..at], insert, &bytes[until..]].concat()
}

static SMALL: LazyLock<(Vec<u8>, Vec<Checkpoint>)> = LazyLock::new(|| small(2));

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is done to a log, what is read of it without an error is a beginning of what was written.
    #[test]
    fn only_beginnings_pass(at: prop::sample::Index, remove in 0_usize..300, insert in prop::collection::vec(any::<u8>(), 0..9)) {
        let (bytes, checkpoints) = &*SMALL;
        let changed = changed(bytes, at.index(bytes.len() + 1), remove, &insert);
        if let Ok(summary) = read(&changed) {
            let size = summary.checkpoint.size() as usize;
            prop_assert_eq!(Some(&summary.checkpoint), checkpoints.get(size));
            prop_assert!(bytes.starts_with(&changed) || summary.torn.is_some() || &changed == bytes);
        }
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400), kept in 0_usize..400) {
        let (log, _) = &*SMALL;
        let _ = read(&bytes);
        let _ = read(&[&log[..kept.min(log.len())], &bytes].concat());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = text.parse::<ReceiptProof>();
            let _ = text.parse::<Checkpoint>();
            let _ = Entry::parse(text);
        }
    }
}

/// Every single byte taken out or put in, at every place.
#[test]
fn every_byte_that_is_missing_or_too_many_is_refused() {
    let (bytes, _) = small(2);
    for at in 0..bytes.len() {
        if at + 1 < bytes.len() {
            assert!(read(&changed(&bytes, at, 1, b"")).is_err(), "without {at}");
        }
        for byte in [0, b'\n', b' ', b'"', b'}', b'0', b'x', 0xff] {
            assert!(read(&changed(&bytes, at, 0, &[byte])).is_err(), "{byte} at {at}");
        }
    }
}
