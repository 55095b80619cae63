//! The numbers of a text of ours, and whether the ledger has the same.
//!
//! A requirement begins with its number in bold, `**LAB-1**`. Its entry is `file-LAB-1`, after the name of the ledger's file.

use std::collections::BTreeSet;

use super::ledger::Requirement;

/// What is in the text or in the ledger and not in the other, or twice in the text.
pub(super) fn compare(path: &str, text: &str, file: &str, entries: &[Requirement]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut of_text = BTreeSet::new();
    for number in numbers(text) {
        if !of_text.insert(number) {
            problems.push(format!("{path}: {number} stands there twice"));
        }
    }
    let mut of_ledger = BTreeSet::new();
    for one in entries {
        match one.id.strip_prefix(file).and_then(|rest| rest.strip_prefix('-')) {
            Some(number) => drop(of_ledger.insert(number)),
            None => problems.push(format!("{}: its id does not begin with `{file}-`", one.id)),
        }
    }
    let missing = of_text.difference(&of_ledger);
    problems
        .extend(missing.map(|number| format!("{file}-{number}: {path} has it, the ledger not")));
    let unknown = of_ledger.difference(&of_text);
    problems.extend(unknown.map(|number| format!("{file}-{number}: {path} does not have it")));
    problems
}

/// The numbers in bold: capital letters, a hyphen, digits.
fn numbers(text: &str) -> impl Iterator<Item = &str> {
    text.split("**").skip(1).step_by(2).filter(|bold| {
        bold.split_once('-').is_some_and(|(letters, digits)| {
            letters.len() >= 2
                && letters.bytes().all(|byte| byte.is_ascii_uppercase())
                && !digits.is_empty()
                && digits.bytes().all(|byte| byte.is_ascii_digit())
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(ids: &[&str]) -> Vec<Requirement> {
        let one = |id: &&str| {
            toml::from_str(&format!(
                "id = \"{id}\"\npage = \"p\"\nsection = \"s\"\nlevel = \"MUST\"\nside = \"both\"\n\
                 text = \"t\"\ntests = [\"x\"]"
            ))
            .unwrap()
        };
        ids.iter().map(one).collect()
    }

    #[test]
    fn each_number_has_its_entry() {
        let text = "A **word**. **AB-1** One MUST. **ABC-12** Two, see AB-1, **must**.";
        let compare =
            |text: &str, ids: &[&str]| super::compare("SPEC.md", text, "x", &entries(ids));
        assert_eq!(compare(text, &["x-AB-1", "x-ABC-12"]), [""; 0]);
        assert!(compare(text, &["x-AB-1"])[0].contains("x-ABC-12"));
        assert!(compare(text, &["x-AB-1", "x-ABC-12", "x-AB-2"])[0].contains("does not have it"));
        assert!(compare(text, &["x-AB-1", "x-ABC-12", "y-AB-2"])[0].contains("begin with"));
        let twice = format!("{text} **AB-1** Again.");
        assert!(compare(&twice, &["x-AB-1", "x-ABC-12"])[0].contains("twice"));
    }
}
