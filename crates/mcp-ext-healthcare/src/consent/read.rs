//! From a Consent resource to rules.
//!
//! Source: FHIR R4 (4.0.1) and R5 (5.0.0), *Consent*. The two differ in how a base rule and its exceptions are written:
//!
//! - R4: the base is `policyRule`; the root of `provision` may repeat or change it, and every provision within has a `type`.
//! - R5: the base is `decision`; each provision is an exception to what it stands in.
//!
//! R4's root provision without a type is read in both ways in which people write it (as an exception to the base, and as what the base is
//! limited to), and counts where either of them denies.

use std::collections::BTreeMap;

use super::condition::{ACT_REASON, Actor, Code, Concept, Condition, Datum, Meaning};
use super::rule::{Effect, Rule};
use super::shape::{Unread, check};
use super::subject::period;
use crate::fhir::{Definitions, FhirReference, FhirVersion, Json};
use crate::protocol::{Reference, purposes};

const ACT_CODE: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const SCOPE: &str = "http://terminology.hl7.org/CodeSystem/consentscope";
const CATEGORY: &str = "http://terminology.hl7.org/CodeSystem/consentcategorycodes";
const LOINC: &str = "http://loinc.org";

/// What a Consent was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Reading {
    /// It has rules that are followed.
    Understood,
    /// It denies everything it could concern, for this reason.
    Unread(Unread),
    /// It is not in force: a draft, withdrawn, or entered in error.
    Inactive,
    /// It is about something else than who may see what: a treatment, an advance directive.
    OtherMatter,
    /// It is another patient's.
    OtherPatient,
}

/// What policies mean, by their address, or by system and code with `|` between them.
pub(super) type Policies = BTreeMap<String, Effect>;

/// What policies mean that HL7 has codes for.
pub(super) fn known_policies() -> Policies {
    let known = |code: &str, effect| (format!("{ACT_CODE}|{code}"), effect);
    // The base of an opt-out with exceptions is the opt-out.
    [known("OPTIN", Effect::Permit), known("OPTOUT", Effect::Deny), known("OPTOUTE", Effect::Deny)]
        .into()
}

/// How to read.
pub(super) struct Reader<'a> {
    pub(super) version: FhirVersion,
    pub(super) definitions: &'a Definitions,
    pub(super) policies: &'a Policies,
    pub(super) patient: &'a Reference,
}

/// What a Consent says.
pub(super) fn read(reader: &Reader<'_>, text: &str) -> (Reading, Vec<Rule>) {
    match reader.rules(text) {
        Ok(Ok(rules)) => (Reading::Understood, rules),
        Ok(Err(reading)) => (reading, Vec::new()),
        Err(why) => (Reading::Unread(why), vec![Rule::new(Effect::Deny)]),
    }
}

/// What scope and category leave of a Consent.
enum Matter {
    /// Who may see what.
    Privacy,
    /// The same, for research alone.
    Research,
    /// Something else.
    Other,
}

