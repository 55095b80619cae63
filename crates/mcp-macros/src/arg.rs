//! `#[arg(…)]`: what is said of one argument.

use std::collections::HashSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Ident, Lit, LitStr, Meta, Path, Result, Token, token};

use crate::options::{Kind, header_name, key, list};

/// JSON Schema keywords, by the key that stands for them.
const KEYWORDS: &[(&str, &str)] = &[
    ("minimum", "minimum"),
    ("maximum", "maximum"),
    ("exclusive_minimum", "exclusiveMinimum"),
    ("exclusive_maximum", "exclusiveMaximum"),
    ("multiple_of", "multipleOf"),
    ("min_length", "minLength"),
    ("max_length", "maxLength"),
    ("pattern", "pattern"),
    ("format", "format"),
    ("min_items", "minItems"),
    ("max_items", "maxItems"),
    ("unique_items", "uniqueItems"),
];

/// Attributes of schemars that are handed on as they are.
const SCHEMARS: &[&str] = &[
    "title",
    "example",
    "deprecated",
    "range",
    "length",
    "regex",
    "email",
    "url",
    "inner",
    "with",
    "schema_with",
    "extend",
];

/// What a missing argument becomes.
pub(crate) enum Missing {
    /// `#[arg(default)]`: the type's default.
    TypeDefault,
    /// `#[arg(default = …)]`.
    Value(Box<Expr>),
}

/// What was written of one argument.
#[derive(Default)]
pub(crate) struct ArgOptions {
    pub(crate) rename: Option<LitStr>,
    pub(crate) missing: Option<Missing>,
    pub(crate) header: Option<LitStr>,
    pub(crate) complete: Option<Path>,
    /// For `#[schemars(…)]`.
    pub(crate) schemars: Vec<TokenStream>,
}

impl ArgOptions {
    /// Reads one `#[arg]` or `#[arg(…)]`.
    pub(crate) fn parse(kind: Kind, attribute: &Attribute) -> Result<Self> {
        let mut options = Self::default();
        match &attribute.meta {
            Meta::Path(_) => {}
            Meta::NameValue(meta) => {
                return Err(Error::new(meta.span(), "`arg` is written `#[arg(key = value)]`"));
            }
            Meta::List(meta) => {
                let mut seen = HashSet::new();
                meta.parse_nested_meta(|meta| options.read(kind, &mut seen, &meta))?;
            }
        }
        Ok(options)
    }

    fn read(
        &mut self,
        kind: Kind,
        seen: &mut HashSet<String>,
        meta: &ParseNestedMeta<'_>,
    ) -> Result<()> {
        let key = key(&meta.path)?;
        let name = key.to_string();
        // A schema can have several examples and several extensions.
        if !seen.insert(name.clone()) && !matches!(name.as_str(), "example" | "extend") {
            return Err(Error::new(key.span(), format!("`{name}` is given twice")));
        }
        match name.as_str() {
            "rename" => self.rename = Some(wire_argument(meta.value()?.parse()?)?),
            "default" => {
                self.missing = Some(if meta.input.peek(Token![=]) {
                    Missing::Value(Box::new(owned(meta.value()?.parse()?)))
                } else {
                    Missing::TypeDefault
                });
            }
            "header" if kind == Kind::Tool => {
                self.header = Some(header_name(meta.value()?.parse()?)?);
            }
            "complete" if kind != Kind::Tool => self.complete = Some(meta.value()?.parse()?),
            other => match KEYWORDS.iter().find(|(key, _)| *key == other) {
                Some((_, keyword)) => {
                    let value: Expr = meta.value()?.parse()?;
                    self.schemars.push(quote!(extend(#keyword = #value)));
                }
                None if SCHEMARS.contains(&other) => self.schemars.push(verbatim(key, meta)?),
                None => return Err(unknown(kind, key)),
            },
        }
        Ok(())
    }
}

fn unknown(kind: Kind, key: &Ident) -> Error {
    let own: &[&str] = match kind {
        Kind::Tool => &["rename", "default", "header"],
        Kind::Prompt | Kind::Resource => &["rename", "default", "complete"],
    };
    let keywords: Vec<_> = KEYWORDS.iter().map(|(key, _)| *key).collect();
    Error::new(
        key.span(),
        format!(
            "unknown key `{key}`; `#[arg]` takes {}, of JSON Schema {}, and of schemars {}",
            list(own),
            list(&keywords),
            list(SCHEMARS)
        ),
    )
}

/// `key`, `key = value` or `key(…)`, for schemars.
fn verbatim(key: &Ident, meta: &ParseNestedMeta<'_>) -> Result<TokenStream> {
    if meta.input.peek(Token![=]) {
        let value: Expr = meta.value()?.parse()?;
        Ok(quote!(#key = #value))
    } else if meta.input.peek(token::Paren) {
        let inner;
        syn::parenthesized!(inner in meta.input);
        let inner: TokenStream = inner.parse()?;
        Ok(quote!(#key(#inner)))
    } else {
        Ok(quote!(#key))
    }
}

/// `default = "text"` for a `String` needs no `.to_owned()`.
fn owned(value: Expr) -> Expr {
    match &value {
        Expr::Lit(ExprLit { lit: Lit::Str(_), .. }) => {
            syn::parse_quote!(::core::convert::Into::into(#value))
        }
        _ => value,
    }
}

fn wire_argument(name: LitStr) -> Result<LitStr> {
    if name.value().is_empty() {
        return Err(Error::new(name.span(), "an argument's name is not empty"));
    }
    Ok(name)
}
