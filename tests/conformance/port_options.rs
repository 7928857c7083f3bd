//! Where a port listens, and with which options of TCP.

use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use retwist::{
    Address, AddressError, KeepAlive, ListenError, ListeningPort, TcpListen, TcpOptions,
    error_chain,
};

use crate::lifecycle::{reactor, until};
use crate::ports::{address, local, refuse};
use retwist_conformance::streams::{Event, Peer};

#[test]
fn a_port_of_all_addresses_takes_both_families_unless_it_is_told_otherwise() {
    let reactor = reactor();
    let (peer, server) = (Peer::new(), Peer::new());
    let quiet = peer.clone();
    let both = TcpListen::port(0).interface(Ipv6Addr::UNSPECIFIED);
    let both = reactor.listen_tcp(both, move |_| quiet.quiet()).unwrap();
    let number = address(&both).port();
    let _client = TcpStream::connect((Ipv4Addr::LOCALHOST, number)).unwrap();
    until(&reactor, || peer.is_made());
    let mapped = IpAddr::V6(Ipv4Addr::LOCALHOST.to_ipv6_mapped());
    assert_eq!(peer.transport().peer().ip(), Some(mapped));
    let taken = reactor.listen_tcp(number, refuse);
    assert!(matches!(taken, Err(ListenError::AddressInUse(..))));

    let listen = |number, family: IpAddr| {
        let options = TcpListen::port(number).interface(family).v6_only(true);
        let server = server.clone();
        reactor.listen_tcp(options, move |_| server.quiet())
    };
    // Another program may have the number that comes up in the other family.
    let number = (0..100).find_map(|_| {
        let v4 = listen(0, Ipv4Addr::UNSPECIFIED.into()).unwrap();
        let number = address(&v4).port();
        let v6 = listen(number, Ipv6Addr::UNSPECIFIED.into());
        v6.ok().map(|_| number)
    });
    let number = number.expect("one number in both families");
    TcpStream::connect((Ipv4Addr::LOCALHOST, number)).unwrap();
    TcpStream::connect((Ipv6Addr::LOCALHOST, number)).unwrap();
}

#[test]
fn an_address_is_given_as_the_standard_library_takes_it() {
    let reactor = reactor();
    let local = IpAddr::from(Ipv4Addr::LOCALHOST);
    let wildcard = IpAddr::from(Ipv4Addr::UNSPECIFIED);
    let ip = |port: Result<ListeningPort, ListenError>| address(&port.unwrap()).ip();
    assert_eq!(ip(reactor.listen_tcp(0, refuse)), wildcard);
    assert_eq!(ip(reactor.listen_tcp("127.0.0.1:0", refuse)), local);
    assert_eq!(
        ip(reactor.listen_tcp("127.0.0.1:0".to_owned(), refuse)),
        local
    );
    assert_eq!(ip(reactor.listen_tcp(([127, 0, 0, 1], 0), refuse)), local);
    assert_eq!(ip(reactor.listen_tcp((local, 0), refuse)), local);
    assert_eq!(ip(reactor.listen_tcp(("127.0.0.1", 0), refuse)), local);
    assert_eq!(
        ip(reactor.listen_tcp("[::1]:0", refuse)),
        Ipv6Addr::LOCALHOST
    );
    for text in [
        "8007",
        "127.0.0.1",
        "localhost:8007",
        "127.0.0.1:65536",
        "",
        "::1:80",
    ] {
        let refused = reactor.listen_tcp(text, refuse);
        let Err(ListenError::Address(error)) = refused else {
            panic!("{text:?} is no address");
        };
        assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
    }
    assert!(matches!(
        reactor.listen_tcp(("localhost", 0), refuse),
        Err(ListenError::Address(AddressError::HostName(_)))
    ));
}

#[test]
fn a_keep_alive_time_that_is_not_possible_is_named() {
    let reactor = reactor();
    for seconds in [0, 32_768, 4_000_000_000] {
        let options = local().keep_alive(Duration::from_secs(seconds));
        let error = reactor.listen_tcp(options, refuse).unwrap_err();
        let text = error_chain(&error);
        assert!(text.contains("a keep-alive time of"), "{text}");
        assert!(text.contains("choose 1 s to 32767 s"), "{text}");
    }
    for possible in [1, 32_767] {
        let options = local().keep_alive(Duration::from_secs(possible));
        reactor.listen_tcp(options, refuse).unwrap();
    }
    reactor
        .listen_tcp(local().keep_alive(true), refuse)
        .unwrap();
}

