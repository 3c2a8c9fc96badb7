//! Which addresses and names are never a public destination.
//!
//! Sources: the IANA special-purpose address registries (RFC 6890 and its updates), RFC 6761 for
//! `localhost`, and the metadata services of the large clouds. The tables know nothing of the
//! operator's exemptions: those are in [`crate::policy`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a destination is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// 127.0.0.0/8 or ::1.
    Loopback,
    /// `localhost`, or a name below it.
    LocalName,
    /// 0.0.0.0/8 or ::.
    Unspecified,
    /// RFC 1918 or an IPv6 unique local address.
    Private,
    /// 100.64.0.0/10, carriers' shared space.
    SharedSpace,
    /// 169.254.0.0/16 or fe80::/10.
    LinkLocal,
    /// 224.0.0.0/4 or ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
    /// Set aside for examples.
    Documentation,
    /// Set aside for benchmarks.
    Benchmark,
    /// Assigned to a protocol, deprecated, or not assigned at all.
    Reserved,
    /// A cloud's instance metadata service.
    Metadata,
}

impl Refusal {
    /// The reason as the end of a sentence.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loopback => "loopback address",
            Self::LocalName => "name of this machine",
            Self::Unspecified => "unspecified address",
            Self::Private => "private network address",
            Self::SharedSpace => "carrier-grade NAT address",
            Self::LinkLocal => "link-local address",
            Self::Multicast => "multicast address",
            Self::Broadcast => "broadcast address",
            Self::Documentation => "documentation address",
            Self::Benchmark => "benchmark address",
            Self::Reserved => "reserved address",
            Self::Metadata => "cloud metadata service",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What `localhost` means, in the order in which it is tried.
pub(crate) const LOOPBACK: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Names under which metadata services answer.
const METADATA_NAMES: &[&str] = &[
    "instance-data",
    "instance-data.ec2.internal",
    "metadata",
    "metadata.azure.internal",
    "metadata.goog",
    "metadata.google.internal",
    "metadata.internal",
];

/// First match wins: (network, prefix length, reason).
const IPV4: &[([u8; 4], u32, Refusal)] = &[
    ([0, 0, 0, 0], 8, Refusal::Unspecified),
    ([10, 0, 0, 0], 8, Refusal::Private),
    ([100, 100, 100, 200], 32, Refusal::Metadata),
    ([100, 64, 0, 0], 10, Refusal::SharedSpace),
    ([127, 0, 0, 0], 8, Refusal::Loopback),
    // A public address that is a metadata service on every Azure machine.
    ([168, 63, 129, 16], 32, Refusal::Metadata),
    ([169, 254, 169, 254], 32, Refusal::Metadata),
    ([169, 254, 0, 0], 16, Refusal::LinkLocal),
    ([172, 16, 0, 0], 12, Refusal::Private),
    ([192, 0, 0, 192], 32, Refusal::Metadata),
    ([192, 0, 0, 0], 24, Refusal::Reserved),
    ([192, 0, 2, 0], 24, Refusal::Documentation),
    ([192, 88, 99, 0], 24, Refusal::Reserved),
    ([192, 168, 0, 0], 16, Refusal::Private),
    ([198, 18, 0, 0], 15, Refusal::Benchmark),
    ([198, 51, 100, 0], 24, Refusal::Documentation),
    ([203, 0, 113, 0], 24, Refusal::Documentation),
    ([224, 0, 0, 0], 4, Refusal::Multicast),
    ([255, 255, 255, 255], 32, Refusal::Broadcast),
    ([240, 0, 0, 0], 4, Refusal::Reserved),
];

/// First match wins. Outside 2000::/3 nothing is public, so the entries there only name the reason.
const IPV6: &[([u16; 8], u32, Refusal)] = &[
    ([0, 0, 0, 0, 0, 0, 0, 0], 128, Refusal::Unspecified),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, Refusal::Loopback),
    ([0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], 128, Refusal::Metadata),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, Refusal::Private),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, Refusal::LinkLocal),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, Refusal::Private),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, Refusal::Multicast),
    ([0x2001, 0x0002, 0, 0, 0, 0, 0, 0], 48, Refusal::Benchmark),
    // Protocol assignments, among them Teredo (2001::/32) and ORCHID.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, Refusal::Reserved),
    ([0x2001, 0x0db8, 0, 0, 0, 0, 0, 0], 32, Refusal::Documentation),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, Refusal::Documentation),
];

