use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use retwist::{
    Address, AdoptError, AdoptedSocket, DatagramProtocol, DatagramTransport, ListenError, Reactor,
    Reason,
};

use crate::{Log, reactor, until};

struct Echo(Log);

impl DatagramProtocol for Echo {
    fn start_protocol(&mut self, _: &DatagramTransport) {
        self.0.say("started");
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        self.0.say(format!("{}", data.len()));
        transport.send_to(data, from);
    }

    fn datagram_cut(&mut self, _: &DatagramTransport, data: &[u8], _: &Address) {
        self.0.say(format!("cut:{}", data.len()));
    }

    fn stop_protocol(&mut self, _: &Reason) {
        self.0.say("stopped");
    }
}

fn answered(reactor: &Reactor, mut receive: impl FnMut() -> std::io::Result<usize>) -> usize {
    for _ in 0..2000 {
        if let Ok(count) = receive() {
            return count;
        }
        reactor.iterate(Duration::from_millis(10)).unwrap();
    }
    panic!("no answer came");
}

#[test]
fn a_udp_socket_becomes_a_port() {
    for interface in ["127.0.0.1:0", "[::1]:0"] {
        let (reactor, log) = (reactor(), Log::default());
        let socket = UdpSocket::bind(interface).unwrap();
        let address = socket.local_addr().unwrap();
        let socket = AdoptedSocket::from(socket).max_datagram(100);
        let port = reactor
            .adopt_datagram_port(socket, Echo(log.clone()))
            .unwrap();
        assert_eq!(port.address(), Address::Udp(address));
        let client = UdpSocket::bind(interface).unwrap();
        client.set_nonblocking(true).unwrap();
        client.send_to(b"hello", address).unwrap();
        assert_eq!(answered(&reactor, || client.recv(&mut [0; 100])), 5);
        client.send_to(&[0; 101], address).unwrap();
        until(&reactor, || log.story().contains("cut"));
        port.stop_listening();
        until(&reactor, || log.story().ends_with("stopped"));
        assert_eq!(log.story(), "started 5 cut:100 stopped");
        assert!(matches!(
            port.start_listening(),
            Err(ListenError::Adopt(AdoptError::Closed))
        ));
    }
}

#[test]
fn a_udp_socket_that_is_connected_stays_so() {
    let (reactor, log) = (reactor(), Log::default());
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    socket.connect(peer.local_addr().unwrap()).unwrap();
    reactor
        .adopt_datagram_port(socket, Echo(log.clone()))
        .unwrap();
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.send_to(b"no", address).unwrap();
    peer.set_nonblocking(true).unwrap();
    peer.send_to(b"yes", address).unwrap();
    assert_eq!(answered(&reactor, || peer.recv(&mut [0; 100])), 3);
    assert_eq!(log.story(), "started 3");
}

#[test]
fn a_unix_socket_for_datagrams_becomes_a_port_and_keeps_its_file() {
    let (reactor, log) = (reactor(), Log::default());
    let file = |which: &str| {
        let name = format!("retwist-adopted-{which}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&path);
        path
    };
    let (path, own) = (file("server"), file("client"));
    let socket = UnixDatagram::bind(&path).unwrap();
    let port = reactor
        .adopt_datagram_port(socket, Echo(log.clone()))
        .unwrap();
    assert_eq!(port.address(), Address::Unix(Some(path.as_path().into())));
    let client = UnixDatagram::bind(&own).unwrap();
    client.set_nonblocking(true).unwrap();
    client.send_to(b"hello", &path).unwrap();
    assert_eq!(answered(&reactor, || client.recv(&mut [0; 100])), 5);
    port.stop_listening();
    until(&reactor, || log.story().ends_with("stopped"));
    assert!(path.exists());
    for file in [path, own] {
        std::fs::remove_file(file).unwrap();
    }
}

#[test]
fn half_of_a_pair_without_names_is_refused() {
    let reactor = reactor();
    let (one, _other) = UnixDatagram::pair().unwrap();
    let refused = reactor.adopt_datagram_port(one, Echo(Log::default()));
    assert!(matches!(
        refused,
        Err(ListenError::Adopt(AdoptError::UnnamedPeer))
    ));
}
