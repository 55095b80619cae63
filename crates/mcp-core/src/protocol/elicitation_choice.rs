//! The fields of a form that are choices among options (specification, "Elicitation", "Requested
//! Schema").

use serde::de;
use serde::{Deserialize, Deserializer, Serialize};

use super::peek::{parse_as, peek};
use super::wire::wire;
use crate::RawJson;

/// A choice.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum EnumSchema {
    /// Of one option.
    SingleSelect(SingleSelectEnumSchema),
    /// Of several options.
    MultiSelect(MultiSelectEnumSchema),
    /// Of one option, in a form that will be removed.
    LegacyTitled(LegacyTitledEnumSchema),
}

/// A choice of one option.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum SingleSelectEnumSchema {
    /// The options are shown as they are.
    Untitled(UntitledSingleSelectEnumSchema),
    /// The options have titles to be shown.
    Titled(TitledSingleSelectEnumSchema),
}

/// A choice of several options.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
#[non_exhaustive]
pub enum MultiSelectEnumSchema {
    /// The options are shown as they are.
    Untitled(UntitledMultiSelectEnumSchema),
    /// The options have titles to be shown.
    Titled(TitledMultiSelectEnumSchema),
}

wire! {
    /// A choice of one option, shown as it is.
    pub struct UntitledSingleSelectEnumSchema
    [tag "type" = "string"]
    {
        required {
            /// The options.
            options: Vec<String> = "enum",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to choose.
            description: String = "description" => with_description,
            /// What is chosen already.
            default: String = "default" => with_default,
        }
    }
}

wire! {
    /// A choice of one option, shown by its title.
    ///
    /// ```
    /// use mcp_core::protocol::{EnumOption, TitledSingleSelectEnumSchema};
    ///
    /// let color = TitledSingleSelectEnumSchema::new([
    ///     EnumOption::new("#f00", "Red"),
    ///     EnumOption::new("#0f0", "Green"),
    /// ]);
    /// # let _ = color;
    /// ```
    pub struct TitledSingleSelectEnumSchema
    [tag "type" = "string"]
    {
        required {
            /// The options.
            options: Vec<EnumOption> = "oneOf",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to choose.
            description: String = "description" => with_description,
            /// What is chosen already.
            default: String = "default" => with_default,
        }
    }
}

wire! {
    /// An option with a title.
    pub struct EnumOption
    [inline = true]
    {
        required {
            /// The value that choosing it gives.
            value: String = "const",
            /// The title to be shown.
            title: String = "title",
        }
    }
}

wire! {
    /// A choice of several options, shown as they are.
    pub struct UntitledMultiSelectEnumSchema
    [tag "type" = "array"]
    {
        required {
            /// The options.
            items: UntitledItems = "items",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to choose.
            description: String = "description" => with_description,
            /// The fewest options to choose.
            min_items: u64 = "minItems" => with_min_items,
            /// The most options to choose.
            max_items: u64 = "maxItems" => with_max_items,
            /// What is chosen already.
            default: Vec<String> = "default" => with_default,
        }
    }
}

wire! {
    /// Options that are shown as they are.
    pub struct UntitledItems
    [tag "type" = "string"]
    [inline = true]
    {
        required {
            /// The options.
            options: Vec<String> = "enum",
        }
    }
}

wire! {
    /// A choice of several options, shown by their titles.
    pub struct TitledMultiSelectEnumSchema
    [tag "type" = "array"]
    {
        required {
            /// The options.
            items: TitledItems = "items",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to choose.
            description: String = "description" => with_description,
            /// The fewest options to choose.
            min_items: u64 = "minItems" => with_min_items,
            /// The most options to choose.
            max_items: u64 = "maxItems" => with_max_items,
            /// What is chosen already.
            default: Vec<String> = "default" => with_default,
        }
    }
}

wire! {
    /// Options that are shown by their titles.
    pub struct TitledItems
    [inline = true]
    {
        required {
            /// The options.
            options: Vec<EnumOption> = "anyOf",
        }
    }
}

wire! {
    /// A choice of one option, with titles in a list of their own. Use
    /// [`TitledSingleSelectEnumSchema`] instead.
    pub struct LegacyTitledEnumSchema
    [tag "type" = "string"]
    {
        required {
            /// The options.
            options: Vec<String> = "enum",
        }
        optional {
            /// The name of the field for people.
            title: String = "title" => with_title,
            /// What to choose.
            description: String = "description" => with_description,
            /// The titles of the options, in the same order.
            enum_names: Vec<String> = "enumNames" => with_enum_names,
            /// What is chosen already.
            default: String = "default" => with_default,
        }
    }
}

impl<'de> Deserialize<'de> for EnumSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let [kind, names] = peek(&raw, ["type", "enumNames"]).map_err(de::Error::custom)?;
        if kind.is_some_and(|kind| kind.get() == "\"array\"") {
            parse_as(&raw).map(Self::MultiSelect)
        } else if names.is_some() {
            parse_as(&raw).map(Self::LegacyTitled)
        } else {
            parse_as(&raw).map(Self::SingleSelect)
        }
    }
}

impl<'de> Deserialize<'de> for SingleSelectEnumSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        match peek(&raw, ["oneOf"]).map_err(de::Error::custom)? {
            [Some(_)] => parse_as(&raw).map(Self::Titled),
            [None] => parse_as(&raw).map(Self::Untitled),
        }
    }
}

impl<'de> Deserialize<'de> for MultiSelectEnumSchema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let [items] = peek(&raw, ["items"]).map_err(de::Error::custom)?;
        let titled = match items.filter(RawJson::is_object) {
            Some(items) => {
                let [options] = peek(&items, ["anyOf"]).map_err(de::Error::custom)?;
                options.is_some()
            }
            None => false,
        };
        if titled { parse_as(&raw).map(Self::Titled) } else { parse_as(&raw).map(Self::Untitled) }
    }
}
