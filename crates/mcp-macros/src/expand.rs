//! From the function to the definition that is served.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ItemFn, LitStr, Result};

use crate::docs;
use crate::gather;
use crate::options::{Kind, Options, list, wire_name};
use crate::param::{self, Argument, Parameter};
use crate::template;

/// The parameters that the core's handlers have at most.
const MOST_PARAMETERS: usize = 8;

/// The whole expansion: the definition, or the errors and as much of it as spares the user
/// consequential errors.
pub(crate) fn expand(kind: Kind, attribute: TokenStream, item: TokenStream) -> TokenStream {
    let function: ItemFn = match syn::parse2(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let what = format!("`#[{}]` goes on an async function: {error}", kind.name());
            let error = Error::new(error.span(), what).into_compile_error();
            return quote!(#error #item);
        }
    };
    let stand_in = stand_in(kind, &attribute, &function);
    match definition(kind, attribute, function) {
        Ok(definition) => definition,
        Err(errors) => {
            let errors = errors.into_compile_error();
            quote!(#errors #stand_in)
        }
    }
}

/// Something of the right name and type, so that uses of it are no errors too.
fn stand_in(kind: Kind, attribute: &TokenStream, function: &ItemFn) -> TokenStream {
    let (name, vis) = (&function.sig.ident, &function.vis);
    let options = Options::parse(kind, attribute.clone()).unwrap_or_default();
    let (core, served) = (options.core(), served_type(kind, &options));
    quote! {
        #[allow(non_camel_case_types, missing_docs, dead_code)]
        #vis struct #name {}
        #[allow(missing_docs, dead_code)]
        #vis fn #name() -> #core::server::#served {
            ::core::unreachable!()
        }
    }
}

fn served_type(kind: Kind, options: &Options) -> Ident {
    let name = match kind {
        Kind::Tool => "ServedTool",
        Kind::Prompt => "ServedPrompt",
        Kind::Resource if is_template(options) => "ServedTemplate",
        Kind::Resource => "ServedResource",
    };
    Ident::new(name, Span::call_site())
}

fn is_template(options: &Options) -> bool {
    options.uri.as_ref().is_some_and(|uri| template::is_template(&uri.value()))
}

fn definition(kind: Kind, attribute: TokenStream, mut function: ItemFn) -> Result<TokenStream> {
    let mut errors: Vec<Error> = check_signature(&function);
    let parameters = param::read_all(kind, function.sig.inputs.iter_mut());
    let options = Options::parse(kind, attribute);
    let (options, parameters) = match (options, parameters) {
        (Ok(options), Ok(parameters)) => {
            errors.extend(check_together(kind, &options, &parameters, &function));
            (options, parameters)
        }
        (options, parameters) => {
            errors.extend(options.err());
            errors.extend(parameters.err());
            (Options::default(), Vec::new())
        }
    };
    let all = errors.into_iter().reduce(|mut all, error| {
        all.combine(error);
        all
    });
    match all {
        Some(errors) => Err(errors),
        None => Ok(write(kind, &options, &parameters, function)),
    }
}

