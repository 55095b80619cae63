//! Lists, page by page or as a whole.
//!
//! Source: specification, *Server utilities → Pagination*.

use std::borrow::Cow;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::RawJson;
use crate::client::core::Call;
use crate::client::unfold::{Unfold, next};
use crate::client::{Client, ClientError};
use crate::protocol::{
    ListPrompts, ListResourceTemplates, ListResources, ListTools, RequestMethod, codes,
};
use crate::protocol::{
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, Prompt,
    Resource, ResourceTemplate, Tool, methods,
};

/// A method that lists something in pages.
pub(crate) trait Paged: RequestMethod {
    type Item: Send + 'static;

    /// The entries of a page, and where the next one begins.
    fn split(page: Self::Result) -> (Vec<Self::Item>, Option<String>);
}

macro_rules! paged {
    ($($marker:ident: $item:ident in $field:ident;)*) => {$(
        impl Paged for $marker {
            type Item = $item;

            fn split(page: Self::Result) -> (Vec<$item>, Option<String>) {
                (page.$field, page.next_cursor)
            }
        }
    )*};
}

paged! {
    ListTools: Tool in tools;
    ListPrompts: Prompt in prompts;
    ListResources: Resource in resources;
    ListResourceTemplates: ResourceTemplate in resource_templates;
}

/// Where the reading of a list is, and that it does not go in circles.
struct Position<M> {
    client: Client,
    cursor: Option<String>,
    seen: HashSet<String>,
    pages: usize,
    method: std::marker::PhantomData<fn() -> M>,
}

impl<M: Paged> Position<M>
where
    M::Result: 'static + Send,
{
    fn start(client: Client) -> Self {
        Self {
            client,
            cursor: None,
            seen: HashSet::new(),
            pages: 0,
            method: std::marker::PhantomData,
        }
    }

    /// Reads the next page; says whether there are more.
    async fn page(&mut self) -> Result<(Vec<M::Item>, bool), ClientError> {
        let limit = self.client.core.limits.pages;
        if self.pages >= limit {
            return Err(ClientError::TooManyPages { method: M::METHOD, limit });
        }
        self.pages += 1;
        let page = self.client.page::<M>(self.cursor.take()).await?;
        let (items, next) = M::split(page);
        // Any cursor but an absent one leads on, an empty one too.
        if let Some(next) = &next
            && !self.seen.insert(next.clone())
        {
            return Err(ClientError::RepeatedCursor { method: M::METHOD });
        }
        let more = next.is_some();
        self.cursor = next;
        if !more && M::METHOD == methods::TOOLS_LIST {
            self.client.core.tools.completed();
        }
        Ok((items, more))
    }
}

/// The entries of a list, read page by page as they are asked for. It is a
/// [`Stream`](futures_core::Stream), and has [`next`](Self::next) for those who need no more.
///
/// After an error it ends.
pub struct Entries<T>(Pin<Box<dyn Stream<Item = Result<T, ClientError>> + Send>>);

impl<T> Entries<T> {
    /// The next entry, or `None` after the last one.
    ///
    /// # Errors
    /// As any request; also if the list goes in circles or has too many pages.
    pub async fn next(&mut self) -> Option<Result<T, ClientError>> {
        next(&mut self.0).await
    }
}

impl<T> Stream for Entries<T> {
    type Item = Result<T, ClientError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(context)
    }
}

impl<T> fmt::Debug for Entries<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entries(..)")
    }
}

struct EntriesState<M: Paged> {
    position: Position<M>,
    ready: VecDeque<M::Item>,
    more: bool,
}

impl Client {
    async fn page<M: Paged>(&self, cursor: Option<String>) -> Result<M::Result, ClientError>
    where
        M::Result: 'static,
    {
        let mut call = Call::new(M::METHOD);
        if let Some(cursor) = cursor {
            let cursor = RawJson::from_serialize(&cursor).map_err(|error| {
                ClientError::Parameters { method: M::METHOD.to_owned(), reason: error.to_string() }
            })?;
            call.fields.insert(Cow::Borrowed("cursor"), cursor);
        }
        let result = self.run(call).await?;
        self.typed::<M>(None, result)
    }

