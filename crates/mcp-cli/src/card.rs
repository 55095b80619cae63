//! `mcp card show`, `verify` and `drift`.

use std::path::Path;
use std::time::SystemTime;

use mcp_core::client::Client;
use mcp_identity::card::RemoteType;
use mcp_identity::catalog::{Catalog, CatalogEntry};
use mcp_identity::check::{self, Live, Verdict, resource_of};
use mcp_identity::discover::{card_at, did_document};
use mcp_identity::fetch::{Fetcher, Url};
use mcp_identity::trust::{Trust, TrustLevel};
use mcp_identity::{DidDocument, Finding, ServerCard, media_type};
use serde_json::json;

use crate::cli::{CardOptions, DriftOptions, FetchOptions, Level, VerifyOptions};
use crate::discover::{fetcher, finding_lines, findings_value, trust_lines, trust_value};
use crate::failure::Failure;
use crate::list::to_value;
use crate::report::{Mark, Report};
use crate::{connect, files, text};

/// A card from somewhere.
struct Loaded {
    text: Vec<u8>,
    card: ServerCard,
    findings: Vec<Finding>,
    url: Option<Url>,
}

async fn load(card: &str, options: &FetchOptions) -> Result<Loaded, Failure> {
    if card.contains("://") {
        let url: Url = card
            .parse()
            .map_err(|error| Failure::usage(format!("{}: {error}", text::short(card, 200))))?;
        let found = card_at(&fetcher(options)?, &url).await?;
        let (text, url) = (found.fetched.body.to_vec(), Some(found.fetched.url));
        return Ok(Loaded { text, card: found.card, findings: found.findings, url });
    }
    let path = Path::new(card);
    let text = files::read(path)?;
    match ServerCard::judge(&text) {
        Ok(card) => Ok(Loaded { text, card, findings: Vec::new(), url: None }),
        // What can be read is shown with what is wrong about it.
        Err(findings) => match mcp_trust::strict::from_slice(&text) {
            Ok(card) => Ok(Loaded { text, card, findings: findings.into_vec(), url: None }),
            Err(_) => Err(Failure::Content {
                path: path.to_owned(),
                reason: format!("it is no server card: {findings}"),
            }),
        },
    }
}

pub(crate) async fn show(options: CardOptions) -> Result<Report, Failure> {
    let Loaded { card, findings, url, .. } = load(&options.card, &options.fetch).await?;
    let mut report = Report::new(to_value(&card)?);
    heading(&mut report, &card);
    let field = |report: &mut Report, name: &str, value: Option<&str>| {
        if let Some(value) = value {
            report.line(Mark::Plain, format!("  {name}: {}", text::short(value, 500)));
        }
    };
    field(&mut report, "title", card.title.as_deref());
    field(&mut report, "about", Some(&card.description));
    field(&mut report, "website", card.website_url.as_deref());
    field(&mut report, "source", card.repository.as_ref().map(|source| source.url.as_str()));
    for remote in card.remotes.iter().flatten() {
        let versions = remote.supported_protocol_versions.iter().flatten();
        let versions: Vec<_> = versions.map(|version| text::short(version, 30)).collect();
        let (kind, at) = (text::short(remote.kind.as_str(), 50), text::short(&remote.url, 500));
        report.line(Mark::Plain, format!("  {kind}: {at} {}", versions.join(" ")).trim_end());
        for header in remote.headers.iter().flatten() {
            let need = if header.is_required == Some(true) { "required" } else { "optional" };
            let name = text::short(&header.name, 100);
            report.line(Mark::Faint, format!("    header {name} ({need})"));
        }
    }
    if let Some(url) = url {
        report.line(Mark::Faint, format!("  from {url}"));
    }
    finding_lines(&mut report, &findings);
    Ok(report)
}

fn heading(report: &mut Report, card: &ServerCard) {
    let (name, version) = (text::short(&card.name, 200), text::short(&card.version, 100));
    report.line(Mark::Heading, format!("{name} {version}"));
}

