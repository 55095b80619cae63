//! The rules by which each field is compared.

use std::collections::BTreeSet;

use super::{Compared, Field, Live, Report, Verdict};
use crate::card::{Remote, RemoteType, ServerCard};
use crate::fetch::Url;

/// Holds a card against what its server says of itself.
#[must_use]
pub fn drift(card: &ServerCard, live: &Live) -> Report {
    let info = live.info.as_ref();
    let remotes: Vec<&Remote> = card.remotes.iter().flatten().collect();
    let endpoint = live.endpoint.as_deref();
    let here = endpoint.and_then(|endpoint| {
        // A place that is written out says more than a template that it fits.
        let fits = |exact: bool| {
            remotes.iter().find(|remote| reaches(&remote.url, endpoint, exact)).copied()
        };
        fits(true).or_else(|| fits(false))
    });
    let compare = |field| match field {
        Field::Name => texts(field, Some(&card.name), info.map(|i| i.name.as_str()), same_name),
        Field::Version => {
            texts(field, Some(&card.version), info.map(|i| i.version.as_str()), str::eq)
        }
        Field::Title => {
            texts(field, card.title.as_deref(), info.and_then(|i| i.title.as_deref()), str::eq)
        }
        Field::Description => texts(
            field,
            Some(&card.description),
            info.and_then(|i| i.description.as_deref()),
            same_description,
        ),
        Field::WebsiteUrl => texts(
            field,
            card.website_url.as_deref(),
            info.and_then(|i| i.website_url.as_deref()),
            same_place,
        ),
        Field::Icons => {
            let sources = |icons: &Option<Vec<mcp_core::protocol::Icon>>| {
                icons.as_ref().map(|icons| icons.iter().map(|icon| icon.src.clone()).collect())
            };
            sets(field, sources(&card.icons), info.and_then(|i| sources(&i.icons)))
        }
        Field::Endpoint => {
            let places = || remotes.iter().map(|remote| remote.url.as_str());
            let card = (!remotes.is_empty()).then(|| places().collect::<Vec<_>>().join(" "));
            let verdict = verdict(card.as_deref(), endpoint, || here.is_some());
            Compared { field, verdict, card, live: endpoint.map(str::to_owned) }
        }
        Field::Transport => {
            let live = endpoint.map(|_| RemoteType::StreamableHttp);
            let card = here.map(|remote| remote.kind.as_str());
            texts(field, card, live.as_ref().map(RemoteType::as_str), str::eq)
        }
        Field::ProtocolVersions => {
            let versions = here.and_then(|remote| remote.supported_protocol_versions.as_ref());
            let card = versions.map(|versions| versions.iter().cloned().collect());
            let live = (!live.versions.is_empty()).then(|| live.versions.iter().cloned().collect());
            sets(field, card, live)
        }
        Field::Resource => {
            // What the card says of it is where the server is.
            let card = here.and(endpoint);
            texts(field, card, live.resource.as_deref(), protects)
        }
    };
    Report { fields: Field::ALL.into_iter().map(compare).collect() }
}

fn verdict(card: Option<&str>, live: Option<&str>, same: impl FnOnce() -> bool) -> Verdict {
    match (card, live) {
        (None, None) => Verdict::Absent,
        (Some(_), None) => Verdict::CardOnly,
        (None, Some(_)) => Verdict::LiveOnly,
        (Some(_), Some(_)) if same() => Verdict::Same,
        (Some(_), Some(_)) => Verdict::Differs,
    }
}

fn texts(
    field: Field,
    card: Option<&str>,
    live: Option<&str>,
    same: impl Fn(&str, &str) -> bool,
) -> Compared {
    let verdict = verdict(card, live, || card.zip(live).is_some_and(|(a, b)| same(a, b)));
    Compared { field, verdict, card: card.map(str::to_owned), live: live.map(str::to_owned) }
}

