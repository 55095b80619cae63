//! `mcp keys`.

use crate::support::mcp;

#[test]
fn a_key_is_its_owners_alone_and_not_replaced_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key.jwk");
    let file = path.to_str().unwrap();
    let made = mcp(&["--json", "keys", "new", file]);
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(made.json()["crv"], "P-256");
    assert!(made.json().get("d").is_none());
    let secret = std::fs::read_to_string(&path).unwrap();
    assert!(secret.contains("\"d\""));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let again = mcp(&["--json", "keys", "new", file]);
    assert_eq!((again.code, again.failure().as_str()), (5, "file-exists"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), secret);
    let words = ["keys", "new", file, "--force", "--algorithm", "ed25519", "--id", "mine"];
    let forced = mcp(&[&["--json"], &words[..]].concat());
    assert_eq!(
        (forced.json()["crv"].as_str(), forced.json()["kid"].as_str()),
        (Some("Ed25519"), Some("mine"))
    );
    assert_ne!(std::fs::read_to_string(&path).unwrap(), secret);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let shown = mcp(&["--json", "keys", "show", file]);
    assert_eq!(shown.json(), forced.json());
    let note = mcp(&["keys", "show", file, "--note", "example.com/receipts"]);
    assert!(note.out.starts_with("example.com/receipts+"), "{note:?}");
    // Nothing else is left in the folder.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let nowhere = mcp(&["--json", "keys", "new", "/no/such/folder/key"]);
    assert_eq!((nowhere.code, nowhere.failure().as_str()), (5, "file"));
}

#[cfg(unix)]
#[test]
fn links_are_not_written_through() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let made = mcp(&["--json", "keys", "new", link.to_str().unwrap()]);
    assert_eq!(made.failure(), "file-exists");
    assert!(!target.exists());
}