    /// Reads all pages. If a cursor of an earlier, cached page is not valid any more, the cached
    /// pages are forgotten and the list is read from its beginning, once.
    pub(crate) async fn collect<M: Paged>(&self) -> Result<Vec<M::Item>, ClientError>
    where
        M::Result: 'static + Send,
    {
        let mut restarted = false;
        'list: loop {
            let mut position = Position::<M>::start(self.clone());
            let mut all = Vec::new();
            loop {
                match position.page().await {
                    Ok((items, more)) => {
                        all.extend(items);
                        if !more {
                            return Ok(all);
                        }
                    }
                    Err(ClientError::Rpc(error))
                        if error.code == codes::INVALID_PARAMS
                            && position.pages > 1
                            && !restarted =>
                    {
                        tracing::debug!(method = M::METHOD, "a cursor is not valid any more");
                        restarted = true;
                        self.core.cache.invalidate(stale::<M>());
                        continue 'list;
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    fn entries<M: Paged + 'static>(&self) -> Entries<M::Item>
    where
        M::Result: 'static + Send,
    {
        let state = EntriesState::<M> {
            position: Position::start(self.clone()),
            ready: VecDeque::new(),
            more: true,
        };
        Entries(Box::pin(Unfold::new(Some(state), |state| Box::pin(next_entry(state)))))
    }

    /// All tools. With a transport that mirrors parameters into headers (HTTP), tools with invalid
    /// `x-mcp-header` annotations are left out, with a warning in the log.
    ///
    /// # Errors
    /// As any request; also if the list goes in circles or has too many pages.
    pub async fn list_tools(&self) -> Result<Vec<Tool>, ClientError> {
        self.collect::<ListTools>().await
    }

    /// One page of tools: the first, or the one that `cursor` leads to.
    ///
    /// # Errors
    /// As any request.
    pub async fn list_tools_page(
        &self,
        cursor: Option<String>,
    ) -> Result<ListToolsResult, ClientError> {
        self.page::<ListTools>(cursor).await
    }

    /// The tools, read page by page as they are asked for.
    ///
    /// ```
    /// # async fn show(client: mcp_core::client::Client) -> Result<(), mcp_core::client::ClientError> {
    /// let mut tools = client.tools();
    /// while let Some(tool) = tools.next().await {
    ///     println!("{}", tool?.name);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn tools(&self) -> Entries<Tool> {
        self.entries::<ListTools>()
    }

    /// All prompts.
    ///
    /// # Errors
    /// As [`list_tools`](Self::list_tools).
    pub async fn list_prompts(&self) -> Result<Vec<Prompt>, ClientError> {
        self.collect::<ListPrompts>().await
    }

    /// One page of prompts: the first, or the one that `cursor` leads to.
    ///
    /// # Errors
    /// As any request.
    pub async fn list_prompts_page(
        &self,
        cursor: Option<String>,
    ) -> Result<ListPromptsResult, ClientError> {
        self.page::<ListPrompts>(cursor).await
    }

    /// The prompts, read page by page as they are asked for.
    #[must_use]
    pub fn prompts(&self) -> Entries<Prompt> {
        self.entries::<ListPrompts>()
    }

    /// All resources.
    ///
    /// # Errors
    /// As [`list_tools`](Self::list_tools).
    pub async fn list_resources(&self) -> Result<Vec<Resource>, ClientError> {
        self.collect::<ListResources>().await
    }

    /// One page of resources: the first, or the one that `cursor` leads to.
    ///
    /// # Errors
    /// As any request.
    pub async fn list_resources_page(
        &self,
        cursor: Option<String>,
    ) -> Result<ListResourcesResult, ClientError> {
        self.page::<ListResources>(cursor).await
    }

    /// The resources, read page by page as they are asked for.
    #[must_use]
    pub fn resources(&self) -> Entries<Resource> {
        self.entries::<ListResources>()
    }

    /// All resource templates.
    ///
    /// # Errors
    /// As [`list_tools`](Self::list_tools).
    pub async fn list_resource_templates(&self) -> Result<Vec<ResourceTemplate>, ClientError> {
        self.collect::<ListResourceTemplates>().await
    }

    /// One page of resource templates: the first, or the one that `cursor` leads to.
    ///
    /// # Errors
    /// As any request.
    pub async fn list_resource_templates_page(
        &self,
        cursor: Option<String>,
    ) -> Result<ListResourceTemplatesResult, ClientError> {
        self.page::<ListResourceTemplates>(cursor).await
    }

    /// The resource templates, read page by page as they are asked for.
    #[must_use]
    pub fn resource_templates(&self) -> Entries<ResourceTemplate> {
        self.entries::<ListResourceTemplates>()
    }
}

fn stale<M: Paged>() -> crate::client::cache::Stale<'static> {
    use crate::client::cache::Stale;
    match M::METHOD {
        methods::TOOLS_LIST => Stale::Tools,
        methods::PROMPTS_LIST => Stale::Prompts,
        _ => Stale::Resources,
    }
}

type Entry<M> = Result<<M as Paged>::Item, ClientError>;

/// The next entry; the state is gone after an error.
async fn next_entry<M: Paged>(
    state: Option<EntriesState<M>>,
) -> Option<(Entry<M>, Option<EntriesState<M>>)>
where
    M::Result: 'static + Send,
{
    let mut state = state?;
    loop {
        if let Some(item) = state.ready.pop_front() {
            return Some((Ok(item), Some(state)));
        }
        if !state.more {
            return None;
        }
        match state.position.page().await {
            Ok((items, more)) => {
                state.ready.extend(items);
                state.more = more;
            }
            Err(error) => {
                let spoiled =
                    matches!(&error, ClientError::Rpc(e) if e.code == codes::INVALID_PARAMS);
                if spoiled && state.position.pages > 1 {
                    // Cached pages led to a cursor that is not valid any more.
                    state.position.client.core.cache.invalidate(stale::<M>());
                }
                return Some((Err(error), None));
            }
        }
    }
}