pub(crate) async fn verify(options: VerifyOptions) -> Result<Report, Failure> {
    let Loaded { text, card, findings, url } = load(&options.card, &options.fetch).await?;
    let trust = match &options.entry {
        None => Some(Trust::default()),
        Some(path) => {
            let entry = entry(path, &card, url.as_ref())?;
            match Trust::of_digest(&entry, &text) {
                None => None,
                Some(mut trust) => {
                    signatures(&mut trust, &entry, &text, &options).await?;
                    Some(trust)
                }
            }
        }
    };
    let level = trust.as_ref().map(|trust| trust.level);
    let good = findings.is_empty() && level.is_some_and(|level| level >= required(options.require));
    let mut report = Report::new(json!({
        "ok": good,
        "name": card.name,
        "version": card.version,
        "findings": findings_value(&findings),
        "trust": trust.as_ref().map(trust_value),
    }));
    heading(&mut report, &card);
    if findings.is_empty() {
        report.line(Mark::Good, "  valid");
    }
    finding_lines(&mut report, &findings);
    match &trust {
        Some(trust) => trust_lines(&mut report, trust),
        None => report.line(Mark::Bad, "  the card is not what the entry's digest says"),
    }
    if let Some(level) = level.filter(|level| *level < required(options.require)) {
        let required = required(options.require);
        report.line(Mark::Bad, format!("  {level} is less than {required}, which is required"));
    }
    Ok(report.no_if(!good))
}

fn required(level: Level) -> TrustLevel {
    match level {
        Level::Unsigned => TrustLevel::Unsigned,
        Level::DigestMatched => TrustLevel::DigestMatched,
        Level::Signed => TrustLevel::Signed,
        Level::Pinned => TrustLevel::Pinned,
    }
}

/// The entry that is about a card: the only one in a file, or that of a catalog which names the card.
fn entry(path: &Path, card: &ServerCard, url: Option<&Url>) -> Result<CatalogEntry, Failure> {
    let bad = |reason: String| Failure::Content { path: path.to_owned(), reason };
    let text = files::read(path)?;
    let value: serde_json::Value =
        mcp_trust::strict::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    if value.get("entries").is_none() {
        let entry: CatalogEntry =
            mcp_trust::strict::from_slice(&text).map_err(|error| bad(error.to_string()))?;
        let catalog = Catalog::of([entry]);
        catalog.validate().map_err(|findings| bad(format!("it is no entry: {findings}")))?;
        return catalog.entries.into_iter().next().ok_or_else(|| bad("it is empty".to_owned()));
    }
    let catalog =
        Catalog::judge(&text).map_err(|findings| bad(format!("it is no catalog: {findings}")))?;
    let name = mcp_identity::AirUrn::for_server(&card.name);
    let names = |entry: &CatalogEntry| {
        let by_url = url.is_some_and(|url| entry.url.as_deref() == Some(url.as_str()));
        let by_name = name.as_ref().is_some_and(|name| entry.identifier == name.as_str())
            && entry.version.as_ref().is_none_or(|version| *version == card.version);
        entry.kind() == Some(media_type::SERVER_CARD) && (by_url || by_name)
    };
    let found = catalog.entries.into_iter().find(names);
    found.ok_or_else(|| bad("it has no entry for this card".to_owned()))
}

/// Verifies what an entry's manifests say, by DID documents from files or from their domains.
async fn signatures(
    trust: &mut Trust,
    entry: &CatalogEntry,
    card: &[u8],
    options: &VerifyOptions,
) -> Result<(), Failure> {
    let mut known = Vec::new();
    for path in &options.did {
        let document = DidDocument::judge(&files::read(path)?);
        known.push(document.map_err(|findings| Failure::Content {
            path: path.clone(),
            reason: format!("it is no DID document: {findings}"),
        })?);
    }
    let mut fetching: Option<Fetcher> = None;
    for manifest in entry.trust_manifests.iter().flatten() {
        if manifest.signature.is_none() {
            continue;
        }
        let signer = manifest.contributor.as_str();
        let document = match known.iter().find(|document| document.id == signer) {
            Some(document) => Ok(document.clone()),
            None => {
                if fetching.is_none() {
                    fetching = Some(fetcher(&options.fetch)?);
                }
                match &fetching {
                    Some(fetcher) => did_document(fetcher, signer).await.map_err(|e| e.to_string()),
                    None => continue,
                }
            }
        };
        let now = SystemTime::now();
        let added = document.and_then(|document| {
            let added = trust.add(entry, manifest, &document, card, &options.pin, now);
            added.map_err(|error| error.to_string())
        });
        if let Err(why) = added {
            trust.failed.push((signer.to_owned(), why));
        }
    }
    Ok(())
}

