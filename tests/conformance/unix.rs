//! UNIX sockets: their names, their files, and who is at the other end.

mod files;
mod passing;

use std::cell::RefCell;
use std::fs;
use std::io::Write;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use retwist::testing::MemoryReactor;
use retwist::{
    Address, ConnectError, Connector, ConnectorState, Factory, IntoProtocol, IntoUnixConnect,
    ListenError, ProtocolRef, Reactor, TcpOptions, UnixConnect, UnixListen, UnixName, UnixOptions,
};
use rustix::process::{getegid, geteuid};

use crate::child::{Process, is_child};
use crate::descriptors::open_files;
use crate::lifecycle::{reactor, until};
use crate::ports::refuse;
use retwist_conformance::streams::Peer;

/// A folder of one case, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new(case: &str) -> Self {
        let name = format!("retwist-{}-{case}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn names(&self) -> Vec<String> {
        let names = fs::read_dir(&self.0).unwrap();
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        names
            .map(|entry| name(entry).into_string().unwrap())
            .collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn listen(path: &Path) -> UnixListen {
    UnixListen::name(UnixName::path(path).unwrap())
}

fn connect(path: &Path) -> UnixConnect {
    UnixConnect::name(UnixName::path(path).unwrap())
}

/// Keeps the error of a connection that cannot be made.
struct Fails(RefCell<Option<ConnectError>>);

impl Factory for Fails {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        None::<ProtocolRef>
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        self.0.replace(Some(error.clone()));
    }
}

fn failure(reactor: &Reactor, name: impl IntoUnixConnect) -> ConnectError {
    let fails = Rc::new(Fails(RefCell::default()));
    reactor.connect_unix_factory(name, fails.clone());
    until(reactor, || fails.0.borrow().is_some());
    fails.0.take().unwrap()
}

