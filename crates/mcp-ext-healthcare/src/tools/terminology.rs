//! `terminology_lookup`, `terminology_validate`, `terminology_expand`, `terminology_translate` and `terminology_subsumes`.
//!
//! Terminology is about nobody: these tools touch no records, need neither context nor purpose, and their results are labelled as
//! that of nothing (`phi` `none`). No error holds anything of what was asked or answered.

use std::sync::Arc;

use mcp_core::protocol::ToolAnnotations;
use mcp_core::server::{Args, Cx, HandlerError, Json as Structured, ServedTool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fhir::{FhirVersion, Json};
use crate::protocol::{Label, LabelKey, TerminologySettings};
use crate::server::{Healthcare, Input, Operation, OperationError, Operations, Parameter};
use crate::terminology::text_of;

/// More code systems than this are not listed in `server/discover`.
const SYSTEMS: usize = 100;
/// How many codes an expansion has if nobody says how many, and at the most.
const COUNT: u32 = 100;
const MAX_COUNT: u32 = 1000;
/// How much of a list in an answer is read, and of a text.
const MAX_ITEMS: usize = 1000;
const MAX_TEXT: usize = 8 * 1024;

/// Tools of a terminology server, as far as it offers them.
///
/// ```
/// use mcp_core::server::Server;
/// use mcp_ext_healthcare::fhir::FhirVersion;
/// use mcp_ext_healthcare::terminology::LocalTerminology;
/// use mcp_ext_healthcare::tools::terminology::TerminologyTools;
///
/// let tools = TerminologyTools::new(LocalTerminology::new(FhirVersion::R4));
/// let mut server = Server::builder("clinic", "1.0.0");
/// for tool in tools.tools() {
///     server = server.tool(tool);
/// }
/// assert_eq!(tools.settings().operations.len(), 6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct TerminologyTools {
    operations: Arc<dyn Operations>,
}

/// What is asked of [`Operation::Lookup`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LookupArguments {
    /// The code system's canonical URL, such as `http://loinc.org`.
    #[schemars(length(min = 1, max = 1024))]
    system: String,
    /// The code.
    #[schemars(length(min = 1, max = 256))]
    code: String,
    /// The code system's version, if not the current one.
    #[schemars(length(min = 1, max = 256))]
    version: Option<String>,
    /// The language of the display (BCP 47), if the server has it.
    #[schemars(length(min = 1, max = 64))]
    display_language: Option<String>,
}

/// What a code means.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LookupResult {
    /// The code system's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The code system's version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the code is called.
    pub display: String,
    /// What the code means.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub definition: Option<String>,
    /// What the code is called elsewhere.
    pub designations: Vec<Designation>,
    /// What else the code system says of the code.
    pub properties: Vec<Property>,
}

/// What a code is called elsewhere.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Designation {
    /// The language (BCP 47).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// What it is called.
    pub value: String,
}

/// What a code system says of a code.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Property {
    /// What it says something of.
    pub code: String,
    /// What it says, as it is written; of a coding, the code.
    pub value: String,
}

/// What is asked of [`Operation::ValidateCode`] and [`Operation::ValidateMember`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ValidateArguments {
    /// The value set's canonical URL. Without it, the code is looked for in the code system.
    #[schemars(length(min = 1, max = 1024))]
    value_set: Option<String>,
    /// The code system's canonical URL. Needed without a value set.
    #[schemars(length(min = 1, max = 1024))]
    system: Option<String>,
    /// The code.
    #[schemars(length(min = 1, max = 256))]
    code: String,
    /// What the code is thought to be called.
    #[schemars(length(min = 1, max = 1024))]
    display: Option<String>,
}

/// Whether a code is one.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ValidateResult {
    /// Whether it is, and is called as was thought.
    pub valid: bool,
    /// The system that it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The code as the system writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

/// What is asked of [`Operation::Expand`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExpandArguments {
    /// The value set's canonical URL.
    #[schemars(length(min = 1, max = 1024))]
    value_set: String,
    /// Words that the codes' displays must hold.
    #[schemars(length(min = 1, max = 256))]
    filter: Option<String>,
    /// How many codes to leave out at the beginning.
    offset: Option<u32>,
    /// How many codes: 100 without, at most 1000.
    #[schemars(range(min = 1, max = 1000))]
    count: Option<u32>,
    /// Whether codes that are no longer used are left out.
    #[serde(default)]
    active_only: bool,
    /// The language of the displays (BCP 47), if the server has it.
    #[schemars(length(min = 1, max = 64))]
    display_language: Option<String>,
}

