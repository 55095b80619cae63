//! Checking a server's questions to a model before anyone is asked.
//!
//! Source: specification, *Client features → Sampling*.

use std::collections::HashSet;

use crate::protocol::{CreateMessageRequestParams, Role, SamplingMessageContentBlock};

/// Checks that the conversation holds together: tool results stand alone, and every use of a tool
/// is followed by its result.
///
/// # Errors
/// What is wrong, in words without values.
pub(crate) fn check(params: &CreateMessageRequestParams) -> Result<(), &'static str> {
    use SamplingMessageContentBlock as Block;
    let mut waiting: Option<HashSet<&str>> = None;
    for message in &params.messages {
        let blocks = message.content.blocks();
        let results = blocks.iter().filter(|block| matches!(block, Block::ToolResult(_))).count();
        if results > 0 && (message.role != Role::User || results != blocks.len()) {
            return Err("tool results are mixed with other content");
        }
        let answered: HashSet<&str> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::ToolResult(result) => Some(result.tool_use_id.as_str()),
                _ => None,
            })
            .collect();
        match waiting.take() {
            Some(asked) if asked != answered => {
                return Err("a use of a tool is not followed by its result");
            }
            None if results > 0 => return Err("a tool result answers no use of a tool"),
            _ => {}
        }
        let asked: HashSet<&str> = blocks
            .iter()
            .filter_map(|block| match block {
                Block::ToolUse(tool_use) => Some(tool_use.id.as_str()),
                _ => None,
            })
            .collect();
        if !asked.is_empty() {
            if message.role != Role::Assistant {
                return Err("a use of a tool stands in a message that is not the model's");
            }
            waiting = Some(asked);
        }
    }
    match waiting {
        Some(_) => Err("a use of a tool is not followed by its result"),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(messages: &str) -> CreateMessageRequestParams {
        serde_json::from_str(&format!(r#"{{"maxTokens":1,"messages":{messages}}}"#)).unwrap()
    }

    const USE: &str = r#"{"role":"assistant","content":[
        {"type":"tool_use","id":"1","name":"a","input":{}},
        {"type":"tool_use","id":"2","name":"a","input":{}}]}"#;
    const RESULTS: &str = r#"{"role":"user","content":[
        {"type":"tool_result","toolUseId":"2","content":[]},
        {"type":"tool_result","toolUseId":"1","content":[]}]}"#;
    const TEXT: &str = r#"{"role":"user","content":{"type":"text","text":"hi"}}"#;

    #[test]
    fn conversations_that_hold_together() {
        for messages in [
            "[]".to_owned(),
            format!("[{TEXT}]"),
            format!("[{TEXT},{USE},{RESULTS}]"),
            format!("[{TEXT},{USE},{RESULTS},{TEXT}]"),
        ] {
            assert_eq!(check(&params(&messages)), Ok(()), "{messages}");
        }
    }

    #[test]
    fn conversations_that_do_not() {
        let mixed = r#"{"role":"user","content":[
            {"type":"tool_result","toolUseId":"1","content":[]},{"type":"text","text":"hi"}]}"#;
        let one =
            r#"{"role":"user","content":[{"type":"tool_result","toolUseId":"1","content":[]}]}"#;
        for messages in [
            format!("[{USE}]"),
            format!("[{USE},{TEXT}]"),
            format!("[{USE},{one}]"),
            format!("[{USE},{mixed}]"),
            format!("[{RESULTS}]"),
            format!("[{}]", USE.replace("assistant", "user")),
        ] {
            assert!(check(&params(&messages)).is_err(), "{messages}");
        }
    }
}
