//! Descriptors that cannot be what they are given as: each is an error of its own, and is closed.

use std::error::Error;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};

use retwist::{
    AdoptError, DatagramProtocol, ListenError, Protocol, Reactor, TransportRef, error_chain,
};
use socket2::{Domain, Socket, Type};

use crate::reactor;

struct Deaf;

impl Protocol for Deaf {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

impl DatagramProtocol for Deaf {}

fn as_port(reactor: &Reactor, socket: impl Into<OwnedFd>) -> AdoptError {
    match reactor.adopt_stream_port(socket.into(), |_| Deaf) {
        Err(ListenError::Adopt(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn as_connection(reactor: &Reactor, socket: impl Into<OwnedFd>) -> AdoptError {
    reactor
        .adopt_stream_connection(socket.into(), Deaf)
        .unwrap_err()
}

fn as_datagrams(reactor: &Reactor, socket: impl Into<OwnedFd>) -> AdoptError {
    match reactor.adopt_datagram_port(socket.into(), Deaf) {
        Err(ListenError::Adopt(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn fresh(kind: Type) -> Socket {
    Socket::new(Domain::IPV4, kind, None).unwrap()
}

#[test]
fn what_is_not_a_socket() {
    let reactor = reactor();
    let file = || std::fs::File::open("/dev/null").unwrap();
    for error in [
        as_port(&reactor, file()),
        as_connection(&reactor, file()),
        as_datagrams(&reactor, file()),
    ] {
        assert!(matches!(error, AdoptError::NotASocket(_)), "{error:?}");
        assert!(error.source().is_some());
        assert!(error_chain(&error).starts_with("the descriptor is not a socket: "));
    }
}

#[test]
fn a_socket_of_another_type() {
    let reactor = reactor();
    let (stream, _) = UnixStream::pair().unwrap();
    let packets = Socket::new(Domain::UNIX, Type::SEQPACKET, None).unwrap();
    for error in [
        as_port(&reactor, UdpSocket::bind("127.0.0.1:0").unwrap()),
        as_connection(&reactor, UdpSocket::bind("127.0.0.1:0").unwrap()),
        as_datagrams(&reactor, stream),
        as_port(&reactor, packets),
    ] {
        assert!(matches!(error, AdoptError::WrongType { .. }), "{error:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_another_family() {
    use rustix::net::{AddressFamily, SocketType, socket};

    let reactor = reactor();
    let other = socket(AddressFamily::NETLINK, SocketType::DGRAM, None).unwrap();
    let error = as_datagrams(&reactor, other);
    let AdoptError::UnsupportedFamily(16) = error else {
        panic!("{error:?}");
    };
    assert!(error.to_string().contains("address family 16"));
}

#[test]
fn a_port_that_does_not_listen_and_a_connection_that_is_none() {
    let reactor = reactor();
    #[cfg(any(target_os = "linux", target_os = "freebsd"))]
    {
        let error = as_port(&reactor, fresh(Type::STREAM));
        assert!(matches!(error, AdoptError::NotListening), "{error:?}");
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let connected = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let error = as_port(&reactor, connected);
    assert!(matches!(error, AdoptError::NotListening), "{error:?}");
    for error in [
        as_connection(&reactor, listener),
        as_connection(&reactor, fresh(Type::STREAM)),
    ] {
        assert!(matches!(error, AdoptError::NotConnected), "{error:?}");
    }
    let path = std::env::temp_dir().join(format!("retwist-refused-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let error = as_connection(&reactor, UnixListener::bind(&path).unwrap());
    assert!(matches!(error, AdoptError::NotConnected), "{error:?}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_reactor_that_has_ended() {
    let reactor = reactor();
    let handle = reactor.handle();
    drop(reactor);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    assert!(matches!(
        handle.adopt_stream_port(listener, |_| Deaf),
        Err(ListenError::ReactorGone)
    ));
    // It was closed all the same.
    assert!(TcpStream::connect(address).is_err());
    let (one, _) = UnixStream::pair().unwrap();
    assert!(matches!(
        handle.adopt_stream_connection(one, Deaf),
        Err(AdoptError::ReactorGone)
    ));
}
