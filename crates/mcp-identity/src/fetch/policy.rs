//! Who may be asked.

use std::net::{IpAddr, SocketAddr};

use super::{AddressKind, Host, Inner, Refusal, Url};

/// From which ports documents are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PortPolicy {
    /// 443 alone.
    Https,
    /// 443, and from 1024 on but for the ports that browsers block, where other protocols could take a
    /// request for one of theirs.
    #[default]
    Unprivileged,
    /// All.
    Any,
}

/// The ports from 1024 on that the Fetch standard blocks (*Port blocking*).
const BLOCKED: [u16; 20] = [
    1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669,
    6679, 6697, 10080, 11211,
];

impl PortPolicy {
    pub(super) fn allows(self, port: u16) -> bool {
        match self {
            Self::Https => port == 443,
            Self::Unprivileged => port == 443 || (port >= 1024 && !BLOCKED.contains(&port)),
            Self::Any => true,
        }
    }
}

/// What may be asked at all.
#[derive(Debug, Clone, Copy)]
pub(super) struct Policy {
    pub(super) loopback: bool,
    pub(super) ports: PortPolicy,
}

/// How far a request may go, or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Wherever the policy lets it.
    Anywhere,
    /// The public network alone.
    Global,
    /// It went to this machine.
    Local,
}

/// Addresses that were checked.
pub(super) struct Addresses {
    pub(super) all: Vec<SocketAddr>,
    pub(super) reach: Reach,
}

/// As many addresses of a host are looked at.
const ADDRESSES: usize = 32;

impl Inner {
    /// The addresses at which a document may be asked for: what its host is or resolves to, if all of that is
    /// acceptable.
    pub(super) async fn addresses(&self, url: &Url, reach: Reach) -> Result<Addresses, Refusal> {
        let local = self.policy.loopback && reach != Reach::Global;
        if !url.is_secure() && !local {
            return Err(Refusal::Insecure);
        }
        let ips = match url.host() {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.resolve(name).await?,
        };
        let reach = check(&ips, local)?;
        // On this machine, whoever allowed it knows what listens where.
        if reach == Reach::Global {
            if !url.is_secure() {
                return Err(Refusal::Insecure);
            }
            if !self.policy.ports.allows(url.port()) {
                return Err(Refusal::Port(url.port()));
            }
        }
        let all = ips.into_iter().map(|address| SocketAddr::new(address, url.port())).collect();
        Ok(Addresses { all, reach })
    }

    async fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Refusal> {
        let after = self.limits.connect;
        let resolved = tokio::time::timeout(after, self.network.resolve(name)).await;
        let waited = super::Waited::Connect;
        let resolved = resolved.map_err(|_| Refusal::Timeout { waited, after })?;
        let mut ips = resolved.map_err(Refusal::Resolve)?;
        if ips.len() > ADDRESSES {
            return Err(Refusal::TooManyAddresses { limit: ADDRESSES });
        }
        let mut seen = Vec::with_capacity(ips.len());
        ips.retain(|address| {
            !seen.contains(address) && {
                seen.push(*address);
                true
            }
        });
        if ips.is_empty() { Err(Refusal::NoAddress) } else { Ok(ips) }
    }
}

/// Checks all addresses of a host: one that must not be asked makes the host suspicious as a whole.
fn check(addresses: &[IpAddr], local: bool) -> Result<Reach, Refusal> {
    let mut loopbacks = 0;
    for address in addresses {
        match AddressKind::of(*address) {
            AddressKind::Global => {}
            AddressKind::Loopback if local => loopbacks += 1,
            kind => return Err(Refusal::Address { kind, address: *address }),
        }
    }
    match loopbacks {
        0 => Ok(Reach::Global),
        all if all == addresses.len() => Ok(Reach::Local),
        _ => Err(Refusal::MixedAddresses),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(addresses: &[&str], local: bool) -> Result<Reach, &'static str> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        check(&addresses, local).map_err(|refusal| refusal.name())
    }

    #[test]
    fn one_bad_address_is_enough() {
        assert_eq!(of(&["9.9.9.9", "2620:fe::fe"], false), Ok(Reach::Global));
        assert_eq!(of(&["9.9.9.9", "10.0.0.1"], false), Err("address-private"));
        assert_eq!(of(&["9.9.9.9", "127.0.0.1"], false), Err("address-loopback"));
        assert_eq!(of(&["9.9.9.9", "127.0.0.1"], true), Err("address-mixed"));
        assert_eq!(of(&["127.0.0.1", "::1"], true), Ok(Reach::Local));
        assert_eq!(of(&["127.0.0.1", "fe80::1"], true), Err("address-link-local"));
        assert_eq!(of(&["::ffff:127.0.0.1"], true), Err("address-ipv4-mapped"));
        assert_eq!(of(&["0.0.0.0"], true), Err("address-unspecified"));
    }

    #[test]
    fn ports_of_other_protocols_are_not_asked() {
        let usual = PortPolicy::default();
        for port in [443, 1024, 8443, 65535] {
            assert!(usual.allows(port), "{port}");
        }
        for port in [0, 22, 25, 80, 445, 6000, 6667, 11211] {
            assert!(!usual.allows(port), "{port}");
        }
        assert!(PortPolicy::Https.allows(443) && !PortPolicy::Https.allows(8443));
        assert!(PortPolicy::Any.allows(25));
    }
}