/// The codes of a value set.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExpandResult {
    /// How many there are in all, if the server says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// How many were left out at the beginning.
    pub offset: u32,
    /// Whether there are more.
    pub truncated: bool,
    /// The codes.
    pub codes: Vec<Coded>,
}

/// A code of a value set.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Coded {
    /// The code system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The code.
    pub code: String,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// Whether it is no longer used.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
    /// Whether it only stands for others, and must not be chosen.
    #[serde(rename = "abstract", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_abstract: bool,
}

/// What is asked of [`Operation::Translate`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TranslateArguments {
    /// The map's canonical URL. Without it, the server chooses.
    #[schemars(length(min = 1, max = 1024))]
    map: Option<String>,
    /// The code system of the code.
    #[schemars(length(min = 1, max = 1024))]
    system: String,
    /// The code.
    #[schemars(length(min = 1, max = 256))]
    code: String,
    /// The code system to translate into.
    #[schemars(length(min = 1, max = 1024))]
    target_system: Option<String>,
    /// Whether the map is read backwards: from its target to its source.
    #[serde(default)]
    reverse: bool,
}

/// What a code is in another system.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TranslateResult {
    /// Whether it is anything there.
    pub matched: bool,
    /// What the maps say, also that there is nothing.
    pub matches: Vec<Translation>,
}

/// What a map says of a code.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Translation {
    /// How the two are related: a code of FHIR's *ConceptMapRelationship* (R5) or *ConceptMapEquivalence* (R4).
    pub relationship: String,
    /// The code system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
    /// The map that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub map: Option<String>,
}

/// What is asked of [`Operation::Subsumes`].
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct SubsumesArguments {
    /// The code system's canonical URL.
    #[schemars(length(min = 1, max = 1024))]
    system: String,
    /// The code that may be the more general one.
    #[schemars(length(min = 1, max = 256))]
    code_a: String,
    /// The other.
    #[schemars(length(min = 1, max = 256))]
    code_b: String,
    /// The code system's version, if not the current one.
    #[schemars(length(min = 1, max = 256))]
    version: Option<String>,
}

/// How two codes are related.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SubsumesResult {
    /// `equivalent`, `subsumes` (A is the more general), `subsumed-by` (B is), `not-subsumed`.
    pub outcome: String,
}

impl TerminologyTools {
    /// Tools of a terminology server.
    pub fn new(operations: impl Operations) -> Self {
        Self { operations: Arc::new(operations) }
    }

    /// What `server/discover` says of them: for [`HealthcareBuilder::terminology`](crate::server::HealthcareBuilder::terminology). Code
    /// systems are listed if there are at most a hundred.
    #[must_use]
    pub fn settings(&self) -> TerminologySettings {
        let offered = self.operations.offered();
        let operations = offered.into_iter().map(|operation| operation.path().to_owned());
        let settings = TerminologySettings::new(operations.collect::<Vec<_>>());
        let systems = self.operations.systems();
        if systems.is_empty() || systems.len() > SYSTEMS {
            return settings;
        }
        settings.with_systems(systems)
    }

    /// The tools.
    #[must_use]
    pub fn tools(&self) -> Vec<ServedTool> {
        let offered = self.operations.offered();
        let offers = |operation: Operation| offered.contains(&operation);
        let mut tools = Vec::new();
        if offers(Operation::Lookup) {
            tools.push(self.lookup());
        }
        if offers(Operation::ValidateCode) || offers(Operation::ValidateMember) {
            tools.push(self.validate());
        }
        if offers(Operation::Expand) {
            tools.push(self.expand());
        }
        if offers(Operation::Translate) {
            tools.push(self.translate());
        }
        if offers(Operation::Subsumes) {
            tools.push(self.subsumes());
        }
        tools
    }

    fn lookup(&self) -> ServedTool {
        let asking = self.clone();
        let handler = move |cx: Cx, Args(asked): Args<LookupArguments>| {
            let asking = asking.clone();
            async move {
                let parameters = Parameters::new()
                    .uri("system", Some(asked.system))
                    .code("code", Some(asked.code))
                    .string("version", asked.version)
                    .code("displayLanguage", asked.display_language);
                asking.answer(&cx, Operation::Lookup, parameters, looked_up).await
            }
        };
        described(
            ServedTool::new("terminology_lookup", handler),
            "Look a code up",
            "Says what a code of a code system means: what it is called, its definition and its properties.",
        )
    }

