//! `taskIds` in `subscriptions/listen`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use mcp_core::extension::{Topic, TopicMessage};
use mcp_core::server::Cx;
use mcp_core::{Error, Principal, RawJson};

use super::{Shared, view};
use crate::protocol::NOTIFICATIONS_TASKS;
use crate::store::{StoreError, TaskId, Watcher};

/// While the store fails, a task is looked at again after so long.
const AGAIN: Duration = Duration::from_secs(1);

/// What a listener has been told.
struct Listening {
    shared: Arc<Shared>,
    principal: Option<String>,
    watcher: Watcher,
    told: HashMap<TaskId, u64>,
}

/// Tells of the tasks that this caller finds; the others are left out of the acknowledgement. Each is
/// told as it is right away, then at each change, until it has ended.
pub(super) async fn listen(
    shared: Arc<Shared>,
    cx: Cx,
    ids: Vec<String>,
) -> Result<Option<Topic>, Error> {
    if ids.len() > shared.settings.max_listened {
        let limit = shared.settings.max_listened;
        return Err(Error::invalid_params(format!(
            "`notifications.taskIds`: more than {limit} tasks"
        )));
    }
    let principal = cx.principal().map(|principal| Principal::as_str(principal).to_owned());
    let mut found: Vec<TaskId> = Vec::new();
    for id in ids.iter().filter_map(|id| TaskId::parse(id)) {
        if found.contains(&id) {
            continue;
        }
        match shared.store.view(&id, principal.as_deref()).await {
            Ok(_) => found.push(id),
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(view::error(&error)),
        }
    }
    let acknowledged = RawJson::from_serialize(&found).map_err(|_| Error::Internal)?;
    let watcher = shared.store.hub().watch(found.iter().cloned());
    for id in &found {
        watcher.mark(id);
    }
    let listening = Listening { shared, principal, watcher, told: HashMap::new() };
    Ok(Some(Topic::new(acknowledged, stream::unfold(listening, next))))
}

async fn next(mut listening: Listening) -> Option<(TopicMessage, Listening)> {
    loop {
        if listening.watcher.ids().len() == 0 {
            return None;
        }
        let id = listening.watcher.changed().await;
        match listening.shared.store.view(&id, listening.principal.as_deref()).await {
            Ok(view) => {
                let told = listening.told.insert(id.clone(), view.revision());
                if view.status().is_terminal() {
                    listening.watcher.unwatch(&id);
                }
                if told.is_some_and(|told| told >= view.revision()) {
                    continue;
                }
                match TopicMessage::new(NOTIFICATIONS_TASKS, &*view) {
                    Ok(message) => return Some((message, listening)),
                    Err(error) => tracing::error!(%id, %error, "a task cannot be told"),
                }
            }
            Err(StoreError::NotFound) => listening.watcher.unwatch(&id),
            Err(error) => {
                tracing::warn!(%id, %error, "a task cannot be read; trying again");
                tokio::time::sleep(AGAIN).await;
                listening.watcher.mark(&id);
            }
        }
    }
}