#[test]
fn the_options_of_the_socket_can_be_reached_from_any_layer() {
    use retwist_conformance::streams::{How, Kind, Layered, Memory, Plain, TcpV4, Way, World};
    fn options<W: Way>() -> Option<TcpOptions> {
        let (client, server) = (Peer::new(), Peer::new());
        let found = Rc::new(RefCell::new(None));
        let result = found.clone();
        let asks = server.reacting(move |transport, event| {
            if let Event::Made = event {
                let options = TcpOptions::of(transport);
                if let Some(options) = &options {
                    options.set_no_delay(false).unwrap();
                    assert!(!options.no_delay().unwrap());
                    let minute = Duration::from_secs(60);
                    for (set, read) in [
                        (KeepAlive::After(minute), Some(KeepAlive::After(minute))),
                        // After a time that the system chooses.
                        (KeepAlive::SystemDefault, None),
                        (KeepAlive::Off, Some(KeepAlive::Off)),
                    ] {
                        options.set_keep_alive(set).unwrap();
                        let found = options.keep_alive().unwrap();
                        assert!(read.is_none_or(|read| read == found), "{found:?}");
                        assert_eq!(set == KeepAlive::Off, found == KeepAlive::Off);
                    }
                    options.set_send_buffer_size(20_000).unwrap();
                    assert!(options.send_buffer_size().unwrap() >= 20_000);
                    options.set_receive_buffer_size(20_000).unwrap();
                    assert!(options.receive_buffer_size().unwrap() >= 20_000);
                }
                result.replace(options);
            }
        });
        drop(World::connected(
            Kind::of::<W>(),
            How::default(),
            (&client, client.quiet()),
            (&server, asks),
        ));
        found.take()
    }
    let gone = options::<Layered<Plain, Layered<Plain, TcpV4>>>().unwrap();
    assert!(gone.set_no_delay(true).is_err() && gone.keep_alive().is_err());
    assert!(options::<Layered<Plain, Memory>>().is_none());
}

#[test]
fn a_memory_reactor_takes_the_same_addresses_as_a_machine() {
    use retwist::testing::MemoryReactor;
    let takes = |options: TcpListen, to: &str| {
        let reactor = MemoryReactor::new();
        let peer = Peer::new();
        let quiet = peer.clone();
        let port = reactor.listen_tcp(options, move |_| quiet.quiet()).unwrap();
        let to = Address::from(to.parse::<SocketAddr>().unwrap());
        let pair = reactor.accept(&to, Peer::new().quiet());
        assert_eq!(port.connections(), usize::from(pair.is_some()));
        drop(pair);
        assert_eq!(port.connections(), 0);
        peer.is_made()
    };
    let all = || TcpListen::port(80).interface(Ipv6Addr::UNSPECIFIED);
    let one = || TcpListen::port(80).interface([192, 0, 2, 1]);
    for (options, to, taken) in [
        (TcpListen::port(80), "127.0.0.1:80", true),
        (TcpListen::port(80), "[::1]:80", false),
        (TcpListen::port(80), "127.0.0.1:81", false),
        (all(), "127.0.0.1:80", true),
        (all(), "[::1]:80", true),
        (all().v6_only(true), "127.0.0.1:80", false),
        (one(), "192.0.2.1:80", true),
        (one(), "127.0.0.1:80", false),
    ] {
        assert_eq!(takes(options.clone(), to), taken, "{options:?} {to}");
    }

    // The port of one address comes before that of all; and both exclude each other.
    let reactor = MemoryReactor::new();
    let shared = |options: TcpListen| options.reuse_port(true);
    let (general, special) = (Peer::new(), Peer::new());
    let (all_of_them, one_of_them) = (general.clone(), special.clone());
    reactor
        .listen_tcp(shared(TcpListen::port(80)), move |_| all_of_them.quiet())
        .unwrap();
    assert!(matches!(
        reactor.listen_tcp("127.0.0.1:80", refuse),
        Err(ListenError::AddressInUse(..))
    ));
    reactor
        .listen_tcp(shared(one()), move |_| one_of_them.quiet())
        .unwrap();
    let to = Address::from(SocketAddr::from(([192, 0, 2, 1], 80)));
    drop(reactor.accept(&to, Peer::new().quiet()));
    assert!(special.is_made() && !general.is_made());
}