/// What a handler's signature must not have.
fn check_signature(function: &ItemFn) -> Vec<Error> {
    let signature = &function.sig;
    let mut errors = Vec::new();
    let mut wrong = |span: Span, what: &str| errors.push(Error::new(span, what));
    if signature.asyncness.is_none() {
        wrong(signature.fn_token.span(), "a handler is an `async fn`");
    }
    if let Some(constness) = &signature.constness {
        wrong(constness.span(), "a handler is not `const`");
    }
    if let syn::Safety::Unsafe(token) = &signature.safety {
        wrong(token.span(), "a handler is called by anyone who may call it: it is not `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        wrong(abi.span(), "a handler has Rust's own calling convention");
    }
    if !signature.generics.params.is_empty() {
        wrong(signature.generics.params.span(), "a handler has no generic parameters");
    } else if let Some(clause) = &signature.generics.where_clause {
        wrong(clause.span(), "a handler has no `where` clause");
    }
    if let Some(variadic) = &signature.variadic {
        wrong(variadic.span(), "a handler has a fixed number of parameters");
    }
    errors
}

/// What attribute and parameters must not be together.
fn check_together(
    kind: Kind,
    options: &Options,
    parameters: &[Parameter],
    function: &ItemFn,
) -> Vec<Error> {
    let mut errors = Vec::new();
    let arguments: Vec<&Argument> = arguments(parameters).collect();
    let from_call = parameters.len() - arguments.len();
    if from_call + usize::from(!arguments.is_empty()) > MOST_PARAMETERS {
        errors.push(Error::new(
            function.sig.inputs.span(),
            "a handler takes at most eight values besides its arguments",
        ));
    }
    // Names are only known if no parameter takes the arguments as a whole.
    let whole = parameters.iter().any(|parameter| match parameter {
        Parameter::Call { ty, .. } => param::takes_all(ty),
        _ => false,
    });
    for (parameter, _) in &options.headers {
        if !whole && !arguments.iter().any(|argument| argument.field == *parameter) {
            errors
                .push(Error::new(parameter.span(), format!("no argument is named `{parameter}`")));
        }
    }
    if let (Kind::Resource, Some(uri)) = (kind, &options.uri) {
        errors.extend(check_variables(uri, &arguments));
    }
    errors
}

/// The arguments of a template's handler are its variables; a fixed URI has none.
fn check_variables(uri: &LitStr, arguments: &[&Argument]) -> Vec<Error> {
    let text = uri.value();
    let variables = template::variables(&text);
    arguments
        .iter()
        .filter(|argument| !variables.contains(&argument.wire.as_str()))
        .map(|argument| {
            let what = if template::is_template(&text) {
                format!(
                    "the template has no variable `{}`; it has {}",
                    argument.wire,
                    list(&variables)
                )
            } else {
                "a resource with a fixed URI has no arguments".to_owned()
            };
            Error::new(argument.field.span(), what)
        })
        .collect()
}

pub(crate) fn arguments(parameters: &[Parameter]) -> impl Iterator<Item = &Argument> {
    parameters.iter().filter_map(|parameter| match parameter {
        Parameter::Argument(argument) => Some(&**argument),
        _ => None,
    })
}

fn write(kind: Kind, options: &Options, parameters: &[Parameter], function: ItemFn) -> TokenStream {
    let ItemFn { attrs, vis, sig, block, .. } = function;
    let (name, inputs, output) = (&sig.ident, &sig.inputs, &sig.output);
    let docs = docs::of(&attrs);
    let conditions: Vec<&Attribute> =
        attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).collect();
    let others = attrs
        .iter()
        .filter(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("cfg"));
    let summary = if docs.is_empty() {
        let text = format!("The {} `{}`.", kind.name(), wire_name(name));
        quote!(#[doc = #text])
    } else {
        quote!(#(#docs)*)
    };
    let struct_docs = format!("The function behind the {} `{}`.", kind.name(), wire_name(name));
    let call_docs = format!("Runs the function itself, as the {} does.", kind.name());
    let body = making(kind, options, parameters, name, &docs);
    let (core, served) = (options.core(), served_type(kind, options));
    let async_token = &sig.asyncness;
    // A function and a struct with braces: each has the name in a namespace of its own, and neither
    // keeps it from local variables, as a unit struct would.
    quote! {
        #(#conditions)*
        #summary
        #vis fn #name() -> #core::server::#served {
            #body
        }

        #(#conditions)*
        #[doc = #struct_docs]
        #[allow(non_camel_case_types, dead_code)]
        #vis struct #name {}

        #(#conditions)*
        impl #name {
            #[doc = #call_docs]
            #(#others)*
            #[allow(clippy::unused_async)]
            #vis #async_token fn call(#inputs) #output #block
        }
    }
}

