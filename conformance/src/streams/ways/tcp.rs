use std::cell::Cell;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use retwist_reactor::{Address, Clock, ProtocolRef, Reactor, TcpConnect, TcpListen};

use super::Cut;
use crate::streams::{Ability, Facts, How, Way};

/// Sockets over the loopback interface, IPv4.
pub type TcpV4 = Tcp<V4>;
/// Sockets over the loopback interface, IPv6.
pub type TcpV6 = Tcp<V6>;

pub struct Tcp<F> {
    how: How,
    reactor: Reactor,
    family: PhantomData<F>,
}

pub trait Family: 'static {
    const LOOPBACK: IpAddr;
}

pub struct V4;
pub struct V6;

impl Family for V4 {
    const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
}

impl Family for V6 {
    const LOOPBACK: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
}

impl<F: Family> Way for Tcp<F> {
    fn facts() -> Facts {
        Facts::new(8_000_000).without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        Tcp {
            how,
            reactor: Reactor::new().unwrap(),
            family: PhantomData,
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let once = |protocol| {
            let protocol = Cell::new(Some(Cut::under(protocol, self.how.cut)));
            move |_: &Address| protocol.take()
        };
        let listen = TcpListen::address(SocketAddr::new(F::LOOPBACK, 0));
        let listen = listen.settings(self.how.server.clone());
        let port = self.reactor.listen_tcp(listen, once(server)).unwrap();
        let address = port.address().socket().unwrap();
        let connect = TcpConnect::address(address).settings(self.how.client.clone());
        self.reactor.connect_tcp(connect, once(client));
    }

    fn pass(&self, wait: Duration) {
        self.reactor.iterate(wait).unwrap();
    }

    fn one_pass(&self) {
        self.pass(Duration::ZERO);
    }

    fn clock(&self) -> Clock {
        self.reactor.clock().clone()
    }
}
