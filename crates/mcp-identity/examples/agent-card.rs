//! Signs and verifies agent cards.
//!
//! ```text
//! agent-card key NAME > KEY             a new secret key for ES256, as a JSON Web Key
//! agent-card sign KEY < CARD > SIGNED   adds a signature
//! agent-card verify KEY < SIGNED        says which key signed; exits with 1 if none did
//! ```
//!
//! `KEY` is the file of a JSON Web Key, secret for `sign`, public for `verify`.
#![allow(clippy::print_stdout, reason = "a program that talks to a terminal")]

use std::error::Error;
use std::io::Read;
use std::process::ExitCode;

use mcp_identity::AgentCard;
use mcp_identity::sign::{sign_agent_card, verify_agent_card};
use mcp_trust::jws::JwsVerifier;
use mcp_trust::keys::{Algorithm, SigningKey, VerifyingKey};

const USAGE: &str = "usage: agent-card key NAME | sign KEY | verify KEY";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["key", name] => key(name),
        ["sign", file] => sign(file).await,
        ["verify", file] => verify(file),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("agent-card: {error}");
            ExitCode::FAILURE
        }
    }
}

fn key(name: &str) -> Result<String, Box<dyn Error>> {
    let key = SigningKey::generate(Algorithm::Es256)?.with_key_id(name);
    Ok(key.to_secret_jwk().to_string())
}

async fn sign(file: &str) -> Result<String, Box<dyn Error>> {
    let key = SigningKey::from_jwk(&std::fs::read(file)?)?;
    let mut card = AgentCard::judge(&input()?)?;
    sign_agent_card(&mut card, &key).await?;
    Ok(serde_json::to_string(&card)?)
}

fn verify(file: &str) -> Result<String, Box<dyn Error>> {
    let key = VerifyingKey::from_jwk(&std::fs::read(file)?)?;
    let verified = verify_agent_card(&input()?, &JwsVerifier::new(&key))?;
    let name = verified.key_id.unwrap_or_default();
    let form = if verified.pruned { ", of the pruned card" } else { "" };
    Ok(format!("signed by {name}{form}"))
}

fn input() -> Result<Vec<u8>, Box<dyn Error>> {
    let mut text = Vec::new();
    std::io::stdin().read_to_end(&mut text)?;
    Ok(text)
}
