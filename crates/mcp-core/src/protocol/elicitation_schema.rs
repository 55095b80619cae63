//! The fields of a form: a small part of JSON Schema (specification, "Elicitation", "Requested
//! Schema").

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de;
use serde::{Deserialize, Deserializer, Serialize};

use super::peek::{parse_as, peek, peek_tag};
use super::strings::string_enum;
use super::wire::{present, wire};
use super::{
    EnumSchema, LegacyTitledEnumSchema, MultiSelectEnumSchema, Number, SingleSelectEnumSchema,
    TitledMultiSelectEnumSchema, TitledSingleSelectEnumSchema, UntitledMultiSelectEnumSchema,
    UntitledSingleSelectEnumSchema,
};
use crate::RawJson;

/// A field of a form.
///
/// Read by its `type`, and strings by the keywords that make them a choice: `oneOf`, `enumNames`,
/// `enum`.
///
/// ```
/// use mcp_core::protocol::{NumberSchema, NumberType, PrimitiveSchemaDefinition};
///
/// let text = r#"{"type":"integer","minimum":18}"#;
/// let field: PrimitiveSchemaDefinition = serde_json::from_str(text)?;
/// assert_eq!(field, NumberSchema::new(NumberType::Integer).with_minimum(18).into());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum PrimitiveSchemaDefinition {
    /// A text.
    String(StringSchema),
    /// A number.
    Number(NumberSchema),
    /// Yes or no.
    Boolean(BooleanSchema),
    /// A choice.
    Enum(EnumSchema),
}

wire! {
    /// A text.
    #[derive(Default)]
    pub struct StringSchema
    [tag "type" = "string"]
    {
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to fill in.
            description: String = "description" => with_description,
            /// The fewest characters.
            min_length: u64 = "minLength" => with_min_length,
            /// The most characters.
            max_length: u64 = "maxLength" => with_max_length,
            /// The form of the text.
            format: StringFormat = "format" => with_format,
            /// What is filled in already.
            default: String = "default" => with_default,
        }
    }
}

string_enum! {
    /// The form of a text.
    pub enum StringFormat {
        /// An email address.
        Email = "email",
        /// A URI.
        Uri = "uri",
        /// A date.
        Date = "date",
        /// A date with a time.
        DateTime = "date-time",
    }
}

wire! {
    /// A number.
    pub struct NumberSchema {
        required {
            /// Whether the number may be a fraction.
            kind: NumberType = "type",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to fill in.
            description: String = "description" => with_description,
            /// The least value.
            minimum: Number = "minimum" => with_minimum,
            /// The greatest value.
            maximum: Number = "maximum" => with_maximum,
            /// What is filled in already.
            default: Number = "default" => with_default,
        }
    }
}

string_enum! {
    /// Whether a number may be a fraction.
    pub enum NumberType {
        /// It may.
        Number = "number",
        /// It may not.
        Integer = "integer",
    }
}

wire! {
    /// Yes or no.
    #[derive(Default)]
    pub struct BooleanSchema
    [tag "type" = "boolean"]
    {
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to decide.
            description: String = "description" => with_description,
            /// What is filled in already.
            default: bool = "default" => with_default,
        }
    }
}

macro_rules! conversions {
    ($($from:ident => $into:ident: $path:expr;)*) => {
        $(
            impl From<$from> for $into {
                fn from(schema: $from) -> Self {
                    $path(schema.into())
                }
            }
        )*
    };
}

conversions! {
    StringSchema => PrimitiveSchemaDefinition: Self::String;
    NumberSchema => PrimitiveSchemaDefinition: Self::Number;
    BooleanSchema => PrimitiveSchemaDefinition: Self::Boolean;
    EnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    SingleSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    MultiSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    UntitledSingleSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    TitledSingleSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    UntitledMultiSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    TitledMultiSelectEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    LegacyTitledEnumSchema => PrimitiveSchemaDefinition: Self::Enum;
    SingleSelectEnumSchema => EnumSchema: Self::SingleSelect;
    MultiSelectEnumSchema => EnumSchema: Self::MultiSelect;
    UntitledSingleSelectEnumSchema => EnumSchema: Self::SingleSelect;
    TitledSingleSelectEnumSchema => EnumSchema: Self::SingleSelect;
    UntitledMultiSelectEnumSchema => EnumSchema: Self::MultiSelect;
    TitledMultiSelectEnumSchema => EnumSchema: Self::MultiSelect;
    LegacyTitledEnumSchema => EnumSchema: Self::LegacyTitled;
    UntitledSingleSelectEnumSchema => SingleSelectEnumSchema: Self::Untitled;
    TitledSingleSelectEnumSchema => SingleSelectEnumSchema: Self::Titled;
    UntitledMultiSelectEnumSchema => MultiSelectEnumSchema: Self::Untitled;
    TitledMultiSelectEnumSchema => MultiSelectEnumSchema: Self::Titled;
}

