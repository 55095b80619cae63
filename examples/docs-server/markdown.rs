//! Headings and sections of Markdown.

use pulldown_cmark::{Event, HeadingLevel, Parser, Tag, TagEnd};
use schemars::JsonSchema;
use serde::Serialize;

/// A heading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct Heading {
    /// 1 for the most important.
    pub(crate) level: u8,
    /// Its text.
    pub(crate) text: String,
    /// Its line, counted from 1.
    pub(crate) line: usize,
    #[serde(skip)]
    start: usize,
}

/// All headings, in their order.
pub(crate) fn headings(markdown: &str) -> Vec<Heading> {
    let mut found = Vec::new();
    let mut open: Option<(HeadingLevel, usize, String)> = None;
    for (event, range) in Parser::new(markdown).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                open = Some((level, range.start, String::new()));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, _, heading)) = &mut open {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                if let Some((level, start, text)) = open.take() {
                    let before = markdown.get(..start).unwrap_or_default();
                    let line = before.matches('\n').count() + 1;
                    found.push(Heading { level: level as u8, text, line, start });
                }
            }
            _ => {}
        }
    }
    found
}

/// The section under a heading, up to the next heading of the same rank. The heading's text is
/// compared without regard to case; a part of it is enough if no heading has it whole.
pub(crate) fn section<'a>(markdown: &'a str, heading: &str) -> Option<&'a str> {
    let headings = headings(markdown);
    let wanted = heading.trim().trim_start_matches('#').trim().to_lowercase();
    if wanted.is_empty() {
        return None;
    }
    let at = headings
        .iter()
        .position(|heading| heading.text.to_lowercase() == wanted)
        .or_else(|| headings.iter().position(|h| h.text.to_lowercase().contains(&wanted)))?;
    let this = headings.get(at)?;
    let end = headings
        .iter()
        .skip(at + 1)
        .find(|next| next.level <= this.level)
        .map_or(markdown.len(), |next| next.start);
    markdown.get(this.start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "intro\n\n# A `x`\n\na\n\n## B\n\nb\n\n```\n# no heading\n```\n\n# C\nc\n";

    #[test]
    fn headings_are_found_and_code_is_none() {
        let found: Vec<_> = headings(TEXT).into_iter().map(|h| (h.level, h.text, h.line)).collect();
        assert_eq!(
            found,
            [(1, "A x".to_owned(), 3), (2, "B".to_owned(), 7), (1, "C".to_owned(), 15)]
        );
    }

    #[test]
    fn sections_end_at_their_rank() {
        assert!(section(TEXT, "a x").unwrap().contains("## B"));
        assert!(!section(TEXT, "## b").unwrap().contains("# C"));
        assert_eq!(section(TEXT, "C"), Some("# C\nc\n"));
        assert_eq!(section(TEXT, "no heading"), None);
        assert_eq!(section(TEXT, " # "), None);
    }
}
