//! Connections that another protocol has accepted, and that were passed on.

use std::cell::Cell;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use retwist::{
    Address, AdoptedSocket, Clock, PassTarget, Protocol, ProtocolRef, Reactor, TcpConnect,
    TcpListen, TransportRef, factory,
};
use retwist_conformance::streams::{Ability, Cut, Facts, How, Way};

/// TCP: one side is accepted, and passed on at once.
pub struct PassedTcp {
    how: How,
    reactor: Reactor,
}

/// One half of a pair of UNIX sockets is passed on.
pub struct PassedUnix(PassedTcp);

/// Passes its connection on.
struct Porter(PassTarget);

impl Protocol for Porter {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.pass_to(&self.0, b"").unwrap();
    }
}

impl PassedTcp {
    /// Where this protocol gets a connection that is passed on.
    fn target(&self, protocol: ProtocolRef) -> PassTarget {
        let protocol = Cell::new(Some(Cut::under(protocol, self.how.cut)));
        let build = factory(move |_: &Address| protocol.take());
        let settings = self.how.server.clone();
        self.reactor.accept_passed_factory(settings, build).unwrap()
    }
}

impl Way for PassedTcp {
    fn facts() -> Facts {
        Facts::new(8_000_000).without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        let reactor = Reactor::new().unwrap();
        PassedTcp { how, reactor }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let target = self.target(server);
        let listen = TcpListen::port(0).interface([127, 0, 0, 1]);
        let listen = listen.settings(self.how.server.clone());
        let port = self
            .reactor
            .listen_tcp(listen, move |_| Porter(target.clone()));
        let address = port.unwrap().address().socket().unwrap();
        let client = Cell::new(Some(Cut::under(client, self.how.cut)));
        let connect = TcpConnect::address(address).settings(self.how.client.clone());
        self.reactor.connect_tcp(connect, move |_| client.take());
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

impl Way for PassedUnix {
    fn facts() -> Facts {
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        PassedUnix(PassedTcp::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (one, other) = UnixStream::pair().unwrap();
        let PassedTcp { how, reactor } = &self.0;
        let target = self.0.target(server);
        let one = AdoptedSocket::from(one).settings(how.client.clone());
        let client = Cut::under(client, how.cut);
        reactor.adopt_stream_connection(one, client).unwrap();
        reactor
            .adopt_stream_connection(other, Porter(target))
            .unwrap();
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}