/// A socket file on which nothing listens.
fn leave_behind(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

#[test]
fn the_ends_know_their_names() {
    let (folder, reactor) = (Folder::new("names"), reactor());
    let path = folder.path("socket");
    let (client, server) = (Peer::new(), Peer::new());
    let (quiet, echoing) = (client.clone(), server.clone());
    let port = reactor
        .listen_unix(&path, move |_| echoing.echoing())
        .unwrap();
    let named = Address::Unix(Some(path.as_path().into()));
    assert_eq!(port.address(), named);
    assert_eq!(named.to_string(), path.display().to_string());
    let connector = reactor.connect_unix(&path, move |_| quiet.quiet());
    assert_eq!(*connector.destination(), named);
    until(&reactor, || client.is_made() && server.is_made());
    assert_eq!(client.transport().peer(), named);
    assert_eq!(server.transport().host(), named);
    assert_eq!(client.transport().host(), Address::Unix(None));
    assert_eq!(server.transport().peer(), Address::Unix(None));
    client.transport().write(b"hello");
    until(&reactor, || client.count() == 5);
    assert_eq!(port.connections(), 1);
    assert!(TcpOptions::of(&client.transport()).is_none());
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_name_is_no_file() {
    let reactor = reactor();
    let text = format!("@retwist-abstract-{}", std::process::id());
    let (client, server) = (Peer::new(), Peer::new());
    let (quiet, other) = (client.clone(), server.clone());
    let port = reactor.listen_unix(&text, move |_| other.quiet()).unwrap();
    assert_eq!(port.address().to_string(), text);
    assert!(!Path::new(&text).exists());
    let taken = reactor.listen_unix(&text, refuse).unwrap_err();
    assert!(matches!(taken, ListenError::AddressInUse(..)), "{taken:?}");
    reactor.connect_unix(&text, move |_| quiet.quiet());
    until(&reactor, || client.is_made() && server.is_made());
    assert_eq!(client.transport().peer(), port.address());
    assert_eq!(server.transport().host(), port.address());
    port.stop_listening();
    let gone = failure(&reactor, &text);
    assert!(
        matches!(gone, ConnectError::ConnectionRefused(_)),
        "{gone:?}"
    );
    let any_bytes = UnixName::abstract_name([0, 255, b'x']).unwrap();
    assert_eq!(any_bytes.as_path(), None);
    reactor.listen_unix(any_bytes, refuse).unwrap();
}

#[test]
fn a_server_knows_the_process_of_its_peer() {
    let (folder, reactor) = (Folder::new("credentials"), reactor());
    let path = folder.path("socket");
    let server = Peer::new();
    let quiet = server.clone();
    reactor.listen_unix(&path, move |_| quiet.quiet()).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    until(&reactor, || server.is_made());
    let options = UnixOptions::of(&server.transport()).unwrap();
    let found = options.peer_credentials().unwrap();
    let pid = cfg!(any(target_os = "linux", target_os = "macos")).then(std::process::id);
    assert_eq!(found.pid, pid);
    let own = (geteuid().as_raw(), getegid().as_raw());
    assert_eq!((found.uid, found.gid), own);
    drop(client);
    until(&reactor, || server.is_over());
    let gone = options.peer_credentials().unwrap_err();
    assert_eq!(gone.kind(), std::io::ErrorKind::NotConnected);
}

#[test]
fn a_connection_waits_while_the_queue_is_full() {
    let (folder, reactor) = (Folder::new("queue"), reactor());
    let path = folder.path("socket");
    let server = Peer::new();
    let quiet = server.clone();
    let options = listen(&path).backlog(0);
    let port = reactor
        .listen_unix(options, move |_| quiet.quiet())
        .unwrap();
    port.pause_accepting();
    let _first = UnixStream::connect(&path).unwrap();
    let client = Peer::new();
    let waits = client.clone();
    let connector = reactor.connect_unix(&path, move |_| waits.quiet());
    for _ in 0..5 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert_eq!(connector.state(), ConnectorState::Connecting);
    port.resume_accepting();
    until(&reactor, || client.is_made());
}

#[test]
fn a_connection_waits_no_longer_than_its_time() {
    let (folder, reactor) = (Folder::new("patience"), reactor());
    let path = folder.path("socket");
    let port = reactor
        .listen_unix(listen(&path).backlog(0), refuse)
        .unwrap();
    port.pause_accepting();
    let _first = UnixStream::connect(&path).unwrap();
    let patience = Duration::from_millis(100);
    let error = failure(&reactor, connect(&path).timeout(patience));
    assert!(
        matches!(error, ConnectError::TimedOut(after) if after == patience),
        "{error:?}"
    );
    // One that is given up while it waits says so, and so does one whose port goes meanwhile.
    let fails = Rc::new(Fails(RefCell::default()));
    let connector = reactor.connect_unix_factory(&path, fails.clone());
    connector.stop_connecting();
    until(&reactor, || fails.0.borrow().is_some());
    assert!(matches!(fails.0.take(), Some(ConnectError::Cancelled)));
    reactor.connect_unix_factory(&path, fails.clone());
    port.stop_listening();
    until(&reactor, || fails.0.borrow().is_some());
    let error = fails.0.take().unwrap();
    assert!(matches!(error, ConnectError::NoSuchSocket(_)), "{error:?}");
}

#[test]
fn what_is_refused_leaves_no_descriptor() {
    let mut process = Process::start("unix::refuses_often");
    assert_eq!(process.says("grew by"), "nothing");
}

#[test]
#[ignore = "the process of the case above"]
fn refuses_often() {
    if !is_child() {
        return;
    }
    let (folder, reactor) = (Folder::new("refused"), reactor());
    let (path, file) = (folder.path("socket"), folder.path("file"));
    fs::write(&file, "").unwrap();
    let turn = || {
        leave_behind(&path);
        let port = reactor
            .listen_unix(listen(&path).lock_file(true), refuse)
            .unwrap();
        assert!(reactor.listen_unix(&path, refuse).is_err());
        assert!(reactor.listen_unix(&file, refuse).is_err());
        assert!(
            reactor
                .listen_unix(folder.path("no/socket"), refuse)
                .is_err()
        );
        // Refused by the factory, and by the system.
        let connector = reactor.connect_unix(&path, |_| Peer::new().quiet());
        until(&reactor, || {
            connector.state() == ConnectorState::Disconnected
        });
        port.stop_listening();
        failure(&reactor, &path);
        failure(&reactor, &file);
        reactor.iterate(Duration::ZERO).unwrap();
    };
    turn();
    let before = open_files();
    (0..20).for_each(|_| turn());
    // Those that were refused close in a turn of their own.
    until(&reactor, || open_files() <= before);
    println!("\ngrew by nothing");
}

#[test]
fn a_server_that_keeps_a_connection_open_hears_that_its_peer_has_gone() {
    let (folder, reactor) = (Folder::new("gone"), reactor());
    let path = folder.path("socket");
    let server = Peer::new();
    let keeps = server.clone();
    reactor
        .listen_unix(&path, move |_| keeps.keeping_open(|_, _| ()))
        .unwrap();
    let client = UnixStream::connect(&path).unwrap();
    until(&reactor, || server.is_made());
    client.shutdown(std::net::Shutdown::Write).unwrap();
    until(&reactor, || server.story() == "made read-lost");
    reactor.iterate(Duration::ZERO).unwrap();
    assert!(!server.is_over(), "its peer reads on");
    drop(client);
    until(&reactor, || server.is_over());
    assert!(!server.reason().is_clean());
}

#[test]
fn what_was_written_before_a_close_is_read_first() {
    let (folder, reactor) = (Folder::new("close"), reactor());
    let path = folder.path("socket");
    let server = Peer::new();
    let quiet = server.clone();
    reactor.listen_unix(&path, move |_| quiet.quiet()).unwrap();
    let mut client = UnixStream::connect(&path).unwrap();
    until(&reactor, || server.is_made());
    server.transport().pause_producing();
    client.write_all(b"to the end").unwrap();
    drop(client);
    for _ in 0..5 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert_eq!(server.story(), "made");
    server.transport().resume_producing();
    until(&reactor, || server.is_over());
    assert_eq!(server.story(), "made 'to the end' read-lost lost");
    assert!(server.reason().is_clean());
}

#[test]
fn a_recording_reactor_has_them_too() {
    let reactor = MemoryReactor::new();
    let (client, server) = (Peer::new(), Peer::new());
    let (quiet, echoing) = (client.clone(), server.clone());
    let port = reactor
        .listen_unix("/run/service", move |_| echoing.echoing())
        .unwrap();
    let error = reactor.listen_unix("/run/service", refuse).unwrap_err();
    assert!(matches!(error, ListenError::AddressInUse(..)), "{error:?}");
    assert_eq!(reactor.listening_unix().len(), 1);
    assert!(reactor.listening().is_empty());
    reactor.connect_unix("/run/service", move |_| quiet.quiet());
    let pending = reactor.connecting_unix().remove(0);
    assert_eq!(
        pending.options().requested_name().to_string(),
        "/run/service"
    );
    let pair = reactor.complete(&pending).unwrap();
    pair.run();
    client.transport().write(b"hello");
    pair.run();
    assert_eq!(client.count(), 5);
    port.stop_listening();
    assert!(reactor.listening_unix().is_empty());
    reactor.connect_unix("/run/service", |_| Peer::new().quiet());
    let pending = reactor.connecting_unix().remove(0);
    assert!(reactor.complete(&pending).is_none());
}
