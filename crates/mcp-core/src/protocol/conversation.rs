//! The rule that a conversation with a model keeps: every use of a tool is followed at once by its
//! result.
//!
//! Providers of models refuse conversations that break it, and tell little of why. So it is checked
//! where a conversation is written and again where it arrives.
//!
//! Source: specification, *Sampling → Tool result messages* and *Tool use and result balance*.

use std::collections::HashSet;

use super::{CreateMessageRequestParams, Role, SamplingMessageContentBlock as Block};
use crate::Error;

/// Why a conversation cannot be shown to a model. `message` counts the messages from 0.
///
/// Source: specification, *Sampling → Tool use and result balance*.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// A message holds tool results and something else.
    #[error("message {message} mixes tool results with other content")]
    MixedResults {
        /// The message that mixes.
        message: usize,
    },
    /// Tool results stand in a message that is not the user's.
    #[error("message {message} has tool results but is not the user's")]
    ResultOfAssistant {
        /// The message with the results.
        message: usize,
    },
    /// A use of a tool stands in a message that is not the model's.
    #[error("message {message} has a tool use but is not the assistant's")]
    UseOfUser {
        /// The message with the use.
        message: usize,
    },
    /// Two uses of tools, or two results, in one message have the same id.
    #[error("message {message} has an id twice")]
    RepeatedId {
        /// The message with the id.
        message: usize,
    },
    /// The next message does not hold a result for each use of a tool.
    #[error("message {message} has a tool use whose result is not in the next message")]
    MissingResult {
        /// The message with the use.
        message: usize,
    },
    /// The message before does not hold the use of a tool that a result names.
    #[error("message {message} has a tool result whose tool use is not in the message before")]
    UnaskedResult {
        /// The message with the result.
        message: usize,
    },
}

impl From<ConversationError> for Error {
    /// `-32602`: what a peer is told that sent such a conversation in a message of its own.
    fn from(error: ConversationError) -> Self {
        Self::invalid_params(error.to_string())
    }
}

impl CreateMessageRequestParams {
    /// Checks that each message with uses of tools is the model's and is followed at once by one of
    /// the user's that consists of their results and nothing else.
    ///
    /// # Errors
    /// The first place that breaks the rule.
    ///
    /// ```
    /// use mcp_core::protocol::{ConversationError, CreateMessageRequestParams, JsonObject};
    /// use mcp_core::protocol::{SamplingMessage, SamplingMessageContentBlock, ToolUseContent};
    ///
    /// let wish = ToolUseContent::new("call-1", "weather", JsonObject::new());
    /// let wish = SamplingMessageContentBlock::ToolUse(wish);
    /// let params = CreateMessageRequestParams::new(
    ///     [SamplingMessage::user("Rain?"), SamplingMessage::assistant(wish)],
    ///     100_u64,
    /// );
    /// let wrong = params.check_conversation();
    /// assert_eq!(wrong, Err(ConversationError::MissingResult { message: 1 }));
    /// ```
    pub fn check_conversation(&self) -> Result<(), ConversationError> {
        let mut asked = HashSet::new();
        for (message, said) in self.messages.iter().enumerate() {
            let blocks = said.content.blocks();
            let results = ids(blocks, |block| match block {
                Block::ToolResult(result) => Some(&result.tool_use_id),
                _ => None,
            });
            let uses = ids(blocks, |block| match block {
                Block::ToolUse(tool_use) => Some(&tool_use.id),
                _ => None,
            });
            if !results.is_empty() {
                if said.role != Role::User {
                    return Err(ConversationError::ResultOfAssistant { message });
                }
                if results.len() != blocks.len() {
                    return Err(ConversationError::MixedResults { message });
                }
            }
            if !uses.is_empty() && said.role != Role::Assistant {
                return Err(ConversationError::UseOfUser { message });
            }
            let answered = distinct(&results, message)?;
            if !answered.is_subset(&asked) {
                return Err(ConversationError::UnaskedResult { message });
            }
            if answered.len() != asked.len() {
                // Only a message that is not the first can have uses before it.
                return Err(ConversationError::MissingResult {
                    message: message.saturating_sub(1),
                });
            }
            asked = distinct(&uses, message)?;
        }
        if asked.is_empty() {
            Ok(())
        } else {
            Err(ConversationError::MissingResult { message: self.messages.len().saturating_sub(1) })
        }
    }
}

fn ids(blocks: &[Block], id: impl Fn(&Block) -> Option<&String>) -> Vec<&str> {
    blocks.iter().filter_map(|block| id(block).map(String::as_str)).collect()
}

