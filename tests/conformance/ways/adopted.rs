//! Connections of sockets that the program itself, or another one, has opened.

use std::cell::Cell;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

use retwist::{Address, AdoptedSocket, ProtocolRef, Reactor};
use retwist_conformance::streams::{Cut, Facts, How, TcpV4, Unix, Way};

use super::on_reactor::Connects;

/// TCP: one side is accepted by a port whose socket was adopted, the other one was connected before.
pub struct AdoptedTcp;

/// Both halves of a pair of UNIX sockets.
pub struct AdoptedUnix;

impl Connects for AdoptedTcp {
    fn facts() -> Facts {
        TcpV4::facts()
    }

    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let protocol = Cell::new(Some(Cut::under(server, how.cut)));
        let build = move |_: &Address| protocol.take();
        let listener = AdoptedSocket::from(listener).settings(how.server.clone());
        reactor.adopt_stream_port(listener, build).unwrap();
        let connected = AdoptedSocket::from(connected).settings(how.client.clone());
        let client = Cut::under(client, how.cut);
        reactor.adopt_stream_connection(connected, client).unwrap();
    }
}

impl Connects for AdoptedUnix {
    fn facts() -> Facts {
        Unix::facts()
    }

    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef) {
        let (one, other) = UnixStream::pair().unwrap();
        for (socket, protocol, settings) in
            [(one, client, &how.client), (other, server, &how.server)]
        {
            let socket = AdoptedSocket::from(socket).settings(settings.clone());
            let protocol = Cut::under(protocol, how.cut);
            reactor.adopt_stream_connection(socket, protocol).unwrap();
        }
    }
}
