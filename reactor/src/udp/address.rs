use std::net::{SocketAddr, SocketAddrV6};

use crate::{Address, SendError};

/// The longest datagram over IPv4 and over IPv6: 65,535 bytes without the headers of UDP and, for
/// IPv4, IP (RFC 768, RFC 791, RFC 8200).
const LONGEST_V4: usize = 65_535 - 20 - 8;
const LONGEST_V6: usize = 65_535 - 8;

/// The address in the family of a port that is bound to `bound`: an IPv4 address is written as an
/// IPv6 one for a port of both families, and an IPv6 address that stands for an IPv4 one as that.
/// `None` if the port cannot send there.
pub(crate) fn fit(bound: SocketAddr, dual_stack: bool, address: SocketAddr) -> Option<SocketAddr> {
    match (bound, address) {
        (SocketAddr::V4(_), SocketAddr::V4(_)) => Some(address),
        (SocketAddr::V4(_), SocketAddr::V6(v6)) => {
            let v4 = v6.ip().to_ipv4_mapped()?;
            Some((v4, v6.port()).into())
        }
        (SocketAddr::V6(_), SocketAddr::V4(v4)) => {
            dual_stack.then(|| SocketAddrV6::new(v4.ip().to_ipv6_mapped(), v4.port(), 0, 0).into())
        }
        (SocketAddr::V6(_), SocketAddr::V6(v6)) => {
            let mapped = v6.ip().to_ipv4_mapped().is_some();
            (!mapped || dual_stack).then_some(address)
        }
    }
}

/// The destination as [`fit`] writes it, if a datagram of this length can go there.
pub(crate) fn destination(
    bound: SocketAddr,
    dual_stack: bool,
    to: &Address,
    length: usize,
) -> Result<Address, SendError> {
    let address = to
        .socket()
        .and_then(|address| fit(bound, dual_stack, address))
        .ok_or(SendError::AddressFamily)?;
    let longest = match address {
        SocketAddr::V6(v6) if v6.ip().to_ipv4_mapped().is_none() => LONGEST_V6,
        _ => LONGEST_V4,
    };
    if length > longest {
        return Err(SendError::TooLong(length));
    }
    Ok(Address::Udp(address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families() {
        let v4 = "192.0.2.1:7";
        let v6 = "[2001:db8::1]:7";
        let mapped = "[::ffff:192.0.2.1]:7";
        for (bound, dual_stack, to, expected) in [
            ("0.0.0.0:0", false, v4, Some(v4)),
            ("0.0.0.0:0", false, mapped, Some(v4)),
            ("0.0.0.0:0", false, v6, None),
            ("[::]:0", false, v6, Some(v6)),
            ("[::]:0", false, v4, None),
            ("[::]:0", false, mapped, None),
            ("[::]:0", true, v4, Some(mapped)),
            ("[::]:0", true, mapped, Some(mapped)),
            ("[::]:0", true, v6, Some(v6)),
        ] {
            let fitting = fit(bound.parse().unwrap(), dual_stack, to.parse().unwrap());
            let expected = expected.map(|address| address.parse().unwrap());
            assert_eq!(fitting, expected, "{bound} {dual_stack} {to}");
        }
    }

    #[test]
    fn lengths() {
        let may = |bound: &str, to: &str, length| {
            let to = Address::Udp(to.parse().unwrap());
            destination(bound.parse().unwrap(), true, &to, length).is_ok()
        };
        assert!(may("0.0.0.0:0", "192.0.2.1:7", 65_507));
        assert!(!may("0.0.0.0:0", "192.0.2.1:7", 65_508));
        assert!(may("[::]:0", "[2001:db8::1]:7", 65_527));
        assert!(!may("[::]:0", "[2001:db8::1]:7", 65_528));
        assert!(!may("[::]:0", "192.0.2.1:7", 65_508));
    }
}
