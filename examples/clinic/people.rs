//! Who works in the clinic. Tokens and passwords are made at each start: the clinic is its own authorization server, which a real one is
//! not.

use std::collections::BTreeSet;

use mcp_core::Principal;
use mcp_ext_healthcare::protocol::Reference;
use mcp_ext_healthcare::server::LaunchContext;

/// A person, or a program, that has a token of the clinic's.
#[derive(Clone)]
pub struct Person {
    /// By which others know them.
    pub name: &'static str,
    /// What their client sends as bearer token.
    pub token: String,
    /// What they type on the clinic's own pages, which no client knows.
    pub password: String,
    scopes: &'static [&'static str],
    /// Whose records they work with; `None` is everybody's.
    patients: Option<BTreeSet<Reference>>,
}

impl Person {
    /// Whom the transport authenticates.
    #[must_use]
    pub fn principal(&self) -> Principal {
        Principal::new(self.name)
    }

    /// What the token was issued for.
    #[must_use]
    pub fn launch(&self) -> LaunchContext {
        LaunchContext {
            scopes: self.scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..LaunchContext::default()
        }
    }

    /// Whether a patient is one of theirs.
    #[must_use]
    pub fn cares_for(&self, patient: &Reference) -> bool {
        self.patients.as_ref().is_none_or(|patients| patients.contains(patient))
    }
}

/// Everybody.
#[derive(Clone)]
pub struct People(Vec<Person>);

impl People {
    /// The clinic's staff: a doctor with a list of patients, and a program that exports records for research.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new(doctors_patients: Option<BTreeSet<Reference>>) -> std::io::Result<Self> {
        let person = |name, scopes, patients| {
            Ok::<_, std::io::Error>(Person {
                name,
                token: secret()?,
                password: secret()?,
                scopes,
                patients,
            })
        };
        Ok(Self(vec![
            person("doctor", &["user/*.rs"], doctors_patients)?,
            person("research", &["system/*.rs"], None)?,
        ]))
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Person] {
        &self.0
    }

    /// The person of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Person> {
        self.0.iter().find(|person| person.name == name)
    }

    /// The person whose token a header `Authorization` holds.
    #[must_use]
    pub fn authorized(&self, header: &str) -> Option<&Person> {
        let token = header.strip_prefix("Bearer ")?;
        self.0.iter().find(|person| is_same(&person.token, token))
    }

    /// The person of this name, if this is the password.
    #[must_use]
    pub fn authenticated(&self, name: &str, password: &str) -> Option<&Person> {
        self.named(name).filter(|person| is_same(&person.password, password))
    }
}

/// Whether two secrets are the same, in a time that does not depend on where they differ.
fn is_same(one: &str, other: &str) -> bool {
    use sha2::{Digest, Sha256};
    // Of what is compared nobody can choose the digest.
    Sha256::digest(one) == Sha256::digest(other)
}

fn secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 18];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
