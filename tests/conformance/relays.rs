//! Two connections that are joined: how one of them ends is how the other one ends.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use retwist::protocols::Relay;
use retwist::{Protocol, TcpListen, TransportRef};

use crate::lifecycle::reactor;
use retwist_conformance::streams::pattern;

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
