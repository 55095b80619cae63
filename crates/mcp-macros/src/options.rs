//! The keys in the parentheses of `#[tool(…)]`, `#[prompt(…)]` and `#[resource(…)]`.

use std::collections::HashSet;
use std::time::Duration;

use proc_macro2::{Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::meta::ParseNestedMeta;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, LitBool, LitStr, Path, Result, Token};

/// What a function is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Tool,
    Prompt,
    Resource,
}

impl Kind {
    /// The attribute's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
        }
    }

    fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &[
                "name",
                "title",
                "description",
                "read_only",
                "destructive",
                "idempotent",
                "open_world",
                "timeout",
                "trust_result",
                "header",
                "crate",
            ],
            Self::Prompt => &["name", "title", "description", "crate"],
            Self::Resource => &["name", "title", "description", "mime_type", "crate"],
        }
    }
}

/// What was written in the parentheses.
#[derive(Default)]
pub(crate) struct Options {
    /// `#[resource("…")]`.
    pub(crate) uri: Option<LitStr>,
    pub(crate) name: Option<Expr>,
    pub(crate) title: Option<Expr>,
    pub(crate) description: Option<Expr>,
    pub(crate) mime_type: Option<Expr>,
    pub(crate) hints: Vec<(Ident, bool)>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) trust_result: bool,
    /// Parameter and header name.
    pub(crate) headers: Vec<(Ident, LitStr)>,
    /// Where the core is, if not at `::mcp_core`.
    core: Option<Path>,
}

impl Options {
    /// Reads the tokens in the parentheses.
    pub(crate) fn parse(kind: Kind, tokens: TokenStream) -> Result<Self> {
        let read = |input: ParseStream<'_>| {
            let mut options = Self::default();
            if kind == Kind::Resource {
                options.uri = Some(resource_uri(input)?);
                if input.is_empty() {
                    return Ok(options);
                }
                input.parse::<Token![,]>()?;
            }
            let rest: TokenStream = input.parse()?;
            let mut seen = HashSet::new();
            syn::meta::parser(|meta| options.read(kind, &mut seen, &meta)).parse2(rest)?;
            options.check()?;
            Ok(options)
        };
        read.parse2(tokens)
    }

    fn read(
        &mut self,
        kind: Kind,
        seen: &mut HashSet<String>,
        meta: &ParseNestedMeta<'_>,
    ) -> Result<()> {
        let key = key(&meta.path)?;
        let name = key.to_string();
        if !kind.keys().contains(&name.as_str()) {
            return Err(Error::new(
                key.span(),
                format!("unknown key `{name}`; `#[{}]` takes {}", kind.name(), list(kind.keys())),
            ));
        }
        if !seen.insert(name.clone()) {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "name" => self.name = Some(checked_name(meta.value()?.parse()?)?),
            "title" => self.title = Some(meta.value()?.parse()?),
            "description" => self.description = Some(meta.value()?.parse()?),
            "mime_type" => self.mime_type = Some(meta.value()?.parse()?),
            "timeout" => self.timeout = Some(duration(&meta.value()?.parse()?)?),
            "trust_result" => self.trust_result = flag(meta)?,
            "header" => self.read_headers(meta)?,
            "crate" => self.core = Some(core_path(meta)?),
            _ => self.hints.push((key.clone(), flag(meta)?)),
        }
        Ok(())
    }

    fn read_headers(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        meta.parse_nested_meta(|inner| {
            let parameter = key(&inner.path)?.clone();
            if self.headers.iter().any(|(known, _)| *known == parameter) {
                return Err(Error::new(
                    parameter.span(),
                    format!("`{parameter}` is mirrored twice"),
                ));
            }
            let header = header_name(inner.value()?.parse()?)?;
            self.headers.push((parameter, header));
            Ok(())
        })
    }

    fn check(&self) -> Result<()> {
        let is = |name: &str| self.hints.iter().find(|(key, on)| key == name && *on);
        match (is("read_only"), is("destructive")) {
            (Some(_), Some((key, _))) => {
                Err(Error::new(key.span(), "a tool that is `read_only` is not `destructive`"))
            }
            _ => Ok(()),
        }
    }

    /// The path of the core, for generated code.
    pub(crate) fn core(&self) -> TokenStream {
        match &self.core {
            Some(path) => quote!(#path),
            None => quote!(::mcp_core),
        }
    }
}

