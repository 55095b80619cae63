//! What is asked of every subject, and what every subject has to answer.

use serde_json::{Value, json};

/// The revision that all requests are made in.
pub const PROTOCOL_VERSION: &str = "2026-07-28";
/// The server's name in `serverInfo`.
pub const SERVER_NAME: &str = "bench";
/// The server's version in `serverInfo`.
pub const SERVER_VERSION: &str = "1.0.0";
/// The server's instructions in `server/discover`.
pub const INSTRUCTIONS: &str =
    "Echoes what it is given. The other tools only make the list as long as a real one.";
/// How long clients may keep a list, in milliseconds.
pub const TTL_MS: u64 = 60_000;
/// Who may keep a list.
pub const CACHE_SCOPE: &str = "public";

/// The tool that answers its argument `text`.
pub const ECHO: &str = "echo";
/// The tool that reports one step of progress (1 of 2) before it answers its argument `text`.
pub const PROGRESS: &str = "progress";
/// The tool that tells every listener that the tool list has changed, and answers "touched".
pub const TOUCH: &str = "touch";
/// The answer of [`TOUCH`].
pub const TOUCHED: &str = "touched";
/// How many tools a server has: the three above, and 49 that only make the list longer.
pub const TOOLS: usize = 3 + FILLER_TOOLS;
const FILLER_TOOLS: usize = 49;

/// A tool as `tools/list` must show it.
pub struct ToolDefinition {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The JSON Schema of its arguments.
    pub input_schema: Value,
}

/// The [`TOOLS`] tools of a server, those that do something first. A filler tool is never called.
pub fn tools() -> Vec<ToolDefinition> {
    let text = json!({
        "type": "object",
        "properties": {"text": {"type": "string", "description": "What to answer."}},
        "required": ["text"],
    });
    let working = [
        (ECHO, "Answers the text it is given.", text.clone()),
        (PROGRESS, "Reports progress, then answers the text it is given.", text),
        (TOUCH, "Tells every listener that the list has changed.", json!({"type": "object"})),
    ];
    let working = working.into_iter().map(|(name, description, input_schema)| ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        input_schema,
    });
    let filler = (0..FILLER_TOOLS).map(|number| ToolDefinition {
        name: format!("records_query_{number:02}"),
        description: format!(
            "Finds records of table {number:02} by their text, newest first, a page at a time."
        ),
        input_schema: json!({
            "type": "object",
            "properties": {
                "query": {"type": "string", "description": "Words that must occur."},
                "limit": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
                "cursor": {"type": "string", "description": "Where the last page ended."},
                "archived": {"type": "boolean", "default": false},
            },
            "required": ["query"],
        }),
    });
    working.chain(filler).collect()
}

/// `tools/list`'s array of tools, as every subject must answer it (in any order).
pub fn tools_json() -> Value {
    tools()
        .into_iter()
        .map(|tool| {
            json!({"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema})
        })
        .collect()
}

/// A kind of request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// `tools/call` of [`ECHO`] with 20 bytes of text.
    EchoSmall,
    /// `tools/call` of [`ECHO`] with 64 KiB of text that needs no escapes in JSON.
    EchoLarge,
    /// The same with 64 KiB of text as it occurs: lines, quotation marks, letters outside ASCII.
    EchoEscaped,
    /// `tools/list` with [`TOOLS`] tools.
    ToolsList,
    /// `server/discover`.
    Discover,
    /// `tools/call` of [`PROGRESS`]: an SSE stream of two messages over HTTP.
    Progress,
    /// `tools/call` of [`TOUCH`].
    Touch,
    /// `subscriptions/listen` for changes of the tool list.
    Listen,
}

/// The requests whose allocations are counted.
pub const COUNTED: [Scenario; 4] =
    [Scenario::EchoSmall, Scenario::EchoLarge, Scenario::ToolsList, Scenario::Discover];

impl Scenario {
    /// What the tables call it.
    pub fn label(self) -> &'static str {
        match self {
            Self::EchoSmall => "tools/call echo 20 B",
            Self::EchoLarge => "tools/call echo 64 KiB",
            Self::EchoEscaped => "tools/call echo 64 KiB, escapes",
            Self::ToolsList => "tools/list 52 tools",
            Self::Discover => "server/discover",
            Self::Progress => "tools/call with progress",
            Self::Touch => "tools/call touch",
            Self::Listen => "subscriptions/listen",
        }
    }

    /// The JSON-RPC method.
    pub fn method(self) -> &'static str {
        match self {
            Self::ToolsList => "tools/list",
            Self::Discover => "server/discover",
            Self::Listen => "subscriptions/listen",
            Self::EchoSmall
            | Self::EchoLarge
            | Self::EchoEscaped
            | Self::Progress
            | Self::Touch => "tools/call",
        }
    }

    /// The tool that is called, which is also the value of the `Mcp-Name` header.
    pub fn tool(self) -> Option<&'static str> {
        match self {
            Self::EchoSmall | Self::EchoLarge | Self::EchoEscaped => Some(ECHO),
            Self::Progress => Some(PROGRESS),
            Self::Touch => Some(TOUCH),
            Self::ToolsList | Self::Discover | Self::Listen => None,
        }
    }

    /// The text that a tool is given, if it takes one.
    pub fn text(self) -> Option<String> {
        match self {
            Self::EchoSmall | Self::Progress => Some("twenty bytes of text".to_owned()),
            Self::EchoLarge => Some(repeated("The quick brown fox jumps over the lazy dog. ")),
            Self::EchoEscaped => {
                Some(repeated("The fox said \"jump\" over the dog's café, 42 times a day.\n"))
            }
            Self::ToolsList | Self::Discover | Self::Touch | Self::Listen => None,
        }
    }

    /// The request as a line of JSON without its end of line, its members in the order of the
    /// specification's examples.
    pub fn request(self, id: u64) -> String {
        let mut params = String::new();
        if let Some(tool) = self.tool() {
            let arguments = match self.text() {
                Some(text) => json!({"text": text}),
                None => json!({}),
            };
            params = format!(r#""name":"{tool}","arguments":{arguments},"#);
        }
        if self == Self::Listen {
            params = r#""notifications":{"toolsListChanged":true},"#.to_owned();
        }
        let mut meta = json!({
            "io.modelcontextprotocol/protocolVersion": PROTOCOL_VERSION,
            "io.modelcontextprotocol/clientInfo": {"name": "bench-driver", "version": "1.0.0"},
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}},
        });
        if self == Self::Progress {
            meta["progressToken"] = "step".into();
        }
        let method = self.method();
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{{params}"_meta":{meta}}}}}"#
        )
    }
}

/// 64 KiB of a line.
fn repeated(line: &str) -> String {
    const SIZE: usize = 64 * 1024;
    let mut text = line.repeat(SIZE / line.len());
    text.extend(std::iter::repeat_n('.', SIZE - text.len()));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workload_is_as_large_as_its_labels_say() {
        assert_eq!(tools().len(), 52);
        assert_eq!(Scenario::EchoSmall.text().map(|text| text.len()), Some(20));
        assert_eq!(Scenario::EchoLarge.text().map(|text| text.len()), Some(64 * 1024));
        assert_eq!(Scenario::EchoEscaped.text().map(|text| text.len()), Some(64 * 1024));
    }
}
