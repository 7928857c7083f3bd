//! Connections of sockets that the program itself, or another one, has opened.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use retwist::{Address, AdoptedSocket, Clock, ProtocolRef, Reactor};
use retwist_conformance::streams::{Ability, Cut, Facts, How, Way};

/// TCP: one side is accepted by a port whose socket was adopted, the other one was connected before.
pub struct AdoptedTcp {
    how: How,
    reactor: Reactor,
}

/// Both halves of a pair of UNIX sockets.
pub struct AdoptedUnix {
    how: How,
    reactor: Reactor,
}

impl Way for AdoptedTcp {
    fn facts() -> Facts {
        Facts::new(8_000_000).without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        let reactor = Reactor::new().unwrap();
        AdoptedTcp { how, reactor }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let protocol = Cell::new(Some(Cut::under(server, self.how.cut)));
        let build = move |_: &Address| protocol.take();
        let listener = AdoptedSocket::from(listener).settings(self.how.server.clone());
        self.reactor.adopt_stream_port(listener, build).unwrap();
        let connected = AdoptedSocket::from(connected).settings(self.how.client.clone());
        let client = Cut::under(client, self.how.cut);
        let adopted = self.reactor.adopt_stream_connection(connected, client);
        adopted.unwrap();
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

impl Way for AdoptedUnix {
    fn facts() -> Facts {
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        let reactor = Reactor::new().unwrap();
        AdoptedUnix { how, reactor }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (one, other) = UnixStream::pair().unwrap();
        for (socket, protocol, settings) in [
            (one, client, &self.how.client),
            (other, server, &self.how.server),
        ] {
            let socket = AdoptedSocket::from(socket).settings(settings.clone());
            let protocol = Cut::under(protocol, self.how.cut);
            let adopted = self.reactor.adopt_stream_connection(socket, protocol);
            adopted.unwrap();
        }
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