/// The single identifier of a key; keywords (`crate`) are fine.
pub(crate) fn key(path: &Path) -> Result<&Ident> {
    path.get_ident().ok_or_else(|| Error::new(path.span(), "a key is a single word"))
}

/// `key` alone, or `key = true`, or `key = false`.
fn flag(meta: &ParseNestedMeta<'_>) -> Result<bool> {
    if meta.input.peek(Token![=]) { Ok(meta.value()?.parse::<LitBool>()?.value) } else { Ok(true) }
}

/// `crate = some::path` or, as serde writes it, `crate = "some::path"`.
fn core_path(meta: &ParseNestedMeta<'_>) -> Result<Path> {
    let value = meta.value()?;
    if value.peek(LitStr) {
        value.parse::<LitStr>()?.parse_with(Path::parse_mod_style)
    } else {
        value.call(Path::parse_mod_style)
    }
}

fn resource_uri(input: ParseStream<'_>) -> Result<LitStr> {
    if !input.peek(LitStr) {
        return Err(Error::new(
            if input.is_empty() { Span::call_site() } else { input.span() },
            "the URI or URI template comes first: `#[resource(\"docs://index\")]`",
        ));
    }
    let uri: LitStr = input.parse()?;
    let text = uri.value();
    let scheme = text.split_once(':').map_or("", |(scheme, _)| scheme);
    let fits = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|each| each.is_ascii_alphanumeric() || "+-.".contains(each));
    if fits {
        Ok(uri)
    } else {
        Err(Error::new(uri.span(), "a URI begins with a scheme, as in `docs://`"))
    }
}

/// The names that the specification recommends; the core refuses others when the server is built.
fn checked_name(name: Expr) -> Result<Expr> {
    if let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &name {
        let text = text.value();
        let fits = (1..=128).contains(&text.len())
            && text.chars().all(|each| each.is_ascii_alphanumeric() || "_-.".contains(each));
        if !fits {
            return Err(Error::new(
                name.span(),
                "a name has 1 to 128 ASCII letters, digits, `_`, `-` and `.`",
            ));
        }
    }
    Ok(name)
}

/// A token of RFC 9110, as the part of a header's name after `Mcp-Param-`.
pub(crate) fn header_name(name: LitStr) -> Result<LitStr> {
    let text = name.value();
    let fits = !text.is_empty()
        && text
            .chars()
            .all(|each| each.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(each));
    if fits {
        Ok(name)
    } else {
        Err(Error::new(name.span(), "this is no part of an HTTP header's name"))
    }
}

/// `"250ms"`, `"30s"`, `"5m"`, `"1h"`.
fn duration(text: &LitStr) -> Result<Duration> {
    let wrong = || Error::new(text.span(), "a time limit is written `250ms`, `30s`, `5m` or `1h`");
    let value = text.value();
    let digits = value.trim_end_matches(|each: char| each.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let unit = match value.get(digits.len()..) {
        Some("ms") => 1,
        Some("s") => 1_000,
        Some("m") => 60_000,
        Some("h") => 3_600_000,
        _ => return Err(wrong()),
    };
    match number.checked_mul(unit) {
        Some(0) => Err(Error::new(text.span(), "a time limit of zero lets nothing run")),
        Some(millis) => Ok(Duration::from_millis(millis)),
        None => Err(wrong()),
    }
}

/// `a`, `b` and `c` in backquotes.
pub(crate) fn list(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}

/// A function's or parameter's name as it goes on the wire.
pub(crate) fn wire_name(ident: &Ident) -> String {
    ident.unraw().to_string()
}