/// The body of the function that makes what is served.
fn making(
    kind: Kind,
    options: &Options,
    parameters: &[Parameter],
    name: &Ident,
    docs: &[Attribute],
) -> TokenStream {
    let core = options.core();
    let served = served_type(kind, options);
    let has_arguments = arguments(parameters).next().is_some();
    let wire = match &options.name {
        Some(name) => quote!(#name),
        None => {
            let name = wire_name(name);
            quote!(#name)
        }
    };
    let gathered = has_arguments.then(|| gather::gathered(kind, options, parameters, name));

    let mut patterns = Vec::new();
    let mut types: Vec<TokenStream> = Vec::new();
    let mut values = Vec::new();
    for (at, parameter) in parameters.iter().enumerate() {
        let place = format_ident!("__parameter_{at}");
        match parameter {
            Parameter::Call { ty, by_ref } => {
                patterns.push(quote!(#place));
                types.push(quote!(#ty));
                values.push(if *by_ref { quote!(&#place) } else { quote!(#place) });
            }
            Parameter::State { ty } => {
                patterns.push(quote!(#place));
                types.push(quote!(#core::server::State<#ty>));
                values.push(quote!(::core::ops::Deref::deref(&#place)));
            }
            Parameter::Argument(argument) => {
                let field = &argument.field;
                values.push(quote!(__arguments.#field));
            }
        }
    }
    if has_arguments {
        patterns.push(quote!(#core::server::Args(__arguments)));
        types.push(quote!(#core::server::Args<__Arguments>));
    }
    // The handler's own mistakes (a future that is not `Send`, say) point at its name.
    let span = name.span().resolved_at(Span::mixed_site());
    let handler = quote_spanned! {span=>
        |#(#patterns: #types),*| async move { #name::call(#(#values),*).await }
    };
    let new = match &options.uri {
        Some(uri) => quote_spanned! {span=>
            #core::server::#served::new::<(#(#types,)*)>(#uri, #wire, #handler)
        },
        None => quote_spanned! {span=>
            #core::server::#served::new::<(#(#types,)*)>(#wire, #handler)
        },
    };
    let steps = steps(kind, options, parameters, &core, docs);
    quote! {
        #gathered
        let __served = #new;
        #(let __served = #steps;)*
        __served
    }
}

/// What follows `ServedTool::new`: everything that the attribute says.
fn steps(
    kind: Kind,
    options: &Options,
    parameters: &[Parameter],
    core: &TokenStream,
    docs: &[Attribute],
) -> Vec<TokenStream> {
    let mut steps = Vec::new();
    let mut set = |method: &str, value: &Expr| {
        let method = Ident::new(method, Span::call_site());
        steps.push(quote!(__served.#method(#value)));
    };
    if let Some(title) = &options.title {
        set("title", title);
    }
    if let Some(mime_type) = &options.mime_type {
        set("mime_type", mime_type);
    }
    match (&options.description, docs::text(docs)) {
        (Some(description), _) => set("description", description),
        (None, Some(text)) => steps.push(quote!(__served.description(#text))),
        (None, None) => {}
    }
    if !options.hints.is_empty() {
        let hints = options.hints.iter().map(|(key, on)| {
            let field = format_ident!("{key}_hint");
            quote!(__hints.#field = ::core::option::Option::Some(#on);)
        });
        steps.push(quote! {
            __served.annotations({
                let mut __hints = <#core::protocol::ToolAnnotations as ::core::default::Default>::default();
                #(#hints)*
                __hints
            })
        });
    }
    if let Some(limit) = options.timeout {
        // No time limit that anybody writes exceeds what a u64 of milliseconds holds.
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        steps.push(quote!(__served.timeout(::core::time::Duration::from_millis(#millis))));
    }
    if options.trust_result {
        steps.push(quote!(__served.trust_result()));
    }
    for (parameter, header) in &options.headers {
        let wire = arguments(parameters)
            .find(|argument| argument.field == *parameter)
            .map_or_else(|| wire_name(parameter), |argument| argument.wire.clone());
        steps.push(quote!(__served.mirror_header(#wire, #header)));
    }
    for argument in arguments(parameters) {
        let wire = &argument.wire;
        if let Some(header) = &argument.options.header {
            steps.push(quote!(__served.mirror_header(#wire, #header)));
        }
        if let (Some(complete), true) = (&argument.options.complete, kind != Kind::Tool) {
            steps.push(quote_spanned!(complete.span()=> __served.complete(#wire, #complete)));
        }
    }
    steps
}
