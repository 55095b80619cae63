//! One pass over a record's JSON, which writes what may stay.

use std::borrow::Cow;

use super::cursor::Cursor;
use super::engine::Engine;
use super::names::Subject;
use super::plan::{Member, Method};
use super::rule::Rule;
use super::values;
use crate::fhir::{FhirReference, Primitive};

/// The record cannot be made safe to read.
pub(super) struct Withheld;

/// What stands where something must be, and was dropped.
pub(super) const MASKED: &str = r#"{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"masked"}]}"#;

/// Where entries of a de-identified Bundle say that they are: nowhere (RFC 2606).
const NOWHERE: &str = "https://deidentified.invalid";

const UCUM: &str = "http://unitsofmeasure.org";

/// Ages above this are told as such: 164.514(b)(2)(i)(C).
pub(super) const OLDEST_AGE: f64 = 89.0;

const OVER_89: &str = r#"{"value":89,"comparator":">","unit":"years","system":"http://unitsofmeasure.org","code":"a"}"#;

/// A pass. What it writes begins where the caller left [`out`](Self::out); whoever gets `false` takes away what was written since.
pub(super) struct Walk<'e> {
    engine: &'e Engine,
    /// The earliest year that may be shown.
    oldest: u32,
    pub(super) out: String,
    /// The type of the resource.
    kind: &'static str,
    /// Where the records of a Bundle's entry are, if not at the operator's.
    base: Option<String>,
    /// The record that contained resources are within.
    container: String,
    is_contained: bool,
    /// Whether the address that is being read is, or may be, of the United States.
    is_us: bool,
    /// Elements of the objects that are open which must be there, and whether they are.
    missed: Vec<(usize, bool)>,
}

impl<'e> Walk<'e> {
    pub(super) fn new(engine: &'e Engine, kind: &'static str, container: &str) -> Self {
        Self {
            engine,
            oldest: engine.oldest_year(),
            out: String::new(),
            kind,
            base: None,
            container: container.to_owned(),
            is_contained: false,
            is_us: false,
            missed: Vec::new(),
        }
    }

    /// A resource with its type.
    pub(super) fn resource(&mut self, at: &mut Cursor<'_>) -> Result<bool, Withheld> {
        if at.peek() != b'{' {
            at.skip();
            return Ok(false);
        }
        let kind = at.find("resourceType").ok_or(Withheld)?;
        let (kind, shape) = self.engine.plan.resource(kind).ok_or(Withheld)?;
        let outer = std::mem::replace(&mut self.kind, kind);
        self.out.push_str("{\"resourceType\":\"");
        self.out.push_str(kind);
        self.out.push('"');
        let done = self.members(at, shape, true);
        self.kind = outer;
        done
    }

    /// A resource that another holds: within it, or as an entry of a collection.
    fn inner(&mut self, at: &mut Cursor<'_>, is_contained: bool) -> Result<bool, Withheld> {
        let was_contained = std::mem::replace(&mut self.is_contained, is_contained);
        let done = if is_contained {
            self.resource(at)
        } else {
            at.peek();
            let (kind, id) = (at.find("resourceType"), at.find("id"));
            let base = self.base.as_deref().map(|base| format!("{base}/")).unwrap_or_default();
            let own = format!("{base}{}/{}", kind.unwrap_or_default(), id.unwrap_or_default());
            let outer = std::mem::replace(&mut self.container, own);
            let done = self.resource(at);
            self.container = outer;
            done
        };
        self.is_contained = was_contained;
        done
    }

    /// The members of an object, and its end. The beginning is there if `content` says so; it also says whether there is anything
    /// in it that counts.
    fn members(
        &mut self,
        at: &mut Cursor<'_>,
        shape: usize,
        mut content: bool,
    ) -> Result<bool, Withheld> {
        if !content {
            self.out.push('{');
        }
        at.take(b'{');
        let first = self.missed.len();
        while let Some(name) = at.name() {
            let name = plain(name);
            let mark = self.out.len();
            if content {
                self.out.push(',');
            }
            let written = self.element(at, shape, &name, true)?;
            if !written {
                self.out.truncate(mark);
            }
            content |= written;
        }
        if content {
            self.say_what_is_missed(shape, first);
        }
        self.missed.truncate(first);
        self.out.push('}');
        Ok(content)
    }

