//! `cargo xtask deps`: licences, origins and versions of everything that the workspace can pull in.
//!
//! The rules stand in `deny.toml`, which belongs to cargo-deny. Where cargo-deny is installed it
//! checks them as well; building it takes minutes, so CI makes do with what is checked here.

mod spdx;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::failure::{Context, Failure, Result};
use crate::process;
use crate::workspace::{self, Metadata, Package};

/// The end of the identifier that cargo gives to its default registry.
const DEFAULT_REGISTRY: &str = "/crates.io-index";

/// `deny.toml`, as far as it is checked here.
#[derive(Debug, Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
    sources: Sources,
}

#[derive(Debug, Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
    #[serde(default)]
    exceptions: Vec<Exception>,
}

/// Licences that are allowed to one package alone.
#[derive(Debug, Deserialize)]
struct Exception {
    #[serde(rename = "crate")]
    package: String,
    allow: BTreeSet<String>,
}

impl Licenses {
    /// What a package may be licensed under.
    fn allowed_to(&self, package: &str) -> BTreeSet<String> {
        let own = self.exceptions.iter().filter(|exception| exception.package == package);
        own.flat_map(|exception| &exception.allow).chain(&self.allow).cloned().collect()
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Bans {
    multiple_versions: Level,
    #[serde(default)]
    deny: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Sources {
    unknown_registry: Level,
    unknown_git: Level,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Level {
    Deny,
    Warn,
    Allow,
}

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    match arguments.next()? {
        Some(argument) => Err(argument.unexpected().into()),
        None => step(),
    }
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    let file = workspace::root().join("deny.toml");
    let text = std::fs::read_to_string(&file);
    let text = text.context(format_args!("cannot read {}", file.display()))?;
    let rules: Rules = toml::from_str(&text).context(format_args!("in {}", file.display()))?;
    let metadata = workspace::everything()?;
    let (findings, licenses) = check(&rules, &metadata);

    println!("{} packages", metadata.packages.len());
    for (license, count) in licenses {
        println!("{count:>4}  {license}");
    }
    for finding in &findings {
        println!("{}: {}", if finding.denied { "denied" } else { "warning" }, finding.text);
    }
    let denied = findings.iter().filter(|finding| finding.denied).count();
    if denied > 0 {
        return Err(Failure::new(format!("deny.toml denies {denied} of these")));
    }
    if process::is_installed("cargo-deny") {
        let mut deny = workspace::cargo();
        process::run(deny.args(["deny", "--offline", "check", "licenses", "bans", "sources"]))?;
    } else {
        println!("cargo-deny is not installed; these rules were checked without it");
    }
    Ok(())
}

/// Something that the rules do not like.
#[derive(Debug)]
struct Finding {
    denied: bool,
    text: String,
}

/// Applies the rules; returns what they found and how many packages have which licence.
fn check(rules: &Rules, metadata: &Metadata) -> (Vec<Finding>, BTreeMap<String, usize>) {
    let mut findings = Vec::new();
    let mut licenses = BTreeMap::new();
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &metadata.packages {
        let Package { name, version, .. } = package;
        let license = package.license.clone().unwrap_or_else(|| "none given".to_owned());
        match spdx::is_allowed(&license, &rules.licenses.allowed_to(name)) {
            Ok(true) => {}
            Ok(false) => findings.push(denied(format!("{name} {version}: licence {license}"))),
            Err(why) => {
                findings.push(denied(format!("{name} {version}: licence {license}: {why}")))
            }
        }
        *licenses.entry(license).or_default() += 1;
        if rules.bans.deny.contains(name) {
            findings.push(denied(format!("{name} {version}: banned")));
        }
        if let Some((level, why)) = source_rule(rules, package)
            && level != Level::Allow
        {
            let text = format!("{name} {version}: {why}");
            findings.push(Finding { denied: level == Level::Deny, text });
        }
        versions.entry(name).or_default().push(version);
    }
    for (name, mut versions) in versions {
        versions.sort_unstable();
        if versions.len() > 1 && rules.bans.multiple_versions != Level::Allow {
            let text = format!("{name} in {} versions: {}", versions.len(), versions.join(", "));
            findings.push(Finding { denied: rules.bans.multiple_versions == Level::Deny, text });
        }
    }
    for exception in &rules.licenses.exceptions {
        if !metadata.packages.iter().any(|package| package.name == exception.package) {
            let text = format!("the exception for {} is not needed any more", exception.package);
            findings.push(Finding { denied: false, text });
        }
    }
    findings.sort_by_key(|finding| finding.denied);
    (findings, licenses)
}

fn denied(text: String) -> Finding {
    Finding { denied: true, text }
}

/// What is odd about a package's origin. A package of the workspace has none.
fn source_rule(rules: &Rules, package: &Package) -> Option<(Level, &'static str)> {
    let source = package.source.as_deref()?;
    if source.starts_with("git+") {
        Some((rules.sources.unknown_git, "comes from a git repository"))
    } else if source.ends_with(DEFAULT_REGISTRY) {
        None
    } else {
        Some((rules.sources.unknown_registry, "comes from an unknown registry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = r#"
        [licenses]
        allow = ["MIT"]
        exceptions = [{ crate = "special", allow = ["MIT-0"] }]
        [bans]
        multiple-versions = "warn"
        deny = ["openssl"]
        [sources]
        unknown-registry = "deny"
        unknown-git = "deny"
    "#;

    fn found(packages: &str) -> Vec<(bool, String)> {
        let metadata = format!(
            r#"{{"packages": [{packages}], "workspace_members": [], "target_directory": "target"}}"#
        );
        let (findings, _) =
            check(&toml::from_str(RULES).unwrap(), &serde_json::from_str(&metadata).unwrap());
        findings.into_iter().map(|finding| (finding.denied, finding.text)).collect()
    }

    fn package(name: &str, version: &str, license: &str, source: &str) -> String {
        format!(
            r#"{{"id": "{name}", "name": "{name}", "version": "{version}", "license": {license},
                "source": {source}, "targets": [], "features": {{}}}}"#
        )
    }

    #[test]
    fn what_the_rules_allow_is_not_mentioned() {
        let own = package("own", "0.1.0", r#""MIT OR GPL-3.0""#, "null");
        let usual = package("usual", "1.0.0", r#""MIT""#, r#""registry+x/crates.io-index""#);
        let special = package("special", "1.0.0", r#""MIT AND MIT-0""#, "null");
        assert_eq!(found(&format!("{own},{usual},{special}")), []);
        let unneeded = "the exception for special is not needed any more".to_owned();
        assert_eq!(found(&own), [(false, unneeded)]);
    }

    #[test]
    fn each_rule_finds_what_breaks_it() {
        let cases = [
            (package("a", "1.0.0", r#""GPL-3.0""#, "null"), "licence GPL-3.0"),
            (package("a", "1.0.0", r#""MIT-0""#, "null"), "licence MIT-0"),
            (package("b", "1.0.0", "null", "null"), "none given"),
            (package("openssl", "1.0.0", r#""MIT""#, "null"), "banned"),
            (package("c", "1.0.0", r#""MIT""#, r#""git+x""#), "git repository"),
            (package("d", "1.0.0", r#""MIT""#, r#""sparse+x""#), "unknown registry"),
        ];
        for (package, expected) in cases {
            let findings = found(&package);
            let denied = findings.iter().find(|(denied, _)| *denied);
            assert!(denied.is_some_and(|(_, text)| text.contains(expected)), "{findings:?}");
        }
        let old = package("e", "1.0.0", r#""MIT""#, "null");
        let new = package("e", "2.0.0", r#""MIT""#, "null");
        let twice = (false, "e in 2 versions: 1.0.0, 2.0.0".to_owned());
        assert!(found(&format!("{old},{new}")).contains(&twice));
    }

    #[test]
    fn the_rules_of_this_repository_can_be_read() {
        let text = std::fs::read_to_string(workspace::root().join("deny.toml")).unwrap();
        let rules: Rules = toml::from_str(&text).unwrap();
        assert!(rules.licenses.allow.contains("MIT"));
        assert_eq!(rules.sources.unknown_registry, Level::Deny);
    }
}