    fn validate(&self) -> ServedTool {
        let asking = self.clone();
        let handler = move |cx: Cx, Args(asked): Args<ValidateArguments>| {
            let asking = asking.clone();
            async move {
                let parameters = Parameters::new()
                    .code("code", Some(asked.code))
                    .string("display", asked.display);
                let (operation, parameters) = match asked.value_set {
                    Some(value_set) => {
                        let infer = asked.system.is_none()
                            && asking.operations.version() != FhirVersion::R4;
                        let parameters = parameters
                            .uri("url", Some(value_set))
                            .uri("system", asked.system)
                            .flag("inferSystem", infer);
                        (Operation::ValidateMember, parameters)
                    }
                    None if asked.system.is_none() => {
                        return Err(HandlerError::tell("Give a value set or a code system."));
                    }
                    None => (Operation::ValidateCode, parameters.uri("url", asked.system)),
                };
                asking.answer(&cx, operation, parameters, validated).await
            }
        };
        described(
            ServedTool::new("terminology_validate", handler),
            "Check a code",
            "Says whether a code is one of a code system or of a value set, and whether it is called as thought.",
        )
    }

    fn expand(&self) -> ServedTool {
        let asking = self.clone();
        let handler = move |cx: Cx, Args(asked): Args<ExpandArguments>| {
            let asking = asking.clone();
            async move {
                let count = asked.count.unwrap_or(COUNT).clamp(1, MAX_COUNT);
                let offset = asked.offset.unwrap_or(0);
                let parameters = Parameters::new()
                    .uri("url", Some(asked.value_set))
                    .string("filter", asked.filter)
                    .number("offset", offset)
                    .number("count", count)
                    .flag("activeOnly", asked.active_only)
                    .code("displayLanguage", asked.display_language);
                let read = |json: &Json<'_>| expanded(json, offset, count);
                asking.answer(&cx, Operation::Expand, parameters, read).await
            }
        };
        described(
            ServedTool::new("terminology_expand", handler),
            "List the codes of a value set",
            "Lists the codes of a value set, those alone whose displays hold some words, if a filter is given.",
        )
    }

    fn translate(&self) -> ServedTool {
        let asking = self.clone();
        let handler = move |cx: Cx, Args(asked): Args<TranslateArguments>| {
            let asking = asking.clone();
            async move {
                let parameters =
                    Parameters::new().uri("url", asked.map).uri("system", Some(asked.system));
                let parameters = match (asking.operations.version(), asked.reverse) {
                    (FhirVersion::R4, reverse) => parameters
                        .code("code", Some(asked.code))
                        .uri("targetsystem", asked.target_system)
                        .flag("reverse", reverse),
                    (_, false) => parameters
                        .code("sourceCode", Some(asked.code))
                        .uri("targetSystem", asked.target_system),
                    (_, true) => parameters
                        .code("targetCode", Some(asked.code))
                        .uri("targetSystem", asked.target_system),
                };
                asking.answer(&cx, Operation::Translate, parameters, translated).await
            }
        };
        described(
            ServedTool::new("terminology_translate", handler),
            "Translate a code",
            "Says what a code is in another code system, by a concept map.",
        )
    }

    fn subsumes(&self) -> ServedTool {
        let asking = self.clone();
        let handler = move |cx: Cx, Args(asked): Args<SubsumesArguments>| {
            let asking = asking.clone();
            async move {
                let parameters = Parameters::new()
                    .uri("system", Some(asked.system))
                    .code("codeA", Some(asked.code_a))
                    .code("codeB", Some(asked.code_b))
                    .string("version", asked.version);
                asking.answer(&cx, Operation::Subsumes, parameters, related).await
            }
        };
        described(
            ServedTool::new("terminology_subsumes", handler),
            "Compare two codes",
            "Says whether one code is a case of another of the same code system.",
        )
    }

