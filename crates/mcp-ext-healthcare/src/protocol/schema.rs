//! The schemas of everything that crosses the wire, for `cargo xtask schema`.

use mcp_core::extension::{NamedSchema, schema_of};
use schemars::Schema;

use super::{
    Citation, ClientSettings, Context, Deid, Denial, Label, Minimization, Minimize, Purpose,
    Receipt, ServerSettings, ToolMetadata,
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

/// Every schema by its name: the settings of both sides and the values of `_meta`.
///
/// ```
/// let names: Vec<_> =
///     mcp_ext_healthcare::protocol::definitions().into_iter().map(|(name, _)| name).collect();
/// assert!(names.contains(&"Label".to_owned()));
/// ```
#[must_use]
pub fn definitions() -> Vec<(String, Schema)> {
    let settings: [NamedSchema; 2] = [
        ("ServerSettings", schema_of::<ServerSettings>),
        ("ClientSettings", schema_of::<ClientSettings>),
    ];
    settings
        .iter()
        .chain(META_VALUES)
        .map(|(name, schema)| ((*name).to_owned(), schema()))
        .collect()
}
