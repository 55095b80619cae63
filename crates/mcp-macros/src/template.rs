//! The variables of a URI template (RFC 6570), for checking parameters against them.
//!
//! Whether the template is well-formed is decided by the core when the server is built.

/// Whether `uri` has variables.
pub(crate) fn is_template(uri: &str) -> bool {
    uri.contains('{')
}

/// The names of the variables: each expression's list without operator and modifiers.
pub(crate) fn variables(uri: &str) -> Vec<&str> {
    uri.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .flat_map(|(expression, _)| {
            expression
                .strip_prefix(['+', '#', '.', '/', ';', '?', '&'])
                .unwrap_or(expression)
                .split(',')
        })
        .map(|variable| {
            let name = variable.split(':').next().unwrap_or(variable);
            name.strip_suffix('*').unwrap_or(name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_modifiers_are_no_names() {
        assert_eq!(
            variables("docs://{section}/{+path}{?q,lang:2,tags*}"),
            ["section", "path", "q", "lang", "tags"]
        );
        assert!(variables("docs://index").is_empty());
        assert!(variables("docs://{open").is_empty());
    }
}