    /// Asks the server, and reads its answer. All that can go wrong has a text of its own that stands in the program.
    async fn answer<T>(
        &self,
        cx: &Cx,
        operation: Operation,
        parameters: Parameters,
        read: impl Fn(&Json<'_>) -> Option<T>,
    ) -> Result<Structured<T>, HandlerError> {
        let told = |error: OperationError| HandlerError::tell(error.text());
        let parameters = parameters.checked().map_err(told)?;
        let text = self.operations.invoke(operation, &parameters).await.map_err(told)?;
        let json = Json::parse(text.as_bytes()).map_err(|_| told(OperationError::Malformed))?;
        let answer = read(&json).ok_or_else(|| told(OperationError::Malformed))?;
        // Who declared the extension learns that this is about nobody.
        if cx.negotiated::<Healthcare>().is_ok() {
            cx.set_result_meta::<LabelKey>(&Label::nothing())?;
        }
        Ok(Structured(answer))
    }
}

fn described(tool: ServedTool, title: &str, description: &str) -> ServedTool {
    let reads = ToolAnnotations::new().with_read_only_hint(true).with_idempotent_hint(true);
    tool.title(title).description(description).annotations(reads)
}

/// The parameters of an operation, of those that were given.
struct Parameters(Vec<Parameter>);

impl Parameters {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn with(mut self, name: &'static str, value: Option<Input>) -> Self {
        self.0.extend(value.map(|value| (name, value)));
        self
    }

    fn uri(self, name: &'static str, value: Option<String>) -> Self {
        self.with(name, value.map(Input::Uri))
    }

    fn code(self, name: &'static str, value: Option<String>) -> Self {
        self.with(name, value.map(Input::Code))
    }

    fn string(self, name: &'static str, value: Option<String>) -> Self {
        self.with(name, value.map(Input::String))
    }

    fn number(self, name: &'static str, value: u32) -> Self {
        self.with(name, Some(Input::Integer(value)))
    }

    fn flag(self, name: &'static str, value: bool) -> Self {
        self.with(name, value.then_some(Input::Boolean(true)))
    }

    /// The parameters, if they have FHIR's form. What the schema bounds is bounded here, too: schemas are checked only with the
    /// core's feature `validation`.
    fn checked(self) -> Result<Vec<Parameter>, OperationError> {
        let fits = |input: &Input| match input {
            Input::Uri(text) => {
                text.len() <= 4096 && text.contains(':') && !text.contains(char::is_whitespace)
            }
            Input::Code(text) => {
                // No white space but single spaces within.
                text.len() <= 1024
                    && text.split(' ').all(|word| {
                        !word.is_empty()
                            && !word.contains(|one: char| one.is_whitespace() || one.is_control())
                    })
            }
            Input::String(text) => {
                (1..=4096).contains(&text.trim().len()) && !text.contains(char::is_control)
            }
            Input::Boolean(_) | Input::Integer(_) => true,
        };
        if self.0.iter().all(|(_, value)| fits(value)) {
            Ok(self.0)
        } else {
            Err(OperationError::Refused)
        }
    }
}

fn parameters<'a, 'b>(json: &'a Json<'b>) -> Option<impl Iterator<Item = &'a Json<'b>> + Clone> {
    let is_one = json.get("resourceType")?.as_str()? == "Parameters";
    let all = json.get("parameter").and_then(Json::as_array).unwrap_or_default();
    is_one.then(|| all.iter().take(MAX_ITEMS))
}

fn named<'a, 'b>(
    all: impl Iterator<Item = &'a Json<'b>> + Clone,
    name: &str,
) -> impl Iterator<Item = &'a Json<'b>>
where
    'b: 'a,
{
    all.filter(move |one| one.get("name").and_then(Json::as_str).as_deref() == Some(name))
}

/// The value of a parameter.
fn value<'a, 'b>(parameter: &'a Json<'b>) -> Option<&'a Json<'b>> {
    let members = parameter.as_object()?;
    members.iter().find(|(name, _)| name.get().starts_with("value")).map(|(_, value)| value)
}

/// A primitive value as text that a model may be shown; `None` if it is too long.
fn shown(value: &Json<'_>) -> Option<String> {
    text_of(value).filter(|text| text.len() <= MAX_TEXT).map(|text| text.into_owned())
}

fn text<'a, 'b: 'a>(all: impl Iterator<Item = &'a Json<'b>> + Clone, name: &str) -> Option<String> {
    named(all, name).next().and_then(value).and_then(shown)
}

fn flag<'a, 'b: 'a>(all: impl Iterator<Item = &'a Json<'b>> + Clone, name: &str) -> Option<bool> {
    match named(all, name).next().and_then(value)? {
        Json::Bool(flag) => Some(*flag),
        _ => None,
    }
}

