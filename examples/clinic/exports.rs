//! Where the files of exports are fetched: beside the server, with the same tokens.

use std::path::Path;

use axum::extract::{Path as UrlPath, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use mcp_ext_healthcare::bulk::ExportFolder;

use super::people::People;

const PATH: &str = "/exports";

/// The folder, whose files are at `origin`, such as `http://127.0.0.1:8081`.
///
/// # Errors
/// If it cannot be made.
pub fn served(folder: &Path, origin: &str) -> std::io::Result<ExportFolder> {
    ExportFolder::open(folder, format!("{origin}{PATH}"))
}

/// The folder, for somebody who works on this machine.
///
/// # Errors
/// If it cannot be made.
pub fn local(folder: &Path) -> std::io::Result<ExportFolder> {
    let folder = std::path::absolute(folder)?;
    let path = folder.to_string_lossy().replace('\\', "/");
    ExportFolder::open(&folder, format!("file:///{}", path.trim_start_matches('/')))
}

/// The files as part of a site: for whose call exported them.
pub fn routes(folder: ExportFolder, people: People) -> axum::Router {
    axum::Router::new()
        .route(&format!("{PATH}/{{export}}/{{file}}"), get(file))
        .with_state((folder, people))
}

async fn file(
    State((folder, people)): State<(ExportFolder, People)>,
    UrlPath((export, file)): UrlPath<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let header = headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok());
    let Some(person) = header.and_then(|header| people.authorized(header)) else {
        return StatusCode::UNAUTHORIZED.into_response();
    };
    let found = folder.file(Some(&person.principal()), &format!("{export}/{file}")).await;
    // Those of a clinic are small. Large ones would be sent piece by piece.
    match found.map(tokio::fs::read) {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(reading) => match reading.await {
            Ok(bytes) => {
                let headers =
                    [(CONTENT_TYPE, "application/fhir+ndjson"), (CACHE_CONTROL, "no-store")];
                (headers, bytes).into_response()
            }
            Err(_) => StatusCode::NOT_FOUND.into_response(),
        },
    }
}
