//! Who claimed which name.

use std::collections::HashMap;

use crate::extension::ExtensionId;
use crate::protocol::{MetaKey, methods};
use crate::server::BuildError;

/// Who claimed which name.
#[derive(Default)]
pub(super) struct Claims(HashMap<(&'static str, String), ExtensionId>);

impl Claims {
    /// Says whether `owner` gets the name.
    pub(super) fn claim(
        &mut self,
        what: &'static str,
        name: &str,
        owner: ExtensionId,
        errors: &mut Vec<BuildError>,
    ) -> bool {
        let core = match what {
            "method" | "notification" => methods::ALL.contains(&name),
            "result type" => matches!(name, "complete" | "input_required"),
            "filter field" => matches!(
                name,
                "toolsListChanged"
                    | "promptsListChanged"
                    | "resourcesListChanged"
                    | "resourceSubscriptions"
            ),
            _ => false,
        };
        if core {
            errors.push(BuildError::CoreName { owner, what, name: name.to_owned() });
            return false;
        }
        match self.0.insert((what, name.to_owned()), owner) {
            None => true,
            Some(first) => {
                errors.push(BuildError::Claimed {
                    what,
                    name: name.to_owned(),
                    first,
                    second: owner,
                });
                false
            }
        }
    }
}

/// An extension's key has a prefix, and one that is reserved for MCP only if the extension is MCP's.
pub(super) fn check_meta_key(key: &str, owner: ExtensionId, errors: &mut Vec<BuildError>) {
    let fits =
        MetaKey::parse_prefixed(key).is_ok_and(|key| !key.is_reserved() || owner.is_reserved());
    if !fits {
        errors.push(BuildError::MetaKey { owner, key: key.to_owned() });
    }
}
