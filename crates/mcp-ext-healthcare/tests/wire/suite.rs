//! What holds for every extension.

use mcp_core::extension::Extension;
use mcp_core::server::{ServedTool, Server};
use mcp_ext_healthcare::server::{Disclosed, HealthCx, HealthError, Healthcare, RecordTool};
use mcp_testkit::ExtensionSuite;
use serde_json::json;

use crate::world::*;

/// A tool for everyone: whether it gives anything is decided call by call.
async fn nothing(health: HealthCx) -> Result<Disclosed, HealthError> {
    health.disclosure().records()
}

#[tokio::test]
async fn the_extension_suite() {
    let build = || {
        let trail = Trail::default();
        Server::builder("clinic", "1.0.0")
            .extension(extension(Policy::default(), &trail, |all| all))
    };
    let report = ExtensionSuite::new(Healthcare::ID, build)
        .settings(json!({ "version": "0.1" }))
        .refused_settings(json!({}))
        .refused_settings(json!({ "version": "7.0" }))
        .refused_settings(json!({ "version": "0.1", "maxConfidentiality": "X" }))
        .run()
        .await;
    report.assert_passed();
    let _ = ServedTool::new("nothing", nothing).records(tool_metadata());
}
