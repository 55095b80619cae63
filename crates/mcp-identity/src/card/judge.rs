//! The rules of the published schema, `v1`, and those that its descriptions add in words.

use super::SCHEMA;
use crate::finding::{Judge, rule};

pub(super) fn server_card(card: &mut Judge<'_>) {
    if card.object().is_none() {
        return;
    }
    card.required("$schema", |schema| {
        schema.form("the schema of server cards, v1", |text| text == SCHEMA);
    });
    card.required("name", |name| {
        name.length(3, 200);
        name.form("a namespace, a slash and a name", is_name);
    });
    card.required("version", |version| {
        version.length(0, 255);
        version.form("one version, rather than a range of them", |text| !is_range(text));
    });
    card.required("description", |description| description.length(1, 100));
    card.optional("title", |title| title.length(1, 100));
    card.optional("websiteUrl", rule::uri);
    card.optional("repository", repository);
    card.optional("icons", |icons| icons.each(icon));
    card.optional("remotes", |remotes| remotes.each(remote));
    card.optional("_meta", |meta| {
        meta.object();
    });
}

fn repository(repository: &mut Judge<'_>) {
    if repository.object().is_none() {
        return;
    }
    repository.required("url", rule::uri);
    repository.required("source", rule::string);
    repository.optional("id", rule::string);
    repository.optional("subfolder", |folder| folder.form("a clean relative path", is_clean_path));
}

fn icon(icon: &mut Judge<'_>) {
    if icon.object().is_none() {
        return;
    }
    icon.required("src", rule::uri);
    icon.optional("mimeType", rule::string);
    icon.optional("sizes", rule::strings);
    icon.optional("theme", |theme| theme.one_of(&["dark", "light"]));
}

fn remote(remote: &mut Judge<'_>) {
    if remote.object().is_none() {
        return;
    }
    remote.required("type", |kind| kind.one_of(&["sse", "streamable-http"]));
    remote.required("url", |url| {
        url.form("an http or https URL, or a template of one", is_remote_url)
    });
    remote.optional("headers", |headers| headers.each(header));
    remote.optional("variables", |variables| variables.values(input));
    remote.optional("supportedProtocolVersions", rule::strings);
}

fn header(header: &mut Judge<'_>) {
    if header.object().is_none() {
        return;
    }
    header.required("name", rule::string);
    input(header);
    header.optional("variables", |variables| variables.values(input));
}

fn input(input: &mut Judge<'_>) {
    if input.object().is_none() {
        return;
    }
    for name in ["description", "default", "placeholder", "value"] {
        input.optional(name, rule::string);
    }
    for name in ["isRequired", "isSecret"] {
        input.optional(name, rule::boolean);
    }
    input.optional("format", |format| format.one_of(&["boolean", "filepath", "number", "string"]));
    input.optional("choices", rule::strings);
}

/// `^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$`
fn is_name(name: &str) -> bool {
    let all = |text: &str, marks: &[u8]| {
        !text.is_empty()
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
    };
    name.split_once('/').is_some_and(|(space, name)| all(space, b".-") && all(name, b"._-"))
}

/// What npm, Cargo or Python would take for a range: `^1.2.3`, `~1.2.3`, `>=1.2.3`, `1.x`, `1.*`, `1 || 2`, `1 - 2`.
pub(crate) fn is_range(version: &str) -> bool {
    let version = version.trim();
    let core = version.split(['-', '+']).next().unwrap_or_default();
    version.starts_with(['^', '~', '>', '<', '=', '!'])
        || version.contains("||")
        || version.contains(" - ")
        || version.contains(',')
        || core.split('.').any(|part| matches!(part, "x" | "X" | "*"))
}

fn is_clean_path(path: &str) -> bool {
    !path.is_empty()
        && !path.contains('\\')
        && path.split('/').all(|step| !matches!(step, "" | "." | ".."))
}

/// `^(https?://[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)$`
fn is_remote_url(url: &str) -> bool {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
    let template = || {
        let (name, _) = url.strip_prefix('{')?.split_once('}')?;
        let mut name = name.bytes();
        let first = name.next()?;
        Some(
            (first.is_ascii_alphabetic() || first == b'_')
                && name.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
        )
    };
    !url.contains(|c: char| c.is_whitespace() || c == '\u{feff}')
        && match rest {
            Some(rest) => !rest.is_empty(),
            None => template().unwrap_or(false),
        }
}