    /// One element of an object, with its name if that is wanted.
    pub(super) fn element(
        &mut self,
        at: &mut Cursor<'_>,
        shape: usize,
        name: &str,
        is_named: bool,
    ) -> Result<bool, Withheld> {
        if name == "modifierExtension" {
            return Err(Withheld);
        }
        let engine = self.engine;
        let sibling = name.strip_prefix('_');
        let Some((number, member)) = engine.plan.member(shape, sibling.unwrap_or(name)) else {
            at.skip();
            return Ok(false);
        };
        let mut written = false;
        if sibling.is_some() {
            if member.rule == Rule::Withhold {
                return Err(Withheld);
            }
            at.skip();
        } else {
            if is_named {
                self.out.push('"');
                self.out.push_str(&member.name);
                self.out.push_str("\":");
            }
            written = self.member(at, member)?;
        }
        if member.is_missed {
            self.missed.push((number, written));
        }
        Ok(written)
    }

    /// Names what must be there, was, and could not stay.
    fn say_what_is_missed(&mut self, shape: usize, first: usize) {
        for (name, masked) in self.take_missed(shape, first) {
            self.out.push_str(",\"");
            self.out.push_str(&name);
            self.out.push_str("\":");
            self.out.push_str(masked);
        }
    }

    /// The names of what must be there, was, and could not stay, and what stands in its place.
    pub(super) fn take_missed(
        &mut self,
        shape: usize,
        first: usize,
    ) -> Vec<(String, &'static str)> {
        /// The same in an array.
        const REPEATED: &str = concat!(
            r#"[{"extension":[{"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","#,
            r#""valueCode":"masked"}]}]"#
        );
        let mut missed = self.missed.split_off(first.min(self.missed.len()));
        // What was written comes first.
        missed.sort_unstable_by_key(|(number, written)| (*number, !written));
        missed.dedup_by_key(|(number, _)| *number);
        let members = self.engine.plan.members(shape);
        let missed = missed.into_iter().filter(|(_, written)| !written);
        let members = missed.filter_map(|(number, _)| members.get(number));
        let named = members.map(|member| {
            let name =
                if member.is_primitive { format!("_{}", member.name) } else { member.name.clone() };
            (name, if member.is_repeated { REPEATED } else { MASKED })
        });
        named.collect()
    }

    /// The value, or values, of an element.
    fn member(&mut self, at: &mut Cursor<'_>, member: &Member) -> Result<bool, Withheld> {
        match member.rule {
            Rule::Withhold => return Err(Withheld),
            Rule::Drop => {
                at.skip();
                return Ok(false);
            }
            _ => {}
        }
        if (at.peek() == b'[') != member.is_repeated {
            at.skip();
            return Ok(false);
        }
        if !member.is_repeated {
            return self.value(at, member);
        }
        self.each(at, |walk, at| walk.value(at, member))
    }

    /// The values of an array that stay.
    fn each<'a>(
        &mut self,
        at: &mut Cursor<'a>,
        mut value: impl FnMut(&mut Self, &mut Cursor<'a>) -> Result<bool, Withheld>,
    ) -> Result<bool, Withheld> {
        if !at.take(b'[') {
            at.skip();
            return Ok(false);
        }
        self.out.push('[');
        let mut any = false;
        while at.item() {
            let mark = self.out.len();
            if any {
                self.out.push(',');
            }
            let written = value(self, at)?;
            if !written {
                self.out.truncate(mark);
            }
            any |= written;
        }
        self.out.push(']');
        Ok(any)
    }

    fn value(&mut self, at: &mut Cursor<'_>, member: &Member) -> Result<bool, Withheld> {
        if member.is_primitive {
            return Ok(self.primitive(at, member));
        }
        if at.peek() != b'{' {
            at.skip();
            return Ok(false);
        }
        match member.rule {
            Rule::Walk => self.members(at, member.shape, false),
            Rule::Coding => self.coding(at),
            Rule::Quantity => self.quantity(at, false),
            Rule::Age => self.quantity(at, true),
            Rule::Reference => self.reference(at),
            Rule::Extension => self.extension(at, None),
            Rule::Resource => self.inner(at, member.name == "contained"),
            Rule::Address | Rule::LimitedAddress => {
                let country = at.find("country").map(plain);
                self.is_us =
                    country.is_none_or(|country| self.engine.table.us.contains(country.as_ref()));
                self.members(at, member.shape, false)
            }
            Rule::Entry => {
                let url = at.find("fullUrl").map(plain);
                let base = match url.as_deref().map(FhirReference::parse) {
                    Some(FhirReference::Resource { base, .. }) => base,
                    _ => None,
                };
                let base = base.filter(|base| !self.engine.names.is_own(base)).map(str::to_owned);
                let outer = std::mem::replace(&mut self.base, base);
                let done = self.members(at, member.shape, false);
                self.base = outer;
                done
            }
            _ => {
                at.skip();
                Ok(false)
            }
        }
    }

