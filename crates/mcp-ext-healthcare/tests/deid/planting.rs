//! Plants identifiers in every position of a resource that can hold one, by HL7's definitions alone: the table that is tested
//! says nothing of where.

use mcp_ext_healthcare::fhir::{Content, Definitions, Element, Json, Primitive, Shape, Text};

/// What every planted value has one of, in lower case. Nothing in the examples has them.
pub(crate) const MARKS: [&str; 6] = [
    "zbigniew",
    "48151623",
    // The same in base64.
    "wmjpz25pzxc",
    // Of dates and times.
    "1987-06",
    "11:22",
    ":44:55",
];

/// What is left of planted values.
pub(crate) fn left(text: &str) -> Vec<&'static str> {
    let text = text.to_ascii_lowercase();
    MARKS.into_iter().filter(|mark| text.contains(mark)).collect()
}

/// A value of a datatype that identifies somebody; `None` for numbers and booleans.
pub(crate) fn planted(primitive: Primitive) -> Option<&'static str> {
    Some(match primitive {
        Primitive::Base64Binary => "WmJpZ25pZXc=",
        Primitive::Canonical | Primitive::Uri | Primitive::Url => {
            "https://hospital.example/zbigniew?ssn=48151623"
        }
        Primitive::Code => "48151623",
        Primitive::Date => "1987-06-05",
        Primitive::DateTime => "1987-06-05T11:22:33+01:00",
        Primitive::Instant => "1987-06-05T11:22:33.123Z",
        Primitive::Id => "zbigniew-48151623",
        Primitive::Markdown => "**Zbigniew** <zbigniew@home.example>",
        Primitive::Oid => "urn:oid:1.2.48151623",
        Primitive::String => "Zbigniew, \"48151623\"",
        Primitive::Time => "11:44:55",
        Primitive::Uuid => "urn:uuid:48151623-0000-4000-8000-000000000000",
        Primitive::Xhtml => "<div xmlns=\"http://www.w3.org/1999/xhtml\">Zbigniew</div>",
        _ => return None,
    })
}

/// Extensions with planted values in all their places: unknown ones, known ones with what they do not have, nested ones.
fn extensions() -> Json<'static> {
    let text = r#"[
        {"url":"https://hospital.example/zbigniew","valueString":"Zbigniew"},
        {"url":"https://hospital.example/x","extension":[{"url":"zbigniew","valueDate":"1987-06-05"}]},
        {"id":"zbigniew","url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueCode":"48151623"},
        {"url":"http://hl7.org/fhir/StructureDefinition/data-absent-reason","valueString":"Zbigniew"},
        {"url":"http://hl7.org/fhir/us/core/StructureDefinition/us-core-race","extension":[
            {"url":"text","valueString":"Zbigniew"},
            {"url":"ombCategory","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"2106-3","display":"Zbigniew"}},
            {"url":"detailed","valueCoding":{"system":"urn:oid:2.16.840.1.113883.6.238","code":"48151623"}},
            {"url":"zbigniew","valueCode":"48151623"}]},
        {"valueString":"Zbigniew"},
        "Zbigniew", null, 48151623
    ]"#;
    Json::parse(text.as_bytes()).unwrap()
}

/// What a program that does not know FHIR could hang on anything.
fn strange() -> [(&'static str, Json<'static>); 3] {
    [
        ("zbigniew", Json::text("Zbigniew")),
        ("_zbigniew", Json::Array(vec![Json::text("Zbigniew")])),
        ("x-48151623", extensions()),
    ]
}

/// Plants in a resource: in all strings, dates, identifiers and codes that it has, beside each value without elements, and in
/// each of its objects an extension and an element that nobody knows. [`whole`] has what it does not have.
pub(crate) fn resource(definitions: &Definitions, json: &mut Json<'_>) {
    let extensions = extensions();
    let kinds = extensions.as_array().unwrap();
    Planting { definitions, kinds, strange: strange(), count: 0 }.resource(json);
}

struct Planting<'a> {
    definitions: &'a Definitions,
    /// Extensions, each in its turn: all of them everywhere would be a hundred times the example.
    kinds: &'a [Json<'static>],
    strange: [(&'static str, Json<'static>); 3],
    count: usize,
}

