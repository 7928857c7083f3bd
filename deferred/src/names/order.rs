//! Which address of a host is tried first: RFC 6724, section 6.

use std::cmp::{Ordering, Reverse};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Puts addresses in order, the best first. With each comes the address from which this machine
/// would send there, if it can at all.
///
/// Of the ten rules those are kept for which a program can know enough: an address that cannot be
/// reached comes last (1), then scopes that match (2), labels that match (5), precedence (6), the
/// smaller scope (8), for IPv6 the longer prefix in common (9), and in the end the order of the
/// answer (10), so that a server which rotates its answers shares the load. Rule 9 would undo that
/// for IPv4.
pub(super) fn sort(addresses: &mut [(SocketAddr, Option<IpAddr>)]) {
    addresses.sort_by(compare);
}

fn compare(a: &(SocketAddr, Option<IpAddr>), b: &(SocketAddr, Option<IpAddr>)) -> Ordering {
    let (to_a, to_b) = (a.0.ip(), b.0.ip());
    let (Some(from_a), Some(from_b)) = (a.1, b.1) else {
        return a.1.is_none().cmp(&b.1.is_none());
    };
    let matching = |to, from| Reverse(scope(to) == scope(from));
    let same_label = |to, from| Reverse(policy(to).1 == policy(from).1);
    matching(to_a, from_a)
        .cmp(&matching(to_b, from_b))
        .then_with(|| same_label(to_a, from_a).cmp(&same_label(to_b, from_b)))
        .then_with(|| policy(to_b).0.cmp(&policy(to_a).0))
        .then_with(|| scope(to_a).cmp(&scope(to_b)))
        .then_with(|| common_prefix(to_b, from_b).cmp(&common_prefix(to_a, from_a)))
}

/// The policy table of section 2.1: a prefix, its length in bits, its precedence and its label.
const POLICY: [(Ipv6Addr, u32, u8, u8); 9] = [
    (Ipv6Addr::LOCALHOST, 128, 50, 0),
    (Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0), 96, 35, 4),
    (Ipv6Addr::UNSPECIFIED, 96, 1, 3),
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 32, 5, 5),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, 30, 2),
    (Ipv6Addr::new(0x3ffe, 0, 0, 0, 0, 0, 0, 0), 16, 1, 12),
    (Ipv6Addr::new(0xfec0, 0, 0, 0, 0, 0, 0, 0), 10, 1, 11),
    (Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7, 3, 13),
    (Ipv6Addr::UNSPECIFIED, 0, 40, 1),
];

/// The precedence and the label of an address.
fn policy(address: IpAddr) -> (u8, u8) {
    let address = mapped(address).to_bits();
    let covers = |entry: &&(Ipv6Addr, u32, u8, u8)| {
        let mask = u128::MAX.checked_shl(128 - entry.1).unwrap_or(0);
        address & mask == entry.0.to_bits() & mask
    };
    // From the longest prefix to the shortest.
    let entry = POLICY.iter().find(covers);
    entry.map_or((40, 1), |entry| (entry.2, entry.3))
}

/// How far an address is valid: section 3.1.
fn scope(address: IpAddr) -> u8 {
    const LINK: u8 = 2;
    const SITE: u8 = 5;
    const GLOBAL: u8 = 14;
    match address {
        IpAddr::V4(v4) if v4.is_loopback() || v4.is_link_local() => LINK,
        IpAddr::V4(_) => GLOBAL,
        IpAddr::V6(v6) if v6.is_multicast() => v6.octets()[1] & 0x0f,
        IpAddr::V6(v6) if v6.is_loopback() || v6.is_unicast_link_local() => LINK,
        IpAddr::V6(v6) if v6.segments()[0] & 0xffc0 == 0xfec0 => SITE,
        IpAddr::V6(_) => GLOBAL,
    }
}

/// How many bits two IPv6 addresses have in common at the beginning, up to the 64 that name a
/// network.
fn common_prefix(a: IpAddr, b: IpAddr) -> u32 {
    match (a, b) {
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits() ^ b.to_bits()).leading_zeros().min(64),
        _ => 0,
    }
}

fn mapped(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of section 10.2, as far as they need nothing that a program does not know.
    #[test]
    fn the_examples_of_the_rfc() {
        for (given, expected) in [
            (
                &[
                    ("198.51.100.121", "198.51.100.117"),
                    ("2001:db8:1::1", "2001:db8:1::2"),
                ][..],
                &["2001:db8:1::1", "198.51.100.121"][..],
            ),
            (
                &[
                    ("2001:db8:1::1", "fe80::1"),
                    ("198.51.100.121", "198.51.100.117"),
                ],
                &["198.51.100.121", "2001:db8:1::1"],
            ),
            (
                &[("10.1.2.3", "10.1.2.4"), ("2001:db8:1::1", "2001:db8:1::2")],
                &["2001:db8:1::1", "10.1.2.3"],
            ),
            (
                &[("2001:db8:1::1", "2001:db8:1::2"), ("fe80::1", "fe80::2")],
                &["fe80::1", "2001:db8:1::1"],
            ),
            (
                &[
                    ("2001:db8:3ffe::1", "2001:db8:3f44::2"),
                    ("2001:db8:1::1", "2001:db8:1::2"),
                ],
                &["2001:db8:1::1", "2001:db8:3ffe::1"],
            ),
            (
                &[
                    ("2001:db8:1::1", "2002:c633:6401::2"),
                    ("2002:c633:6401::1", "2002:c633:6401::2"),
                ],
                &["2002:c633:6401::1", "2001:db8:1::1"],
            ),
        ] {
            assert_eq!(sorted(given), expected);
        }
    }

    #[test]
    fn an_address_that_cannot_be_reached_comes_last_and_the_rest_stays() {
        let given = [
            ("2001:db8::1", ""),
            ("192.0.2.9", "192.0.2.7"),
            ("192.0.2.1", "192.0.2.7"),
            ("192.0.2.5", "192.0.2.7"),
        ];
        let expected = ["192.0.2.9", "192.0.2.1", "192.0.2.5", "2001:db8::1"];
        assert_eq!(sorted(&given), expected);
        assert_eq!(
            sorted(&[("127.0.0.1", "127.0.0.1"), ("::1", "::1")]),
            ["::1", "127.0.0.1"]
        );
        assert_eq!(
            sorted(&[("::1", ""), ("127.0.0.1", "127.0.0.1")]),
            ["127.0.0.1", "::1"]
        );
    }

    fn sorted(given: &[(&str, &str)]) -> Vec<String> {
        let address = |text: &str| -> IpAddr { text.parse().unwrap() };
        let mut addresses: Vec<_> = given
            .iter()
            .map(|(to, from)| (SocketAddr::new(address(to), 0), from.parse().ok()))
            .collect();
        sort(&mut addresses);
        let order = addresses.iter();
        order.map(|(to, _)| to.ip().to_string()).collect()
    }
}
