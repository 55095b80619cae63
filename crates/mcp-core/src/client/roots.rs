//! Checking the folders that a client shows.
//!
//! Source: specification, *Client features → Roots*.

use crate::protocol::Root;

/// Checks that a root is a `file://` URI without steps upwards, plain or encoded: a server might
/// follow them out of the folder.
///
/// # Errors
/// What is wrong, in words.
pub(crate) fn check(root: &Root) -> Result<(), &'static str> {
    let Some(path) = root.uri.strip_prefix("file://") else {
        return Err("a root's URI does not begin with file://");
    };
    if path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err("a root's URI has white space or control characters");
    }
    let mut path = path.to_ascii_lowercase();
    // An encoded zero ends a path for some systems.
    if path.split('%').skip(1).any(|after| after.starts_with(['0', '1']) || after.starts_with("7f"))
    {
        return Err("a root's URI has encoded control characters");
    }
    for (encoded, plain) in [("%2e", "."), ("%2f", "/"), ("%5c", "\\")] {
        path = path.replace(encoded, plain);
    }
    if path.split(['/', '\\', '?', '#']).any(|step| step == "..") {
        return Err("a root's URI leads upwards");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_only() {
        for uri in
            ["file:///home/ada", "file:///C:/work", "file:///a..b/c", "file:///a%20b%70", "file://"]
        {
            assert_eq!(check(&Root::new(uri)), Ok(()), "{uri}");
        }
        for uri in [
            "",
            "/home/ada",
            "https://example.com/",
            "file:///home/../etc",
            "file:///home/%2e%2E/etc",
            "file:///home%2f..%2Fetc",
            "file:///home\\..\\etc",
            "file:///a b",
            "file:///a%00b",
            "file:///a%1Fb",
        ] {
            assert!(check(&Root::new(uri)).is_err(), "{uri}");
        }
    }
}