pub(crate) async fn drift(options: DriftOptions) -> Result<Report, Failure> {
    let Loaded { card, url, .. } = load(&options.card, &options.fetch).await?;
    let fetcher = fetcher(&options.fetch)?;
    let (client, endpoint) = match &options.server {
        Some(server) => (connect::to_address(server, &options.http)?, server.clone()),
        None => {
            if !options.http.header.is_empty() || options.http.bearer_env.is_some() {
                // A card can name anybody's endpoint.
                let hint = "headers and tokens go only to a server that --server names";
                return Err(Failure::usage(hint));
            }
            let endpoint = named_endpoint(&card, url.as_ref())?;
            // A card must not make this program ask whatever it names.
            let client = connect::to_named(&endpoint, &fetcher, &options.http).await?;
            (client, endpoint.to_string())
        }
    };
    let live = live(&client, &endpoint).await;
    client.close().await;
    let mut live = live?;
    let mut unknown = None;
    if let Ok(url) = endpoint.parse::<Url>() {
        match resource_of(&fetcher, &url).await {
            Ok(Some(resource)) => live = live.protected_as(resource),
            Ok(None) => {}
            Err(error) => unknown = Some(error.to_string()),
        }
    }
    let compared = check::drift(&card, &live);
    let mut report = Report::new(json!({
        "server": endpoint,
        "drift": compared.has_drift(),
        "fields": to_value(&compared.fields)?,
        "resourceError": unknown,
    }));
    heading(&mut report, &card);
    report.line(Mark::Faint, format!("  against {}", text::short(&endpoint, 500)));
    for field in &compared.fields {
        let said = |said: &Option<String>| text::short(said.as_deref().unwrap_or("nothing"), 300);
        let (mark, words) = match field.verdict {
            Verdict::Same => (Mark::Good, "same".to_owned()),
            Verdict::Differs => (
                Mark::Bad,
                format!("differs: card {}, server {}", said(&field.card), said(&field.live)),
            ),
            Verdict::CardOnly => {
                (Mark::Faint, format!("the server does not say; card {}", said(&field.card)))
            }
            Verdict::LiveOnly => {
                (Mark::Faint, format!("the card does not say; server {}", said(&field.live)))
            }
            _ => continue,
        };
        report.line(mark, format!("  {}: {words}", field.field.name()));
    }
    if let Some(error) = &unknown {
        report.line(Mark::Note, format!("  resource: not known: {}", text::short(error, 300)));
    }
    Ok(report.no_if(compared.has_drift()))
}

async fn live(client: &Client, endpoint: &str) -> Result<Live, Failure> {
    client.probe().await?;
    Ok(Live::ask(client).await?.at(endpoint))
}

/// The endpoint that a card names. If it names none, and is where cards of servers are, the server's.
fn named_endpoint(card: &ServerCard, url: Option<&Url>) -> Result<Url, Failure> {
    let mut named =
        card.remotes.iter().flatten().filter(|remote| {
            remote.kind == RemoteType::StreamableHttp && !remote.url.contains('{')
        });
    let beside = || url?.as_str().strip_suffix("/server-card");
    let Some(endpoint) = named.next().map(|remote| remote.url.as_str()).or_else(beside) else {
        return Err(Failure::usage("the card names no endpoint; --server does"));
    };
    endpoint.parse().map_err(|error| {
        Failure::usage(format!("the card's endpoint {}: {error}", text::short(endpoint, 200)))
    })
}