impl Reader<'_> {
    fn rules(&self, text: &str) -> Result<Result<Vec<Rule>, Reading>, Unread> {
        let json = Json::parse(text.as_bytes()).map_err(|_| Unread::NoConsent)?;
        let kind = json.get("resourceType").and_then(Json::as_str);
        let shape = self.definitions.resource("Consent").ok_or(Unread::NoConsent)?;
        if kind.as_deref() != Some("Consent") {
            return Err(Unread::NoConsent);
        }
        // Both can say that it does not mean what it says, of its status too.
        for name in ["modifierExtension", "implicitRules", "_implicitRules"] {
            if json.get(name).is_some() {
                return Err(Unread::Modified);
            }
        }
        let codes = self.definitions.codes("consent-state-codes").unwrap_or_default();
        let status = json.get("status").and_then(Json::as_str).ok_or(Unread::UnknownStatus)?;
        match &*status {
            "active" => {}
            "unknown" => return Err(Unread::UnknownStatus),
            other if codes.contains(&other) => return Ok(Err(Reading::Inactive)),
            _ => return Err(Unread::UnknownStatus),
        }
        check(self.definitions, shape, &json)?;
        let whose = if self.version == FhirVersion::R4 { "patient" } else { "subject" };
        match local(json.get(whose).ok_or(Unread::UnknownPatient)?) {
            Some(whose) if whose == *self.patient => {}
            // A group, or somebody who is not a patient, could include this one.
            Some(other) if other.resource_type() == "Patient" => {
                return Ok(Err(Reading::OtherPatient));
            }
            _ => return Err(Unread::UnknownPatient),
        }
        let research = match self.matter(&json)? {
            Matter::Privacy => None,
            Matter::Research => {
                let code = Code { system: ACT_REASON.into(), code: purposes::HRESCH.into() };
                Some(Condition::Purposes(vec![code]))
            }
            Matter::Other => return Ok(Err(Reading::OtherMatter)),
        };
        let mut rules = match self.version {
            FhirVersion::R4 => self.r4(&json)?,
            FhirVersion::R5 => self.r5(&json)?,
        };
        for rule in &mut rules {
            rule.conditions.extend(research.clone());
        }
        Ok(Ok(rules))
    }

    fn matter(&self, json: &Json<'_>) -> Result<Matter, Unread> {
        let mut research = false;
        if self.version == FhirVersion::R4 {
            match code_of(json.get("scope"), SCOPE)?.as_str() {
                "patient-privacy" => {}
                "research" => research = true,
                "adr" | "treatment" => return Ok(Matter::Other),
                _ => return Err(Unread::UnknownScope),
            }
        }
        let mut others = 0;
        let categories = items(json, "category");
        for category in categories {
            let known = concept(category).into_iter().find_map(|code| {
                Some(match (code.system.as_str(), code.code.as_str()) {
                    (LOINC, "59284-0" | "57016-8" | "57017-6" | "64292-6") => Matter::Privacy,
                    (ACT_CODE, "INFA" | "INFAO" | "INFASO" | "IDSCL") => Matter::Privacy,
                    (CATEGORY, "npp") => Matter::Privacy,
                    (ACT_CODE, "RESEARCH" | "RSDID" | "RSREID") => Matter::Research,
                    (CATEGORY, "research" | "rsdid" | "rsreid") => Matter::Research,
                    (CATEGORY, "acd" | "dnr" | "hcd" | "polst") => Matter::Other,
                    _ => return None,
                })
            });
            match known {
                Some(Matter::Privacy) => {}
                Some(Matter::Research) => research |= self.version != FhirVersion::R4,
                Some(Matter::Other) => others += 1,
                // It could be a rule: "only in emergencies" is a category.
                None => return Err(Unread::UnknownScope),
            }
        }
        if self.version != FhirVersion::R4 && others > 0 && others == categories.len() {
            return Ok(Matter::Other);
        }
        // What is for research and for something else is for both.
        let research = research && (self.version == FhirVersion::R4 || categories.len() == 1);
        Ok(if research { Matter::Research } else { Matter::Privacy })
    }

    fn r4(&self, json: &Json<'_>) -> Result<Vec<Rule>, Unread> {
        let mut bases = Vec::new();
        if let Some(rule) = json.get("policyRule") {
            bases.push(self.policy_of(&concept(rule))?);
        }
        for policy in items(json, "policy") {
            if let Some(uri) = policy.get("uri").and_then(Json::as_str) {
                bases.push(*self.policies.get(&*uri).ok_or(Unread::UnknownPolicy)?);
            }
        }
        let base = bases.into_iter().max();
        let Some(root) = json.get("provision") else {
            return base.map(|base| vec![Rule::new(base)]).ok_or(Unread::NoRule);
        };
        let effect = root.get("type").and_then(Json::as_str).and_then(|text| effect(&text));
        let conditions = self.conditions(root)?;
        let exceptions = items(root, "provision")
            .iter()
            .map(|provision| self.r4_within(provision))
            .collect::<Result<Vec<_>, _>>()?;
        let is_bare = conditions.is_empty();
        let rule = |effect| Rule { effect, conditions, exceptions };
        let rules = match (base, effect) {
            (None, None) => return Err(Unread::NoRule),
            (None, Some(effect)) => vec![rule(effect)],
            // It says to whom and for what the patient opts in; the base alone would say more.
            (Some(Effect::Permit), Some(Effect::Permit)) => vec![rule(Effect::Permit)],
            (Some(base), Some(effect)) => {
                let mut whole = Rule::new(base);
                whole.exceptions.push(rule(effect));
                vec![whole]
            }
            (Some(base), None) if is_bare => vec![rule(base)],
            (Some(Effect::Permit), None) => vec![rule(Effect::Deny)],
            // What it would permit as an exception, it does not say in so many words; what stands within does.
            (Some(Effect::Deny), None) => {
                let mut whole = Rule::new(Effect::Deny);
                let Rule { conditions, exceptions, .. } = rule(Effect::Deny);
                whole.exceptions = exceptions;
                for exception in &mut whole.exceptions {
                    exception.conditions.extend(conditions.iter().cloned());
                }
                vec![whole]
            }
        };
        Ok(rules)
    }

    fn r4_within(&self, json: &Json<'_>) -> Result<Rule, Unread> {
        let effect = json.get("type").and_then(Json::as_str).and_then(|text| effect(&text));
        Ok(Rule {
            effect: effect.ok_or(Unread::NoRule)?,
            conditions: self.conditions(json)?,
            exceptions: items(json, "provision")
                .iter()
                .map(|provision| self.r4_within(provision))
                .collect::<Result<_, _>>()?,
        })
    }

    fn policy_of(&self, concept: &Concept) -> Result<Effect, Unread> {
        let known = concept
            .iter()
            .find_map(|code| self.policies.get(&format!("{}|{}", code.system, code.code)).copied());
        known.ok_or(Unread::UnknownPolicy)
    }

    fn r5(&self, json: &Json<'_>) -> Result<Vec<Rule>, Unread> {
        let decision = json.get("decision").and_then(Json::as_str);
        let base = decision.and_then(|text| effect(&text)).ok_or(Unread::NoRule)?;
        if let Some(basis) = json.get("policyBasis") {
            let url = basis.get("url").and_then(Json::as_str).ok_or(Unread::UnknownPolicy)?;
            let means = self.policies.get(&*url).ok_or(Unread::UnknownPolicy)?;
            // What the two disagree about, nobody can tell.
            if *means != base || basis.get("reference").is_some() {
                return Err(Unread::UnknownPolicy);
            }
        }
        let mut rule = Rule::new(base);
        if let Some(in_force) = json.get("period") {
            rule.conditions.push(Condition::Period(period(in_force).ok_or(Unread::Malformed)?));
        }
        // Whoever is to follow it: a permission is theirs, a denial is everybody's.
        if base == Effect::Permit && json.get("grantee").is_some() {
            let grantees = items(json, "grantee");
            let actors = grantees.iter().map(|who| Actor { role: None, who: local(who) });
            rule.conditions.push(Condition::Actors(actors.collect()));
        }
        for provision in items(json, "provision") {
            rule.exceptions.extend(self.r5_within(provision, base.opposite())?);
        }
        Ok(vec![rule])
    }

    /// An exception; `None` if it would permit everything.
    fn r5_within(&self, json: &Json<'_>, effect: Effect) -> Result<Option<Rule>, Unread> {
        if json.get("expression").is_some() {
            return Err(Unread::Expression);
        }
        let mut rule = Rule { effect, conditions: self.conditions(json)?, exceptions: Vec::new() };
        for provision in items(json, "provision") {
            rule.exceptions.extend(self.r5_within(provision, effect.opposite())?);
        }
        // An exception to all of a denial is no exception.
        Ok((effect == Effect::Deny || !rule.conditions.is_empty()).then_some(rule))
    }

    /// What a provision is limited to. Every element that limits one is read here; the shape was checked before.
    fn conditions(&self, json: &Json<'_>) -> Result<Vec<Condition>, Unread> {
        let mut conditions = Vec::new();
        if let Some(when) = json.get("period") {
            conditions.push(Condition::Period(period(when).ok_or(Unread::Malformed)?));
        }
        if let Some(when) = json.get("dataPeriod") {
            conditions.push(Condition::DataPeriod(period(when).ok_or(Unread::Malformed)?));
        }
        let actors = items(json, "actor");
        if !actors.is_empty() {
            let actor = |actor: &Json<'_>| Actor {
                role: actor.get("role").map(concept),
                who: actor.get("reference").and_then(local),
            };
            conditions.push(Condition::Actors(actors.iter().map(actor).collect()));
        }
        let concepts = |name| items(json, name).iter().map(concept).collect::<Vec<_>>();
        let codes = |name| items(json, name).iter().map(coding).collect::<Vec<_>>();
        let classes: Vec<_> =
            ["class", "documentType", "resourceType"].into_iter().flat_map(codes).collect();
        let some = |empty: bool, condition: Condition| (!empty).then_some(condition);
        let (actions, topics) = (concepts("action"), concepts("code"));
        let (labels, purposes) = (codes("securityLabel"), codes("purpose"));
        conditions.extend(some(actions.is_empty(), Condition::Actions(actions)));
        conditions.extend(some(topics.is_empty(), Condition::Codes(topics)));
        conditions.extend(some(labels.is_empty(), Condition::Labels(labels)));
        conditions.extend(some(purposes.is_empty(), Condition::Purposes(purposes)));
        conditions.extend(some(classes.is_empty(), Condition::Classes(classes)));
        let data = items(json, "data");
        if !data.is_empty() {
            conditions.push(Condition::Data(data.iter().map(datum).collect()));
        }
        Ok(conditions)
    }
}

