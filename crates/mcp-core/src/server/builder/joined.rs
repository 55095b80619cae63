//! What the application and its extensions define together.

use std::collections::HashMap;

use crate::extension::{Contributed, Document, ErasedNotificationFn, ExtensionId, ExtensionSlot};
use crate::server::builder::claims::{Claims, check_meta_key};
use crate::server::compile::Gate;
use crate::server::{
    BuildError, OwnedMetaCheck, OwnedMethod, OwnedResultType, OwnedTopic, ServedPrompt,
    ServedResource, ServedTemplate, ServedTool,
};

/// The extensions that have their place, in the order in which they were added.
///
/// One that was added before, or whose settings are no JSON, is an error.
pub(super) fn placed(
    added: Vec<(Result<ExtensionSlot, ExtensionId>, Contributed)>,
    errors: &mut Vec<BuildError>,
) -> (Vec<ExtensionSlot>, Vec<Contributed>) {
    let (mut slots, mut placed) = (Vec::<ExtensionSlot>::new(), Vec::new());
    for (slot, contributed) in added {
        let owner = contributed.owner;
        if slots.iter().any(|known| known.id == owner) {
            errors.push(BuildError::DuplicateExtension(owner));
            continue;
        }
        match slot {
            Ok(slot) => {
                slots.push(slot);
                placed.push(contributed);
            }
            Err(_) => errors.push(BuildError::Settings { id: owner }),
        }
    }
    // A client's extensions are a set of 64 bits.
    if slots.len() > 64 {
        errors.push(BuildError::TooManyExtensions);
    }
    (slots, placed)
}

/// Everything that has a name, with its owner.
#[derive(Default)]
pub(super) struct Joined {
    pub(super) tools: Vec<(ServedTool, Gate)>,
    pub(super) prompts: Vec<(ServedPrompt, Gate)>,
    pub(super) resources: Vec<(ServedResource, Gate)>,
    pub(super) templates: Vec<(ServedTemplate, Gate)>,
    pub(super) methods: HashMap<&'static str, OwnedMethod>,
    pub(super) notifications: HashMap<&'static str, ErasedNotificationFn>,
    pub(super) result_types: HashMap<&'static str, OwnedResultType>,
    pub(super) topics: HashMap<&'static str, OwnedTopic>,
    pub(super) request_meta: Vec<OwnedMetaCheck>,
    pub(super) documents: Vec<Document>,
    claims: Claims,
}

impl Joined {
    /// Adds what extension number `index` contributes; a name that is taken is an error.
    pub(super) fn add(
        &mut self,
        index: usize,
        contributed: Contributed,
        errors: &mut Vec<BuildError>,
    ) {
        let owner = contributed.owner;
        for method in contributed.methods {
            if self.claims.claim("method", method.name, owner, errors) {
                self.methods.insert(method.name, OwnedMethod::new(index, owner, method));
            }
        }
        for notification in contributed.notifications {
            if self.claims.claim("notification", notification.name, owner, errors) {
                self.notifications.insert(notification.name, notification.call);
            }
        }
        for (tag, methods) in contributed.result_types {
            if self.claims.claim("result type", tag, owner, errors) {
                let result_type = OwnedResultType { extension: index, owner, methods };
                self.result_types.insert(tag, result_type);
            }
        }
        for topic in contributed.topics {
            if self.claims.claim("filter field", topic.field, owner, errors) {
                let (strict, subscribe) = (topic.strict, topic.subscribe);
                let owned = OwnedTopic { extension: index, owner, strict, subscribe };
                self.topics.insert(topic.field, owned);
            }
        }
        for check in contributed.request_meta {
            check_meta_key(check.key, owner, errors);
            if self.claims.claim("request `_meta` key", check.key, owner, errors) {
                self.request_meta.push(OwnedMetaCheck { extension: index, check });
            }
        }
        for (key, _) in contributed.result_meta {
            check_meta_key(key, owner, errors);
            self.claims.claim("result `_meta` key", key, owner, errors);
        }
        for document in contributed.documents {
            if self.claims.claim("document", document.path(), owner, errors) {
                self.documents.push(document);
            }
        }
        // What is not for everyone is seen by clients that declare the extension.
        let gate = |everyone: bool| (!everyone).then_some((index, owner));
        self.tools.extend(contributed.tools.into_iter().map(|(item, all)| (item, gate(all))));
        self.prompts.extend(contributed.prompts.into_iter().map(|(item, all)| (item, gate(all))));
        self.resources
            .extend(contributed.resources.into_iter().map(|(item, all)| (item, gate(all))));
        self.templates
            .extend(contributed.templates.into_iter().map(|(item, all)| (item, gate(all))));
    }
}
