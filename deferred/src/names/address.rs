//! Addresses in text.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, ToSocketAddrs};

/// An IP address in text, with a port. An IPv6 address may have a scope, which is a number or the
/// name of an interface: `fe80::1%eth0`. `None` if the text is something else.
pub(super) fn literal(text: &str, port: u16) -> Option<SocketAddr> {
    let Some((address, scope)) = text.split_once('%') else {
        let address: IpAddr = text.parse().ok()?;
        return Some((address, port).into());
    };
    let address: Ipv6Addr = address.parse().ok()?;
    if let Ok(scope) = scope.parse() {
        return Some(SocketAddrV6::new(address, port, 0, scope).into());
    }
    // The system knows the number of the interface. With an address, it asks no name server.
    (text, port).to_socket_addrs().ok()?.next()
}