/// The values of a repeated element.
fn items<'j, 'a>(json: &'j Json<'a>, name: &str) -> &'j [Json<'a>] {
    json.get(name).and_then(Json::as_array).unwrap_or_default()
}

fn effect(text: &str) -> Option<Effect> {
    match text {
        "permit" => Some(Effect::Permit),
        "deny" => Some(Effect::Deny),
        _ => None,
    }
}

fn coding(json: &Json<'_>) -> Code {
    let text = |name: &str| json.get(name).and_then(Json::as_str).unwrap_or_default().into_owned();
    Code { system: text("system"), code: text("code") }
}

fn concept(json: &Json<'_>) -> Concept {
    items(json, "coding").iter().map(coding).collect()
}

/// The code of a concept in a system; all the codings that it has there say the same.
fn code_of(json: Option<&Json<'_>>, system: &str) -> Result<String, Unread> {
    let concept = json.map(concept).unwrap_or_default();
    let mut codes = concept.into_iter().filter(|code| code.system == system);
    let first = codes.next().ok_or(Unread::UnknownScope)?;
    if codes.any(|code| code != first) { Err(Unread::UnknownScope) } else { Ok(first.code) }
}

/// A resource of this server that a reference is to.
fn local(json: &Json<'_>) -> Option<Reference> {
    let text = json.get("reference").and_then(Json::as_str)?;
    match FhirReference::parse(&text) {
        FhirReference::Resource { base: None, resource_type, id, .. } => {
            Reference::new(resource_type, id).ok()
        }
        _ => None,
    }
}

fn datum(json: &Json<'_>) -> Datum {
    let meaning = match json.get("meaning").and_then(Json::as_str).as_deref() {
        Some("instance") => Meaning::Instance,
        Some("dependents") => Meaning::Dependents,
        Some("related") => Meaning::Unseen { includes_itself: true },
        _ => Meaning::Unseen { includes_itself: false },
    };
    Datum { meaning, reference: json.get("reference").and_then(local) }
}
