//! Elicitation: asking a person.
//!
//! Source: specification, *Client features → Elicitation*.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::wire::{strings, wire};
use crate::RawJson;

/// A question to a person: a form, or a page to open.
///
/// Without a `mode` it is a form.
#[derive(Debug, Clone, PartialEq)]
pub enum ElicitRequestParams {
    /// A form.
    Form(ElicitRequestFormParams),
    /// A page.
    Url(ElicitRequestUrlParams),
}

impl Serialize for ElicitRequestParams {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Form(params) => params.serialize(serializer),
            Self::Url(params) => params.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for ElicitRequestParams {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        #[derive(Deserialize)]
        struct Mode {
            mode: Option<String>,
        }
        let raw = RawJson::deserialize(deserializer)?;
        let wrong =
            |error: serde_json::Error| D::Error::custom(crate::message::without_values(&error));
        match raw.parse::<Mode>().map_err(wrong)?.mode.as_deref() {
            None | Some("form") => raw.parse().map(Self::Form).map_err(wrong),
            Some("url") => raw.parse().map(Self::Url).map_err(wrong),
            Some(_) => Err(D::Error::custom("unknown `mode`")),
        }
    }
}

impl JsonSchema for ElicitRequestParams {
    fn schema_name() -> Cow<'static, str> {
        "ElicitRequestParams".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let form = generator.subschema_for::<ElicitRequestFormParams>().to_value();
        let url = generator.subschema_for::<ElicitRequestUrlParams>().to_value();
        json_schema!({ "anyOf": [url, form] })
    }
}

strings! {
    /// Only `form`.
    pub enum FormMode {
        /// A form.
        Form = "form",
    }
}

wire! {
    /// A form for a person. Never for secrets.
    pub struct ElicitRequestFormParams {
        required {
            /// What is asked, and why.
            "message" message: String,
            /// The form's fields.
            "requestedSchema" requested_schema: ElicitRequestedSchema,
        }
        optional {
            /// `form`; may be absent.
            "mode" mode: FormMode,
        }
    }
}

wire! {
    /// A page of the server's for a person to open.
    pub struct ElicitRequestUrlParams {
        tag "mode" = "url";
        required {
            /// What is asked, and why.
            "message" message: String,
            /// The page.
            "url" url: String,
        }
    }
}

wire! {
    /// A form's fields: a JSON Schema of a flat object.
    pub struct ElicitRequestedSchema {
        tag "type" = "object";
        required {
            /// The fields.
            "properties" properties: BTreeMap<String, PrimitiveSchemaDefinition>,
        }
        optional {
            /// The dialect.
            "$schema" dialect: String,
            /// The fields that must be filled in.
            "required" required: Vec<String>,
        }
    }
}

strings! {
    /// What a person did with a question.
    pub enum ElicitAction {
        /// Answered it.
        Accept = "accept",
        /// Said no.
        Decline = "decline",
        /// Closed it.
        Cancel = "cancel",
    }
}

wire! {
    /// A person's answer.
    pub struct ElicitResult {
        required {
            /// What the person did.
            "action" action: ElicitAction,
        }
        optional {
            /// The form's values: strings, numbers, booleans and lists of strings.
            "content" content: BTreeMap<String, RawJson>,
        }
    }
}

/// A field of a form.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum PrimitiveSchemaDefinition {
    /// A text.
    String(StringSchema),
    /// A number.
    Number(NumberSchema),
    /// Yes or no.
    Boolean(BooleanSchema),
    /// One of several.
    SingleSelect(UntitledSingleSelectEnumSchema),
    /// One of several, with titles.
    TitledSingleSelect(TitledSingleSelectEnumSchema),
    /// Some of several.
    MultiSelect(UntitledMultiSelectEnumSchema),
    /// Some of several, with titles.
    TitledMultiSelect(TitledMultiSelectEnumSchema),
    /// One of several, with titles in an older form.
    LegacyTitled(LegacyTitledEnumSchema),
}

impl Serialize for PrimitiveSchemaDefinition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::String(schema) => schema.serialize(serializer),
            Self::Number(schema) => schema.serialize(serializer),
            Self::Boolean(schema) => schema.serialize(serializer),
            Self::SingleSelect(schema) => schema.serialize(serializer),
            Self::TitledSingleSelect(schema) => schema.serialize(serializer),
            Self::MultiSelect(schema) => schema.serialize(serializer),
            Self::TitledMultiSelect(schema) => schema.serialize(serializer),
            Self::LegacyTitled(schema) => schema.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PrimitiveSchemaDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        /// The members that tell the kinds of fields apart.
        #[derive(Deserialize)]
        struct Shape {
            #[serde(rename = "type")]
            kind: String,
            #[serde(rename = "enum")]
            values: Option<serde::de::IgnoredAny>,
            #[serde(rename = "enumNames")]
            names: Option<serde::de::IgnoredAny>,
            #[serde(rename = "oneOf")]
            one_of: Option<serde::de::IgnoredAny>,
            items: Option<Items>,
        }
        #[derive(Deserialize)]
        struct Items {
            #[serde(rename = "anyOf")]
            any_of: Option<serde::de::IgnoredAny>,
        }
        let raw = RawJson::deserialize(deserializer)?;
        let wrong =
            |error: serde_json::Error| D::Error::custom(crate::message::without_values(&error));
        let shape: Shape = raw.parse().map_err(wrong)?;
        match shape.kind.as_str() {
            "string" if shape.names.is_some() => raw.parse().map(Self::LegacyTitled),
            "string" if shape.one_of.is_some() => raw.parse().map(Self::TitledSingleSelect),
            "string" if shape.values.is_some() => raw.parse().map(Self::SingleSelect),
            "string" => raw.parse().map(Self::String),
            "number" | "integer" => raw.parse().map(Self::Number),
            "boolean" => raw.parse().map(Self::Boolean),
            "array" if shape.items.is_some_and(|items| items.any_of.is_some()) => {
                raw.parse().map(Self::TitledMultiSelect)
            }
            "array" => raw.parse().map(Self::MultiSelect),
            _ => return Err(D::Error::custom("a form's field has an unknown `type`")),
        }
        .map_err(wrong)
    }
}

