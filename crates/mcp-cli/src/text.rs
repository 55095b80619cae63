//! Text of the other side's on its way to a terminal.

/// One line: everything escaped that could forge another one, hide something or command the terminal.
pub(crate) fn line(text: &str) -> String {
    escaped(text, |_| false)
}

/// Lines: as [`line()`], but line feeds and tabs stay.
pub(crate) fn lines(text: &str) -> String {
    escaped(&text.replace("\r\n", "\n"), |c| matches!(c, '\n' | '\t'))
}

/// One line, and no more characters than that.
pub(crate) fn short(text: &str, most: usize) -> String {
    let mut short: String = text.chars().take(most).collect();
    if text.chars().nth(most).is_some() {
        short.push('…');
    }
    line(&short)
}

fn escaped(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if misleads(c) && !stays(c) {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// Control characters, line separators, marks that change the direction of writing, characters that take no place.
fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_commands_a_terminal() {
        assert_eq!(line("größer \u{1b}[2J\r\n\u{9b}1m"), "größer \\u{1b}[2J\\r\\n\\u{9b}1m");
        assert_eq!(lines("a\r\nb\tc\u{1b}]0;x\u{7}"), "a\nb\tc\\u{1b}]0;x\\u{7}");
        assert_eq!(lines("a\rb"), "a\\rb");
        assert_eq!(line("a\u{202e}b\u{200b}c\u{feff}"), "a\\u{202e}b\\u{200b}c\\u{feff}");
        assert_eq!(short("abcdef", 3), "abc…");
        assert_eq!(short("abc", 3), "abc");
    }
}