fn sets(field: Field, card: Option<BTreeSet<String>>, live: Option<BTreeSet<String>>) -> Compared {
    let text = |set: &Option<BTreeSet<String>>| {
        set.as_ref().map(|set| set.iter().map(String::as_str).collect::<Vec<_>>().join(" "))
    };
    let (card_text, live_text) = (text(&card), text(&live));
    let verdict = verdict(card_text.as_deref(), live_text.as_deref(), || card == live);
    Compared { field, verdict, card: card_text, live: live_text }
}

/// A server may call itself by its whole name or by what follows the slash.
fn same_name(card: &str, live: &str) -> bool {
    card == live || card.rsplit_once('/').is_some_and(|(_, name)| name == live)
}

fn same_description(card: &str, live: &str) -> bool {
    card == live || card.strip_suffix('…').is_some_and(|start| live.starts_with(start.trim_end()))
}

/// Whether two texts are the same address, however they are written.
fn same_place(a: &str, b: &str) -> bool {
    match (a.parse::<Url>(), b.parse::<Url>()) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

/// Whether a remote's address, perhaps with names in braces, is this endpoint.
fn reaches(remote: &str, endpoint: &str, exact: bool) -> bool {
    if !remote.contains('{') {
        return same_place(remote, endpoint);
    }
    !exact && fits(remote, endpoint)
}

/// Whether a text is a template with its names replaced by something that has no slash.
fn fits(template: &str, text: &str) -> bool {
    let mut rest = text;
    let mut parts = template.split('{');
    let Some(Some(after)) = parts.next().map(|first| rest.strip_prefix(first)) else {
        return false;
    };
    rest = after;
    for part in parts {
        let Some((_, literal)) = part.split_once('}') else { return false };
        let segment = rest.find('/').unwrap_or(rest.len());
        // The literal after a name at the end of the text, or the first place where it fits.
        let at = match literal {
            "" => Some(segment),
            literal => rest.find(literal).filter(|at| *at <= segment),
        };
        let Some(at) = at.filter(|at| *at > 0) else { return false };
        rest = rest.get(at + literal.len()..).unwrap_or_default();
    }
    rest.is_empty()
}

/// Whether a resource's identifier is that of an endpoint: the endpoint itself, or something that it lies within.
fn protects(endpoint: &str, resource: &str) -> bool {
    let (Ok(endpoint), Ok(resource)) = (endpoint.parse::<Url>(), resource.parse::<Url>()) else {
        return endpoint == resource;
    };
    let within = resource.path().trim_end_matches('/');
    let path = endpoint.path().strip_prefix(within);
    endpoint.origin() == resource.origin()
        && path.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use mcp_core::protocol::{Icon, Implementation};

    use super::*;

    fn card() -> ServerCard {
        let remote = Remote::new(RemoteType::StreamableHttp, "https://example.com/mcp")
            .with_supported_protocol_versions(["2026-07-28".to_owned()]);
        ServerCard::new("com.example/weather", "1.2.0", "Forecasts.")
            .with_title("Weather")
            .with_website_url("https://example.com")
            .with_icons([
                Icon::new("https://example.com/a.png"),
                Icon::new("https://example.com/b.png"),
            ])
            .with_remotes([remote])
    }

    fn info() -> Implementation {
        Implementation::new("weather", "1.2.0")
            .with_title("Weather")
            .with_description("Forecasts.")
            .with_website_url("https://example.com/")
            .with_icons([
                Icon::new("https://example.com/b.png"),
                Icon::new("https://example.com/a.png"),
            ])
    }

    fn live() -> Live {
        Live::new(Some(info()), ["2026-07-28".to_owned()])
            .at("https://example.com/mcp")
            .protected_as("https://example.com/mcp")
    }

    #[test]
    fn a_card_that_is_right_has_no_drift() {
        let report = drift(&card(), &live());
        for compared in &report.fields {
            assert_eq!(compared.verdict, Verdict::Same, "{compared:?}");
        }
        assert!(!report.has_drift());
    }

    #[test]
    fn each_field_that_differs_is_named_and_no_other() {
        let changed = |change: &dyn Fn(&mut ServerCard, &mut Live)| {
            let (mut card, mut live) = (card(), live());
            change(&mut card, &mut live);
            let report = drift(&card, &live);
            report.differing().map(|compared| compared.field).collect::<Vec<_>>()
        };
        use Field as F;
        assert_eq!(changed(&|card, _| card.version = "1.2.1".into()), [F::Version]);
        assert_eq!(changed(&|card, _| card.name = "com.example/storms".into()), [F::Name]);
        assert_eq!(
            changed(&|_, live| live.info.as_mut().unwrap().name = "example/weather".into()),
            [F::Name]
        );
        assert_eq!(changed(&|card, _| card.title = Some("Storms".into())), [F::Title]);
        assert_eq!(changed(&|card, _| card.description = "Storms.".into()), [F::Description]);
        assert_eq!(
            changed(&|card, _| card.website_url = Some("https://evil.example".into())),
            [F::WebsiteUrl]
        );
        assert_eq!(
            changed(&|card, _| card.icons = Some(vec![Icon::new("https://example.com/a.png")])),
            [F::Icons]
        );
        assert_eq!(
            changed(&|_, live| live.endpoint = Some("https://example.com/other".into())),
            [F::Endpoint]
        );
        assert_eq!(
            changed(&|card, _| card.remotes.as_mut().unwrap()[0].kind = RemoteType::Sse),
            [F::Transport]
        );
        assert_eq!(
            changed(&|_, live| live.versions = vec!["2025-11-25".into()]),
            [F::ProtocolVersions]
        );
        assert_eq!(
            changed(&|_, live| live.versions.push("2025-11-25".into())),
            [F::ProtocolVersions]
        );
        assert_eq!(
            changed(&|_, live| live.resource = Some("https://other.example/mcp".into())),
            [F::Resource]
        );
        assert_eq!(
            changed(&|_, live| live.resource = Some("https://example.com/mcpx".into())),
            [F::Resource]
        );
    }

    #[test]
    fn what_one_side_does_not_say_is_no_drift() {
        let bare = ServerCard::new("com.example/weather", "1.2.0", "Forecasts.");
        let report = drift(&bare, &live());
        assert!(!report.has_drift());
        assert_eq!(report.verdict(Field::Endpoint), Verdict::LiveOnly);
        let silent = drift(&card(), &Live::default());
        assert!(!silent.has_drift());
        assert_eq!(silent.verdict(Field::Version), Verdict::CardOnly);
        assert_eq!(drift(&bare, &Live::default()).verdict(Field::Icons), Verdict::Absent);
    }

    #[test]
    fn the_same_is_written_in_several_ways() {
        let mut live = live();
        live.info.as_mut().unwrap().name = "com.example/weather".into();
        live.info.as_mut().unwrap().description =
            Some("Forecasts of everything for everyone.".into());
        live.endpoint = Some("HTTPS://EXAMPLE.COM:443/mcp".into());
        live.resource = Some("https://example.com".into());
        let mut card = card();
        card.description = "Forecasts of everything…".into();
        assert!(!drift(&card, &live).has_drift(), "{:?}", drift(&card, &live));
    }

    #[test]
    fn templates_are_fitted_segment_by_segment() {
        for (template, text, expected) in [
            ("https://{t}.example.com/mcp", "https://a.example.com/mcp", true),
            ("https://{t}.example.com/mcp", "https://.example.com/mcp", false),
            ("https://{t}.example.com/mcp", "https://evil.test/x.example.com/mcp", false),
            ("https://example.com/{a}/{b}", "https://example.com/x/y", true),
            ("https://example.com/{a}/{b}", "https://example.com/x/y/z", false),
            ("{base}/mcp", "https:/mcp", true),
            ("https://example.com/{a", "https://example.com/x", false),
            ("https://example.com/{a}", "https://example.com/", false),
        ] {
            assert_eq!(fits(template, text), expected, "{template} {text}");
        }
    }
}
