//! Text from the other side on its way into logs and spans.

use std::fmt::{self, Write};

/// As many characters of such a text are shown.
const MOST: usize = 128;

/// Shows a text cut, and with everything escaped that could forge a line or hide one: control
/// characters, line separators, and marks that change the direction of writing.
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: fmt::Display> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cut = Cut { to: f, left: MOST, is_cut: false };
        match write!(cut, "{}", self.0) {
            Err(_) if cut.is_cut => f.write_char('…'),
            written => written,
        }
    }
}

struct Cut<'a, 'f> {
    to: &'a mut fmt::Formatter<'f>,
    left: usize,
    is_cut: bool,
}

impl fmt::Write for Cut<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if self.left == 0 {
                self.is_cut = true;
                return Err(fmt::Error);
            }
            self.left -= 1;
            if misleads(char) {
                write!(self.to, "{}", char.escape_default())?;
            } else {
                self.to.write_char(char)?;
            }
        }
        Ok(())
    }
}

fn misleads(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_stays() {
        assert_eq!(Shown("tools/call \"größer\"").to_string(), "tools/call \"größer\"");
        assert_eq!(Shown("x".repeat(MOST)).to_string(), "x".repeat(MOST));
    }

    #[test]
    fn no_line_can_be_forged() {
        let shown = Shown("a\r\nERROR \u{1b}[31m\u{2028}\u{202e}b").to_string();
        assert_eq!(shown, "a\\r\\nERROR \\u{1b}[31m\\u{2028}\\u{202e}b");
    }

    #[test]
    fn long_text_is_cut() {
        let shown = Shown("é".repeat(1_000_000)).to_string();
        assert_eq!(shown.chars().count(), MOST + 1);
        assert!(shown.ends_with('…'));
    }
}
