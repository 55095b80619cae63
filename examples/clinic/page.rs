//! The page where a person says that it is an emergency.
//!
//! The clinic authenticates them there by itself: the client, and a model that it may run, know no password.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use mcp_core::server::HandlerError;
use mcp_ext_healthcare::server::{Attestation, BreakGlassPage};
use serde::Deserialize;

use super::people::People;

/// How many answers are remembered. One is used within five minutes, or not at all.
const MOST: usize = 1000;
const PATH: &str = "/emergency/";

/// The page, and what was answered on it.
#[derive(Clone)]
pub struct EmergencyPage {
    origin: String,
    people: People,
    answers: Arc<Mutex<HashMap<String, Attestation>>>,
}

#[derive(Deserialize)]
struct Answer {
    name: String,
    password: String,
    reason: String,
    justification: String,
    /// A box that has to be ticked.
    attest: Option<String>,
}

impl EmergencyPage {
    /// A page at `origin`, such as `http://127.0.0.1:8081`.
    #[must_use]
    pub fn new(origin: impl Into<String>, people: People) -> Self {
        Self { origin: origin.into(), people, answers: Arc::default() }
    }

    /// The page as part of a site.
    pub fn routes(&self) -> axum::Router {
        axum::Router::new()
            .route(&format!("{PATH}{{question}}"), get(show).post(answer))
            .with_state(self.clone())
    }

    fn answers(&self) -> std::sync::MutexGuard<'_, HashMap<String, Attestation>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BreakGlassPage for EmergencyPage {
    fn address(&self, question: &str) -> String {
        format!("{}{PATH}{question}", self.origin)
    }

    async fn answered(&self, question: &str) -> Result<Option<Attestation>, HandlerError> {
        Ok(self.answers().get(question).cloned())
    }
}

async fn show() -> Html<&'static str> {
    Html(
        "<!doctype html><html lang=en><title>Emergency access</title><h1>Emergency access</h1>\
         <p>A record that you do not work with was asked for in your name. Access is recorded and reviewed.\
         <form method=post>\
         <p><label>Name <input name=name required></label>\
         <p><label>Password <input name=password type=password required></label>\
         <p><label>Reason <select name=reason><option value=ETREAT>Emergency treatment</select></label>\
         <p><label>Justification <textarea name=justification required></textarea></label>\
         <p><label><input type=checkbox name=attest required> This is an emergency, and I need this record.</label>\
         <p><button>Open the record</button></form></html>",
    )
}

async fn answer(
    State(page): State<EmergencyPage>,
    Path(question): Path<String>,
    Form(given): Form<Answer>,
) -> (StatusCode, &'static str) {
    let Some(person) = page.people.authenticated(&given.name, &given.password) else {
        return (StatusCode::FORBIDDEN, "The name or the password is wrong.");
    };
    if given.attest.is_none() || given.justification.trim().is_empty() || question.len() > 64 {
        return (StatusCode::BAD_REQUEST, "A justification and the attestation are needed.");
    }
    let mut answers = page.answers();
    if answers.len() >= MOST {
        answers.clear();
    }
    answers.insert(question, Attestation::new(person.name, given.reason, given.justification));
    (StatusCode::OK, "Recorded. You can go back.")
}
