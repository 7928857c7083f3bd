//! Several reactors side by side: each serves on the same ports, and they begin and end together.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use retwist::{
    Address, ListenError, Phase, Protocol, ReactorHandle, ReactorSettings, SystemEvent, TcpListen,
    TransportRef, Worker, Workers, WorkersError,
};
use rustix::process::Signal;

use crate::child::{Process, is_child};
use crate::lifecycle::soon;
use retwist_conformance::streams::pattern;

mod tls;
#[cfg(unix)]
mod unix;

/// Says first which worker it is of, and then does what it is told by a letter.
struct Server {
    worker: u8,
    reactor: ReactorHandle,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&[self.worker]);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        match data {
            b"s" => self.reactor.stop(),
            b"c" => self.reactor.crash(),
            b"d" => self.reactor.drain(Duration::from_secs(3600)),
            b"w" => transport.write(&pattern(MUCH)),
            _ => transport.write(data),
        }
    }
}

/// More than the system takes of one who writes it to another who does not read.
const MUCH: usize = 16 * 1024 * 1024;

/// A port that is free, on this machine alone.
fn any() -> TcpListen {
    TcpListen::port(0).interface([127, 0, 0, 1])
}

fn serve(worker: &Worker, how: TcpListen) -> Result<(), ListenError> {
    let (number, reactor) = (worker.number() as u8, worker.handle());
    worker.listen_tcp(how, move |_| Server {
        worker: number,
        reactor: reactor.clone(),
    })?;
    Ok(())
}

fn several(count: usize) -> Workers {
    Workers::new(count).settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
}

type Cause = Box<dyn Error + Send + Sync>;

/// Workers that run in a thread, and where they listen.
struct Running {
    listening: Receiver<Address>,
    thread: JoinHandle<Result<(), WorkersError>>,
}

impl Running {
    fn start(
        count: usize,
        set_up: impl Fn(&Worker) -> Result<(), Cause> + Send + Sync + 'static,
    ) -> Self {
        let (sender, listening) = mpsc::channel();
        let thread = thread::spawn(move || {
            several(count)
                .when_listening(move |address| sender.send(address.clone()).unwrap())
                .run(set_up)
        });
        Running { listening, thread }
    }

    fn address(&self) -> SocketAddr {
        self.told().socket().unwrap()
    }

    /// The next port that is said.
    fn told(&self) -> Address {
        self.listening.recv().unwrap()
    }

    fn end(self) {
        self.thread.join().unwrap().unwrap();
        assert_eq!(self.listening.iter().count(), 0, "more ports than expected");
    }
}

/// A connection, and which worker it is with.
fn connect(address: SocketAddr) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(address).unwrap();
    let patience = Duration::from_secs(20);
    stream.set_read_timeout(Some(patience)).unwrap();
    let mut worker = [0];
    stream.read_exact(&mut worker).unwrap();
    (stream, worker[0])
}

/// A connection with each of `count` workers. The system says which worker gets a connection.
fn connect_to_each(address: SocketAddr, count: u8) -> Vec<TcpStream> {
    let mut found: Vec<Option<TcpStream>> = (0..count).map(|_| None).collect();
    for _ in 0..1_000 {
        let (stream, worker) = connect(address);
        found[usize::from(worker)] = Some(stream);
        if found.iter().all(Option::is_some) {
            return found.into_iter().flatten().collect();
        }
    }
    panic!("not every worker serves");
}

/// All that still comes, to an orderly end.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    data
}

#[test]
fn each_worker_serves_on_the_one_port() {
    let running = Running::start(3, |worker| Ok(serve(worker, any())?));
    let mut streams = connect_to_each(running.address(), 3);
    for stream in &mut streams {
        let mut back = [0; 5];
        stream.write_all(b"hello").unwrap();
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"hello");
    }
    streams[1].write_all(b"s").unwrap();
    running.end();
    for stream in &mut streams {
        assert_eq!(rest(stream), b"");
    }
}

#[test]
fn several_ports_are_told_apart_and_said_once_each() {
    let running = Running::start(2, |worker| {
        serve(worker, any())?;
        if worker.number() == 0 {
            // A port of its own, which no other worker asks for.
            serve(worker, any().interface([127, 0, 0, 2]))?;
        }
        Ok(serve(worker, any())?)
    });
    let addresses = [(); 3].map(|()| running.address());
    let ports: BTreeSet<u16> = addresses.iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 3);
    drop(connect_to_each(addresses[0], 2));
    drop(connect_to_each(addresses[2], 2));
    for _ in 0..20 {
        assert_eq!(connect(addresses[1]).1, 0);
    }
    connect(addresses[1]).0.write_all(b"s").unwrap();
    running.end();
}

