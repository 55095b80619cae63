//! The JSON Schemas of the documents.

use schemars::Schema;
use schemars::generate::SchemaSettings;

use crate::agent_card::AgentCard;
use crate::card::ServerCard;
use crate::catalog::Catalog;
use crate::did::DidDocument;

/// The JSON Schema of every document and of what it is made of, in alphabetical order. References are to `#/$defs/` and
/// the name of another definition.
///
/// ```
/// let definitions = mcp_identity::schema::definitions();
/// let (_, card) = definitions.iter().find(|(name, _)| name == "ServerCard").unwrap();
/// assert_eq!(card.pointer("/properties/description/maxLength"), Some(&100.into()));
/// ```
#[must_use]
pub fn definitions() -> Vec<(String, Schema)> {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    generator.subschema_for::<ServerCard>();
    generator.subschema_for::<Catalog>();
    generator.subschema_for::<AgentCard>();
    generator.subschema_for::<DidDocument>();
    let definitions = generator.take_definitions(true);
    definitions
        .into_iter()
        .filter_map(|(name, schema)| Some((name, Schema::try_from(schema).ok()?)))
        .collect()
}
