//! Licence expressions, as in a manifest's `license` (SPDX 2.3, annex D; and the older `A/B` for
//! `A OR B`).

use std::collections::BTreeSet;

/// Whether an expression can be satisfied by allowed licences alone.
///
/// An exception (`A WITH B`) only adds permissions, so it counts as `A`.
pub(super) fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> Result<bool, String> {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut parser = Parser { words: spaced.split_whitespace().collect(), at: 0, allowed };
    let answer = parser.either()?;
    match parser.next() {
        None => Ok(answer),
        Some(word) => Err(format!("unexpected {word}")),
    }
}

struct Parser<'a> {
    words: Vec<&'a str>,
    at: usize,
    allowed: &'a BTreeSet<String>,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    fn follows(&mut self, word: &str) -> bool {
        let follows = self.words.get(self.at).is_some_and(|next| *next == word);
        self.at += usize::from(follows);
        follows
    }

    fn either(&mut self) -> Result<bool, String> {
        let mut answer = self.both()?;
        while self.follows("OR") {
            answer |= self.both()?;
        }
        Ok(answer)
    }

    fn both(&mut self) -> Result<bool, String> {
        let mut answer = self.license()?;
        while self.follows("AND") {
            answer &= self.license()?;
        }
        Ok(answer)
    }

    fn license(&mut self) -> Result<bool, String> {
        match self.next() {
            Some("(") => {
                let answer = self.either()?;
                if self.follows(")") {
                    Ok(answer)
                } else {
                    Err("a bracket is not closed".to_owned())
                }
            }
            Some(word) if !matches!(word, "OR" | "AND" | "WITH" | ")") => {
                if self.follows("WITH") {
                    self.next().ok_or("an exception is missing")?;
                }
                Ok(self.allowed.contains(word))
            }
            Some(word) => Err(format!("unexpected {word}")),
            None => Err("a licence is missing".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    fn allowed(expression: &str) -> Result<bool, String> {
        is_allowed(expression, &["MIT", "Apache-2.0", "Unicode-3.0"].map(str::to_owned).into())
    }

    #[test]
    fn expressions_are_read_as_spdx_means_them() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception OR GPL-3.0",
            "GPL-3.0 AND CDDL-1.0 OR MIT",
        ] {
            assert_eq!(allowed(good), Ok(true), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "(MIT OR GPL-3.0) AND MPL-2.0", "mit"] {
            assert_eq!(allowed(bad), Ok(false), "{bad}");
        }
        for wrong in ["", "MIT OR", "(MIT", "MIT MIT", "OR MIT", "MIT WITH", "MIT)"] {
            assert!(allowed(wrong).is_err(), "{wrong}");
        }
    }
}
