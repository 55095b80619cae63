//! The grammar of `_meta` keys and of extension identifiers.

/// Why a text is not a key of `_meta`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetaKeyError {
    /// The prefix (before the slash) has a label without characters.
    #[error("the prefix has an empty label")]
    EmptyLabel,
    /// A label does not start with a letter.
    #[error("a label of the prefix does not start with a letter")]
    LabelStart,
    /// A label does not end with a letter or digit.
    #[error("a label of the prefix does not end with a letter or digit")]
    LabelEnd,
    /// A label has a character that is no letter, digit or hyphen.
    #[error("a label of the prefix has a character other than letters, digits and hyphens")]
    LabelCharacter,
    /// The name does not start and end with a letter or digit.
    #[error("the name does not start and end with a letter or digit")]
    NameEnds,
    /// The name has a character that is no letter, digit, hyphen, underscore or dot.
    #[error("the name has a character other than letters, digits, hyphens, underscores and dots")]
    NameCharacter,
    /// There is no prefix where one is required.
    #[error("the key has no prefix")]
    NoPrefix,
}

/// A key of `_meta` that follows the grammar: an optional prefix of dotted labels with a slash, and
/// a name, which may be empty (specification, "General fields: `_meta`").
///
/// ```
/// use mcp_core::protocol::{MetaKey, MetaKeyError};
///
/// let key = MetaKey::parse("com.example.mcp/cost_per.call")?;
/// assert_eq!(key.prefix(), Some("com.example.mcp"));
/// assert_eq!(key.name(), "cost_per.call");
/// assert!(!key.is_reserved());
/// assert!(MetaKey::parse("dev.mcp/x")?.is_reserved());
/// assert_eq!(MetaKey::parse("1.example/x"), Err(MetaKeyError::LabelStart));
/// # Ok::<(), MetaKeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetaKey<'a> {
    prefix: Option<&'a str>,
    name: &'a str,
}

impl<'a> MetaKey<'a> {
    /// Checks a text against the grammar.
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks.
    pub fn parse(text: &'a str) -> Result<Self, MetaKeyError> {
        let (prefix, name) = match text.split_once('/') {
            Some((prefix, name)) => (Some(prefix), name),
            None => (None, text),
        };
        prefix.map_or(Ok(()), |prefix| prefix.split('.').try_for_each(check_label))?;
        check_name(name)?;
        Ok(Self { prefix, name })
    }

    /// As [`parse`](Self::parse), and a prefix is required: the grammar of extension identifiers.
    ///
    /// # Errors
    ///
    /// The first rule that the text breaks.
    pub fn parse_prefixed(text: &'a str) -> Result<Self, MetaKeyError> {
        let key = Self::parse(text)?;
        if key.prefix.is_none() { Err(MetaKeyError::NoPrefix) } else { Ok(key) }
    }

    /// The prefix without its slash.
    pub fn prefix(self) -> Option<&'a str> {
        self.prefix
    }

    /// The part after the slash, or all of it if there is none.
    pub fn name(self) -> &'a str {
        self.name
    }

    /// Whether the prefix is reserved for the protocol itself.
    pub fn is_reserved(self) -> bool {
        self.prefix.is_some_and(is_reserved_prefix)
    }
}

/// Whether a prefix, with or without its slash, is reserved for the protocol itself: its second label
/// is `modelcontextprotocol` or `mcp`.
///
/// ```
/// use mcp_core::protocol::is_reserved_prefix;
///
/// assert!(is_reserved_prefix("io.modelcontextprotocol/"));
/// assert!(is_reserved_prefix("com.mcp.tools"));
/// assert!(!is_reserved_prefix("com.example.mcp/"));
/// ```
pub fn is_reserved_prefix(prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    matches!(prefix.split('.').nth(1), Some("modelcontextprotocol" | "mcp"))
}

fn check_label(label: &str) -> Result<(), MetaKeyError> {
    let bytes = label.as_bytes();
    match (bytes.first(), bytes.last()) {
        (Some(first), _) if !first.is_ascii_alphabetic() => Err(MetaKeyError::LabelStart),
        (_, Some(last)) if !last.is_ascii_alphanumeric() => Err(MetaKeyError::LabelEnd),
        (None, _) | (_, None) => Err(MetaKeyError::EmptyLabel),
        _ if !bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') => {
            Err(MetaKeyError::LabelCharacter)
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), MetaKeyError> {
    let bytes = name.as_bytes();
    let inside = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    match (bytes.first(), bytes.last()) {
        (Some(first), Some(last))
            if !first.is_ascii_alphanumeric() || !last.is_ascii_alphanumeric() =>
        {
            Err(MetaKeyError::NameEnds)
        }
        _ if !bytes.iter().all(inside) => Err(MetaKeyError::NameCharacter),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{MetaKey, MetaKeyError, is_reserved_prefix};
    use crate::protocol::meta::keys;

    #[test]
    fn keys_of_the_grammar_are_accepted() {
        let others = ["", "a", "9", "a-b_c.d", "com.example/", "x/1", "a1.b-2.c3/n_1.x"];
        for key in keys::ALL.iter().copied().chain(others) {
            assert!(MetaKey::parse(key).is_ok(), "{key}");
        }
    }

    #[test]
    fn every_rule_has_its_error() {
        use MetaKeyError::*;
        for (key, error) in [
            ("/name", EmptyLabel),
            ("com..example/name", EmptyLabel),
            ("com.1example/name", LabelStart),
            ("-com/name", LabelStart),
            ("com.example-/name", LabelEnd),
            ("com.exa_mple/name", LabelCharacter),
            ("com.exämple/name", LabelCharacter),
            ("_name", NameEnds),
            ("com.example/name.", NameEnds),
            ("na me", NameCharacter),
            ("com.example/a/b", NameCharacter),
            ("naïve", NameCharacter),
            ("é", NameEnds),
        ] {
            assert_eq!(MetaKey::parse(key), Err(error), "{key}");
        }
        assert_eq!(MetaKey::parse_prefixed("name"), Err(NoPrefix));
    }

    #[test]
    fn only_the_second_label_reserves() {
        for reserved in [
            "io.modelcontextprotocol/",
            "dev.mcp",
            "org.modelcontextprotocol.api/",
            "com.mcp.tools",
        ] {
            assert!(is_reserved_prefix(reserved), "{reserved}");
        }
        for free in ["mcp/", "modelcontextprotocol", "com.example.mcp/", "com.mcpx/", ""] {
            assert!(!is_reserved_prefix(free), "{free}");
        }
    }
}
