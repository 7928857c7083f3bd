//! File descriptors: what happens when there are no more, and that none leaks.

use std::cell::Cell;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use retwist::{Address, TcpListen};
use retwist_conformance::streams::{
    Event, How, Kind, Layered, Peer, Plain, TcpV4, Way, World, pattern,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::child::{Process, is_child};
use crate::lifecycle::{reactor, until};

/// How many descriptors the server of this case has left for its connections.
const LEFT: usize = 10;

pub fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Asks the server how many passes its loop has made. `None`: it has refused the connection.
fn ask(mut client: &TcpStream) -> Option<u64> {
    let mut answer = [0; 8];
    client.write_all(b"?").ok()?;
    match client.read_exact(&mut answer) {
        Ok(()) => Some(u64::from_be_bytes(answer)),
        Err(error) => {
            assert_ne!(
                error.kind(),
                ErrorKind::WouldBlock,
                "neither served nor refused"
            );
            None
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).unwrap();
    client
        .set_read_timeout(Some(Duration::from_secs(20)))
        .unwrap();
    client
}

#[test]
fn without_descriptors_a_server_refuses_and_goes_on() {
    let mut server = Process::start("descriptors::serves_with_few");
    let address = server.says("listening on").parse().unwrap();
    for _ in 0..3 {
        let clients: Vec<_> = (0..3 * LEFT).map(|_| connect(address)).collect();
        let served: Vec<_> = clients.iter().filter_map(ask).collect();
        assert!(
            // A descriptor more or less: the numbers may have a gap.
            (LEFT / 2..LEFT + 3).contains(&served.len()),
            "{} were served",
            served.len()
        );

        // The loop does not spin meanwhile: between two questions it makes hardly any passes.
        let (first, before) = clients
            .iter()
            .find_map(|client| Some((client, ask(client)?)))
            .unwrap();
        first
            .set_read_timeout(Some(Duration::from_millis(300)))
            .unwrap();
        assert_eq!(
            (&mut &*first).read(&mut [0]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let passes = ask(first).unwrap() - before;
        assert!(
            passes < 50,
            "{passes} passes of a loop that has nothing to do"
        );

        // They all leave, and the server has heard that, before the next ones connect.
        for client in clients {
            client.shutdown(std::net::Shutdown::Write).ok();
            (&client).read_to_end(&mut Vec::new()).ok();
        }
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn serves_with_few() {
    if !is_child() {
        return;
    }
    let reactor = reactor();
    let passes = Rc::new(Cell::new(0_u64));
    let count = passes.clone();
    let factory = move |_: &Address| {
        let count = count.clone();
        Peer::new().reacting(move |transport, event| {
            if let Event::Data(_) = event {
                transport.write(&count.get().to_be_bytes());
            }
        })
    };
    let listen = TcpListen::port(0).interface([127, 0, 0, 1]);
    let port = reactor.listen_tcp(listen, factory).unwrap();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // The one that is counted is that of the directory.
    let current = Some((open_files() - 1 + LEFT) as u64);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    println!("\nlistening on {}", port.address());
    loop {
        reactor.iterate(Duration::from_secs(60)).unwrap();
        passes.set(passes.get() + 1);
    }
}

#[test]
fn every_descriptor_is_given_back() {
    let mut process = Process::start("descriptors::comes_and_goes");
    assert_eq!(process.says("more open than before:"), "0");
    assert!(process.end().success());
}

#[test]
#[ignore = "runs in a process of its own"]
fn comes_and_goes() {
    if !is_child() {
        return;
    }
    let ends: [fn(&Peer); 5] = [
        |peer| peer.transport().lose_connection(),
        |peer| peer.transport().abort_connection(),
        |peer| {
            peer.transport().write(&pattern(5_000_000));
            peer.transport().abort_connection();
        },
        |peer| peer.transport().pause_producing(),
        |_| (),
    ];
    // What is made once, and kept, is made in the first round.
    let mut open = Vec::new();
    for _ in 0..3 {
        for end in ends {
            come_and_go::<TcpV4>(end);
            come_and_go::<Layered<Plain, TcpV4>>(end);
        }
        let reactor = reactor();
        let refuse = |_: &Address| None::<retwist::ProtocolRef>;
        let port = reactor
            .listen_tcp(TcpListen::port(0).interface([127, 0, 0, 1]), refuse)
            .unwrap();
        let address = port.address().socket().unwrap();
        let (server, failed) = (Peer::new(), reactor.connect_tcp(address, refuse));
        until(&reactor, || {
            failed.state() == retwist::ConnectorState::Disconnected
        });
        drop((port, server, failed, reactor));
        open.push(open_files());
    }
    println!("\nmore open than before: {}", open[2] - open[0]);
}

fn come_and_go<W: Way>(end: fn(&Peer)) {
    let (client, server) = (Peer::new(), Peer::new());
    let world = World::connected(
        Kind::of::<W>(),
        How::default(),
        (&client, client.quiet()),
        (&server, server.quiet()),
    );
    client.transport().write(b"hello");
    end(&server);
    world.settle();
}
