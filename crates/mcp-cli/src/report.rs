//! What a command found: for people and for scripts.

use std::io::IsTerminal;
use std::process::ExitCode;

use serde_json::Value;

/// What a command found.
pub(crate) struct Report {
    value: Value,
    lines: Vec<Line>,
    /// Whether the answer is yes: nothing was refused, nothing differs, no tool failed.
    good: bool,
}

/// A line for people.
struct Line {
    mark: Mark,
    text: String,
}

/// What a line is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Just text.
    Plain,
    /// What follows is about this.
    Heading,
    /// Something holds.
    Good,
    /// Something does not.
    Bad,
    /// Something to think about.
    Note,
    /// Details.
    Faint,
}

/// Whether there are colours.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Coloured,
}

impl Style {
    pub(crate) fn of_stdout() -> Self {
        Self::of(std::io::stdout().is_terminal())
    }

    pub(crate) fn of_stderr() -> Self {
        Self::of(std::io::stderr().is_terminal())
    }

    /// Colours only on a terminal that has them, and not where nobody wants them (no-color.org).
    fn of(is_terminal: bool) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let able = match set("TERM") {
            Some(term) => term != "dumb",
            None => cfg!(windows) && set("WT_SESSION").is_some(),
        };
        if is_terminal && able && set("NO_COLOR").is_none() { Self::Coloured } else { Self::Plain }
    }

    pub(crate) fn paint(self, mark: Mark, text: &str) -> String {
        let code = match mark {
            _ if self == Self::Plain => "",
            Mark::Plain => "",
            Mark::Heading => "1",
            Mark::Good => "32",
            Mark::Bad => "31",
            Mark::Note => "33",
            Mark::Faint => "2",
        };
        if code.is_empty() { text.to_owned() } else { format!("\u{1b}[{code}m{text}\u{1b}[0m") }
    }
}

impl Report {
    /// A report whose JSON is this.
    pub(crate) fn new(value: Value) -> Self {
        Self { value, lines: Vec::new(), good: true }
    }

    /// Adds a line. Text of the other side's must have been escaped.
    pub(crate) fn line(&mut self, mark: Mark, text: impl Into<String>) {
        self.lines.push(Line { mark, text: text.into() });
    }

    /// The answer is no.
    pub(crate) fn no_if(mut self, no: bool) -> Self {
        self.good &= !no;
        self
    }

    pub(crate) fn text(&self, style: Style) -> String {
        let mut text = String::new();
        for line in &self.lines {
            text.push_str(&style.paint(line.mark, &line.text));
            text.push('\n');
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        format!("{}\n", self.value)
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(u8::from(!self.good))
    }
}
