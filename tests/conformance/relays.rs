//! Two connections that are joined: how one of them ends is how the other one ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use retwist::protocols::Relay;
use retwist::{Protocol, TcpListen, TransportRef};

use crate::delivery::pattern;
use crate::lifecycle::reactor;
use crate::peer::{Event, Peer};
use crate::way::{How, Way};
use crate::world::World;

over_every_way! {
    at every cut:
    what_ends_in_order_ends_in_order_behind_a_relay,
}

over_every_way! {
    a_server_that_breaks_off_is_no_clean_end,
    a_client_that_breaks_off_is_no_clean_end,
}

/// Two peers and a relay between them.
fn joined<W: Way>(
    how: How,
    client: (&Peer, retwist::ProtocolRef),
    server: (&Peer, retwist::ProtocolRef),
) -> World<W> {
    let (inbound, outbound) = Relay::pair();
    let mut world = World::<W>::new(how);
    let (one, other) = (client.0.clone(), server.0.clone());
    world.connect(client, (&Peer::new(), inbound.into()));
    world.connect((&Peer::new(), outbound.into()), server);
    world.until(move || one.is_made() && other.is_made());
    world
}

fn what_ends_in_order_ends_in_order_behind_a_relay<W: Way>(how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let answers = server.reacting(|transport, event| {
        if let Event::Data(_) = event {
            transport.write(&pattern(3_000));
            transport.lose_connection();
        }
    });
    let world = joined::<W>(how, (&client, client.quiet()), (&server, answers));
    client.transport().write(b"?");
    world.until_over();
    assert_eq!(client.received(), pattern(3_000));
    assert!(client.reason().is_clean(), "{}", client.reason());
    assert!(server.reason().is_clean(), "{}", server.reason());
}

fn a_server_that_breaks_off_is_no_clean_end<W: Way>(how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = joined::<W>(how, (&client, client.quiet()), (&server, server.quiet()));
    server.transport().write(&pattern(5_000));
    world.until(|| client.count() == 5_000);
    server.transport().abort_connection();
    world.until_over();
    assert!(
        !client.reason().is_clean() || !W::SHOWS_BREAK,
        "{}",
        client.reason()
    );
}

fn a_client_that_breaks_off_is_no_clean_end<W: Way>(how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = joined::<W>(how, (&client, client.quiet()), (&server, server.quiet()));
    client.transport().write(&pattern(5_000));
    world.until(|| server.count() == 5_000);
    client.transport().abort_connection();
    world.until_over();
    assert!(
        !server.reason().is_clean() || !W::SHOWS_BREAK,
        "{}",
        server.reason()
    );
}

#[test]
fn what_is_being_passed_on_when_the_reactor_ends_does_not_look_complete() {
    struct Entrance(std::net::SocketAddr, retwist::ReactorHandle);
    impl Protocol for Entrance {
        fn connection_made(&mut self, transport: &TransportRef) {
            let (inbound, outbound) = Relay::pair();
            let outbound = std::cell::Cell::new(Some(outbound));
            self.1.connect_tcp(self.0, move |_| outbound.take());
            transport.switch_protocol(inbound.into());
        }
    }
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = upstream.local_addr().unwrap();
    let reactor = reactor();
    let handle = reactor.handle();
    let port = reactor
        .listen_tcp(TcpListen::port(0).interface([127, 0, 0, 1]), move |_| {
            Entrance(target, handle.clone())
        })
        .unwrap();
    let address = port.address().socket().unwrap();
    let remote = reactor.remote();
    let talk = thread::spawn(move || {
        let mut client = TcpStream::connect(address).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        let (mut server, _) = upstream.accept().unwrap();
        server.write_all(&pattern(10_000)).unwrap();
        let mut received = vec![0; 10_000];
        client.read_exact(&mut received).unwrap();
        assert_eq!(received, pattern(10_000));
        remote.call_from_thread(|reactor| reactor.stop()).unwrap();
        let client_end = client.read(&mut [0; 8]).map_err(|error| error.kind());
        let server_end = server.read(&mut [0; 8]).map_err(|error| error.kind());
        (client_end, server_end)
    });
    reactor.run().unwrap();
    let reset = Err(ErrorKind::ConnectionReset);
    assert_eq!(talk.join().unwrap(), (reset, reset));
}