fn parts<'a, 'b>(parameter: &'a Json<'b>) -> impl Iterator<Item = &'a Json<'b>> + Clone {
    parameter.get("part").and_then(Json::as_array).unwrap_or_default().iter().take(MAX_ITEMS)
}

fn looked_up(json: &Json<'_>) -> Option<LookupResult> {
    let all = parameters(json)?;
    let designations = named(all.clone(), "designation").filter_map(|one| {
        let value = text(parts(one), "value")?;
        Some(Designation { language: text(parts(one), "language"), value })
    });
    let mut properties: Vec<Property> = named(all.clone(), "property")
        .filter_map(|one| {
            let value = text(parts(one), "value").or_else(|| text(parts(one), "valueString"))?;
            Some(Property { code: text(parts(one), "code")?, value })
        })
        .collect();
    let mut definition = text(all.clone(), "definition");
    if definition.is_none()
        && let Some(at) = properties.iter().position(|one| one.code == "definition")
    {
        definition = Some(properties.remove(at).value);
    }
    Some(LookupResult {
        name: text(all.clone(), "name"),
        version: text(all.clone(), "version"),
        display: text(all.clone(), "display")?,
        definition,
        designations: designations.collect(),
        properties,
    })
}

fn validated(json: &Json<'_>) -> Option<ValidateResult> {
    let all = parameters(json)?;
    let valid = flag(all.clone(), "result")?;
    // The server's message is left out: it tends to repeat what was asked.
    Some(ValidateResult {
        valid,
        system: text(all.clone(), "system"),
        code: text(all.clone(), "code"),
        display: text(all, "display"),
    })
}

fn expanded(json: &Json<'_>, offset: u32, count: u32) -> Option<ExpandResult> {
    if json.get("resourceType")?.as_str()? != "ValueSet" {
        return None;
    }
    let expansion = json.get("expansion")?;
    let total = match expansion.get("total") {
        Some(Json::Number(digits)) => Some(digits.parse::<u64>().ok()?),
        _ => None,
    };
    let most = usize::try_from(count).ok()?;
    let mut codes = Vec::new();
    let whole = collect(expansion.get("contains"), most, &mut codes)?;
    let shown = u64::from(offset).saturating_add(u64::try_from(codes.len()).ok()?);
    // Without a total, a full page may be followed by another.
    let more = total.map_or(codes.len() == most, |total| total > shown);
    Some(ExpandResult { total, offset, truncated: !whole || more, codes })
}

/// Adds codes until there are as many as were asked for; false if some were left.
fn collect(contains: Option<&Json<'_>>, most: usize, to: &mut Vec<Coded>) -> Option<bool> {
    let Some(contains) = contains else { return Some(true) };
    for one in contains.as_array()? {
        if to.len() >= most {
            return Some(false);
        }
        let is = |name: &str| one.get(name) == Some(&Json::Bool(true));
        if let Some(code) = one.get("code").and_then(shown) {
            to.push(Coded {
                system: one.get("system").and_then(shown),
                code,
                display: one.get("display").and_then(shown),
                inactive: is("inactive"),
                is_abstract: is("abstract"),
            });
        }
        if !collect(one.get("contains"), most, to)? {
            return Some(false);
        }
    }
    Some(true)
}

fn translated(json: &Json<'_>) -> Option<TranslateResult> {
    let all = parameters(json)?;
    let matches = named(all.clone(), "match").filter_map(|one| {
        let concept = named(parts(one), "concept").next().and_then(value);
        let of_concept = |name: &str| concept.and_then(|concept| concept.get(name)).and_then(shown);
        let relationship =
            text(parts(one), "relationship").or_else(|| text(parts(one), "equivalence"))?;
        Some(Translation {
            relationship,
            system: of_concept("system"),
            code: of_concept("code"),
            display: of_concept("display"),
            map: text(parts(one), "originMap").or_else(|| text(parts(one), "source")),
        })
    });
    Some(TranslateResult { matched: flag(all.clone(), "result")?, matches: matches.collect() })
}

fn related(json: &Json<'_>) -> Option<SubsumesResult> {
    let outcome = text(parameters(json)?, "outcome")?;
    let known = ["equivalent", "subsumes", "subsumed-by", "not-subsumed"];
    known.contains(&outcome.as_str()).then_some(SubsumesResult { outcome })
}
