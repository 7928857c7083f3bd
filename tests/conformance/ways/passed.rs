//! Connections that another protocol has accepted, and that were passed on.

use std::cell::Cell;
use std::os::unix::net::UnixStream;

use retwist::{
    Address, AdoptedSocket, PassTarget, Protocol, ProtocolRef, Reactor, TcpConnect, TcpListen,
    TransportRef, factory,
};
use retwist_conformance::streams::{Cut, Facts, How, TcpV4, Unix, Way};

use super::on_reactor::Connects;

/// TCP: one side is accepted, and passed on at once.
pub struct PassedTcp;

/// One half of a pair of UNIX sockets is passed on.
pub struct PassedUnix;

/// Passes its connection on.
struct Porter(PassTarget);

impl Protocol for Porter {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.pass_to(&self.0, b"").unwrap();
    }
}

/// Where this protocol gets a connection that is passed on.
fn target(reactor: &Reactor, how: &How, protocol: ProtocolRef) -> PassTarget {
    let protocol = Cell::new(Some(Cut::under(protocol, how.cut)));
    let build = factory(move |_: &Address| protocol.take());
    let settings = how.server.clone();
    reactor.accept_passed_factory(settings, build).unwrap()
}

impl Connects for PassedTcp {
    fn facts() -> Facts {
        TcpV4::facts()
    }

    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef) {
        let target = target(reactor, how, server);
        let listen = TcpListen::port(0).interface([127, 0, 0, 1]);
        let listen = listen.settings(how.server.clone());
        let port = reactor.listen_tcp(listen, move |_| Porter(target.clone()));
        let address = port.unwrap().address().socket().unwrap();
        let client = Cell::new(Some(Cut::under(client, how.cut)));
        let connect = TcpConnect::address(address).settings(how.client.clone());
        reactor.connect_tcp(connect, move |_| client.take());
    }
}

impl Connects for PassedUnix {
    fn facts() -> Facts {
        Unix::facts()
    }

    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef) {
        let (one, other) = UnixStream::pair().unwrap();
        let target = target(reactor, how, server);
        let one = AdoptedSocket::from(one).settings(how.client.clone());
        let client = Cut::under(client, how.cut);
        reactor.adopt_stream_connection(one, client).unwrap();
        reactor
            .adopt_stream_connection(other, Porter(target))
            .unwrap();
    }
}
