use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use retwist_reactor::{
    Clock, DatagramProtocolRef, ListenError, ListeningPort, Reactor, ReactorUdp, UdpListen,
};

use crate::datagrams::{Ability, Facts, Open, Way};

/// A group of one organisation.
pub(super) const GROUP_V4: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 42, 99));
/// A group of this machine alone: ff01 is the scope of one interface.
const GROUP_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x42, 0x99));

/// UDP over the loopback interface, IPv4.
pub struct Udp4(Reactor);
/// UDP over the loopback interface, IPv6.
pub struct Udp6(Reactor);

/// The options of a port whose machine is reached by `local`.
pub(super) fn options(open: Open, local: IpAddr) -> UdpListen {
    let socket = |address: retwist_reactor::Address| address.socket().expect("an address of UDP");
    let mut options = match (open.at, open.shared) {
        (Some(at), _) => UdpListen::address(socket(at)),
        (None, None) => UdpListen::address(SocketAddr::new(local, 0)),
        (None, Some(port)) => {
            let any = match local {
                IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            };
            UdpListen::address(SocketAddr::new(any, port)).reuse_address(true)
        }
    };
    if let Some(peer) = open.connected_to {
        options = options.connected_to(socket(peer));
    }
    if let Some(bytes) = open.max_datagram {
        options = options.max_datagram(bytes);
    }
    options
}

impl Way for Udp4 {
    fn facts() -> Facts {
        Facts::new(65_507).group(GROUP_V4)
    }

    fn new() -> Self {
        Udp4(Reactor::new().unwrap())
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let options = options(open, IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.0.listen_datagrams(options, protocol)
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }
}

impl Way for Udp6 {
    fn facts() -> Facts {
        Facts::new(65_527)
            .group(GROUP_V6)
            .without(Ability::Broadcast)
    }

    fn new() -> Self {
        Udp6(Reactor::new().unwrap())
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let options = options(open, IpAddr::V6(Ipv6Addr::LOCALHOST));
        self.0.listen_datagrams(options, protocol)
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }
}
