//! Files as resources.

use std::ops::Bound;
use std::sync::Arc;

use async_trait::async_trait;
use mcp_core::protocol::{ReadResourceResult, Resource, TextResourceContents};
use mcp_core::server::{
    Args, CompletionInput, Cx, HandlerError, ResourcePage, ResourceProvider, ServerBuilder, State,
    resource_not_found,
};
use mcp_macros::resource;

use crate::library::{Library, mime_type, uri};

/// Files of one page.
const PAGE: usize = 200;

/// All files as resources.
pub(crate) struct Files {
    library: Arc<Library>,
}

impl Files {
    pub(crate) fn new(library: Arc<Library>) -> Self {
        Self { library }
    }
}

#[async_trait]
impl ResourceProvider for Files {
    async fn list(&self, _: &Cx, cursor: Option<&str>) -> Result<ResourcePage, HandlerError> {
        let snapshot = self.library.snapshot();
        // The cursor is the last path of the page before: it holds whatever comes or goes.
        let after = match cursor {
            None => Bound::Unbounded,
            Some(path) => Bound::Excluded(path),
        };
        let mut files = snapshot.files.range::<str, _>((after, Bound::Unbounded));
        let mut page = ResourcePage::default();
        for (path, file) in files.by_ref().take(PAGE) {
            let name = path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name);
            let mut resource = Resource::new(uri(path), name);
            resource.title = Some(path.clone());
            resource.mime_type = Some(mime_type(path).to_owned());
            resource.size = Some(file.bytes);
            page.resources.push(resource);
            page.next = Some(path.clone());
        }
        if files.next().is_none() {
            page.next = None;
        }
        Ok(page)
    }

    async fn read(&self, _: &Cx, _: &str) -> Result<Option<ReadResourceResult>, HandlerError> {
        // The template below reads them.
        Ok(None)
    }
}

pub(crate) fn add(builder: ServerBuilder) -> ServerBuilder {
    builder.template(file)
}

/// A text file of the folder by its path.
#[resource("docs:///{+path}", title = "A file")]
async fn file(
    library: &Library,
    #[arg(complete = complete)] path: String,
) -> Result<ReadResourceResult, HandlerError> {
    let uri = uri(&path);
    // That it does not exist and that it must not be read look the same.
    let file = library.file(&path).map_err(|_| resource_not_found(&uri))?;
    let mut contents = TextResourceContents::new(uri, file.text.clone());
    contents.mime_type = Some(mime_type(&path).to_owned());
    Ok(ReadResourceResult::new(vec![contents.into()]).with_ttl_ms(1_000))
}

/// Paths that begin with what was typed, or else hold it.
pub(crate) async fn complete(
    library: State<Library>,
    Args(input): Args<CompletionInput>,
) -> Vec<String> {
    let snapshot = library.snapshot();
    let paths = || snapshot.files.keys();
    let typed = input.value.as_str();
    let begin: Vec<_> = paths().filter(|path| path.starts_with(typed)).cloned().collect();
    if begin.is_empty() {
        paths().filter(|path| path.contains(typed)).cloned().collect()
    } else {
        begin
    }
}
