//! `cargo xtask fhir-tables [--check]`: FHIR's definitions in short, for `mcp-ext-healthcare`.
//!
//! One text file for each version of FHIR, a line for each element, so that a change of what HL7 publishes is a
//! change that one can read. The reader, and the description of the format, is `fhir::definitions` in that crate.

mod codes;
mod elements;
mod search;

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::failure::{Context, Failure, Result};
use crate::peers::FhirPackages;
use crate::workspace;

/// A version of FHIR, and the package that its definitions are in.
struct Version {
    file: &'static str,
    number: &'static str,
    package: &'static str,
}

const VERSIONS: &[Version] = &[
    Version { file: "r4.txt", number: "4.0.1", package: "hl7.fhir.r4.examples" },
    Version { file: "r5.txt", number: "5.0.0", package: "hl7.fhir.r5.core" },
];

/// The command line's form of it.
pub(crate) fn command(mut arguments: lexopt::Parser) -> Result {
    let mut check = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            lexopt::Arg::Long("check") => check = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    run(check)
}

/// The step of `cargo xtask test`.
pub(crate) fn step() -> Result {
    run(true)
}

fn run(check: bool) -> Result {
    let packages = FhirPackages::ready()?;
    let mut stale = Vec::new();
    for version in VERSIONS {
        let table = table(&packages, version)?;
        let path = path(version);
        if !check {
            std::fs::write(&path, &table)
                .context(format_args!("cannot write {}", path.display()))?;
            println!("wrote {}, {} bytes", version.file, table.len());
            continue;
        }
        // Git may have checked the file out with the line ends of another system.
        let found = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
        match found == table {
            true => println!("{} is as it should be, {} bytes", version.file, table.len()),
            false => stale.push(version.file),
        }
    }
    match stale.as_slice() {
        [] => Ok(()),
        stale => Err(Failure::new(format!(
            "{} differ from HL7's packages; `cargo xtask fhir-tables` writes them anew",
            stale.join(", ")
        ))),
    }
}

fn path(version: &Version) -> PathBuf {
    let folder = workspace::root().join("crates").join("mcp-ext-healthcare").join("tables");
    folder.join(version.file)
}

fn table(packages: &FhirPackages, version: &Version) -> Result<String> {
    let structures: Vec<_> = packages
        .resources(version.package, "StructureDefinition")?
        .into_iter()
        .filter(elements::is_core)
        .collect();
    if structures.is_empty() {
        return Err(Failure::new(format!("{} has no definitions", version.package)));
    }
    let codes = codes::of_required_bindings(packages, version.package, &structures)?;
    let mut table = format!("fhir {}\n", version.number);
    for (name, codes) in &codes {
        let _ = writeln!(table, "codes {name} {}", codes.join(" "));
    }
    elements::write(&mut table, &structures, &codes)?;
    search::write_parameters(&mut table, &packages.resources(version.package, "SearchParameter")?);
    search::write_compartment(
        &mut table,
        &packages.resources(version.package, "CompartmentDefinition")?,
    )?;
    Ok(table)
}
