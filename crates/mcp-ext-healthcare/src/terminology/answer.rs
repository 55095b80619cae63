//! The operations' answers, as resources.

use std::borrow::Cow;

use super::LocalTerminology;
use super::code_system::CodeSystem;
use super::concept_map::{Match, Wanted};
use super::value_set::{Member, expand};
use crate::fhir::{FhirVersion, Json, Text};
use crate::server::{Input, Operation, OperationError, Parameter, input_text};

/// How many codes an expansion has if nobody says how many.
const COUNT: u32 = 1000;

type Answer = Result<Json<'static>, OperationError>;

pub(super) fn answer(
    terminology: &LocalTerminology,
    operation: Operation,
    parameters: &[Parameter],
) -> Answer {
    let asked = Asked { terminology, parameters };
    match operation {
        Operation::Lookup => asked.lookup(),
        Operation::ValidateCode => asked.validate_code(),
        Operation::ValidateMember => asked.validate_member(),
        Operation::Expand => asked.expand(),
        Operation::Translate => asked.translate(),
        Operation::Subsumes => asked.subsumes(),
    }
}

struct Asked<'a> {
    terminology: &'a LocalTerminology,
    parameters: &'a [Parameter],
}

impl Asked<'_> {
    fn text(&self, name: &str) -> Option<String> {
        input_text(self.parameters, name)
    }

    fn needed(&self, name: &str) -> Result<String, OperationError> {
        self.text(name).ok_or(OperationError::Refused)
    }

    fn number(&self, name: &str) -> Option<u32> {
        self.parameters.iter().find_map(|(own, value)| match value {
            Input::Integer(value) if *own == name => Some(*value),
            _ => None,
        })
    }

    fn flag(&self, name: &str) -> bool {
        self.parameters.iter().any(|(own, value)| *own == name && *value == Input::Boolean(true))
    }

    fn system(&self, name: &str) -> Result<&CodeSystem, OperationError> {
        let version = self.text("version");
        self.terminology.code_system(&self.needed(name)?, version.as_deref())
    }

    fn lookup(&self) -> Answer {
        let system = self.system("system")?;
        let concept = system.concept(&self.needed("code")?).ok_or(OperationError::UnknownCode)?;
        let mut out = Vec::new();
        out.extend(system.name.as_deref().map(|name| string("name", name)));
        out.extend(system.version.as_deref().map(|version| string("version", version)));
        out.push(string("display", concept.display.as_deref().unwrap_or(&concept.code)));
        if let Some(definition) = &concept.definition {
            match self.terminology.version {
                // R5 made it a parameter; R4 has it as a property.
                FhirVersion::R4 => {
                    out.push(property("definition", "valueString", Json::text(definition)))
                }
                _ => out.push(string("definition", definition)),
            }
        }
        for designation in &concept.designations {
            let mut parts = Vec::new();
            parts.extend(
                designation
                    .language
                    .as_deref()
                    .map(|code| of("language", "valueCode", Json::text(code))),
            );
            parts.push(string("value", &designation.value));
            out.push(with_parts("designation", parts));
        }
        for one in &concept.properties {
            out.push(property(&one.code, &one.kind, one.value.clone()));
        }
        let parents = concept.parents.iter().filter_map(|number| system.concepts.get(*number));
        let told =
            |code: &str| concept.properties.iter().any(|one| one.text().as_deref() == Some(code));
        for parent in parents.filter(|parent| !told(&parent.code)) {
            out.push(property("parent", "valueCode", Json::text(&parent.code)));
        }
        if concept.is_inactive() && !concept.properties.iter().any(|one| one.code == "inactive") {
            out.push(property("inactive", "valueBoolean", Json::Bool(true)));
        }
        Ok(parameters(out))
    }

    fn validate_code(&self) -> Answer {
        let system = self.system("url")?;
        let code = self.needed("code")?;
        let Some(concept) = system.concept(&code) else {
            // Of a system that is not whole, nobody can say that it lacks a code.
            if !system.is_complete {
                return Err(OperationError::NotPossible);
            }
            return Ok(parameters(vec![of("result", "valueBoolean", Json::Bool(false))]));
        };
        let fits = self.fits(concept.display.as_deref(), |display| {
            concept.designations.iter().any(|one| same(&one.value, display))
        });
        let mut out = vec![
            of("result", "valueBoolean", Json::Bool(fits)),
            of("code", "valueCode", Json::text(&concept.code)),
            of("system", "valueUri", Json::text(&system.url)),
        ];
        out.extend(system.version.as_deref().map(|version| string("version", version)));
        out.extend(concept.display.as_deref().map(|display| string("display", display)));
        Ok(parameters(out))
    }

    fn validate_member(&self) -> Answer {
        let (code, system) = (self.needed("code")?, self.text("system"));
        let members = expand(self.terminology, &self.needed("url")?)?;
        let is_code = |member: &Member| {
            let own = self.terminology.code_system(&member.system, member.version.as_deref());
            member.code == code
                || own.is_ok_and(|own| {
                    own.number(&code).is_some() && own.number(&code) == own.number(&member.code)
                })
        };
        let mut found = members
            .iter()
            .filter(|member| !member.is_abstract && is_code(member))
            .filter(|member| system.as_deref().is_none_or(|system| system == member.system));
        let Some(member) = found.next() else {
            return Ok(parameters(vec![of("result", "valueBoolean", Json::Bool(false))]));
        };
        if found.next().is_some() {
            // The same code of two systems: which one is meant has to be said.
            return Err(OperationError::NotPossible);
        }
        let fits = self.fits(member.display.as_deref(), |display| {
            let own = self.terminology.code_system(&member.system, member.version.as_deref()).ok();
            let concept = own.and_then(|own| own.concept(&member.code));
            concept.is_some_and(|concept| {
                concept.display.as_deref().is_some_and(|own| same(own, display))
                    || concept.designations.iter().any(|one| same(&one.value, display))
            })
        });
        let mut out = vec![
            of("result", "valueBoolean", Json::Bool(fits)),
            of("code", "valueCode", Json::text(&member.code)),
            of("system", "valueUri", Json::text(&member.system)),
        ];
        out.extend(member.version.as_deref().map(|version| string("version", version)));
        out.extend(member.display.as_deref().map(|display| string("display", display)));
        Ok(parameters(out))
    }

    /// Whether the display that was given is one of the code's.
    fn fits(&self, own: Option<&str>, or: impl Fn(&str) -> bool) -> bool {
        self.text("display")
            .is_none_or(|display| own.is_some_and(|own| same(own, &display)) || or(&display))
    }

    fn expand(&self) -> Answer {
        let url = self.needed("url")?;
        let mut members = expand(self.terminology, &url)?;
        if self.flag("activeOnly") {
            members.retain(|member| !member.is_inactive);
        }
        if let Some(filter) = self.text("filter") {
            let words: Vec<String> = filter.split_whitespace().map(str::to_lowercase).collect();
            members.retain(|member| {
                let display = member.display.as_deref().unwrap_or_default().to_lowercase();
                let code = member.code.to_lowercase();
                words.iter().all(|word| display.contains(word) || code.contains(word))
            });
        }
        let total = members.len();
        let offset = self.number("offset").unwrap_or(0);
        let count = self.number("count").unwrap_or(COUNT).min(COUNT);
        let contains: Vec<Json<'static>> = members
            .iter()
            .skip(usize::try_from(offset).unwrap_or(usize::MAX))
            .take(usize::try_from(count).unwrap_or(usize::MAX))
            .map(contained)
            .collect();
        let mut expansion = vec![
            ("timestamp", Json::text(&crate::audit::instant(std::time::SystemTime::now()))),
            ("total", Json::Number(Cow::Owned(total.to_string()))),
            ("offset", Json::Number(Cow::Owned(offset.to_string()))),
        ];
        // FHIR has no empty arrays.
        if !contains.is_empty() {
            expansion.push(("contains", Json::Array(contains)));
        }
        Ok(object(vec![
            ("resourceType", Json::text("ValueSet")),
            ("url", Json::text(&url)),
            ("status", Json::text("active")),
            ("expansion", object(expansion)),
        ]))
    }

    fn translate(&self) -> Answer {
        // R5 has a parameter of its own for each direction; R4 has a flag.
        let target_code = self.text("targetCode");
        let reverse = target_code.is_some() || self.flag("reverse");
        let code = target_code.or_else(|| self.text("sourceCode")).or_else(|| self.text("code"));
        let code = code.ok_or(OperationError::Refused)?;
        let system = self.needed("system")?;
        let target = self.text("targetSystem").or_else(|| self.text("targetsystem"));
        let wanted = Wanted { system: &system, code: &code, target: target.as_deref(), reverse };
        let maps = match self.text("url") {
            Some(url) => vec![self.terminology.concept_map(&url)?],
            None => {
                let newest = self.terminology.maps.values().filter_map(|versions| versions.last());
                newest.filter(|map| map.is_about(&wanted)).collect()
            }
        };
        if maps.is_empty() {
            return Err(OperationError::UnknownSource);
        }
        let mut matches: Vec<(&str, Match<'_>)> = Vec::new();
        for map in maps {
            matches.extend(map.matches(&wanted).into_iter().map(|one| (map.url.as_str(), one)));
        }
        let found = matches.iter().any(|(_, one)| one.is_one());
        let mut out = vec![of("result", "valueBoolean", Json::Bool(found))];
        for (map, one) in matches {
            out.push(self.matched(map, &one));
        }
        Ok(parameters(out))
    }

    fn matched(&self, map: &str, one: &Match<'_>) -> Json<'static> {
        let mut coding = Vec::new();
        coding.extend(one.system.map(|system| ("system", Json::text(system))));
        coding.push(("code", Json::text(one.code)));
        coding.extend(one.display.map(|display| ("display", Json::text(display))));
        let (relationship, source) = match self.terminology.version {
            FhirVersion::R4 => ("equivalence", "source"),
            _ => ("relationship", "originMap"),
        };
        with_parts(
            "match",
            vec![
                of(relationship, "valueCode", Json::text(one.relationship)),
                of("concept", "valueCoding", object(coding)),
                of(source, "valueUri", Json::text(map)),
            ],
        )
    }

    fn subsumes(&self) -> Answer {
        let system = self.system("system")?;
        let number = |name: &str| -> Result<usize, OperationError> {
            system.number(&self.needed(name)?).ok_or(OperationError::UnknownCode)
        };
        let (a, b) = (number("codeA")?, number("codeB")?);
        let outcome = if a == b {
            "equivalent"
        } else if !system.is_hierarchy {
            return Err(OperationError::NotPossible);
        } else if system.above(b).contains(&a) {
            "subsumes"
        } else if system.above(a).contains(&b) {
            "subsumed-by"
        } else {
            "not-subsumed"
        };
        Ok(parameters(vec![of("outcome", "valueCode", Json::text(outcome))]))
    }
}

/// Displays are the same whatever the case of their letters and the width of their spaces.
fn same(one: &str, other: &str) -> bool {
    let words = |text: &str| text.to_lowercase().split_whitespace().collect::<Vec<_>>().join(" ");
    words(one) == words(other)
}

fn contained(member: &Member) -> Json<'static> {
    let mut members = vec![("system", Json::text(&member.system))];
    if member.is_abstract {
        members.push(("abstract", Json::Bool(true)));
    }
    if member.is_inactive {
        members.push(("inactive", Json::Bool(true)));
    }
    members.extend(member.version.as_deref().map(|version| ("version", Json::text(version))));
    members.push(("code", Json::text(&member.code)));
    members.extend(member.display.as_deref().map(|display| ("display", Json::text(display))));
    object(members)
}

fn object(members: Vec<(&str, Json<'static>)>) -> Json<'static> {
    Json::Object(members.into_iter().map(|(name, value)| (Text::new(name), value)).collect())
}

fn of(name: &str, kind: &str, value: Json<'static>) -> Json<'static> {
    object(vec![("name", Json::text(name)), (kind, value)])
}

fn string(name: &str, value: &str) -> Json<'static> {
    of(name, "valueString", Json::text(value))
}

fn with_parts(name: &str, parts: Vec<Json<'static>>) -> Json<'static> {
    object(vec![("name", Json::text(name)), ("part", Json::Array(parts))])
}

fn property(code: &str, kind: &str, value: Json<'static>) -> Json<'static> {
    let parts = vec![of("code", "valueCode", Json::text(code)), of("value", kind, value)];
    with_parts("property", parts)
}

fn parameters(parameter: Vec<Json<'static>>) -> Json<'static> {
    object(vec![("resourceType", Json::text("Parameters")), ("parameter", Json::Array(parameter))])
}
