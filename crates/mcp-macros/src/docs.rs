//! Doc comments as text.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The doc comments among `attributes`, as they were written.
pub(crate) fn of(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| attribute.path().is_ident("doc")).cloned().collect()
}

/// An expression of type `&str` for the text of `docs`; `None` where there is none.
///
/// One leading space of each line and the space around the whole are gone, as rustdoc shows it.
/// `#[doc = include_str!("…")]` works too.
pub(crate) fn text(docs: &[Attribute]) -> Option<TokenStream> {
    let mut literal = String::new();
    let mut pieces: Vec<TokenStream> = Vec::new();
    for attribute in docs {
        // `#[doc(hidden)]` and the like are no text.
        let Meta::NameValue(meta) = &attribute.meta else { continue };
        match &meta.value {
            Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) => {
                let line = line.value();
                // A block comment holds several lines in one attribute.
                for line in line.lines().chain(line.is_empty().then_some("")) {
                    literal.push_str(line.strip_prefix(' ').unwrap_or(line).trim_end());
                    literal.push('\n');
                }
            }
            other => {
                let before = std::mem::take(&mut literal);
                pieces.push(before.to_token_stream());
                pieces.push(quote!(#other, "\n"));
            }
        }
    }
    if pieces.is_empty() {
        let text = literal.trim();
        return (!text.is_empty()).then(|| text.to_token_stream());
    }
    Some(quote!(::core::concat!(#(#pieces,)* #literal).trim()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn lines_are_joined_and_trimmed() {
        let item: syn::ItemStruct = parse_quote! {
            /// Finds words.
            ///
            ///   Indented.
            struct X;
        };
        let text = text(&of(&item.attrs)).unwrap();
        assert_eq!(text.to_string(), r#""Finds words.\n\n  Indented.""#);
    }

    #[test]
    fn no_docs_are_no_text() {
        let item: syn::ItemStruct = parse_quote! {
            #[doc(hidden)]
            ///
            struct X;
        };
        assert!(text(&of(&item.attrs)).is_none());
    }

    #[test]
    fn included_text_is_kept_as_an_expression() {
        let item: syn::ItemStruct = parse_quote! {
            /// First.
            #[doc = include_str!("more.md")]
            struct X;
        };
        let text = text(&of(&item.attrs)).unwrap().to_string();
        assert!(text.contains("concat") && text.contains("include_str"), "{text}");
    }
}
