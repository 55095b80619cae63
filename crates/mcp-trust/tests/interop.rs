//! What we write, read by other implementations, and the other way round: `tlog_tiles` (of Cloudflare's log) for Merkle trees
//! and checkpoints, Node's own cryptography for JSON Web Signatures.

#![cfg(feature = "receipts")]

use std::io::Write;
use std::process::{Command, Stdio};

use mcp_trust::digest::Digest;
use mcp_trust::jws::{self, Header, JwsVerifier};
use mcp_trust::keys::{Algorithm, KeySet, PublishedKey, SigningKey, Validity};
use mcp_trust::receipts::Checkpoint;
use mcp_trust::receipts::merkle::{ConsistencyProof, InclusionProof, Tree, leaf};
use tlog_tiles::tlog;

struct Stored(Vec<tlog::Hash>);

impl tlog::HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<tlog::Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn theirs(digest: Digest) -> tlog::Hash {
    tlog::Hash(*digest.as_bytes())
}

fn ours(hashes: &[tlog::Hash]) -> Vec<Digest> {
    hashes.iter().map(|hash| Digest::from_bytes(hash.0)).collect()
}

#[test]
fn trees_and_proofs_are_those_of_another_implementation() {
    let (mut tree, mut stored) = (Tree::new(), Stored(Vec::new()));
    for size in 1..=70_u64 {
        let text = format!("receipt {size}");
        tree.push(leaf(text.as_bytes()));
        let new = tlog::stored_hashes(size - 1, text.as_bytes(), &stored).unwrap();
        stored.0.extend(new);
        let root = tlog::tree_hash(size, &stored).unwrap();
        assert_eq!(theirs(tree.root()), root);
        for index in 0..size {
            let InclusionProof(path) = tree.prove_inclusion(index, size).unwrap();
            assert_eq!(path, ours(&tlog::prove_record(size, index, &stored).unwrap()));
            let ConsistencyProof(path) = tree.prove_consistency(index + 1, size).unwrap();
            assert_eq!(path, ours(&tlog::prove_tree(size, index + 1, &stored).unwrap()));
        }
    }
}

#[test]
fn checkpoints_are_those_of_another_implementation() {
    let checkpoint =
        Checkpoint::new("example.com/receipts", 20_852_163, Digest::of(b"root")).unwrap();
    let parsed =
        tlog_tiles::checkpoint::Checkpoint::from_bytes(checkpoint.to_string().as_bytes()).unwrap();
    assert_eq!((parsed.origin(), parsed.size()), ("example.com/receipts", 20_852_163));
    assert_eq!(&parsed.hash().0, Digest::of(b"root").as_bytes());
    let written = String::from_utf8(parsed.to_bytes()).unwrap();
    assert_eq!(written.parse::<Checkpoint>().unwrap(), checkpoint);
}

/// Reads lines of `[key set, compact signature]`, verifies them, and answers each with a key set and signature of
/// its own for the same payload.
const NODE: &str = "
const crypto = require('node:crypto');
const lines = require('node:fs').readFileSync(0, 'utf8').trim().split('\\n');
for (const line of lines) {
  const [set, text] = JSON.parse(line);
  const [header, payload, signature] = text.split('.');
  const { alg, kid } = JSON.parse(Buffer.from(header, 'base64url'));
  const jwk = set.keys.find((key) => key.kid === kid);
  const hash = alg === 'EdDSA' ? null : 'sha256';
  const options = (key) => ({ key, dsaEncoding: 'ieee-p1363' });
  const input = Buffer.from(header + '.' + payload);
  const holds = crypto.verify(hash, input, options(crypto.createPublicKey({ key: jwk, format: 'jwk' })), Buffer.from(signature, 'base64url'));
  const own = alg === 'EdDSA' ? crypto.generateKeyPairSync('ed25519') : crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ownHeader = Buffer.from(JSON.stringify({ typ: 'x', alg, kid: 'node' })).toString('base64url');
  const ownInput = ownHeader + '.' + payload;
  const ownSignature = crypto.sign(hash, Buffer.from(ownInput), options(own.privateKey)).toString('base64url');
  const ownSet = { keys: [{ ...own.publicKey.export({ format: 'jwk' }), kid: 'node', use: 'sig' }] };
  console.log(JSON.stringify([holds, JSON.stringify(ownSet), ownInput + '.' + ownSignature]));
}";

#[test]
fn signatures_go_both_ways_with_node() {
    let mut lines = String::new();
    let mut payloads = Vec::new();
    for number in 0..20 {
        for algorithm in Algorithm::ALL {
            let key = SigningKey::generate(algorithm).unwrap();
            let published =
                PublishedKey::new(key.key_id(), key.verifying_key().clone(), Validity::always());
            let set = KeySet::new([published]).unwrap();
            let payload = format!("payload {number} – {algorithm}");
            let signed = jws::sign_now(Header::new(), payload.as_bytes(), &key).unwrap();
            lines += &format!("[{},\"{}\"]\n", set.to_json(), signed.compact());
            payloads.push(payload);
        }
    }
    let node = Command::new("node")
        .args(["-e", NODE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut node) = node else {
        println!("skipped: no node on this machine");
        return;
    };
    node.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let output = node.wait_with_output().unwrap();
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), payloads.len());
    for (answer, payload) in answers.lines().zip(payloads) {
        let (holds, set, text): (bool, String, String) = serde_json::from_str(answer).unwrap();
        assert!(holds, "{payload}");
        let set = KeySet::from_slice(set.as_bytes()).unwrap();
        let verified = JwsVerifier::new(&set).expect_type("x").compact(&text).unwrap();
        assert_eq!(verified.payload, payload.as_bytes());
    }
}