#[test]
fn a_single_worker_is_a_reactor_in_this_thread() {
    let here = thread::current().id();
    several(1)
        .run(|worker| {
            assert_eq!(thread::current().id(), here);
            let port = worker.listen_tcp(any(), |_| None::<retwist::ProtocolRef>)?;
            // It does not share its port.
            let again = TcpListen::address(port.address().socket().unwrap()).reuse_port(true);
            assert!(matches!(
                serve(worker, again),
                Err(ListenError::AddressInUse(..))
            ));
            let reactor = worker.handle();
            worker.call_when_running(move || reactor.stop());
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_port_that_is_taken_is_an_error_with_its_cause() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for count in [1, 2] {
        let calls = AtomicUsize::new(0);
        let error = several(count)
            .when_listening(|_| panic!("nothing listens"))
            .run(|worker| {
                calls.fetch_add(1, Ordering::SeqCst);
                Ok(serve(worker, address.into())?)
            })
            .unwrap_err();
        let cause = error.source().and_then(|cause| cause.downcast_ref());
        assert!(
            matches!(cause, Some(ListenError::AddressInUse(of, _)) if of.socket() == Some(address)),
            "{error:?}"
        );
        assert_eq!(calls.into_inner(), 1);
    }
}

#[test]
fn a_port_that_others_share_is_taken_unless_it_is_to_be_shared_with_them() {
    let running = Running::start(2, |worker| Ok(serve(worker, any())?));
    let address = running.address();
    // Made before the others listen: their sockets outlive them for a moment where a process that
    // another test starts has got a copy of them.
    let (mut stream, _) = connect(address);
    let same = || TcpListen::address(address);
    let refused = several(2).run(|worker| Ok(serve(worker, same())?));
    assert!(matches!(refused, Err(WorkersError::SetUp(_))));
    several(2)
        .run(|worker| {
            serve(worker, same().reuse_port(true))?;
            let reactor = worker.handle();
            worker.call_when_running(move || reactor.stop());
            Ok(())
        })
        .unwrap();
    stream.write_all(b"s").unwrap();
    running.end();
}

#[test]
fn if_the_last_set_up_fails_no_worker_serves() {
    let (sender, opened) = mpsc::channel();
    let error = several(3)
        .when_listening(|_| panic!("not all listen"))
        .run(|worker| {
            if worker.number() == 2 {
                return Err("the third has had enough".into());
            }
            let port = worker.listen_tcp(any(), |_| None::<retwist::ProtocolRef>)?;
            worker.call_when_running(|| panic!("it does not begin"));
            sender.send(port.address().socket().unwrap()).unwrap();
            Ok(())
        })
        .unwrap_err();
    assert_eq!(
        retwist::error_chain(&error),
        "a worker cannot be set up: the third has had enough"
    );
    let addresses: Vec<_> = opened.try_iter().collect();
    assert_eq!(addresses.len(), 2);
    assert_eq!(addresses[0], addresses[1]);
    // It is free again.
    assert!(soon(|| TcpListener::bind(addresses[0]).is_ok()));
}

#[test]
fn a_panic_in_a_set_up_is_an_error() {
    for (count, bad) in [(1, 0), (2, 0), (2, 1)] {
        let outcome = several(count).run(|worker| {
            assert_ne!(worker.number(), bad, "a bug in a set-up");
            Ok(())
        });
        let Err(WorkersError::Panicked(message)) = outcome else {
            panic!("{outcome:?}");
        };
        assert!(message.contains("a bug in a set-up"), "{message}");
    }
}

#[test]
fn there_is_at_least_one_worker_and_there_are_not_too_many() {
    for count in [0, Workers::MAX + 1, usize::MAX] {
        let outcome = several(count).run(|_| panic!("there is nothing to set up"));
        assert!(matches!(outcome, Err(WorkersError::Count)), "{outcome:?}");
    }
}

#[test]
fn what_any_worker_has_written_is_sent_before_the_end() {
    let running = Running::start(2, |worker| Ok(serve(worker, any())?));
    let mut streams = connect_to_each(running.address(), 2);
    streams[0].write_all(b"w").unwrap();
    // Once some of it is there, it has been written.
    let mut first = [0; 1];
    streams[0].read_exact(&mut first).unwrap();
    streams[1].write_all(b"s").unwrap();
    assert_eq!(rest(&mut streams[1]), b"");
    let rest = rest(&mut streams[0]);
    assert!(first[0] == pattern(1)[0] && rest == pattern(MUCH)[1..]);
    running.end();
}

#[test]
fn a_worker_that_ends_without_order_ends_all() {
    let running = Running::start(2, |worker| Ok(serve(worker, any())?));
    let mut streams = connect_to_each(running.address(), 2);
    streams[0].write_all(b"c").unwrap();
    assert_eq!(rest(&mut streams[1]), b"");
    running.end();
}

#[test]
fn one_signal_ends_all_in_order_and_a_second_at_once() {
    for second in [false, true] {
        let mut process = Process::start("workers::serves");
        let address = process.says("listening on").parse().unwrap();
        let mut streams = connect_to_each(address, 2);
        if second {
            // The first worker has something left to send, and its peer does not read.
            streams[0].write_all(b"w").unwrap();
            streams[0].read_exact(&mut [0]).unwrap();
        }
        process.signal(Signal::TERM);
        assert_eq!(rest(&mut streams[1]), b"");
        if second {
            process.signal(Signal::TERM);
        } else {
            assert_eq!(rest(&mut streams[0]), b"");
        }
        process.says("ended");
        assert!(process.end().success());
        drop(streams);
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn serves() {
    if !is_child() {
        return;
    }
    let settings = ReactorSettings {
        // Only a second signal can be faster.
        shutdown_timeout: Duration::from_secs(3600),
        ..ReactorSettings::default()
    };
    Workers::new(2)
        .settings(settings)
        .when_listening(|address| println!("\nlistening on {address}"))
        .run(|worker| {
            let how = any().settings(retwist::StreamSettings {
                close_timeout: Duration::from_secs(3600),
                ..retwist::StreamSettings::default()
            });
            Ok(serve(worker, how)?)
        })
        .unwrap();
    println!("\nended");
}

#[test]
fn a_second_signal_ends_what_holds_a_worker_back() {
    let mut process = Process::start("workers::hangs");
    process.says("listening on");
    process.signal(Signal::INT);
    process.says("held");
    process.signal(Signal::INT);
    process.says("ended");
    assert!(process.end().success());
}

#[test]
#[ignore = "runs in a process of its own"]
fn hangs() {
    if !is_child() {
        return;
    }
    Workers::new(3)
        .when_listening(|address| println!("\nlistening on {address}"))
        .run(|worker| {
            let holds = worker.number() == 1;
            let end = SystemEvent::Shutdown;
            worker.add_system_event_trigger(Phase::Before, end, move |hold| {
                if holds {
                    std::mem::forget(hold);
                    println!("\nheld");
                }
            });
            Ok(serve(worker, any())?)
        })
        .unwrap();
    println!("\nended");
}

#[test]
fn a_second_signal_ends_a_process_whose_worker_spins() {
    let mut process = Process::start("workers::spins");
    process.says("spinning");
    process.signal(Signal::TERM);
    process.says("another worker has ended");
    process.signal(Signal::TERM);
    assert_eq!(process.end().code(), Some(1));
}

#[test]
#[ignore = "runs in a process of its own"]
fn spins() {
    if !is_child() {
        return;
    }
    let _ = Workers::new(2).run(|worker| {
        if worker.number() == 0 {
            worker.call_soon(|| {
                println!("\nspinning");
                loop {
                    std::thread::park();
                }
            });
        } else {
            let end = SystemEvent::Shutdown;
            worker.add_system_event_trigger(Phase::After, end, |_| {
                println!("\nanother worker has ended");
            });
        }
        Ok(())
    });
    println!("\nended");
}

#[test]
fn all_drain_when_one_does_and_each_ends_when_its_connections_have() {
    let (told, asked) = mpsc::channel();
    let running = Running::start(3, move |worker| {
        let (number, told) = (worker.number(), told.clone());
        let event = SystemEvent::Drain;
        worker.add_system_event_trigger(Phase::During, event, move |_| told.send(number).unwrap());
        Ok(serve(worker, any())?)
    });
    let address = running.address();
    // With all of them, whatever the system chooses.
    let mut clients = Vec::new();
    while (0..3).any(|wanted| clients.iter().all(|(_, worker)| *worker != wanted)) {
        clients.push(connect(address));
    }
    let (mut first, _) = clients.remove(0);
    first.write_all(b"d").unwrap();
    let mut draining: Vec<_> = asked.iter().take(3).collect();
    draining.sort_unstable();
    assert_eq!(draining, [0, 1, 2]);
    assert!(soon(|| TcpStream::connect(address).is_err()));
    drop(first);
    for (mut client, _) in clients {
        client.write_all(b"more").unwrap();
        let mut heard = [0; 4];
        client.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"more");
    }
    running.end();
}