impl Planting<'_> {
    fn resource(&mut self, json: &mut Json<'_>) {
        let kind = json.get("resourceType").and_then(Json::as_str).unwrap_or_default();
        if let Some(shape) = self.definitions.resource(&kind) {
            self.members(shape, json);
        }
    }

    fn extension(&mut self) -> Json<'static> {
        self.count += 1;
        Json::Array(vec![self.kinds[self.count % self.kinds.len()].clone()])
    }

    fn members(&mut self, shape: Shape, json: &mut Json<'_>) {
        let Json::Object(members) = json else { return };
        members.retain(|(name, _)| !name.get().starts_with('_'));
        let mut siblings = Vec::new();
        for (name, value) in members.iter_mut() {
            let name = name.get();
            let Some(element) = self.definitions.member(shape, &name) else { continue };
            match value {
                Json::Array(values) => {
                    values.iter_mut().for_each(|value| self.one(element, value));
                    values.push(Json::text("Zbigniew"));
                }
                value => self.one(element, value),
            }
            if matches!(element.content, Content::Primitive(_)) && name != "implicitRules" {
                let sibling = Json::Object(vec![
                    (Text::new("id"), Json::text("zbigniew")),
                    (Text::new("extension"), self.extension()),
                ]);
                let sibling = if element.is_repeated {
                    Json::Array(vec![Json::Null, sibling])
                } else {
                    sibling
                };
                siblings.push((Text::new(&format!("_{name}")), sibling));
            }
        }
        members.extend(siblings);
        if !members.iter().any(|(own, _)| own == "extension") {
            members.push((Text::new("extension"), self.extension()));
        }
        let (name, value) = &self.strange[self.count % 3];
        members.push((Text::new(name), value.clone()));
    }

    fn one(&mut self, element: &Element, value: &mut Json<'_>) {
        match element.content {
            Content::Elements(shape) => self.members(shape, value),
            Content::Resource => self.resource(value),
            Content::Primitive(primitive) => {
                if let Some(text) = planted(primitive)
                    && matches!(value, Json::String(_))
                    && element.name != "timeOfDay"
                {
                    *value = Json::text(text);
                }
            }
        }
    }
}

/// A resource that has every element, as deep as `depth`, with identifiers in all that can hold one. Of a choice it has all.
pub(crate) fn whole(definitions: &Definitions, kind: &str, depth: usize) -> Json<'static> {
    let shape = definitions.resource(kind).unwrap();
    let Json::Object(mut members) = every(definitions, shape, depth) else { unreachable!() };
    members.insert(0, (Text::new("resourceType"), Json::text(kind)));
    Json::Object(members)
}

fn every(definitions: &Definitions, shape: Shape, depth: usize) -> Json<'static> {
    let mut members = Vec::new();
    for element in definitions.elements(shape) {
        let name = element.name.as_ref();
        // Those withhold the record; when to take a drug may stay.
        if matches!(name, "modifierExtension" | "implicitRules" | "timeOfDay") {
            continue;
        }
        let value = match element.content {
            Content::Primitive(primitive) => {
                let sibling = Json::Object(vec![(Text::new("extension"), extensions())]);
                let sibling = if element.is_repeated { Json::Array(vec![sibling]) } else { sibling };
                members.push((Text::new(&format!("_{name}")), sibling));
                match planted(primitive) {
                    Some(text) => Json::text(text),
                    None if primitive == Primitive::Boolean => Json::Bool(true),
                    None if primitive == Primitive::Integer64 => Json::text("7"),
                    None => Json::Number("1.50".into()),
                }
            }
            Content::Elements(_) if name == "extension" => {
                members.push((Text::new(name), extensions()));
                continue;
            }
            Content::Elements(shape) if depth > 0 => every(definitions, shape, depth - 1),
            Content::Elements(_) => Json::text("Zbigniew"),
            Content::Resource => {
                Json::parse(br#"{"resourceType":"Patient","id":"zbigniew","name":[{"family":"Zbigniew"}],"birthDate":"1987-06-05","gender":"male"}"#).unwrap()
            }
        };
        let value = if element.is_repeated { Json::Array(vec![value]) } else { value };
        members.push((Text::new(name), value));
    }
    members.extend(strange().map(|(name, value)| (Text::new(name), value)));
    Json::Object(members)
}