fn distinct<'a>(ids: &[&'a str], message: usize) -> Result<HashSet<&'a str>, ConversationError> {
    let set: HashSet<_> = ids.iter().copied().collect();
    if set.len() == ids.len() { Ok(set) } else { Err(ConversationError::RepeatedId { message }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ConversationError as E;

    const TEXT: &str = r#"{"role":"user","content":{"type":"text","text":"hi"}}"#;
    const SAID: &str = r#"{"role":"assistant","content":{"type":"text","text":"hm"}}"#;

    fn uses(role: &str, ids: &[&str]) -> String {
        let blocks: Vec<_> = ids
            .iter()
            .map(|id| format!(r#"{{"type":"tool_use","id":"{id}","name":"a","input":{{}}}}"#))
            .collect();
        format!(r#"{{"role":"{role}","content":[{}]}}"#, blocks.join(","))
    }

    fn results(role: &str, ids: &[&str]) -> String {
        let blocks: Vec<_> = ids
            .iter()
            .map(|id| format!(r#"{{"type":"tool_result","toolUseId":"{id}","content":[]}}"#))
            .collect();
        format!(r#"{{"role":"{role}","content":[{}]}}"#, blocks.join(","))
    }

    fn check(messages: &[&str]) -> Result<(), E> {
        let params = format!(r#"{{"maxTokens":1,"messages":[{}]}}"#, messages.join(","));
        serde_json::from_str::<CreateMessageRequestParams>(&params).unwrap().check_conversation()
    }

    #[test]
    fn conversations_that_hold_together() {
        let asked = uses("assistant", &["1", "2"]);
        let told = results("user", &["2", "1"]);
        assert_eq!(check(&[]), Ok(()));
        assert_eq!(check(&[TEXT, SAID, TEXT]), Ok(()));
        assert_eq!(check(&[TEXT, &asked, &told]), Ok(()));
        assert_eq!(check(&[TEXT, &asked, &told, SAID, TEXT]), Ok(()));
        assert_eq!(check(&[TEXT, &asked, &told, &asked, &told]), Ok(()), "ids may come again");
        let one =
            r#"{"role":"user","content":{"type":"tool_result","toolUseId":"1","content":[]}}"#;
        assert_eq!(check(&[TEXT, &uses("assistant", &["1"]), one]), Ok(()), "one block, no list");
    }

    #[test]
    fn conversations_that_do_not() {
        let asked = uses("assistant", &["1", "2"]);
        let told = results("user", &["1", "2"]);
        let mixed = r#"{"role":"user","content":[
            {"type":"tool_result","toolUseId":"1","content":[]},{"type":"text","text":"hi"}]}"#;
        let missing = E::MissingResult { message: 1 };
        for (messages, wrong) in [
            // Missing, late, or another message between.
            (vec![TEXT, &asked], missing.clone()),
            (vec![TEXT, &asked, TEXT], missing.clone()),
            (vec![TEXT, &asked, &results("user", &["1"])], missing.clone()),
            (vec![TEXT, &asked, SAID, &told], missing.clone()),
            (vec![TEXT, &asked, &results("user", &["1"]), &results("user", &["2"])], missing),
            // Too many, doubled, never asked for, asked for two messages earlier.
            (
                vec![TEXT, &asked, &results("user", &["1", "2", "3"])],
                E::UnaskedResult { message: 2 },
            ),
            (vec![TEXT, &asked, &results("user", &["1", "2", "2"])], E::RepeatedId { message: 2 }),
            (vec![&told], E::UnaskedResult { message: 0 }),
            (vec![TEXT, &told], E::UnaskedResult { message: 1 }),
            (vec![TEXT, &asked, &told, &told], E::UnaskedResult { message: 3 }),
            (vec![&uses("assistant", &["1", "1"])], E::RepeatedId { message: 0 }),
            // Beside other content, or of the wrong role.
            (vec![TEXT, &uses("assistant", &["1"]), mixed], E::MixedResults { message: 2 }),
            (vec![&asked, &results("assistant", &["1", "2"])], E::ResultOfAssistant { message: 1 }),
            (vec![&uses("user", &["1"])], E::UseOfUser { message: 0 }),
        ] {
            assert_eq!(check(&messages), Err(wrong), "{messages:?}");
        }
    }

    #[test]
    fn a_peer_is_told_that_its_parameters_are_invalid() {
        assert_eq!(Error::from(E::MixedResults { message: 2 }).code(), -32602);
    }
}
