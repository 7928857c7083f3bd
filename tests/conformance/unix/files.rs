//! The file of a socket: made, taken over, kept and removed.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use retwist::{
    Address, AddressError, ConnectError, DatagramProtocol, DatagramTransport, ListenError,
    SendError, SendFailure, UnixDatagramListen, UnixName, error_chain,
};

use super::{Folder, failure, leave_behind, listen};
use crate::child::{Process, is_child};
use crate::lifecycle::{reactor, until};
use crate::ports::refuse;
use retwist_conformance::streams::Peer;

#[test]
fn a_port_removes_its_file_when_it_stops_and_makes_it_again_when_it_starts() {
    let (folder, reactor) = (Folder::new("removal"), reactor());
    let path = folder.path("socket");
    let port = reactor.listen_unix(&path, refuse).unwrap();
    for _ in 0..3 {
        assert_eq!(folder.names(), ["socket"]);
        port.stop_listening();
        port.stop_listening();
        assert_eq!(folder.names(), [""; 0]);
        port.start_listening().unwrap();
    }
    drop(reactor);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_port_does_not_remove_the_file_of_another() {
    let (folder, reactor) = (Folder::new("other"), reactor());
    let path = folder.path("socket");
    let port = reactor.listen_unix(&path, refuse).unwrap();
    fs::rename(&path, folder.path("moved")).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    port.stop_listening();
    assert!(UnixStream::connect(&path).is_ok());

    let port = reactor
        .listen_unix(folder.path("gone").as_path(), refuse)
        .unwrap();
    fs::remove_file(folder.path("gone")).unwrap();
    port.stop_listening();
}

#[test]
fn a_file_that_was_left_is_taken_over() {
    let (folder, reactor) = (Folder::new("stale"), reactor());
    let path = folder.path("socket");
    leave_behind(&path);
    let refused = failure(&reactor, &path);
    assert!(
        matches!(refused, ConnectError::ConnectionRefused(_)),
        "{refused:?}"
    );

    let server = Peer::new();
    let quiet = server.clone();
    let port = reactor.listen_unix(&path, move |_| quiet.quiet()).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
    until(&reactor, || server.is_made());
    port.stop_listening();
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_file_that_is_in_use_is_not_taken_over() {
    let (folder, reactor) = (Folder::new("live"), reactor());
    let path = folder.path("socket");
    let live = UnixListener::bind(&path).unwrap();
    let error = reactor.listen_unix(&path, refuse).unwrap_err();
    assert!(matches!(error, ListenError::AddressInUse(..)), "{error:?}");
    assert!(
        error.to_string().contains("another program uses it"),
        "{error}"
    );
    assert!(UnixStream::connect(&path).is_ok());
    // A queue that is full is in use too.
    drop(live);
    fs::remove_file(&path).unwrap();
    let port = reactor
        .listen_unix(listen(&path).backlog(0), refuse)
        .unwrap();
    port.pause_accepting();
    let _waiting = UnixStream::connect(&path).unwrap();
    let error = reactor.listen_unix(&path, refuse).unwrap_err();
    assert!(matches!(error, ListenError::AddressInUse(..)), "{error:?}");
    assert!(path.exists());
}

#[test]
fn a_file_that_is_not_a_socket_stays() {
    let (folder, reactor) = (Folder::new("regular"), reactor());
    let (file, link, inner) = (
        folder.path("file"),
        folder.path("link"),
        folder.path("inner"),
    );
    fs::write(&file, "precious").unwrap();
    symlink(folder.path("nowhere"), &link).unwrap();
    fs::create_dir(&inner).unwrap();
    for path in [&file, &link, &inner] {
        let error = reactor.listen_unix(path, refuse).unwrap_err();
        assert!(matches!(error, ListenError::NotASocket(_)), "{error:?}");
        assert!(error.to_string().contains("not a socket"), "{error}");
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(folder.names().len(), 3);
}

#[test]
fn a_path_that_cannot_be_one_is_a_mistake() {
    let (folder, reactor) = (Folder::new("paths"), reactor());
    let long = folder.path(&"x".repeat(120));
    let error = |path: &Path| reactor.listen_unix(path, refuse).unwrap_err();
    for (path, wanted) in [
        (long.as_path(), "too long"),
        (Path::new(""), "is empty"),
        (Path::new("/tmp/a\0b"), "zero byte"),
    ] {
        let error = error(path);
        assert!(matches!(error, ListenError::Address(_)), "{error:?}");
        assert!(error.to_string().contains(wanted), "{error}");
        let failed = failure(&reactor, path);
        assert!(matches!(failed, ConnectError::Address(_)), "{failed:?}");
    }
    let too_long = UnixName::path(&long);
    assert!(matches!(too_long, Err(AddressError::PathTooLong(path)) if path == long));
    let nowhere = error(&folder.path("no/folder"));
    assert!(
        matches!(nowhere, ListenError::AddressNotAvailable(..)),
        "{nowhere:?}"
    );
    assert!(error_chain(&nowhere).contains("its folder does not exist"));
    // The longest that the system takes.
    let room = 107 - folder.0.as_os_str().len() - 1;
    let longest = folder.path(&"x".repeat(room));
    reactor.listen_unix(&longest, refuse).unwrap();
    UnixStream::connect(&longest).unwrap();
    assert!(matches!(
        error(&folder.path(&"x".repeat(room + 1))),
        ListenError::Address(_)
    ));
}

#[test]
fn the_file_has_the_mode_that_was_asked_for() {
    let (folder, reactor) = (Folder::new("mode"), reactor());
    for mode in [0o600, 0o660, 0o666, 0o777] {
        let path = folder.path("socket");
        let port = reactor
            .listen_unix(listen(&path).mode(mode), refuse)
            .unwrap();
        let found = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(found, mode);
        port.stop_listening();
    }
}

#[test]
fn a_lock_keeps_two_programs_apart() {
    let (folder, reactor) = (Folder::new("lock"), reactor());
    let path = folder.path("socket");
    let locked = listen(&path).lock_file(true);
    let port = reactor.listen_unix(locked.clone(), refuse).unwrap();
    // Even if the file has gone, as when another program has removed it.
    fs::remove_file(&path).unwrap();
    let error = reactor.listen_unix(locked.clone(), refuse).unwrap_err();
    assert!(
        matches!(&error, ListenError::AddressInUse(at, _) if at.to_string().ends_with(".lock")),
        "{error:?}"
    );
    port.stop_listening();
    reactor.listen_unix(locked, refuse).unwrap();
}

#[test]
fn ports_that_share_a_socket_remove_the_file_together() {
    let folder = Folder::new("shared");
    let path = folder.path("socket");
    let shared = listen(&path).shared();
    let server = Peer::new();
    let (one, other) = (reactor(), reactor());
    let first = one.listen_unix(shared.clone(), refuse).unwrap();
    let quiet = server.clone();
    let second = other
        .listen_unix(shared.clone(), move |_| quiet.quiet())
        .unwrap();
    assert!(one.listen_unix(&path, refuse).is_err(), "it is in use");
    first.stop_listening();
    assert!(path.exists());
    let _client = UnixStream::connect(&path).unwrap();
    until(&other, || server.is_made());
    second.stop_listening();
    assert_eq!(folder.names(), [""; 0]);
    first.start_listening().unwrap();
    assert_eq!(folder.names(), ["socket"]);
}

#[test]
fn what_may_not_be_written_is_told() {
    let mut process = Process::start_unprivileged("unix::files::may_not_write");
    assert_eq!(process.says("told:"), "all");
}

#[test]
#[ignore = "the process of the case above"]
fn may_not_write() {
    if !is_child() {
        return;
    }
    let (folder, reactor) = (Folder::new("permission"), reactor());
    let closed = folder.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o500)).unwrap();
    let there = closed.join("socket");
    let errors = [
        reactor.listen_unix(&there, refuse).unwrap_err(),
        reactor
            .listen_unix(listen(&there).lock_file(true), refuse)
            .unwrap_err(),
        reactor.listen_unix_datagram(&there, Deaf).unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(error, ListenError::PermissionDenied(..)),
            "{error:?}"
        );
        assert!(
            error.to_string().contains("the mode of the folder"),
            "{error}"
        );
    }

    let path = folder.path("socket");
    let port = reactor.listen_unix(listen(&path).mode(0), refuse).unwrap();
    let refused = failure(&reactor, &path);
    assert!(
        matches!(refused, ConnectError::PermissionDenied(_)),
        "{refused:?}"
    );
    // What is there belongs to a program that may not be asked: it stays.
    let error = reactor.listen_unix(&path, refuse).unwrap_err();
    assert!(
        matches!(error, ListenError::PermissionDenied(..)),
        "{error:?}"
    );
    port.stop_listening();

    let name = UnixName::path(&path).unwrap();
    let options = UnixDatagramListen::name(name).mode(0);
    let _deaf = reactor.listen_unix_datagram(options, Deaf).unwrap();
    let told = Rc::new(Cell::new(false));
    let sender = Sender(path, told.clone());
    let unnamed = UnixDatagramListen::unnamed();
    reactor.listen_unix_datagram(unnamed, sender).unwrap();
    until(&reactor, || told.get());
    println!("\ntold: all");
}

struct Deaf;

impl DatagramProtocol for Deaf {}

/// Sends to a socket that it may not write to.
struct Sender(PathBuf, Rc<Cell<bool>>);

impl DatagramProtocol for Sender {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        let there = Address::Unix(Some(self.0.as_path().into()));
        transport.send_to(b"hello", &there);
    }

    fn send_failed(&mut self, _: &DatagramTransport, failure: &SendFailure) {
        assert!(
            matches!(failure.error, SendError::PermissionDenied(_)),
            "{failure:?}"
        );
        self.1.set(true);
    }
}
