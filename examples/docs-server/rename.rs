//! Renaming a file, after asking.

use std::fs;

use mcp_core::server::{Cx, HandlerError, InputError, OrTell};
use mcp_macros::tool;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::library::{Library, PathError, uri};
use crate::watch::tell;

#[derive(Deserialize, JsonSchema)]
struct Confirm {
    /// Rename the file?
    confirm: bool,
}

/// Renames or moves a file within the folder, after asking the user.
#[tool(title = "Rename", destructive = false, open_world = false)]
pub(crate) async fn rename(
    cx: Cx,
    library: &Library,
    /// The file, relative to the folder.
    from: String,
    /// Its new path, relative to the folder. The folder that it lies in must exist.
    to: String,
) -> Result<String, HandlerError> {
    let told = |error: PathError| HandlerError::tell(error.to_string());
    library.file(&from).map_err(told)?;
    let (source, target) = (library.place(&from).map_err(told)?, library.place(&to).map_err(told)?);
    if target.exists() {
        return Err(HandlerError::tell("there is a file at the new path already"));
    }
    let question = format!("Rename {from} to {to}?");
    match cx.elicit::<Confirm>("confirm", question).await {
        Ok(Confirm { confirm: true }) => {}
        Ok(Confirm { confirm: false }) | Err(InputError::Declined | InputError::Cancelled) => {
            return Ok(format!("Nothing was renamed: the user does not want {from} renamed."));
        }
        Err(error) => return Err(error.into()),
    }
    // Made first, so that nothing that appeared meanwhile is overwritten.
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&target)
        .or_tell("the new file cannot be made")?;
    if let Err(error) = fs::rename(&source, &target) {
        let _ = fs::remove_file(&target);
        return Err(error).or_tell("the file cannot be renamed");
    }
    let changes = library.rescan();
    tell(&cx.server(), &changes);
    Ok(format!("Renamed to {to}. It is now the resource {}.", uri(&to)))
}
