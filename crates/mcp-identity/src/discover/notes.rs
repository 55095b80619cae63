//! What is odd about a server that a catalog names.

use crate::card::ServerCard;
use crate::catalog::CatalogEntry;
use crate::discover::{Note, endpoints};
use crate::fetch::{AddressKind, Host, Url};
use crate::urn::AirUrn;

/// Compares an entry with the card it leads to and the host that the catalog came from.
pub(super) fn of_entry(entry: &CatalogEntry, card: &ServerCard, catalog: &Url) -> Vec<Note> {
    let mut notes = Vec::new();
    let expected = AirUrn::for_server(&card.name);
    match (entry.air(), &expected) {
        (None, _) => notes.push(Note::NoUrn),
        (Some(urn), expected) => {
            if !belongs(catalog.host(), urn.publisher()) {
                notes.push(Note::PublisherElsewhere { publisher: urn.publisher().to_owned() });
            }
            match expected {
                None => notes.push(Note::NameForm),
                // The namespace within the domain is the publisher's choice.
                Some(expected)
                    if (expected.publisher(), expected.name()) != (urn.publisher(), urn.name()) =>
                {
                    notes.push(Note::NameDiffers { expected: expected.as_str().to_owned() });
                }
                Some(_) => {}
            }
        }
    }
    if entry.version.as_ref().is_some_and(|version| *version != card.version) {
        notes.push(Note::VersionDiffers);
    }
    notes
}

/// What is odd about a card by itself.
pub(super) fn of_card(card: &ServerCard, is_local: bool) -> Vec<Note> {
    if is_local {
        return Vec::new();
    }
    let inside = endpoints(card).filter_map(|endpoint| endpoint.parse::<Url>().ok()).find(|url| {
        match url.host() {
            Host::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Address(address) => !AddressKind::of(*address).is_global(),
        }
    });
    inside.map(|url| Note::EndpointInside(url.to_string())).into_iter().collect()
}

/// Whether a host is a domain or within it.
fn belongs(host: &Host, domain: &str) -> bool {
    match host {
        Host::Name(name) => {
            name.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        }
        Host::Address(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(identifier: &str, name: &str, catalog: &str) -> Vec<&'static str> {
        let entry = CatalogEntry::typed(identifier, "x");
        let card = ServerCard::new(name, "1", "d");
        of_entry(&entry, &card, &catalog.parse().unwrap()).iter().map(Note::name).collect()
    }

    #[test]
    fn identifiers_are_held_against_names_and_hosts() {
        let weather = "urn:air:example.com:mcp:weather";
        let (name, none): (_, [&str; 0]) = ("com.example/weather", []);
        assert_eq!(notes(weather, name, "https://example.com/"), none);
        assert_eq!(notes(weather, name, "https://api.example.com/"), none);
        let other = "urn:air:example.com:tools:weather";
        assert_eq!(notes(other, name, "https://example.com/"), none);
        assert_eq!(notes(weather, name, "https://badexample.com/"), ["publisher-elsewhere"]);
        assert_eq!(notes(weather, name, "https://9.9.9.9/"), ["publisher-elsewhere"]);
        assert_eq!(notes(weather, "com.example/storms", "https://example.com/"), ["name-differs"]);
        assert_eq!(notes(weather, "com.evil/weather", "https://example.com/"), ["name-differs"]);
        assert_eq!(notes("weather", name, "https://example.com/"), ["no-urn"]);
        assert_eq!(notes("urn:acme:mcp:weather", name, "https://example.com/"), ["no-urn"]);
    }
}
