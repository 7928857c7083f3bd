//! Ports of several reactors that share out what they accept.

use std::io::Read;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use retwist::{
    ListeningPort, Protocol, Reactor, TcpListen, TransportRef, UnixDescriptors, UnixListen,
    UnixName,
};

use crate::reactor;

/// Says which reactor it is of.
struct Named(u8);

impl Protocol for Named {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&[self.0]);
    }
}

/// Reactors in one thread, whose passes the test makes.
struct Reactors {
    all: Vec<Reactor>,
    ports: Vec<ListeningPort>,
    clients: Vec<TcpStream>,
}

impl Reactors {
    fn new(count: u8) -> Self {
        let local = TcpListen::port(0).interface([127, 0, 0, 1]).balanced();
        let (mut all, mut ports) = (Vec::new(), Vec::new());
        for number in 0..count {
            let reactor = reactor();
            let port = reactor.listen_tcp(local.clone(), move |_| Named(number));
            ports.push(port.unwrap());
            all.push(reactor);
        }
        Reactors {
            all,
            ports,
            clients: Vec::new(),
        }
    }

    fn connect(&mut self, count: usize) {
        let address = self.ports[0].address().socket().unwrap();
        let clients = (0..count).map(|_| TcpStream::connect(address).unwrap());
        self.clients.extend(clients);
    }

    fn pass(&self, of: usize) {
        self.all[of].iterate(Duration::from_millis(1)).unwrap();
    }

    /// Makes passes of one until it has accepted, or given away, this many connections.
    fn until_taken(&self, by: usize, count: usize) {
        for _ in 0..2_000 {
            let open: usize = self.ports.iter().map(ListeningPort::connections).sum();
            if open >= count {
                return;
            }
            self.pass(by);
        }
    }

    fn pass_all(&self) {
        for _ in 0..20 {
            (0..self.all.len()).for_each(|of| self.pass(of));
        }
    }

    fn connections(&self) -> Vec<usize> {
        self.ports.iter().map(ListeningPort::connections).collect()
    }
}

#[test]
fn the_one_that_accepts_gives_to_those_that_have_less() {
    let mut reactors = Reactors::new(3);
    reactors.connect(30);
    // Only the first one accepts.
    for _ in 0..20 {
        reactors.pass(0);
    }
    assert_eq!(reactors.connections(), [10, 0, 0]);
    reactors.pass_all();
    assert_eq!(reactors.connections(), [10, 10, 10]);
    let mut greetings = [0; 3];
    for client in &mut reactors.clients {
        let mut number = [0];
        client.read_exact(&mut number).unwrap();
        greetings[usize::from(number[0])] += 1;
    }
    assert_eq!(greetings, [10, 10, 10]);
    let accepted: Vec<_> = reactors
        .ports
        .iter()
        .map(|port| port.stats().accepted)
        .collect();
    assert_eq!(accepted, [10, 10, 10]);
}

#[test]
fn one_that_has_lost_its_connections_gets_the_next_ones() {
    let mut reactors = Reactors::new(2);
    reactors.connect(8);
    reactors.pass_all();
    assert_eq!(reactors.connections(), [4, 4]);
    // Those of the second reactor end.
    reactors.clients.retain_mut(|client| {
        let mut number = [0];
        client.read_exact(&mut number).unwrap();
        number[0] == 0
    });
    reactors.pass_all();
    assert_eq!(reactors.connections(), [4, 0]);
    reactors.connect(4);
    for _ in 0..20 {
        reactors.pass(0);
    }
    reactors.pass_all();
    assert_eq!(reactors.connections(), [4, 4]);
}

#[test]
fn one_that_is_paused_or_avoided_gets_none() {
    let mut reactors = Reactors::new(3);
    reactors.ports[1].pause_accepting();
    reactors.all[2].remote().avoid(true);
    reactors.connect(10);
    reactors.until_taken(0, 10);
    reactors.pass_all();
    assert_eq!(reactors.connections(), [10, 0, 0]);
    reactors.ports[1].resume_accepting();
    reactors.all[2].remote().avoid(false);
    reactors.connect(20);
    for _ in 0..20 {
        reactors.pass(0);
    }
    reactors.pass_all();
    assert_eq!(reactors.connections(), [10, 10, 10]);
}

#[test]
fn what_was_given_to_one_that_ends_is_served() {
    let mut reactors = Reactors::new(2);
    reactors.connect(10);
    for _ in 0..20 {
        reactors.pass(0);
    }
    // It has accepted nothing itself, and five wait for it.
    reactors.ports[1].stop_listening();
    reactors.pass_all();
    assert_eq!(reactors.connections(), [5, 5]);

    // This one has no time to look.
    let mut reactors = Reactors::new(2);
    reactors.connect(10);
    for _ in 0..20 {
        reactors.pass(0);
    }
    reactors.all.pop();
    reactors.pass_all();
    assert_eq!(reactors.ports[0].connections(), 10);
    for client in &mut reactors.clients {
        let mut number = [9];
        client.read_exact(&mut number).unwrap();
        assert_eq!(number, [0]);
    }
}

#[test]
fn what_waits_for_one_that_does_not_turn_goes_to_another_one() {
    let mut reactors = Reactors::new(3);
    reactors.connect(9);
    for _ in 0..20 {
        reactors.pass(0);
    }
    // The second one never looks at its three.
    reactors.all[1].remote().avoid(true);
    reactors.connect(1);
    for _ in 0..20 {
        reactors.pass(0);
        reactors.pass(2);
    }
    assert_eq!(reactors.connections(), [5, 0, 5]);
}

/// Whether its connection accepts descriptors.
struct Accepts;

impl Protocol for Accepts {
    fn connection_made(&mut self, transport: &TransportRef) {
        assert!(UnixDescriptors::of(transport).is_some());
        transport.write(b"!");
    }
}

#[test]
fn unix_sockets_are_shared_out_too() {
    let path = std::env::temp_dir().join(format!("retwist-balanced-{}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let name = UnixName::path(&path).unwrap();
    let options = UnixListen::name(name).accept_descriptors(3).balanced();
    let all = [(); 2].map(|()| reactor());
    let ports = [0, 1].map(|of: usize| {
        let port = all[of].listen_unix(options.clone(), |_| Accepts);
        port.unwrap()
    });
    let clients: Vec<_> = (0..6)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    for _ in 0..20 {
        all[0].iterate(Duration::from_millis(1)).unwrap();
    }
    for _ in 0..20 {
        all[1].iterate(Duration::from_millis(1)).unwrap();
    }
    assert_eq!(ports.each_ref().map(ListeningPort::connections), [3, 3]);
    drop(clients);
    drop(all);
    assert!(!path.exists());
}