/// Why a name is refused before anything is looked up. Expects lower case.
pub(crate) fn name_refusal(host: &str) -> Option<Refusal> {
    if is_localhost(host) {
        Some(Refusal::LocalName)
    } else if METADATA_NAMES.contains(&host) {
        Some(Refusal::Metadata)
    } else {
        None
    }
}

/// `localhost` and every name below it, which mean this machine (RFC 6761, section 6.3).
pub(crate) fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

/// Why an address is refused. An address that carries another one ([`embedded`]) has to be
/// unwrapped by the caller, which knows about exemptions.
pub(crate) fn address_refusal(address: IpAddr) -> Option<Refusal> {
    match address {
        IpAddr::V4(address) => ipv4_refusal(address),
        IpAddr::V6(address) => ipv6_refusal(address),
    }
}

fn ipv4_refusal(address: Ipv4Addr) -> Option<Refusal> {
    let bits = address.to_bits();
    IPV4.iter()
        .find(|(network, prefix, _)| {
            (bits ^ u32::from_be_bytes(*network)) & (u32::MAX << (32 - prefix)) == 0
        })
        .map(|(_, _, reason)| *reason)
}

fn ipv6_refusal(address: Ipv6Addr) -> Option<Refusal> {
    let bits = address.to_bits();
    let listed = IPV6.iter().find(|(network, prefix, _)| {
        (bits ^ Ipv6Addr::from(*network).to_bits()) & (u128::MAX << (128 - prefix)) == 0
    });
    match listed {
        Some((_, _, reason)) => Some(*reason),
        None if address.segments()[0] & 0xe000 == 0x2000 => None,
        None => Some(Refusal::Reserved),
    }
}

