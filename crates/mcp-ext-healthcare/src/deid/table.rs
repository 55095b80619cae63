//! Reading `tables/deid.txt`, whose head describes its form.

use std::collections::{HashMap, HashSet};

use super::rule::Rule;

/// What becomes of an element, by method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rules {
    pub(super) safe_harbor: Rule,
    pub(super) limited: Rule,
}

/// The form that the codes of a system have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CodeShape {
    Snomed,
    Loinc,
    Ucum,
    Digits,
    Short,
    Ndc,
    Icd,
    Genes,
    Language,
    Country,
    Currency,
    Astm,
    Token,
    /// Codes that can be any text.
    None,
}

/// An extension that is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct KnownExtension {
    /// The codes that it may have.
    pub(super) codes: Vec<&'static str>,
    /// Whether its value is judged by its datatype, as an element's is.
    pub(super) values: bool,
    /// The extensions within it. Their values are judged so.
    pub(super) within: Vec<&'static str>,
}

/// The table, as it was read.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) types: HashMap<&'static str, Rules>,
    pub(super) names: HashMap<&'static str, Rules>,
    pub(super) paths: Vec<(&'static str, Rules)>,
    pub(super) systems: HashMap<&'static str, CodeShape>,
    /// Systems that begin so.
    pub(super) families: Vec<(&'static str, CodeShape)>,
    pub(super) published: Vec<&'static str>,
    pub(super) extensions: HashMap<&'static str, KnownExtension>,
    pub(super) units: HashMap<String, &'static str>,
    pub(super) ucum_prefixes: HashSet<&'static str>,
    pub(super) ucum_atoms: HashSet<&'static str>,
    pub(super) ucum_words: HashSet<&'static str>,
    pub(super) states: HashSet<String>,
    pub(super) us: HashSet<String>,
    pub(super) zip3: HashSet<&'static str>,
}

impl Table {
    /// Reads a table.
    ///
    /// # Errors
    /// The number of the first line that has none of the forms.
    pub(super) fn parse(text: &'static str) -> Result<Self, usize> {
        let mut table = Self::default();
        for (number, line) in text.lines().enumerate() {
            if !line.is_empty() && !line.starts_with('#') {
                table.line(line).ok_or(number + 1)?;
            }
        }
        Ok(table)
    }

    fn line(&mut self, line: &'static str) -> Option<()> {
        let (kind, rest) = line.split_once(' ')?;
        let mut words = rest.split(' ');
        match kind {
            "type" | "name" | "path" => {
                let what = words.next()?;
                let safe_harbor = Rule::of_name(words.next()?)?;
                let limited = match words.next() {
                    Some(name) => Rule::of_name(name)?,
                    None => safe_harbor,
                };
                let rules = Rules { safe_harbor, limited };
                match kind {
                    "type" => drop(self.types.insert(what, rules)),
                    "name" => drop(self.names.insert(what, rules)),
                    _ => self.paths.push((what, rules)),
                }
            }
            "system" => {
                let (system, shape) = (words.next()?, CodeShape::of_name(words.next()?)?);
                match system.strip_suffix('*') {
                    Some(family) => self.families.push((family, shape)),
                    None => drop(self.systems.insert(system, shape)),
                }
            }
            "published" => self.published.extend(words),
            "extension" => {
                let mut extension = KnownExtension::default();
                let url = words.next()?;
                match words.next()? {
                    "values" => extension.values = true,
                    "codes" => extension.codes.extend(words),
                    "within" => extension.within.extend(words),
                    _ => return None,
                }
                self.extensions.insert(url, extension);
            }
            "unit" => {
                let (unit, code) = (words.next()?, words.next()?);
                self.units.insert(spaced(unit), if code == "-" { "" } else { code });
            }
            "ucum-prefix" => self.ucum_prefixes.extend(words),
            "ucum-atom" => self.ucum_atoms.extend(words),
            "ucum-word" => self.ucum_words.extend(words),
            "state" => self.states.extend(words.map(spaced)),
            "country" => self.us.extend(words.map(spaced)),
            "zip3" => self.zip3.extend(words),
            _ => return None,
        }
        Some(())
    }
}

/// A word of the table, in which `\s` is a space.
fn spaced(word: &str) -> String {
    word.replace("\\s", " ")
}

impl CodeShape {
    fn of_name(name: &str) -> Option<Self> {
        Some(match name {
            "snomed" => Self::Snomed,
            "loinc" => Self::Loinc,
            "ucum" => Self::Ucum,
            "digits" => Self::Digits,
            "short" => Self::Short,
            "ndc" => Self::Ndc,
            "icd" => Self::Icd,
            "genes" => Self::Genes,
            "language" => Self::Language,
            "country" => Self::Country,
            "currency" => Self::Currency,
            "astm" => Self::Astm,
            "token" => Self::Token,
            "none" => Self::None,
            _ => return None,
        })
    }
}
