//! What a program may give where an address is wanted, and what an address of a port is good for.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::rc::Rc;

use retwist::testing::MemoryReactor;
use retwist::{
    Address, AddressError, ConnectError, FullReactor, ListenError, Protocol, Reactor, ReactorTcp,
};
use retwist_conformance::datagrams::Peer;

struct Idle;

impl Protocol for Idle {}

fn listens(reactor: &dyn FullReactor) {
    let number = reactor.listen_udp(0, Peer::new().quiet()).unwrap();
    let text = reactor
        .listen_udp("127.0.0.1:0", Peer::new().quiet())
        .unwrap();
    assert_ne!(number.address().port(), text.address().port());
    assert_eq!(text.address().ip(), Some(Ipv4Addr::LOCALHOST.into()));
    reactor
        .listen_udp(String::from("[::1]:0"), Peer::new().quiet())
        .unwrap();
    reactor
        .listen_udp(([127, 0, 0, 1], 0), Peer::new().quiet())
        .unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    reactor.listen_udp(address, Peer::new().quiet()).unwrap();

    for (wrong, says) in [
        ("127.0.0.1", "write 127.0.0.1:80 for port 80"),
        ("localhost:53", "names are looked up"),
        ("53", "is not an address and a port"),
    ] {
        let error = reactor.listen_udp(wrong, Peer::new().quiet()).unwrap_err();
        assert!(matches!(error, ListenError::Address(_)), "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let error = reactor.connect_udp(wrong, Peer::new().quiet()).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_port_of_udp_is_named_as_one_of_tcp() {
    listens(&Reactor::new().unwrap());
    listens(&MemoryReactor::new());
}

#[test]
fn a_client_connects_to_the_address_of_a_port() {
    let reactor = MemoryReactor::new();
    let server = Peer::new();
    let port = reactor.listen_udp("127.0.0.1:0", server.quiet()).unwrap();
    let client = Peer::new();
    reactor.connect_udp(port.address(), client.quiet()).unwrap();
    reactor
        .connect_udp(port.address(), Peer::new().quiet())
        .unwrap();
    reactor.clock().run();
    client.transport().send(b"hello");
    reactor.clock().run();
    assert_eq!(server.received(), [b"hello"]);
}

#[test]
fn sockets_of_the_standard_library_take_the_address_of_a_port() {
    let reactor = Reactor::new().unwrap();
    let port = reactor.listen_tcp("127.0.0.1:0", |_| Idle).unwrap();
    let socket = TcpStream::connect(port.address()).unwrap();
    assert_eq!(Address::from(socket.peer_addr().unwrap()), port.address());
    let udp = reactor
        .listen_udp("127.0.0.1:0", Peer::new().quiet())
        .unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"hello", udp.address()).unwrap();

    let error = TcpStream::connect(Address::Memory("memory".into())).unwrap_err();
    assert!(
        error.to_string().contains("is not an IP address"),
        "{error}"
    );
}

#[test]
fn an_address_without_a_port_is_an_error_that_says_so() {
    let reactor = Rc::new(MemoryReactor::new());
    let address = Address::Memory("the other side".into());
    let error = reactor.listen_tcp(&address, |_| Idle).unwrap_err();
    assert!(matches!(
        error,
        ListenError::Address(AddressError::NotIp(_))
    ));
    let error = reactor
        .connect_udp(&address, Peer::new().quiet())
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the other side is not an IP address with a port; give one of TCP or UDP"
    );
    let host = Address::Host("example.org".into(), 80);
    let error = reactor.listen_tcp(host, |_| Idle).unwrap_err();
    assert!(error.to_string().contains("names are looked up"), "{error}");
    let _: ConnectError = AddressError::NotIp(address).into();
    let _: &dyn ReactorTcp = &*reactor;
}
