//! `mcp discover`: the servers of a domain.

use mcp_identity::Finding;
use mcp_identity::discover::{DiscoverOptions, FoundServer, Listing, Step, discover};
use mcp_identity::fetch::Fetcher;
use mcp_identity::trust::{Trust, TrustLevel};
use serde_json::{Value, json};

use crate::cli;
use crate::failure::Failure;
use crate::list::to_value;
use crate::report::{Mark, Report};
use crate::text;

pub(crate) async fn run(options: cli::DiscoverOptions) -> Result<Report, Failure> {
    let listing = listing(&options.target, &options.pin, &options.fetch).await?;
    report(&listing)
}

/// Discovers what somebody wrote on the command line.
pub(crate) async fn listing(
    target: &str,
    pinned: &[String],
    options: &cli::FetchOptions,
) -> Result<Listing, Failure> {
    let target = target
        .parse()
        .map_err(|error| Failure::usage(format!("{}: {error}", text::short(target, 200))))?;
    let mut how = DiscoverOptions::default();
    how.pinned = pinned.to_vec();
    Ok(discover(&fetcher(options)?, &target, &how).await?)
}

pub(crate) fn fetcher(options: &cli::FetchOptions) -> Result<Fetcher, Failure> {
    let builder = Fetcher::builder()
        .allow_loopback(options.allow_loopback)
        .user_agent(concat!("mcp/", env!("CARGO_PKG_VERSION")));
    builder.build().map_err(|error| Failure::Unreachable(Box::new(error)))
}

fn report(listing: &Listing) -> Result<Report, Failure> {
    let servers = listing.servers.iter().map(server_value).collect::<Result<Vec<_>, _>>()?;
    let catalogs: Vec<_> = listing
        .catalogs
        .iter()
        .map(|catalog| {
            json!({
                "trail": trail_value(&catalog.trail),
                "entries": catalog.entries,
                "findings": findings_value(&catalog.findings),
            })
        })
        .collect();
    let troubles: Vec<_> = listing
        .troubles
        .iter()
        .map(|trouble| {
            json!({
                "trail": trail_value(&trouble.trail),
                "name": trouble.reason.name(),
                "message": trouble.reason.to_string(),
            })
        })
        .collect();
    let mut report =
        Report::new(json!({ "servers": servers, "catalogs": catalogs, "troubles": troubles }));
    if listing.servers.is_empty() {
        report.line(Mark::Note, "no servers");
    }
    for server in &listing.servers {
        describe(&mut report, server);
    }
    for trouble in &listing.troubles {
        let reason = text::short(&trouble.reason.to_string(), 500);
        report.line(Mark::Bad, format!("not usable: {}: {reason}", trail(&trouble.trail)));
    }
    Ok(report)
}

/// A server for people.
pub(crate) fn describe(report: &mut Report, server: &FoundServer) {
    let card = &server.card;
    let name = text::short(&card.name, 200);
    report.line(Mark::Heading, format!("{name} {}", text::short(&card.version, 100)));
    if let Some(title) = &card.title {
        report.line(Mark::Plain, format!("  {}", text::short(title, 100)));
    }
    report.line(Mark::Plain, format!("  {}", text::short(&card.description, 200)));
    for remote in card.remotes.iter().flatten() {
        let (kind, url) = (text::short(remote.kind.as_str(), 50), text::short(&remote.url, 500));
        report.line(Mark::Plain, format!("  {url} ({kind})"));
    }
    trust_lines(report, &server.trust);
    report.line(Mark::Faint, format!("  from {}", trail(&server.trail)));
    for note in &server.notes {
        report.line(Mark::Note, format!("  note: {}", text::short(&note.to_string(), 300)));
    }
    finding_lines(report, &server.findings);
}

pub(crate) fn finding_lines(report: &mut Report, findings: &[Finding]) {
    for finding in findings {
        report.line(Mark::Bad, format!("  not valid: {}", text::short(&finding.to_string(), 300)));
    }
}

pub(crate) fn trust_lines(report: &mut Report, trust: &Trust) {
    let mark = if trust.level >= TrustLevel::Signed { Mark::Good } else { Mark::Faint };
    report.line(mark, format!("  trust: {}", trust.level));
    for signed in &trust.signers {
        let who = if signed.is_publisher { "the publisher" } else { "somebody else" };
        let signer = text::short(&signed.key_id, 300);
        report.line(Mark::Plain, format!("  signed by {signer}, {who}"));
    }
    for (who, why) in &trust.failed {
        let (who, why) = (text::short(who, 200), text::short(why, 300));
        report.line(Mark::Bad, format!("  does not hold: {who}: {why}"));
    }
}

/// A step in words.
pub(crate) fn step(step: &Step) -> String {
    match step {
        Step::Fetched { asked, url } if asked == url => url.to_string(),
        Step::Fetched { asked, url } => format!("{asked} → {url}"),
        Step::Entry(identifier) => format!("entry {}", text::short(identifier, 200)),
        Step::Inline => "inline".to_owned(),
        _ => String::new(),
    }
}

fn trail(steps: &[Step]) -> String {
    steps.iter().map(step).collect::<Vec<_>>().join(", ")
}

fn trail_value(steps: &[Step]) -> Value {
    let steps = steps.iter().map(|step| match step {
        Step::Fetched { asked, url } => json!({ "fetched": url.as_str(), "asked": asked.as_str() }),
        Step::Entry(identifier) => json!({ "entry": identifier }),
        _ => json!({ "inline": true }),
    });
    steps.collect()
}

pub(crate) fn findings_value(findings: &[Finding]) -> Value {
    let findings = findings
        .iter()
        .map(|finding| json!({ "at": finding.at, "message": finding.problem.to_string() }));
    findings.collect()
}

pub(crate) fn trust_value(trust: &Trust) -> Value {
    let signers = trust.signers.iter().map(|signed| {
        json!({
            "signer": signed.signer,
            "key": signed.key_id,
            "publisher": signed.is_publisher,
            "pinned": signed.is_pinned,
        })
    });
    let failed = trust.failed.iter().map(|(who, why)| json!({ "who": who, "why": why }));
    json!({
        "level": trust.level.name(),
        "signers": signers.collect::<Value>(),
        "failed": failed.collect::<Value>(),
    })
}

fn server_value(server: &FoundServer) -> Result<Value, Failure> {
    let notes =
        server.notes.iter().map(|note| json!({ "name": note.name(), "message": note.to_string() }));
    Ok(json!({
        "card": to_value(&server.card)?,
        "endpoints": server.endpoints().collect::<Vec<_>>(),
        "trail": trail_value(&server.trail),
        "trust": trust_value(&server.trust),
        "notes": notes.collect::<Value>(),
        "findings": findings_value(&server.findings),
    }))
}
