//! Going through JSON that is known to be strict, byte by byte, without making a tree of it.

/// A place in a text. The text was checked before, so this looks only for where things end; in a text that is none it still
/// comes to an end, and reads nothing outside of it.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, bytes: text.as_bytes(), at: 0 }
    }

    /// The next byte that is no white space; 0 at the end.
    pub(super) fn peek(&mut self) -> u8 {
        while let Some(byte) = self.bytes.get(self.at) {
            if !matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
                return *byte;
            }
            self.at += 1;
        }
        0
    }

    /// Goes past a byte, if it is the next.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == byte;
        self.at += usize::from(is_next);
        is_next
    }

    /// The next name in an object that has been entered, and goes to its value; at the end of the object past it.
    pub(super) fn name(&mut self) -> Option<&'a str> {
        self.take(b',');
        if self.peek() != b'"' {
            self.take(b'}');
            return None;
        }
        let name = self.string();
        self.take(b':');
        Some(name)
    }

    /// Whether there is another value in an array that has been entered; goes to it, or past the end of the array.
    pub(super) fn item(&mut self) -> bool {
        self.take(b',');
        match self.peek() {
            0 => false,
            b']' => {
                self.at += 1;
                false
            }
            _ => true,
        }
    }

    /// The string at this place, as it stands between its quotation marks, and goes past it.
    pub(super) fn string(&mut self) -> &'a str {
        self.at += 1;
        let start = self.at;
        self.until_quote();
        let written = self.text.get(start..self.at).unwrap_or_default();
        self.at += 1;
        written
    }

    /// The string at this place; goes past whatever is there.
    pub(super) fn any_string(&mut self) -> Option<&'a str> {
        if self.peek() == b'"' {
            return Some(self.string());
        }
        self.skip();
        None
    }

    /// A number or a word, and goes past whatever is there. `None` if it is something else.
    pub(super) fn scalar(&mut self) -> Option<&'a str> {
        if matches!(self.peek(), b'"' | b'{' | b'[') {
            self.skip();
            return None;
        }
        let start = self.at;
        self.skip();
        self.text.get(start..self.at)
    }

    /// Goes past the value at this place.
    pub(super) fn skip(&mut self) {
        match self.peek() {
            b'"' => {
                self.at += 1;
                self.until_quote();
                self.at += 1;
            }
            b'{' | b'[' => self.skip_nested(),
            _ => {
                // At least one byte, so that nothing waits for ever.
                self.at += 1;
                while let Some(b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.') =
                    self.bytes.get(self.at)
                {
                    self.at += 1;
                }
            }
        }
    }

    fn skip_nested(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => {
                    self.until_quote();
                    self.at += 1;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    /// Goes to the quotation mark that ends a string.
    fn until_quote(&mut self) {
        while let Some(byte) = self.bytes.get(self.at) {
            match byte {
                b'"' => return,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// A string member of the object at this place, which stays where it is.
    pub(super) fn find(mut self, wanted: &str) -> Option<&'a str> {
        if !self.take(b'{') {
            return None;
        }
        while let Some(name) = self.name() {
            if name == wanted {
                return self.any_string();
            }
            self.skip();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_value_ends_where_it_ends() {
        for value in
            ["1.50", "-2e+3", "null", "true", r#""a\"b\\""#, r#"{"a":["]",{}],"}":1}"#, "[]"]
        {
            let text = format!("[ {value} ,7]");
            let mut cursor = Cursor::new(&text);
            assert!(cursor.take(b'[') && cursor.item());
            cursor.skip();
            assert!(cursor.item(), "{value}");
            assert_eq!(cursor.scalar(), Some("7"));
            assert!(!cursor.item() && cursor.peek() == 0);
        }
    }

    #[test]
    fn members_are_found() {
        let cursor = Cursor::new(r#" {"a":{"url":"no"},"b":7,"url":"yes"}"#);
        let mut cursor = cursor;
        cursor.peek();
        assert_eq!(cursor.find("url"), Some("yes"));
        assert_eq!(cursor.find("b"), None);
        assert_eq!(cursor.find("c"), None);
    }

    proptest! {
        #[test]
        fn any_text_comes_to_an_end(text in r#"[{}\[\]",:\\a1 é]{0,30}"#) {
            let mut cursor = Cursor::new(&text);
            let mut steps = 0;
            while cursor.peek() != 0 {
                cursor.skip();
                steps += 1;
                prop_assert!(steps <= text.len());
            }
            let mut cursor = Cursor::new(&text);
            while cursor.item() {
                while cursor.name().is_some() {
                    cursor.scalar();
                }
                cursor.any_string();
                steps += 1;
                prop_assert!(steps <= 3 * text.len() + 3);
            }
        }
    }
}
