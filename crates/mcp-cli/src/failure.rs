//! Why a command came to nothing.

use std::io;
use std::path::PathBuf;

use mcp_core::client::ClientError;
use mcp_core::protocol::codes;
use mcp_identity::discover::{DiscoverError, TroubleReason};
use mcp_identity::fetch::FetchError;

use crate::report::{Mark, Style};
use crate::text;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a command came to nothing. Exit codes are part of the interface: see the read-me.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("{0}")]
    Usage(String),
    #[error("cannot {action} {}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} exists; --force replaces it", .0.display())]
    Exists(PathBuf),
    #[error("{} is not usable: {reason}", .path.display())]
    Content { path: PathBuf, reason: String },
    #[error("{0}")]
    Fetch(#[from] Box<FetchError>),
    #[error("nothing was found")]
    NotFound(Vec<(String, &'static str, String)>),
    #[error("{0}")]
    Unreachable(BoxError),
    #[error("{0}")]
    Server(Box<ClientError>),
    #[error("the tool `{0}` is not offered")]
    NoTool(String),
    #[error("the server asks a question, and there is no terminal to ask it on")]
    NoTerminal,
    #[error("cannot sign: {0}")]
    Sign(BoxError),
    #[error("interrupted")]
    Interrupted,
    #[error("cannot write the result: {0}")]
    Output(io::Error),
    #[error("{0}")]
    System(io::Error),
}

impl Failure {
    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self::Usage(text.into())
    }

    /// The exit code: 2 the command line, 3 nobody there, 4 the server says no, 5 files of this machine, 6 a question
    /// without anyone to answer it, 130 interrupted.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Fetch(_) | Self::NotFound(_) | Self::Unreachable(_) => 3,
            Self::Server(_) | Self::NoTool(_) => 4,
            Self::File { .. } | Self::Exists(_) | Self::Content { .. } => 5,
            Self::Sign(_) | Self::Output(_) | Self::System(_) => 5,
            Self::NoTerminal => 6,
            Self::Interrupted => 130,
        }
    }

    /// Its name for scripts.
    fn name(&self) -> &'static str {
        match self {
            Self::Usage(_) => "usage",
            Self::File { .. } => "file",
            Self::Exists(_) => "file-exists",
            Self::Content { .. } => "content",
            Self::Fetch(error) => error.refusal.name(),
            Self::NotFound(_) => "not-found",
            Self::Unreachable(_) => "unreachable",
            Self::Server(_) => "server-error",
            Self::NoTool(_) => "no-such-tool",
            Self::NoTerminal => "no-terminal",
            Self::Sign(_) => "sign",
            Self::Interrupted => "interrupted",
            Self::Output(_) => "output",
            Self::System(_) => "system",
        }
    }

    pub(crate) fn text(&self, style: Style) -> String {
        let mut text = format!("mcp: {}\n", text::line(&self.to_string()));
        if let Self::NotFound(tried) = self {
            for (place, _, reason) in tried {
                text.push_str(&format!("  {}: {}\n", text::line(place), text::line(reason)));
            }
        }
        style.paint(Mark::Bad, text.trim_end()) + "\n"
    }

    pub(crate) fn json(&self) -> String {
        let mut error = serde_json::json!({ "name": self.name(), "message": self.to_string() });
        match self {
            Self::NotFound(tried) => {
                let tried = tried.iter().map(|(at, name, message)| {
                    serde_json::json!({ "at": at, "name": name, "message": message })
                });
                if let Some(error) = error.as_object_mut() {
                    error.insert("tried".to_owned(), tried.collect());
                }
            }
            Self::Server(source) => {
                if let (Some(code), Some(error)) = (source.code(), error.as_object_mut()) {
                    error.insert("code".to_owned(), code.into());
                }
            }
            _ => {}
        }
        format!("{}\n", serde_json::json!({ "error": error }))
    }
}

impl From<FetchError> for Failure {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}

impl From<DiscoverError> for Failure {
    fn from(error: DiscoverError) -> Self {
        let tried = error.tried.into_iter().map(|trouble| {
            let at = trouble.trail.last().map(crate::discover::step).unwrap_or_default();
            let message = match &trouble.reason {
                TroubleReason::Fetch(error) => error.refusal.to_string(),
                reason => reason.to_string(),
            };
            (at, trouble.reason.name(), message)
        });
        Self::NotFound(tried.collect())
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Rpc(ref rpc) if rpc.code == codes::MISSING_REQUIRED_CLIENT_CAPABILITY => {
                let asks = rpc.data.as_ref().is_some_and(|data| data.get().contains("elicitation"));
                if asks { Self::NoTerminal } else { Self::Server(Box::new(error)) }
            }
            ClientError::NoHandler { what } if what.starts_with("elicitation") => Self::NoTerminal,
            ClientError::Transport(_) | ClientError::Timeout { .. } => {
                Self::Unreachable(Box::new(error))
            }
            ClientError::NotModern(source)
                if matches!(*source, ClientError::Transport(_) | ClientError::Timeout { .. }) =>
            {
                Self::Unreachable(Box::new(ClientError::NotModern(source)))
            }
            error => Self::Server(Box::new(error)),
        }
    }
}
