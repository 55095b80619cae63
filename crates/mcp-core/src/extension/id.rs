//! Identifiers of extensions.

use std::fmt;

/// The identifier of an extension: a vendor prefix and a name, such as
/// `io.modelcontextprotocol/tasks`.
///
/// Checked when it is made; in its intended place, the constant [`Extension::ID`], a malformed one
/// does not compile. Source: specification, *Versioning → Extension negotiation* (the naming rules
/// of `_meta` keys, with a mandatory prefix).
///
/// ```
/// use mcp_core::extension::ExtensionId;
///
/// const TASKS: ExtensionId = ExtensionId::new("io.modelcontextprotocol/tasks");
/// assert_eq!(TASKS.prefix(), "io.modelcontextprotocol");
/// assert!(ExtensionId::try_new("no-prefix").is_none());
/// ```
///
/// [`Extension::ID`]: crate::extension::Extension::ID
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtensionId(&'static str);

impl ExtensionId {
    /// Makes an identifier; meant for constants.
    ///
    /// # Panics
    /// If it is malformed; in a constant, that is a compile error.
    #[must_use]
    #[allow(clippy::panic)] // Evaluated at compile time in its documented use.
    pub const fn new(id: &'static str) -> Self {
        match Self::try_new(id) {
            Some(id) => id,
            None => panic!("an extension id is `prefix/name`, with labels as in a host name"),
        }
    }

    /// Makes an identifier, or `None` if it is malformed.
    #[must_use]
    pub const fn try_new(id: &'static str) -> Option<Self> {
        if is_well_formed(id.as_bytes()) { Some(Self(id)) } else { None }
    }

    /// The whole identifier.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        self.0
    }

    /// The part before the slash.
    #[must_use]
    pub fn prefix(&self) -> &'static str {
        self.0.split_once('/').map_or(self.0, |(prefix, _)| prefix)
    }

    /// Whether the prefix is kept for MCP itself: its second label is `modelcontextprotocol` or
    /// `mcp`. A third party's extension must not have such a prefix.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        matches!(self.prefix().split('.').nth(1), Some("modelcontextprotocol" | "mcp"))
    }
}

impl fmt::Display for ExtensionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for ExtensionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `label(.label)*/name`; labels start with a letter and end with a letter or digit, hyphens may
/// stand within; the name starts and ends alphanumeric, with `-`, `_`, `.` within.
const fn is_well_formed(id: &[u8]) -> bool {
    let mut slash = 0;
    while slash < id.len() && id[slash] != b'/' {
        slash += 1;
    }
    if slash == 0 || slash + 1 >= id.len() {
        return false;
    }
    let mut at = 0;
    while at < slash {
        let start = at;
        while at < slash && id[at] != b'.' {
            if !(id[at].is_ascii_alphanumeric() || id[at] == b'-') {
                return false;
            }
            at += 1;
        }
        if at == start || !id[start].is_ascii_alphabetic() || !id[at - 1].is_ascii_alphanumeric() {
            return false;
        }
        at += 1;
        if at == slash {
            return false; // A dot right before the slash.
        }
    }
    let mut at = slash + 1;
    if !id[at].is_ascii_alphanumeric() || !id[id.len() - 1].is_ascii_alphanumeric() {
        return false;
    }
    while at < id.len() {
        if !(id[at].is_ascii_alphanumeric() || matches!(id[at], b'-' | b'_' | b'.')) {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_that_of_meta_keys_with_a_prefix() {
        for good in
            ["a/b", "io.modelcontextprotocol/tasks", "dev.mcp-ext/healthcare", "a1.b-2/c_d.e"]
        {
            assert!(ExtensionId::try_new(good).is_some(), "{good}");
        }
        for bad in [
            "", "/", "a", "a/", "/b", "a./b", ".a/b", "a..b/c", "1a/b", "a-/b", "-a/b", "a/-b",
            "a/b-", "a/b/c", "a b/c", "a/ü", "a/b c",
        ] {
            assert!(ExtensionId::try_new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn reserved_prefixes_are_known() {
        assert!(ExtensionId::new("io.modelcontextprotocol/x").is_reserved());
        assert!(ExtensionId::new("com.mcp.tools/x").is_reserved());
        assert!(!ExtensionId::new("com.example.mcp/x").is_reserved());
        assert!(!ExtensionId::new("dev.mcp-ext/x").is_reserved());
    }
}