impl JsonSchema for PrimitiveSchemaDefinition {
    fn schema_name() -> Cow<'static, str> {
        "PrimitiveSchemaDefinition".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let options = [
            generator.subschema_for::<StringSchema>().to_value(),
            generator.subschema_for::<NumberSchema>().to_value(),
            generator.subschema_for::<BooleanSchema>().to_value(),
            generator.subschema_for::<UntitledSingleSelectEnumSchema>().to_value(),
            generator.subschema_for::<TitledSingleSelectEnumSchema>().to_value(),
            generator.subschema_for::<UntitledMultiSelectEnumSchema>().to_value(),
            generator.subschema_for::<TitledMultiSelectEnumSchema>().to_value(),
            generator.subschema_for::<LegacyTitledEnumSchema>().to_value(),
        ];
        json_schema!({ "anyOf": options })
    }
}

wire! {
    /// A text field.
    #[derive(Default)]
    pub struct StringSchema {
        tag "type" = "string";
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// The least length.
            "minLength" min_length: u64,
            /// The greatest length.
            "maxLength" max_length: u64,
            /// What it must look like.
            "format" format: StringFormat,
            /// What it starts with.
            "default" default: String,
        }
    }
}

strings! {
    /// What a text must look like.
    pub enum StringFormat {
        /// An email address.
        Email = "email",
        /// A URI.
        Uri = "uri",
        /// A date.
        Date = "date",
        /// A date and time.
        DateTime = "date-time",
    }
}

strings! {
    /// Kinds of numbers.
    pub enum NumberKind {
        /// Any.
        Number = "number",
        /// Whole ones.
        Integer = "integer",
    }
}

wire! {
    /// A number field.
    pub struct NumberSchema {
        required {
            /// Which numbers.
            "type" kind: NumberKind,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// The least value.
            "minimum" minimum: serde_json::Number,
            /// The greatest value.
            "maximum" maximum: serde_json::Number,
            /// What it starts with.
            "default" default: serde_json::Number,
        }
    }
}

wire! {
    /// A yes-or-no field.
    #[derive(Default)]
    pub struct BooleanSchema {
        tag "type" = "boolean";
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// What it starts with.
            "default" default: bool,
        }
    }
}

wire! {
    /// A choice of one.
    pub struct UntitledSingleSelectEnumSchema {
        tag "type" = "string";
        required {
            /// The choices.
            "enum" values: Vec<String>,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// What it starts with.
            "default" default: String,
        }
    }
}

wire! {
    /// A choice of one, with titles.
    pub struct TitledSingleSelectEnumSchema {
        tag "type" = "string";
        required {
            /// The choices.
            "oneOf" one_of: Vec<TitledChoice>,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// What it starts with.
            "default" default: String,
        }
    }
}

wire! {
    /// A choice and its title.
    pub struct TitledChoice {
        required {
            /// The value.
            "const" value: String,
            /// Its title, for people.
            "title" title: String,
        }
    }
}

wire! {
    /// A choice of some.
    pub struct UntitledMultiSelectEnumSchema {
        tag "type" = "array";
        required {
            /// The choices.
            "items" items: UntitledChoices,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// At least as many.
            "minItems" min_items: u64,
            /// At most as many.
            "maxItems" max_items: u64,
            /// What it starts with.
            "default" default: Vec<String>,
        }
    }
}

wire! {
    /// The choices of a multiple choice.
    pub struct UntitledChoices {
        tag "type" = "string";
        required {
            /// The choices.
            "enum" values: Vec<String>,
        }
    }
}

wire! {
    /// A choice of some, with titles.
    pub struct TitledMultiSelectEnumSchema {
        tag "type" = "array";
        required {
            /// The choices.
            "items" items: TitledChoices,
        }
        optional {
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// At least as many.
            "minItems" min_items: u64,
            /// At most as many.
            "maxItems" max_items: u64,
            /// What it starts with.
            "default" default: Vec<String>,
        }
    }
}

wire! {
    /// The choices of a multiple choice, with titles.
    pub struct TitledChoices {
        required {
            /// The choices.
            "anyOf" any_of: Vec<TitledChoice>,
        }
    }
}

wire! {
    /// A choice of one, with titles in an older form.
    pub struct LegacyTitledEnumSchema {
        tag "type" = "string";
        required {
            /// The choices.
            "enum" values: Vec<String>,
        }
        optional {
            /// Their titles, in the same order.
            "enumNames" names: Vec<String>,
            /// Its name, for people.
            "title" title: String,
            /// What it means.
            "description" description: String,
            /// What it starts with.
            "default" default: String,
        }
    }
}
