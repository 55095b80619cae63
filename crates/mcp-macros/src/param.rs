//! The parameters of the function: which come from the call, which are arguments.

use std::collections::HashMap;

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, Pat, PatType, PathArguments, Result, Type,
};

use crate::arg::{ArgOptions, Missing};
use crate::docs;
use crate::options::{Kind, wire_name};

/// One parameter and where its value comes from.
pub(crate) enum Parameter {
    /// Taken from the call by the core's `FromCall`; `by_ref` if the function wants `&T`.
    Call { ty: Type, by_ref: bool },
    /// `&T`, where `T` is a state of the server.
    State { ty: Type },
    /// One of the call's arguments.
    Argument(Box<Argument>),
}

/// One of the call's arguments.
pub(crate) struct Argument {
    pub(crate) field: Ident,
    /// Its name on the wire.
    pub(crate) wire: String,
    pub(crate) renamed: bool,
    pub(crate) ty: Type,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) options: ArgOptions,
}

/// Reads all parameters and takes the attributes off that only this crate understands.
///
/// # Errors
/// Everything that is wrong with them, at once.
pub(crate) fn read_all<'a>(
    kind: Kind,
    inputs: impl Iterator<Item = &'a mut FnArg>,
) -> Result<Vec<Parameter>> {
    let mut parameters = Vec::new();
    let mut errors: Option<Error> = None;
    let mut fail = |error: Error| match &mut errors {
        Some(errors) => errors.combine(error),
        none => *none = Some(error),
    };
    for input in inputs {
        let read = match input {
            FnArg::Receiver(receiver) => Err(Error::new(
                receiver.span(),
                "a handler is a function of its own, without `self`",
            )),
            FnArg::Typed(parameter) => read(kind, parameter),
        };
        match read {
            Ok(parameter) => parameters.push(parameter),
            Err(error) => fail(error),
        }
    }
    for error in conflicts(&parameters) {
        fail(error);
    }
    match errors {
        None => Ok(parameters),
        Some(errors) => Err(errors),
    }
}

/// What the parameters must not be together.
fn conflicts(parameters: &[Parameter]) -> Vec<Error> {
    let mut found = Vec::new();
    let mut names: HashMap<&str, ()> = HashMap::new();
    let mut whole: Option<&Type> = None;
    for parameter in parameters {
        match parameter {
            Parameter::Argument(argument) => {
                if names.insert(&argument.wire, ()).is_some() {
                    let what = format!("two arguments are named `{}`", argument.wire);
                    let place = match &argument.options.rename {
                        Some(name) => name.span(),
                        None => argument.field.span(),
                    };
                    found.push(Error::new(place, what));
                }
            }
            Parameter::Call { ty, .. } if takes_all(ty) => {
                if whole.is_some() {
                    found.push(Error::new(ty.span(), "the arguments are taken as a whole twice"));
                }
                whole = Some(ty);
            }
            Parameter::Call { .. } | Parameter::State { .. } => {}
        }
    }
    if let (Some(ty), false) = (whole, names.is_empty()) {
        found.push(Error::new(
            ty.span(),
            "the arguments are either parameters of their own or one `Args`, not both",
        ));
    }
    found
}

fn read(kind: Kind, parameter: &mut PatType) -> Result<Parameter> {
    let docs = docs::of(&parameter.attrs);
    let mut arg: Option<ArgOptions> = None;
    let mut from_call = false;
    let mut kept = Vec::new();
    for attribute in std::mem::take(&mut parameter.attrs) {
        if attribute.path().is_ident("arg") {
            if arg.is_some() {
                return Err(Error::new(attribute.span(), "`#[arg]` is given twice"));
            }
            arg = Some(ArgOptions::parse(kind, &attribute)?);
        } else if attribute.path().is_ident("from_call") {
            attribute.meta.require_path_only()?;
            from_call = true;
        } else if attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr") {
            return Err(Error::new(
                attribute.span(),
                "a parameter cannot depend on `cfg`; put it on the function",
            ));
        } else if !attribute.path().is_ident("doc") {
            kept.push(attribute);
        }
    }
    parameter.attrs = kept;

    let ty = plain(&parameter.ty).clone();
    if from_call && arg.is_some() {
        return Err(Error::new(
            parameter.pat.span(),
            "a parameter is either `#[arg]` or `#[from_call]`",
        ));
    }
    if arg.is_none()
        && let Some(other) = other_source(&ty, from_call)?
    {
        return Ok(other);
    }
    argument(kind, parameter, ty, docs, arg.unwrap_or_default())
}

