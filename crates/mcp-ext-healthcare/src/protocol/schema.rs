//! The schemas of everything that crosses the wire, for `cargo xtask schema`.

use mcp_core::extension::{NamedSchema, schema_of};
use schemars::generate::SchemaSettings;

use super::{
    AuditGetParams, AuditGetResult, Citation, ClientSettings, ConsentEvaluateParams,
    ConsentEvaluateResult, Context, Deid, Denial, Label, Minimization, Minimize, Purpose, Receipt,
    ServerSettings, ToolMetadata,
};

/// The values of `_meta`, by the names of their types.
pub(crate) const META_VALUES: &[NamedSchema] = &[
    ("Context", schema_of::<Context>),
    ("Purpose", schema_of::<Purpose>),
    ("Minimize", schema_of::<Minimize>),
    ("ToolMetadata", schema_of::<ToolMetadata>),
    ("Label", schema_of::<Label>),
    ("Citation", schema_of::<Citation>),
    ("Receipt", schema_of::<Receipt>),
    ("Minimization", schema_of::<Minimization>),
    ("Deid", schema_of::<Deid>),
    ("Denial", schema_of::<Denial>),
];

/// Every schema by its name: the settings of both sides and the values of `_meta`, with what they are made of.
/// References are to `#/$defs/` and the name of another.
///
/// ```
/// let definitions = mcp_ext_healthcare::protocol::definitions();
/// assert_eq!(definitions["Label"]["properties"]["phi"]["$ref"], "#/$defs/Phi");
/// ```
#[must_use]
pub fn definitions() -> serde_json::Map<String, serde_json::Value> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<ServerSettings>();
    generator.subschema_for::<ClientSettings>();
    generator.subschema_for::<Context>();
    generator.subschema_for::<Purpose>();
    generator.subschema_for::<Minimize>();
    generator.subschema_for::<ToolMetadata>();
    generator.subschema_for::<Label>();
    generator.subschema_for::<Citation>();
    generator.subschema_for::<Receipt>();
    generator.subschema_for::<Minimization>();
    generator.subschema_for::<Deid>();
    generator.subschema_for::<Denial>();
    generator.subschema_for::<ConsentEvaluateParams>();
    generator.subschema_for::<ConsentEvaluateResult>();
    generator.subschema_for::<AuditGetParams>();
    generator.subschema_for::<AuditGetResult>();
    generator.take_definitions(true)
}
