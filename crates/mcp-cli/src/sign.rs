//! `mcp card sign`: a catalog entry that vouches for a card.

use std::time::{Duration, SystemTime};

use mcp_identity::catalog::{CatalogEntry, Subject, TrustManifest};
use mcp_identity::sign::{Lifetime, artifact_digest, sign_manifest};
use mcp_identity::{AirUrn, DidDocument, DidWeb, ServerCard, media_type};
use mcp_trust::keys::Keychain;

use crate::cli::SignOptions;
use crate::failure::Failure;
use crate::list::to_value;
use crate::report::{Mark, Report};
use crate::{files, keys, text};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) async fn run(options: SignOptions) -> Result<Report, Failure> {
    let card_text = files::read(&options.card)?;
    let card = ServerCard::judge(&card_text).map_err(|findings| Failure::Content {
        path: options.card.clone(),
        reason: format!("it is no valid server card: {findings}"),
    })?;
    let did: DidWeb = options
        .did
        .parse()
        .map_err(|error| Failure::usage(format!("{}: {error}", text::short(&options.did, 200))))?;
    let name = AirUrn::for_server(&card.name).ok_or_else(|| {
        Failure::usage("the card's name is no domain backwards, so no identifier follows from it")
    })?;
    if !options.force {
        // Before anything is signed: what is signed should not be lost.
        for path in [&options.out, &options.did_out].into_iter().flatten() {
            if path.symlink_metadata().is_ok() {
                return Err(Failure::Exists(path.clone()));
            }
        }
    }
    let mut key = keys::read(&options.key)?;
    if did.fragment_of(key.key_id()).is_none() {
        let whole = did.key_id(key.key_id());
        key = key.with_key_id(whole);
    }
    let digest = artifact_digest(&card_text);
    let subject = Subject::new(name.as_str(), media_type::SERVER_CARD)
        .with_digest(digest.as_str())
        .with_version(card.version.as_str());
    let mut manifest = TrustManifest::new(did.as_str()).with_subject(subject);
    let now = SystemTime::now();
    let expires_at = now.checked_add(DAY.saturating_mul(options.days));
    let expires_at = expires_at.ok_or_else(|| Failure::usage("so many days are too many"))?;
    let lifetime = Lifetime { issued_at: now, expires_at: Some(expires_at) };
    sign_manifest(&mut manifest, &did, &key, lifetime)
        .await
        .map_err(|error| Failure::Sign(told(&error).into()))?;
    let entry = CatalogEntry::typed(name.as_str(), media_type::SERVER_CARD)
        .with_url(options.url.as_str())
        .with_digest(digest)
        .with_version(card.version.as_str())
        .with_trust_manifests([manifest]);
    mcp_identity::Catalog::of([entry.clone()])
        .validate()
        .map_err(|findings| Failure::usage(format!("no entry comes of this: {findings}")))?;
    let value = to_value(&entry)?;
    let mut pretty = serde_json::to_string_pretty(&value).unwrap_or_default();
    pretty.push('\n');
    let mut report = Report::new(value);
    match &options.out {
        Some(path) => {
            files::write(path, pretty.as_bytes(), false, options.force)?;
            report.line(Mark::Good, format!("signed by {}", text::short(key_id(&key), 300)));
        }
        None => report.line(Mark::Plain, text::lines(pretty.trim_end())),
    }
    if let Some(path) = &options.did_out {
        let document = DidDocument::of(&did, &Keychain::single(key).key_set(now));
        let mut document = serde_json::to_string_pretty(&document)
            .map_err(|error| Failure::Sign(Box::new(error)))?;
        document.push('\n');
        files::write(path, document.as_bytes(), false, options.force)?;
    }
    Ok(report)
}

fn key_id(key: &mcp_trust::keys::SigningKey) -> &str {
    key.key_id()
}

/// An error with what is behind it.
fn told(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
