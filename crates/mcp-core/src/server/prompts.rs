//! `prompts/list` and `prompts/get`.
//!
//! Source: specification, *Server features → Prompts*.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::extension::ExtensionId;
use crate::server::handler::ErasedCall;
use crate::server::listing::Listed;
use crate::server::{Cx, Outcome, protocol_error};
use crate::{Error, RawJson};

/// A prompt, checked.
pub(crate) struct CompiledPrompt {
    pub(crate) definition: crate::protocol::Prompt,
    pub(crate) rendered: RawJson,
    pub(crate) call: ErasedCall,
    pub(crate) completions: BTreeMap<String, ErasedCall>,
    pub(crate) gate: Option<(usize, ExtensionId)>,
}

impl Listed for CompiledPrompt {
    const MEMBER: &'static str = "prompts";

    fn key(&self) -> &str {
        &self.definition.name
    }

    fn rendered(&self) -> &RawJson {
        &self.rendered
    }

    fn gate(&self) -> u64 {
        self.gate.map_or(0, |(index, _)| 1 << index)
    }
}

pub(crate) fn list(cx: &Cx) -> Result<Outcome, Error> {
    let server = &cx.call.server;
    let cursor = cx.request.cursor()?;
    let page = server.prompts.table().page(
        cx.call.profile.agreed,
        cursor.as_deref(),
        &server.list_settings.prompts,
        None,
    )?;
    Ok(Outcome::rendered(page))
}

pub(crate) async fn get(cx: Cx) -> Result<Outcome, Error> {
    let server = Arc::clone(&cx.call.server);
    let prompt = {
        let name = cx.request.name()?;
        server.prompts.get(&name).ok_or_else(|| Error::invalid_params("unknown prompt"))?
    };
    if let Some((index, owner)) = prompt.gate {
        cx.call.profile.require(index, owner)?;
    }
    let request = Arc::clone(&cx.request);
    let arguments = request.arguments()?;
    check_arguments(&prompt.definition, arguments)?;
    server.open_round(&cx)?;
    let running = (prompt.call)(cx, arguments);
    server.limited(running).await?.map_err(|error| protocol_error(&server, error))
}

/// Arguments are strings, and those that the prompt requires are there.
fn check_arguments(prompt: &crate::protocol::Prompt, arguments: &str) -> Result<(), Error> {
    let given: BTreeMap<String, String> = serde_json::from_str(arguments)
        .map_err(|_| Error::invalid_params("a prompt's arguments must be strings"))?;
    for argument in prompt.arguments.iter().flatten() {
        if argument.required == Some(true) && !given.contains_key(&argument.name) {
            return Err(Error::invalid_params(format!(
                "the prompt's argument `{}` is missing",
                argument.name
            )));
        }
    }
    Ok(())
}
