//! What holds for every extension.

use mcp_core::extension::Extension;
use mcp_core::server::Server;
use mcp_ext_healthcare::server::Healthcare;
use mcp_testkit::ExtensionSuite;
use serde_json::json;

use crate::world::*;

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
}
