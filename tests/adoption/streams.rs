use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;

use retwist::testing::MemoryReactor;
use retwist::{
    Address, AdoptError, AdoptedSocket, Factory, IntoProtocol, ListenError, Protocol, Reactor,
    Reason, TransportRef,
};
use rustix::fs::{OFlags, fcntl_getfl};

use crate::{Log, reactor, until};

struct Echo(Log);

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.0.say(format!("made:{}", transport.peer()));
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.0.say(format!("lost:{}", reason.is_clean()));
    }
}

/// Tells when it is started and stopped.
struct Echoes(Log);

impl Factory for Echoes {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        Echo(self.0.clone())
    }

    fn start_factory(self: &Rc<Self>) {
        self.0.say("started");
    }

    fn stop_factory(self: &Rc<Self>) {
        self.0.say("stopped");
    }
}

/// Sends a word and waits for it to come back.
fn exchange(reactor: &Reactor, client: &mut (impl Read + Write + AsFd)) {
    client.write_all(b"hello").unwrap();
    let mut answer: Vec<u8> = Vec::new();
    let nonblocking = fcntl_getfl(client.as_fd()).unwrap() | OFlags::NONBLOCK;
    rustix::fs::fcntl_setfl(client.as_fd(), nonblocking).unwrap();
    for _ in 0..2000 {
        let mut buffer = [0; 16];
        match client.read(&mut buffer) {
            Ok(count) => answer.extend_from_slice(&buffer[..count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        if answer.len() >= 5 {
            break;
        }
        reactor
            .iterate(std::time::Duration::from_millis(10))
            .unwrap();
    }
    assert_eq!(answer, b"hello");
}

#[test]
fn a_tcp_socket_that_listens_becomes_a_port() {
    let (reactor, log) = (reactor(), Log::default());
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    // Another process that has the same socket.
    let elsewhere = socket.try_clone().unwrap();
    let port = reactor
        .adopt_stream_port_factory(socket, Echoes(log.clone()))
        .unwrap();
    assert_eq!(port.address(), Address::Tcp(address));
    let mut client = TcpStream::connect(address).unwrap();
    let own = client.local_addr().unwrap();
    exchange(&reactor, &mut client);
    assert_eq!(log.story(), format!("started made:{own}"));
    assert_eq!(port.connections(), 1);

    // It closes its socket, and shuts nothing down: connections live on, and the other process serves.
    port.stop_listening();
    until(&reactor, || log.story().contains("stopped"));
    exchange(&reactor, &mut client);
    let mut next = TcpStream::connect(address).unwrap();
    let (mut accepted, _) = accepts(&elsewhere).unwrap();
    next.write_all(b"?").unwrap();
    accepted.read_exact(&mut [0]).unwrap();

    assert!(matches!(
        port.start_listening(),
        Err(ListenError::Adopt(AdoptError::Closed))
    ));
    drop(client);
    until(&reactor, || log.story().ends_with("lost:true"));
    assert_eq!(log.story(), format!("started made:{own} stopped lost:true"));
}

/// What a process does that has not made its socket non-blocking.
fn accepts(socket: &TcpListener) -> std::io::Result<(TcpStream, std::net::SocketAddr)> {
    socket.set_nonblocking(false)?;
    let accepted = socket.accept()?;
    accepted.0.set_nonblocking(false)?;
    Ok(accepted)
}

#[test]
fn what_waits_at_the_stop_is_left_to_others_unless_it_is_wanted() {
    for wanted in [0, 10] {
        let (reactor, log) = (reactor(), Log::default());
        let socket = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let elsewhere = socket.try_clone().unwrap();
        let socket = AdoptedSocket::from(socket).max_accepts_on_stop(wanted);
        let served = log.clone();
        let port = reactor
            .adopt_stream_port(socket, move |_| Echo(served.clone()))
            .unwrap();
        let _client = TcpStream::connect(address).unwrap();
        port.stop_listening();
        for _ in 0..3 {
            reactor.iterate(std::time::Duration::ZERO).unwrap();
        }
        assert_eq!(log.story().contains("made"), wanted > 0);
        elsewhere.set_nonblocking(true).unwrap();
        assert_eq!(elsewhere.accept().is_ok(), wanted == 0);
    }
}

#[test]
fn a_unix_socket_that_listens_becomes_a_port_and_keeps_its_file() {
    let (reactor, log) = (reactor(), Log::default());
    let name = format!("retwist-adopted-{}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let _ = std::fs::remove_file(&path);
    let socket = UnixListener::bind(&path).unwrap();
    let served = log.clone();
    let port = reactor
        .adopt_stream_port(socket, move |_| Echo(served.clone()))
        .unwrap();
    assert_eq!(port.address(), Address::Unix(Some(path.as_path().into())));
    let mut client = UnixStream::connect(&path).unwrap();
    exchange(&reactor, &mut client);
    port.stop_listening();
    assert!(path.exists());
    assert!(UnixStream::connect(&path).is_err());
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_socket_that_is_connected_becomes_a_connection() {
    let (reactor, log) = (reactor(), Log::default());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    // It is there before the adoption, and is not lost.
    client.write_all(b"early").unwrap();
    let (accepted, peer) = listener.accept().unwrap();
    let transport = reactor
        .adopt_stream_connection(accepted, Echo(log.clone()))
        .unwrap();
    assert_eq!(log.story(), "");
    transport.write(b"and ");
    until(&reactor, || !log.story().is_empty());
    assert_eq!(log.story(), format!("made:{peer}"));
    let mut answer = [0; 9];
    for _ in 0..5 {
        reactor
            .iterate(std::time::Duration::from_millis(1))
            .unwrap();
    }
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"and early");
    exchange(&reactor, &mut client);
    transport.lose_connection();
    drop(client);
    until(&reactor, || log.story().ends_with("lost:true"));
}

#[test]
fn the_socket_does_not_block_and_is_passed_on_to_no_program() {
    let reactor = reactor();
    let (one, other) = UnixStream::pair().unwrap();
    rustix::io::fcntl_setfd(&one, rustix::io::FdFlags::empty()).unwrap();
    let same = one.try_clone().unwrap();
    let given = one.as_raw_fd();
    reactor
        .adopt_stream_connection(one, Echo(Log::default()))
        .unwrap();
    assert!(fcntl_getfl(&same).unwrap().contains(OFlags::NONBLOCK));
    // The number that was given is free again; what the reactor has is closed when a program starts.
    let listed = std::process::Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output();
    if let Ok(listed) = listed {
        let text = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(!text.contains("socket:"), "{given}: {text}");
    }
    drop(other);
}

#[test]
fn every_descriptor_is_given_back() {
    let open = || std::fs::read_dir("/proc/self/fd").map(Iterator::count);
    let Ok(before) = open() else { return };
    // Other tests run in this process, so that only much more shows a leak.
    for _ in 0..200 {
        let (reactor, log) = (reactor(), Log::default());
        let (one, other) = UnixStream::pair().unwrap();
        for socket in [one, other] {
            let adopted = reactor.adopt_stream_connection(socket, Echo(log.clone()));
            adopted.unwrap();
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let echo = log.clone();
        let build = move |_: &Address| Echo(echo.clone());
        reactor.adopt_stream_port(listener, build).unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(reactor.adopt_stream_connection(file, Echo(log)).is_err());
    }
    assert!(open().unwrap() < before + 150);
}

#[test]
fn a_recording_reactor_has_the_port_in_memory() {
    let reactor = MemoryReactor::new();
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let port = reactor
        .adopt_stream_port(socket, |_| Echo(Log::default()))
        .unwrap();
    assert_eq!(port.address(), Address::Tcp(address));
    assert_eq!(reactor.listening()[0].requested_addr(), address);
    assert!(TcpStream::connect(address).is_err());
    let pair = reactor.accept(&Address::Tcp(address), Echo(Log::default()));
    assert!(pair.is_some());
}
