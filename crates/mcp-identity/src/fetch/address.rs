//! Which addresses of the network are anybody's, and which lead inside.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and its successors).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is for.
///
/// ```
/// use mcp_identity::fetch::AddressKind;
///
/// assert_eq!(AddressKind::of("169.254.169.254".parse()?), AddressKind::LinkLocal);
/// assert_eq!(AddressKind::of("::ffff:10.0.0.1".parse()?), AddressKind::Ipv4Mapped);
/// assert!(AddressKind::of("9.9.9.9".parse()?).is_global());
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AddressKind {
    /// A host on the public network.
    Global,
    /// No address: `0.0.0.0/8`, `::`. Systems take it for themselves.
    Unspecified,
    /// This machine: `127.0.0.0/8`, `::1`.
    Loopback,
    /// A private network (RFC 1918).
    Private,
    /// The wire this machine hangs on: `169.254.0.0/16`, `fe80::/10`. Clouds have their secrets there.
    LinkLocal,
    /// Shared by the customers of a provider: `100.64.0.0/10` (RFC 6598).
    CarrierNat,
    /// A private network: `fc00::/7` (RFC 4193), and `fec0::/10`, which came before it.
    UniqueLocal,
    /// Many hosts at once.
    Multicast,
    /// Everybody on the wire: `255.255.255.255`.
    Broadcast,
    /// Kept for examples.
    Documentation,
    /// Kept for measurements of devices.
    Benchmarking,
    /// An IPv4 address in IPv6 form: `::ffff:0:0/96`, and `::/96`, which came before it.
    Ipv4Mapped,
    /// IPv6 that a translator or tunnel turns into IPv4: NAT64 (`64:ff9b::/96`, `64:ff9b:1::/48`),
    /// 6to4 (`2002::/16`, `192.88.99.0/24`), Teredo (`2001::/32`), ISATAP.
    Translated,
    /// Kept by the registries for anything else.
    Reserved,
}

impl AddressKind {
    /// What this address is for.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }

    /// Whether it is a host on the public network.
    #[must_use]
    pub fn is_global(self) -> bool {
        self == Self::Global
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Global => "public",
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::CarrierNat => "carrier NAT",
            Self::UniqueLocal => "unique-local",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Ipv4Mapped => "IPv4-mapped",
            Self::Translated => "translated",
            Self::Reserved => "reserved",
        })
    }
}

fn of_v4(address: Ipv4Addr) -> AddressKind {
    use AddressKind as K;
    match address.octets() {
        [0, ..] => K::Unspecified,
        [127, ..] => K::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => K::Private,
        [169, 254, ..] => K::LinkLocal,
        [100, 64..=127, ..] => K::CarrierNat,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => K::Documentation,
        [198, 18..=19, ..] => K::Benchmarking,
        [192, 88, 99, _] => K::Translated,
        // Protocol assignments, anycast services of providers, AS112's sinks.
        [192, 0, 0, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => K::Reserved,
        [224..=239, ..] => K::Multicast,
        [255, 255, 255, 255] => K::Broadcast,
        [240..=255, ..] => K::Reserved,
        _ => K::Global,
    }
}

fn of_v6(address: Ipv6Addr) -> AddressKind {
    use AddressKind as K;
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => K::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => K::Loopback,
        // `::/96` was for IPv4 before `::ffff:0:0/96`; `::ffff:0:0:0/96` is SIIT's.
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => K::Ipv4Mapped,
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => K::Translated,
        [0x2001, 0, ..] | [0x2002, ..] => K::Translated,
        // ISATAP has no prefix of its own: the interface's half says it.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, ..] => K::Translated,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => K::Documentation,
        [0x2001, 2, 0, ..] => K::Benchmarking,
        // The rest of `2001::/23`: ORCHID, drones, anycast services. `2620:4f:8000::/48`: AS112.
        [0x2001, 0..=0x1ff, ..] | [0x2620, 0x4f, 0x8000, ..] => K::Reserved,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => K::UniqueLocal,
        [0xfe80..=0xfebf, ..] => K::LinkLocal,
        [0xff00..=0xffff, ..] => K::Multicast,
        // Nothing else has been given to anyone.
        [0x2000..=0x3fff, ..] => K::Global,
        _ => K::Reserved,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_has_its_name() {
        use AddressKind as K;
        for (address, expected) in [
            ("0.0.0.0", K::Unspecified),
            ("0.1.2.3", K::Unspecified),
            ("127.0.0.1", K::Loopback),
            ("127.255.255.254", K::Loopback),
            ("10.0.0.0", K::Private),
            ("172.15.255.255", K::Global),
            ("172.16.0.0", K::Private),
            ("172.31.255.255", K::Private),
            ("172.32.0.0", K::Global),
            ("192.168.1.1", K::Private),
            ("169.254.169.254", K::LinkLocal),
            ("100.63.255.255", K::Global),
            ("100.64.0.0", K::CarrierNat),
            ("100.127.255.255", K::CarrierNat),
            ("100.128.0.0", K::Global),
            ("192.0.0.192", K::Reserved),
            ("192.0.2.1", K::Documentation),
            ("198.51.100.1", K::Documentation),
            ("203.0.113.1", K::Documentation),
            ("198.18.0.1", K::Benchmarking),
            ("198.19.255.255", K::Benchmarking),
            ("192.88.99.1", K::Translated),
            ("224.0.0.1", K::Multicast),
            ("239.255.255.255", K::Multicast),
            ("240.0.0.1", K::Reserved),
            ("255.255.255.255", K::Broadcast),
            ("1.1.1.1", K::Global),
            ("223.255.255.255", K::Global),
            ("::", K::Unspecified),
            ("::1", K::Loopback),
            ("::2", K::Ipv4Mapped),
            ("::7f00:1", K::Ipv4Mapped),
            ("::ffff:127.0.0.1", K::Ipv4Mapped),
            ("::ffff:8.8.8.8", K::Ipv4Mapped),
            ("::ffff:0:7f00:1", K::Ipv4Mapped),
            ("64:ff9b::10.0.0.1", K::Translated),
            ("64:ff9b::8.8.8.8", K::Translated),
            ("64:ff9b:1::1", K::Translated),
            ("2002:7f00:1::", K::Translated),
            ("2001::1", K::Translated),
            ("2001:0:a00:1::", K::Translated),
            ("2a00:1450:4001:0:200:5efe:a00:1", K::Translated),
            ("2001:db8::1", K::Documentation),
            ("3fff:fff::1", K::Documentation),
            ("2001:2::1", K::Benchmarking),
            ("2001:10::1", K::Reserved),
            ("2001:1ff::1", K::Reserved),
            ("2001:200::1", K::Global),
            ("fc00::1", K::UniqueLocal),
            ("fd12:3456::1", K::UniqueLocal),
            ("fec0::1", K::UniqueLocal),
            ("fe80::1", K::LinkLocal),
            ("febf::1", K::LinkLocal),
            ("ff02::1", K::Multicast),
            ("100::1", K::Reserved),
            ("5f00::1", K::Reserved),
            ("4000::1", K::Reserved),
            ("2a00:1450:4001::64", K::Global),
            ("2606:4700:4700::1111", K::Global),
        ] {
            let parsed: IpAddr = address.parse().unwrap();
            assert_eq!(AddressKind::of(parsed), expected, "{address}");
        }
    }
}