/// The IPv4 address that traffic to this IPv6 address ends at, if it carries one: IPv4-mapped,
/// IPv4-compatible, IPv4-translated (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056), ISATAP
/// (RFC 5214). Teredo and local-use NAT64 (64:ff9b:1::/48) are refused whole instead.
pub(crate) fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let words = address.segments();
    let pair = |at: usize| {
        Some(Ipv4Addr::from_bits(u32::from(words[at]) << 16 | u32::from(words[at + 1])))
    };
    match words {
        // :: and ::1 are addresses in their own right.
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, ..]
        | [0, 0, 0, 0, 0xffff, 0, ..]
        | [0x0064, 0xff9b, 0, 0, 0, 0, ..]
        | [_, _, _, _, 0 | 0x0200, 0x5efe, ..] => pair(6),
        [0x2002, ..] => pair(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<Refusal> {
        ipv4_refusal(text.parse().unwrap())
    }

    fn v6(text: &str) -> Option<Refusal> {
        ipv6_refusal(text.parse().unwrap())
    }

    #[test]
    fn both_ends_of_every_ipv4_range_are_refused() {
        let ranges = [
            ("0.0.0.0", "0.255.255.255", Refusal::Unspecified),
            ("10.0.0.0", "10.255.255.255", Refusal::Private),
            ("100.64.0.0", "100.127.255.255", Refusal::SharedSpace),
            ("127.0.0.0", "127.255.255.255", Refusal::Loopback),
            ("169.254.0.0", "169.254.255.255", Refusal::LinkLocal),
            ("172.16.0.0", "172.31.255.255", Refusal::Private),
            ("192.0.0.0", "192.0.0.255", Refusal::Reserved),
            ("192.0.2.0", "192.0.2.255", Refusal::Documentation),
            ("192.88.99.0", "192.88.99.255", Refusal::Reserved),
            ("192.168.0.0", "192.168.255.255", Refusal::Private),
            ("198.18.0.0", "198.19.255.255", Refusal::Benchmark),
            ("198.51.100.0", "198.51.100.255", Refusal::Documentation),
            ("203.0.113.0", "203.0.113.255", Refusal::Documentation),
            ("224.0.0.0", "239.255.255.255", Refusal::Multicast),
            ("240.0.0.0", "255.255.255.254", Refusal::Reserved),
            ("255.255.255.255", "255.255.255.255", Refusal::Broadcast),
        ];
        for (first, last, reason) in ranges {
            assert_eq!(v4(first), Some(reason), "{first}");
            assert_eq!(v4(last), Some(reason), "{last}");
        }
        for service in ["169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192"] {
            assert_eq!(v4(service), Some(Refusal::Metadata), "{service}");
        }
    }

    #[test]
    fn the_neighbours_of_ipv4_ranges_are_public() {
        let neighbours = "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 \
            126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 \
            172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.1.255 192.0.3.0 \
            192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
            198.51.99.255 198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255";
        for address in neighbours.split(' ') {
            assert_eq!(v4(address), None, "{address}");
        }
    }

    /// One address of every /16, and the corners of every /24 of the denser blocks.
    #[test]
    fn the_ipv4_table_refuses_all_that_the_standard_library_classifies() {
        let corners = (0..=u32::from(u16::MAX)).flat_map(|high| {
            [0x0000, 0x0001, 0x00c0, 0x6364, 0x7101, 0xffff].map(|low| high << 16 | low)
        });
        for address in corners.map(Ipv4Addr::from_bits) {
            let special = address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_multicast()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_unspecified();
            if special {
                assert!(ipv4_refusal(address).is_some(), "{address}");
            }
        }
    }

    #[test]
    fn ipv6_ranges_are_refused_and_public_addresses_are_not() {
        let refused = [
            ("::", Refusal::Unspecified),
            ("::1", Refusal::Loopback),
            ("100::1", Refusal::Reserved),
            ("64:ff9b:1::a00:1", Refusal::Reserved),
            ("2001::4136:e378:8000:63bf:3fff:fdd2", Refusal::Reserved),
            ("2001:2::1", Refusal::Benchmark),
            ("2001:20::1", Refusal::Reserved),
            ("2001:1ff:ffff::1", Refusal::Reserved),
            ("2001:db8::1", Refusal::Documentation),
            ("2001:db8:ffff:ffff::1", Refusal::Documentation),
            ("3fff:fff::1", Refusal::Documentation),
            ("4000::1", Refusal::Reserved),
            ("5f00::1", Refusal::Reserved),
            ("fc00::1", Refusal::Private),
            ("fdff:ffff::1", Refusal::Private),
            ("fd00:ec2::254", Refusal::Metadata),
            ("fe80::1", Refusal::LinkLocal),
            ("febf:ffff::1", Refusal::LinkLocal),
            ("fec0::1", Refusal::Private),
            ("ff02::1", Refusal::Multicast),
        ];
        for (address, reason) in refused {
            assert_eq!(v6(address), Some(reason), "{address}");
        }
        for public in ["2606:4700::1111", "2001:4860:4860::8888", "2001:200::1", "2001:db9::1"] {
            assert_eq!(v6(public), None, "{public}");
        }
    }

    #[test]
    fn carried_ipv4_addresses_are_found() {
        let carriers = [
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::10.0.0.1",
            "2002:a00:1::1",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:10.0.0.1",
        ];
        for carrier in carriers {
            let address = carrier.parse().unwrap();
            assert_eq!(embedded(address), Some(Ipv4Addr::new(10, 0, 0, 1)), "{carrier}");
        }
        for plain in ["::", "::1", "2606:4700::1111", "fe80::1"] {
            assert_eq!(embedded(plain.parse().unwrap()), None, "{plain}");
        }
    }

    #[test]
    fn local_and_metadata_names_are_refused() {
        assert_eq!(name_refusal("localhost"), Some(Refusal::LocalName));
        assert_eq!(name_refusal("api.localhost"), Some(Refusal::LocalName));
        assert_eq!(name_refusal("metadata.google.internal"), Some(Refusal::Metadata));
        assert_eq!(name_refusal("notlocalhost"), None);
        assert_eq!(name_refusal("localhost.example"), None);
    }
}
