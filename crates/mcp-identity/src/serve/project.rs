//! The documents as they follow from a server.

use mcp_core::protocol::SUPPORTED_VERSIONS;

use super::server::ServedServer;
use crate::agent_card::{AgentCapabilities, AgentCard, AgentInterface, AgentSkill};
use crate::card::{Remote, RemoteType, ServerCard};

/// How an agent card says that an interface speaks MCP: A2A (1.0, section 5.8) wants a URI for bindings that are not its
/// own. The revision of MCP is part of it; the interface's `protocolVersion` is that of A2A in which the card is written.
pub const MCP_BINDING: &str = "https://modelcontextprotocol.io/specification/2026-07-28";
const A2A_VERSION: &str = "1.0";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

impl ServedServer {
    /// The server's card on a site of this origin.
    #[must_use]
    pub fn card(&self, origin: &str) -> ServerCard {
        let info = self.server.info();
        let name = match info.name.contains('/') {
            true => info.name.clone(),
            false => format!("{}/{}", self.namespace, info.name),
        };
        let description = self.description.clone().or_else(|| info.description.clone());
        let mut card =
            ServerCard::new(name, info.version.as_str(), description.unwrap_or_default());
        card.title = info.title.clone();
        card.website_url = self.website_url.clone().or_else(|| info.website_url.clone());
        card.repository = self.repository.clone();
        card.icons = self.icons.clone().or_else(|| info.icons.clone());
        card.meta = self.meta.clone();
        let mut remote = Remote::new(RemoteType::StreamableHttp, self.url(origin))
            .with_supported_protocol_versions(SUPPORTED_VERSIONS.map(str::to_owned));
        remote.headers = Some(self.headers.clone()).filter(|headers| !headers.is_empty());
        card.remotes = Some([vec![remote], self.remotes.clone()].concat());
        card
    }

    /// The server's agent card on a site of this origin: each tool and each prompt is a skill. `None` if it has none.
    ///
    /// Nothing in it is empty, so that readers which leave out what is empty agree on its signatures.
    #[must_use]
    pub fn agent_card(&self, origin: &str) -> Option<AgentCard> {
        let view = self.server.view();
        let info = view.info();
        let tools = view.tools().into_iter().map(|tool| {
            let output = if tool.output_schema.is_some() { JSON } else { TEXT };
            skill("tools", "tool", &tool.name, &tool.title, &tool.description)
                .with_input_modes([JSON.to_owned()])
                .with_output_modes([output.to_owned()])
        });
        let prompts = view.prompts().into_iter().map(|prompt| {
            skill("prompts", "prompt", &prompt.name, &prompt.title, &prompt.description)
        });
        let skills: Vec<AgentSkill> = tools.chain(prompts).collect();
        if skills.is_empty() {
            return None;
        }
        let name = filled(&info.title).unwrap_or_else(|| info.name.clone());
        let description = filled(&info.description).or_else(|| filled(&self.description));
        let mut card = AgentCard::new(
            name.clone(),
            description.unwrap_or(name),
            [AgentInterface::new(self.url(origin), MCP_BINDING, A2A_VERSION)],
            info.version.as_str(),
            AgentCapabilities::new().with_streaming(false).with_push_notifications(false),
            [JSON.to_owned()],
            [TEXT.to_owned(), JSON.to_owned()],
            skills,
        );
        card.documentation_url = filled(&self.website_url).or_else(|| filled(&info.website_url));
        let icons = self.icons.as_ref().or(info.icons.as_ref());
        card.icon_url = icons.and_then(|icons| icons.first()).map(|icon| icon.src.clone());
        Some(card)
    }
}

fn filled(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

fn skill(
    space: &str,
    tag: &str,
    name: &str,
    title: &Option<String>,
    description: &Option<String>,
) -> AgentSkill {
    let title = filled(title).unwrap_or_else(|| name.to_owned());
    let description = filled(description).unwrap_or_else(|| title.clone());
    AgentSkill::new(format!("{space}/{name}"), title, description, [tag.to_owned()])
}