/// Where a parameter comes from that is no argument.
fn other_source(ty: &Type, from_call: bool) -> Result<Option<Parameter>> {
    if let Type::Reference(reference) = ty {
        if let Some(token) = &reference.mutability {
            return Err(Error::new(token.span(), "states are shared; `&mut` cannot be had"));
        }
        let inner = plain(&reference.elem).clone();
        if from_call || is_from_call(&inner) {
            return Ok(Some(Parameter::Call { ty: inner, by_ref: true }));
        }
        let unsized_text = match &inner {
            Type::Path(path) if path.path.is_ident("str") => Some("`String`"),
            Type::Slice(_) => Some("`Vec<…>`"),
            _ => None,
        };
        if let Some(instead) = unsized_text {
            return Err(Error::new(
                ty.span(),
                format!("an argument is owned: take {instead}; `&T` is a state of the server"),
            ));
        }
        if matches!(&inner, Type::TraitObject(_) | Type::ImplTrait(_)) {
            return Err(Error::new(
                ty.span(),
                "a state is found by its type: take `&T` for the type that was given to `state`",
            ));
        }
        return Ok(Some(Parameter::State { ty: inner }));
    }
    Ok((from_call || is_from_call(ty)).then(|| Parameter::Call { ty: ty.clone(), by_ref: false }))
}

fn argument(
    kind: Kind,
    parameter: &PatType,
    ty: Type,
    docs: Vec<Attribute>,
    options: ArgOptions,
) -> Result<Parameter> {
    let field = name_of(&parameter.pat)?;
    if let Type::ImplTrait(_) = ty {
        return Err(Error::new(ty.span(), "a handler has no generic parameters"));
    }
    if let Some(span) = borrowed(ty.to_token_stream()) {
        return Err(Error::new(span, "an argument is owned: its type holds no references"));
    }
    if let (true, Some(Missing::TypeDefault)) =
        (inner_of(&ty, "Option").is_some(), &options.missing)
    {
        return Err(Error::new(
            field.span(),
            "an `Option` needs no default: it is `None` if missing",
        ));
    }
    let (wire, renamed) = match &options.rename {
        Some(name) => (name.value(), true),
        None => (wire_name(&field), false),
    };
    if kind == Kind::Prompt && inner_of(&ty, "Vec").is_some() {
        return Err(Error::new(ty.span(), "the arguments of a prompt are strings"));
    }
    Ok(Parameter::Argument(Box::new(Argument { field, wire, renamed, ty, docs, options })))
}

/// An argument's name: that of the parameter, which therefore is a plain one.
fn name_of(pattern: &Pat) -> Result<Ident> {
    match pattern {
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
            Ok(name.ident.clone())
        }
        Pat::Wild(_) => Err(Error::new(pattern.span(), "an argument has a name, not `_`")),
        _ => Err(Error::new(
            pattern.span(),
            "an argument has a name; patterns can be had with `Args(pattern): Args<T>`",
        )),
    }
}

/// Without the invisible groups that macros put around types, and without parentheses.
fn plain(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            other => return other,
        };
    }
}

/// Types of the core that come from the call, known by their names.
fn is_from_call(ty: &Type) -> bool {
    // A name alone may be the user's own type; with its parameters it hardly is.
    let with_parameter = |name| inner_of(ty, name).is_some();
    ends_with(ty, "Cx")
        || ends_with(ty, "Principal")
        || ends_with(ty, "RawArgs")
        || ["State", "Negotiated", "Args"].into_iter().any(with_parameter)
        || inner_of(ty, "Option").is_some_and(|inner| {
            ends_with(inner, "Principal") || inner_of(inner, "Negotiated").is_some()
        })
}

/// Whether a parameter of this type takes the arguments as a whole.
pub(crate) fn takes_all(ty: &Type) -> bool {
    ends_with(ty, "RawArgs") || inner_of(ty, "Args").is_some()
}

/// `name` or `some::path::name`, without type parameters.
pub(crate) fn ends_with(ty: &Type, name: &str) -> bool {
    let Type::Path(path) = plain(ty) else { return false };
    path.qself.is_none()
        && path
            .path
            .segments
            .last()
            .is_some_and(|last| last.ident == name && matches!(last.arguments, PathArguments::None))
}

/// The `T` of `name<T>` or `some::path::name<T>`.
pub(crate) fn inner_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let Type::Path(path) = plain(ty) else { return None };
    let last = path.path.segments.last().filter(|last| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(plain(inner)),
        _ => None,
    }
}

/// The place of a reference or an anonymous lifetime.
fn borrowed(tokens: TokenStream) -> Option<Span> {
    let mut after_quote = false;
    for token in tokens {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => return Some(punct.span()),
            TokenTree::Punct(punct) => after_quote = punct.as_char() == '\'',
            TokenTree::Ident(ident) => {
                if after_quote && ident != "static" {
                    return Some(ident.span());
                }
                after_quote = false;
            }
            TokenTree::Group(group) => {
                if let Some(span) = borrowed(group.stream()) {
                    return Some(span);
                }
            }
            TokenTree::Literal(_) => {}
        }
    }
    None
}
