//! The struct that gathers the arguments of a call, and how its fields are read.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::arg::Missing;
use crate::expand::arguments;
use crate::options::{Kind, Options, wire_name};
use crate::param::{self, Argument, Parameter};

/// The struct that the arguments are read into, with the functions that its fields need.
pub(crate) fn gathered(
    kind: Kind,
    attribute: &Options,
    parameters: &[Parameter],
    name: &Ident,
) -> TokenStream {
    let core = &attribute.core();
    let private = quote!(#core::__private);
    let (serde, schemars) = (path_text(core, "serde"), path_text(core, "schemars"));
    let title = wire_name(name);
    // A model that misspells an optional argument is told so, instead of being ignored.
    let strict = (kind == Kind::Tool).then(|| quote!(#[serde(deny_unknown_fields)]));
    let mut functions = Vec::new();
    let mut from_text = None;
    let fields: Vec<TokenStream> = arguments(parameters)
        .enumerate()
        .map(|(at, argument)| {
            let Argument { field, wire, renamed, ty, docs, options } = argument;
            let rename = renamed.then(|| quote!(#[serde(rename = #wire)]));
            let reader = if kind == Kind::Tool { None } else { text_reader(ty) };
            let missing = match &options.missing {
                // With a reader of its own, serde no longer takes an absent `Option` as `None`.
                None if reader == Some("__optional_from_text") => Some(quote!(#[serde(default)])),
                None => None,
                Some(Missing::TypeDefault) => Some(quote!(#[serde(default)])),
                Some(Missing::Value(value)) => {
                    let function = format_ident!("__missing_{at}");
                    let path = function.to_string();
                    functions.push(quote_spanned!(value.span()=> fn #function() -> #ty { #value }));
                    Some(quote!(#[serde(default = #path)]))
                }
            };
            let text = reader.map(|reader| {
                from_text = Some(text_readers(core));
                quote!(#[serde(deserialize_with = #reader)])
            });
            let schema = (!options.schemars.is_empty()).then(|| {
                let parts = &options.schemars;
                quote!(#[schemars(#(#parts),*)])
            });
            // What is mirrored into a header is a string, an integer or a boolean, and never null.
            let mirrored = options.header.is_some()
                || attribute.headers.iter().any(|(parameter, _)| parameter == field);
            let not_null = param::inner_of(ty, "Option").filter(|_| mirrored).map(|inner| {
                let inner = inner.to_token_stream().to_string();
                quote! {
                    #[serde(default, skip_serializing_if = "::core::option::Option::is_none")]
                    #[schemars(with = #inner)]
                }
            });
            let missing = missing.filter(|_| not_null.is_none());
            quote!(#(#docs)* #rename #missing #not_null #text #schema #field: #ty)
        })
        .collect();
    quote! {
        #[derive(#private::serde::Deserialize, #private::schemars::JsonSchema)]
        #[serde(crate = #serde)]
        #[schemars(crate = #schemars, rename = #title)]
        #strict
        struct __Arguments {
            #(#fields,)*
        }
        #from_text
        #(#functions)*
    }
}

/// The path of a crate that the core hands on, as the derives want it: text.
fn path_text(core: &TokenStream, name: &str) -> String {
    let core: String = core.to_string().split_whitespace().collect();
    format!("{core}::__private::{name}")
}

/// Arguments of prompts and variables of templates come as strings. The function that makes a
/// number or a truth value of one; `None` for other types, which read strings themselves.
fn text_reader(ty: &Type) -> Option<&'static str> {
    const TYPES: &[&str] = &[
        "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize",
        "f32", "f64", "bool",
    ];
    let is_one = |ty: &Type| TYPES.iter().any(|name| param::ends_with(ty, name));
    if is_one(ty) {
        Some("__from_text")
    } else if param::inner_of(ty, "Option").is_some_and(is_one) {
        Some("__optional_from_text")
    } else {
        None
    }
}

fn text_readers(core: &TokenStream) -> TokenStream {
    let serde = quote!(#core::__private::serde);
    quote! {
        #[allow(dead_code)]
        fn __from_text<'de, D, T>(deserializer: D) -> ::core::result::Result<T, D::Error>
        where
            D: #serde::Deserializer<'de>,
            T: ::core::str::FromStr,
            T::Err: ::core::fmt::Display,
        {
            let text = <::std::string::String as #serde::Deserialize>::deserialize(deserializer)?;
            text.parse().map_err(<D::Error as #serde::de::Error>::custom)
        }
        #[allow(dead_code)]
        fn __optional_from_text<'de, D, T>(
            deserializer: D,
        ) -> ::core::result::Result<::core::option::Option<T>, D::Error>
        where
            D: #serde::Deserializer<'de>,
            T: ::core::str::FromStr,
            T::Err: ::core::fmt::Display,
        {
            __from_text(deserializer).map(::core::option::Option::Some)
        }
    }
}