impl<'de> Deserialize<'de> for PrimitiveSchemaDefinition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let kind = peek_tag(&raw, "type").map_err(de::Error::custom)?;
        match present(kind, "type", "PrimitiveSchemaDefinition")?.as_str() {
            "string" if is_choice(&raw).map_err(de::Error::custom)? => {
                parse_as(&raw).map(Self::Enum)
            }
            "string" => parse_as(&raw).map(Self::String),
            "number" | "integer" => parse_as(&raw).map(Self::Number),
            "boolean" => parse_as(&raw).map(Self::Boolean),
            "array" => parse_as(&raw).map(Self::Enum),
            kind => Err(de::Error::custom(format_args!(
                "type: unknown form field {kind:?}, expected one of: string, number, integer, \
                 boolean, array"
            ))),
        }
    }
}

/// Whether a string schema is a choice.
fn is_choice(raw: &RawJson) -> Result<bool, serde_json::Error> {
    Ok(peek(raw, ["enum", "oneOf"])?.iter().any(Option::is_some))
}

/// Implements the schema of a union: any of these.
macro_rules! any_of {
    ($($name:ident: $($variant:ty),*;)*) => {
        $(
            impl JsonSchema for $name {
                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                    json_schema!({ "anyOf": [$(generator.subschema_for::<$variant>()),*] })
                }
            }
        )*
    };
}

any_of! {
    PrimitiveSchemaDefinition: StringSchema, NumberSchema, BooleanSchema, EnumSchema;
    EnumSchema: SingleSelectEnumSchema, MultiSelectEnumSchema, LegacyTitledEnumSchema;
    SingleSelectEnumSchema: UntitledSingleSelectEnumSchema, TitledSingleSelectEnumSchema;
    MultiSelectEnumSchema: UntitledMultiSelectEnumSchema, TitledMultiSelectEnumSchema;
}

#[cfg(test)]
mod tests {
    use super::{
        EnumSchema, MultiSelectEnumSchema, PrimitiveSchemaDefinition as Field,
        SingleSelectEnumSchema as One,
    };

    fn read(text: &str) -> Result<Field, serde_json::Error> {
        let field: Field = serde_json::from_str(text)?;
        let (was, is): (serde_json::Value, serde_json::Value) =
            (serde_json::from_str(text)?, serde_json::to_value(&field)?);
        assert_eq!(was, is);
        Ok(field)
    }

    #[test]
    fn fields_are_told_apart_by_type_and_keywords() {
        assert!(matches!(read(r#"{"type":"string","format":"date"}"#).unwrap(), Field::String(_)));
        assert!(matches!(read(r#"{"type":"integer","maximum":9}"#).unwrap(), Field::Number(_)));
        assert!(matches!(read(r#"{"type":"boolean"}"#).unwrap(), Field::Boolean(_)));
        assert!(matches!(
            read(r#"{"type":"string","enum":["a"]}"#).unwrap(),
            Field::Enum(EnumSchema::SingleSelect(One::Untitled(_)))
        ));
        assert!(matches!(
            read(r#"{"type":"string","oneOf":[{"const":"a","title":"A"}]}"#).unwrap(),
            Field::Enum(EnumSchema::SingleSelect(One::Titled(_)))
        ));
        assert!(matches!(
            read(r#"{"type":"string","enum":["a"],"enumNames":["A"]}"#).unwrap(),
            Field::Enum(EnumSchema::LegacyTitled(_))
        ));
        assert!(matches!(
            read(r#"{"type":"array","items":{"type":"string","enum":["a"]}}"#).unwrap(),
            Field::Enum(EnumSchema::MultiSelect(MultiSelectEnumSchema::Untitled(_)))
        ));
        assert!(matches!(
            read(r#"{"type":"array","items":{"anyOf":[{"const":"a","title":"A"}]}}"#).unwrap(),
            Field::Enum(EnumSchema::MultiSelect(MultiSelectEnumSchema::Titled(_)))
        ));
    }

    #[test]
    fn bad_fields_are_refused_by_name() {
        for (text, expected) in [
            ("{}", "missing field `type`"),
            (r#"{"type":"object"}"#, "unknown form field \"object\""),
            (r#"{"type":["string"]}"#, "type: invalid type"),
            (r#"{"type":"array"}"#, "missing field `items`"),
            (r#"{"type":"array","items":[]}"#, "items: invalid type: sequence"),
            (r#"{"type":"string","enum":"a"}"#, "enum: invalid type"),
            (r#"{"type":"string","minLength":-1}"#, "minLength: invalid value: integer `-1`"),
            (r#"{"type":"string","format":"uuid"}"#, "format: unknown StringFormat \"uuid\""),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