    fn primitive(&mut self, at: &mut Cursor<'_>, member: &Member) -> bool {
        if member.rule == Rule::Keep {
            // FHIR's JSON has numbers of 64 bits in quotation marks.
            if member.primitive == Some(Primitive::Integer64) {
                let digits = at.any_string().filter(|text| values::digits(text, 1..=18));
                let Some(digits) = digits else { return false };
                self.quoted(digits);
                return true;
            }
            let Some(value) = at.scalar() else { return false };
            let is_boolean = matches!(value, "true" | "false");
            let is_number = value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            let fits =
                if member.primitive == Some(Primitive::Boolean) { is_boolean } else { is_number };
            if fits {
                self.out.push_str(value);
            }
            return fits;
        }
        let Some(text) = at.any_string() else { return false };
        let text = plain(text);
        let Some(kept) = self.text(member, &text) else { return false };
        self.quoted(&kept);
        true
    }

    /// A text that has nothing to be escaped.
    fn quoted(&mut self, text: &str) {
        self.out.push('"');
        self.out.push_str(text);
        self.out.push('"');
    }

    /// What stays of a text. It has nothing that would have to be escaped in JSON.
    fn text<'a>(&self, member: &Member, text: &'a str) -> Option<Cow<'a, str>> {
        let (engine, table) = (self.engine, self.engine.table);
        let kept = |fits: bool| fits.then_some(Cow::Borrowed(text));
        let is_limited = engine.names.method == Method::Limited;
        match member.rule {
            Rule::Year => {
                let year = values::year(text)?;
                (year.parse::<u32>().ok()? >= self.oldest).then_some(Cow::Borrowed(year))
            }
            Rule::Date => kept(values::is_date_time(text)),
            Rule::Time => kept(values::is_time(text)),
            Rule::Listed => kept(member.codes.binary_search(&text).is_ok()),
            Rule::Language => kept(values::is_language(text)),
            Rule::Currency => kept(values::is_currency(text)),
            Rule::City => kept(values::is_city(text)),
            Rule::State if is_limited => kept(values::is_city(text)),
            Rule::State => kept(self.is_us && table.states.contains(text)),
            Rule::Country if is_limited => kept(values::is_city(text)),
            Rule::Country => kept(table.us.contains(text) || values::is_country(text)),
            Rule::Zip3 if self.is_us => {
                let three = values::zip(text)?.get(..3)?;
                Some(Cow::Borrowed(if engine.is_restricted(three) { "000" } else { three }))
            }
            Rule::Zip => kept(values::is_postal_code(text)),
            Rule::Series => kept(values::is_series(text)),
            Rule::Pseudonym => Some(engine.names.id(self.subject(text)).into()),
            Rule::Key => Some(engine.names.id(Subject::Key(text)).into()),
            Rule::Canonical => self.canonical(text),
            Rule::Published => kept(engine.is_published(text)),
            Rule::FullUrl => match FhirReference::parse(text) {
                FhirReference::Urn(urn) => Some(engine.names.urn(Subject::Urn(urn)).into()),
                FhirReference::Resource { .. } => {
                    Some(format!("{NOWHERE}/{}", self.literal(text)?).into())
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// What an id of the resource that is being read stands for.
    fn subject<'a>(&'a self, id: &'a str) -> Subject<'a> {
        if self.is_contained {
            return Subject::Contained { container: &self.container, id };
        }
        Subject::Record { base: self.base.as_deref(), resource_type: self.kind, id }
    }

    /// A literal reference by pseudonyms, in the form in which it was: relative, within, or `urn:uuid:`. A version says nothing of
    /// a record that is another now.
    fn literal(&self, text: &str) -> Option<String> {
        let names = &self.engine.names;
        match FhirReference::parse(text) {
            FhirReference::Resource { base, resource_type, id, .. } => {
                let (resource_type, _) = self.engine.plan.resource(resource_type)?;
                let base = base.or(self.base.as_deref());
                let id = names.id(Subject::Record { base, resource_type, id });
                Some(format!("{resource_type}/{id}"))
            }
            FhirReference::Contained("") => Some("#".to_owned()),
            FhirReference::Contained(id) => {
                let subject = Subject::Contained { container: &self.container, id };
                Some(format!("#{}", names.id(subject)))
            }
            FhirReference::Urn(urn) => Some(names.urn(Subject::Urn(urn))),
            FhirReference::Other => None,
        }
    }

    fn canonical<'a>(&self, text: &'a str) -> Option<Cow<'a, str>> {
        let (url, _version) = text.split_once('|').unwrap_or((text, ""));
        if url.is_empty() {
            return None;
        }
        if self.engine.is_published(url) {
            return Some(Cow::Borrowed(url));
        }
        let found = self.literal(url);
        let pseudonym = || self.engine.names.urn(Subject::Canonical(url));
        Some(found.unwrap_or_else(pseudonym).into())
    }

    /// A code of a published system, in its form. The display is text that anybody may have written; what the code means, a
    /// terminology tells ([`Displays`](super::Displays)).
    fn coding(&mut self, at: &mut Cursor<'_>) -> Result<bool, Withheld> {
        let (mut system, mut code, mut chosen) = (None, None, None);
        at.take(b'{');
        while let Some(name) = at.name() {
            match &*plain(name) {
                "system" => system = at.any_string().map(plain),
                "code" => code = at.any_string().map(plain),
                "userSelected" => chosen = at.scalar(),
                "modifierExtension" => return Err(Withheld),
                _ => at.skip(),
            }
        }
        let (Some(system), Some(code)) = (system, code) else { return Ok(false) };
        if !self.engine.is_known_code(&system, &code) {
            return Ok(false);
        }
        self.system_and_code("{", &system, &code);
        if let Some(display) = self.engine.display(&system, &code) {
            self.out.push_str(",\"display\":");
            self.out.push_str(&serde_json::Value::from(display).to_string());
        }
        if let Some(chosen @ ("true" | "false")) = chosen {
            self.out.push_str(",\"userSelected\":");
            self.out.push_str(chosen);
        }
        self.out.push('}');
        Ok(true)
    }

    /// Neither needs escapes: the forms that systems and codes have leave no room for them.
    fn system_and_code(&mut self, before: &str, system: &str, code: &str) {
        self.out.push_str(before);
        self.out.push_str("\"system\":\"");
        self.out.push_str(system);
        self.out.push_str("\",\"code\":\"");
        self.out.push_str(code);
        self.out.push('"');
    }

    /// A number with its unit. One whose unit cannot stay is dropped: it would be read as one of another unit.
    fn quantity(&mut self, at: &mut Cursor<'_>, is_age: bool) -> Result<bool, Withheld> {
        let engine = self.engine;
        let (mut value, mut comparator, mut unit, mut system, mut code) =
            (None, None, None, None, None);
        at.take(b'{');
        while let Some(name) = at.name() {
            match &*plain(name) {
                "value" => value = at.scalar(),
                "comparator" => comparator = Some(at.any_string().unwrap_or_default()),
                "unit" => unit = Some(at.any_string().map(plain).unwrap_or_default()),
                "system" => system = at.any_string().map(plain),
                "code" => code = Some(at.any_string().map(plain).unwrap_or_default()),
                "modifierExtension" => return Err(Withheld),
                _ => at.skip(),
            }
        }
        let is_number = |value: &&str| value.starts_with(|c: char| c.is_ascii_digit() || c == '-');
        let Some(value) = value.filter(is_number) else { return Ok(false) };
        if !matches!(comparator, None | Some("<" | "<=" | ">=" | ">" | "ad")) {
            return Ok(false);
        }
        let has_unit = unit.is_some() || code.is_some();
        let unit = unit.filter(|unit| engine.is_known_unit(unit));
        let code = code.zip(system).filter(|(code, system)| engine.is_known_code(system, code));
        if has_unit && unit.is_none() && code.is_none() {
            return Ok(false);
        }
        if engine.names.method == Method::SafeHarbor {
            let by_unit = unit.as_deref().map(|unit| engine.ucum_of(unit));
            let by_code =
                code.as_ref().filter(|(_, system)| system == UCUM).map(|(code, _)| code.as_ref());
            let ages = [by_unit, by_code].into_iter().flatten().filter_map(values::per_year);
            let bare = (is_age && by_code.is_none() && by_unit.is_none()).then_some(1.0);
            let number = value.parse::<f64>().unwrap_or(f64::INFINITY);
            if ages.chain(bare).any(|per_year| number / per_year > OLDEST_AGE) {
                let is_above = !matches!(comparator, Some("<" | "<="));
                if is_above {
                    self.out.push_str(OVER_89);
                }
                return Ok(is_above);
            }
        }
        self.out.push_str("{\"value\":");
        self.out.push_str(value);
        for (name, text) in [("comparator", comparator), ("unit", unit.as_deref())] {
            if let Some(text) = text {
                self.out.push_str(",\"");
                self.out.push_str(name);
                self.out.push_str("\":\"");
                self.out.push_str(text);
                self.out.push('"');
            }
        }
        if let Some((code, system)) = code {
            self.system_and_code(",", &system, &code);
        }
        self.out.push('}');
        Ok(true)
    }

    /// A reference. One by an identifier alone is none any more: an identifier is what must not stay, in any form.
    fn reference(&mut self, at: &mut Cursor<'_>) -> Result<bool, Withheld> {
        let (mut literal, mut kind) = (None, None);
        at.take(b'{');
        while let Some(name) = at.name() {
            match &*plain(name) {
                "reference" => literal = at.any_string().map(plain),
                "type" => kind = at.any_string(),
                "modifierExtension" => return Err(Withheld),
                _ => at.skip(),
            }
        }
        let Some(literal) = literal.and_then(|literal| self.literal(&literal)) else {
            return Ok(false);
        };
        self.out.push_str("{\"reference\":\"");
        self.out.push_str(&literal);
        self.out.push('"');
        if let Some((kind, _)) = kind.and_then(|kind| self.engine.plan.resource(kind)) {
            self.out.push_str(",\"type\":\"");
            self.out.push_str(kind);
            self.out.push('"');
        }
        self.out.push('}');
        Ok(true)
    }

    /// An extension that is on the list, or within one that is.
    fn extension(
        &mut self,
        at: &mut Cursor<'_>,
        within: Option<&'static [&'static str]>,
    ) -> Result<bool, Withheld> {
        let table = self.engine.table;
        let url = at.find("url").map(plain);
        let known = url.as_deref().and_then(|url| match within {
            None => table.extensions.get_key_value(url).map(|(url, known)| (*url, Some(known))),
            Some(within) => within.iter().find(|own| **own == url).map(|url| (*url, None)),
        });
        let Some((url, known)) = known else {
            at.skip();
            return Ok(false);
        };
        self.out.push_str("{\"url\":\"");
        self.out.push_str(url);
        self.out.push('"');
        let mut any = false;
        let first = self.missed.len();
        at.take(b'{');
        while let Some(name) = at.name() {
            let mark = self.out.len();
            self.out.push(',');
            let written = match (&*plain(name), known) {
                ("valueCode", Some(known)) if !known.values => {
                    let code = at.any_string().unwrap_or_default();
                    self.out.push_str("\"valueCode\":\"");
                    self.out.push_str(code);
                    self.out.push('"');
                    known.codes.contains(&code)
                }
                ("extension", Some(known)) if !known.within.is_empty() => {
                    self.out.push_str("\"extension\":");
                    self.each(at, |walk, at| walk.extension(at, Some(&known.within)))?
                }
                ("modifierExtension", _) => return Err(Withheld),
                (name, known)
                    if name.starts_with("value") && known.is_none_or(|known| known.values) =>
                {
                    self.element(at, self.engine.plan.extension, name, true)?
                }
                _ => {
                    at.skip();
                    false
                }
            };
            if !written {
                self.out.truncate(mark);
            }
            any |= written;
        }
        self.missed.truncate(first);
        self.out.push('}');
        Ok(any)
    }
}

/// A string with escapes resolved.
pub(super) fn plain(written: &str) -> Cow<'_, str> {
    if !written.contains('\\') {
        return Cow::Borrowed(written);
    }
    // What was checked before has only escapes that mean something.
    serde_json::from_str(&format!("\"{written}\"")).map_or(Cow::Borrowed(""), Cow::Owned)
}
