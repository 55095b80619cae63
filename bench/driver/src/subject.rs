//! What is compared.

use std::path::PathBuf;

use bench_support::Result;

use crate::build;

/// A program to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// What the tables call it.
    pub(crate) name: &'static str,
    /// The package in this workspace; its programs are `<package>` and `<package>-counted`.
    pub(crate) package: &'static str,
    /// Features of the package to switch on.
    pub(crate) features: &'static [&'static str],
    /// How it serves HTTP: the modes, each with the name of its column.
    pub(crate) http_modes: &'static [(&'static str, &'static str)],
    /// How it serves stdio, likewise.
    pub(crate) stdio_modes: &'static [(&'static str, &'static str)],
    /// One more such mode of HTTP, the way its own documentation sets it up; only latency is measured.
    pub(crate) documented_mode: Option<(&'static str, &'static str)>,
    /// The minimal stdio server to weigh, a package of this workspace.
    pub(crate) weighed: Option<&'static str>,
}

/// Every ratio is to this one.
pub(crate) const FLOOR: &str = "floor";
/// The one that the targets are for.
pub(crate) const OURS: &str = "ours";
/// Ours with the validation of schemas switched on.
pub(crate) const OURS_VALIDATING: &str = "ours, validating";

const SUBJECTS: [Subject; 4] = [
    Subject {
        name: FLOOR,
        package: "bench-floor",
        features: &[],
        http_modes: &[("http", FLOOR)],
        stdio_modes: &[("stdio", FLOOR), ("stdio-blocking", "blocking loop")],
        documented_mode: None,
        weighed: None,
    },
    Subject {
        name: OURS,
        package: "bench-ours",
        features: &[],
        http_modes: &[("http", OURS), ("http-bare", "ours, on hyper")],
        stdio_modes: &[("stdio", OURS)],
        documented_mode: None,
        weighed: Some("weight-ours"),
    },
    Subject {
        name: OURS_VALIDATING,
        package: "bench-ours",
        features: &["schema-validation"],
        http_modes: &[("http", OURS_VALIDATING)],
        stdio_modes: &[("stdio", OURS_VALIDATING)],
        documented_mode: None,
        weighed: Some("weight-ours"),
    },
    Subject {
        name: "rmcp",
        package: "bench-rmcp",
        features: &[],
        http_modes: &[("http-json", "rmcp, JSON"), ("http-sse", "rmcp, SSE")],
        stdio_modes: &[("stdio", "rmcp")],
        documented_mode: Some(("http-axum", "rmcp, on axum")),
        weighed: Some("weight-rmcp"),
    },
];

/// The one with tasks, which runs its own modes.
pub(crate) const TASKS: Subject = Subject {
    name: "ours, tasks",
    package: "bench-tasks",
    features: &[],
    http_modes: &[],
    stdio_modes: &[],
    documented_mode: None,
    weighed: None,
};

/// The one that serves documents, which runs its own modes.
pub(crate) const IDENTITY: Subject = Subject {
    name: "ours, identity",
    package: "bench-identity",
    features: &[],
    http_modes: &[],
    stdio_modes: &[],
    documented_mode: None,
    weighed: None,
};

/// The subjects whose packages are members of this workspace. Ours is missing until its package
/// is; `--check` then fails, because its targets have not been measured.
pub(crate) fn all() -> Result<Vec<Subject>> {
    let members = build::members()?;
    let (present, absent): (Vec<_>, Vec<_>) = SUBJECTS
        .into_iter()
        .partition(|subject| members.iter().any(|name| name == subject.package));
    for subject in absent {
        eprintln!("not measured: {} (no package {} here)", subject.name, subject.package);
    }
    Ok(present)
}

impl Subject {
    /// Where its program is after the build; `counted` is the one with the counting allocator.
    pub(crate) fn program(&self, counted: bool) -> PathBuf {
        let mut name = self.package.to_owned();
        for feature in self.features {
            name = format!("{name}-{feature}");
        }
        if counted {
            name.push_str("-counted");
        }
        build::programs().join(name + std::env::consts::EXE_SUFFIX)
    }
}
