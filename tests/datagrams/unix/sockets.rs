//! The file of a port, sockets of other programs, and other kinds of file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::time::Instant;

use retwist::testing::MemoryReactor;
use retwist::{ListenError, ReactorUnixDatagram, UnixName};

use super::*;

fn failure(names: &Paths, options: UnixDatagramListen) -> ListenError {
    let refused = names
        .0
        .listen_unix_datagrams(options, Peer::new().quiet().into());
    refused.unwrap_err()
}

#[test]
fn the_file_is_made_and_removed() {
    let names = Paths::new();
    let port = names.open(names.named("a"), Peer::new().quiet());
    for _ in 0..3 {
        assert_eq!(names.1.names(), ["a"]);
        port.stop_listening();
        assert_eq!(names.1.names(), [""; 0]);
        port.start_listening().unwrap();
    }
    let Paths(reactor, folder) = names;
    drop(reactor);
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn a_file_that_was_left_is_taken_over_and_no_other() {
    let names = Paths::new();
    let path = names.1.path("a");
    drop(UnixDatagram::bind(&path).unwrap());
    let port = names.open(names.named("a"), Peer::new().quiet());
    assert!(matches!(
        failure(&names, names.named("a")),
        ListenError::AddressInUse(..)
    ));
    port.stop_listening();

    let live = UnixDatagram::bind(&path).unwrap();
    assert!(matches!(
        failure(&names, names.named("a")),
        ListenError::AddressInUse(..)
    ));
    drop(live);
    fs::remove_file(&path).unwrap();
    // A stream's socket is no less in use.
    let listener = UnixListener::bind(&path).unwrap();
    assert!(matches!(
        failure(&names, names.named("a")),
        ListenError::AddressInUse(..)
    ));
    drop(listener);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    assert!(matches!(
        failure(&names, names.named("a")),
        ListenError::NotASocket(_)
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    let nowhere = failure(&names, names.named("no/folder"));
    assert!(
        matches!(nowhere, ListenError::AddressNotAvailable(..)),
        "{nowhere:?}"
    );

    let locked = names.named("b").lock_file(true);
    let _port = names.open(locked.clone(), Peer::new().quiet());
    fs::remove_file(names.1.path("b")).unwrap();
    assert!(matches!(
        failure(&names, locked),
        ListenError::AddressInUse(..)
    ));
}

#[test]
fn the_file_has_the_mode_that_was_asked_for() {
    let names = Paths::new();
    for mode in [0o600, 0o622, 0o666] {
        let port = names.open(names.named("a").mode(mode), Peer::new().quiet());
        let found = fs::metadata(names.1.path("a"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(found & 0o7777, mode);
        port.stop_listening();
    }
}

#[test]
fn other_programs_are_heard_and_answered() {
    let names = Paths::new();
    let server = Peer::new();
    names.open(names.named("server"), server.echoing());
    let client = UnixDatagram::bind(names.1.path("client")).unwrap();
    client.send_to(b"hello", names.1.path("server")).unwrap();
    names.until(|| server.received() == [b"hello"]);
    names.comes_to_rest();
    let mut answer = [0; 9];
    let (count, from) = client.recv_from(&mut answer).unwrap();
    assert_eq!(&answer[..count], b"hello");
    assert_eq!(from.as_pathname(), Some(&*names.1.path("server")));
}

/// What a receiver outside this loop has no room for comes when it reads, though nothing tells of it.
#[test]
fn a_receiver_that_is_another_program_may_be_slow() {
    for connected in [true, false] {
        let names = Paths::new();
        let path = names.1.path("slow");
        let slow = UnixDatagram::bind(&path).unwrap();
        slow.set_nonblocking(true).unwrap();
        let to = Address::from(&names.name("slow"));
        let client = Peer::new();
        let sends = client.reacting(move |transport, event| {
            if *event == Event::Started {
                for data in numbered(300) {
                    transport.send_to(&data, &to);
                }
            }
        });
        let options = if connected {
            UnixDatagramListen::connect(names.name("slow"))
        } else {
            UnixDatagramListen::unnamed()
        };
        names.open(options, sends);
        let mut received = Vec::new();
        while received.len() < 300 {
            names.pass(Duration::from_millis(1));
            let mut data = [0; 10];
            if let Ok(count) = slow.recv(&mut data) {
                received.push(data[..count].to_vec());
            }
        }
        assert_eq!(received, numbered(300));
        assert_eq!(client.events(), [Event::Started]);
    }
}

/// The loop sleeps while a receiver that is full takes nothing.
#[test]
fn waiting_for_a_receiver_hardly_wakes_the_loop() {
    let names = Paths::new();
    let slow = UnixDatagram::bind(names.1.path("slow")).unwrap();
    let to = Address::from(&names.name("slow"));
    let client = Peer::new();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            for data in numbered(300) {
                transport.send_to(&data, &to);
            }
        }
    });
    names.open(UnixDatagramListen::unnamed(), sends);
    names.until(|| !client.events().is_empty());
    let mut passes = 0;
    let end = Instant::now() + Duration::from_millis(300);
    while Instant::now() < end {
        names.pass(Duration::from_millis(300));
        passes += 1;
    }
    assert!(passes < 60, "{passes} passes");
    drop(slow);
    names.until(|| client.events().len() == 2);
}

#[test]
fn a_peer_may_be_written_in_several_ways() {
    let names = Paths::new();
    let (server, client) = (Peer::new(), Peer::new());
    names.open(names.named("server"), server.echoing());
    let other_way = UnixName::path(names.1.path("./server")).unwrap();
    let options = names.named("client").connected_to(other_way.clone());
    names.open(options, client.quiet());
    names.until(|| !client.events().is_empty());
    for round in 1..5 {
        client.transport().send(b"hello");
        names.until(|| client.received().len() == round);
    }
    let last = client.events().pop();
    assert_eq!(
        last,
        Some(Event::Received(
            b"hello".to_vec(),
            Address::from(&other_way)
        ))
    );
}

#[test]
fn what_does_not_receive_datagrams_is_told() {
    let names = Paths::new();
    let client = Peer::new();
    names.open(UnixDatagramListen::unnamed(), client.quiet());
    names.until(|| !client.events().is_empty());
    let _stream = UnixListener::bind(names.1.path("stream")).unwrap();
    fs::write(names.1.path("file"), "").unwrap();
    let long = names.1.path(&"x".repeat(200));
    let long = Address::Unix(Some(long.as_path().into()));
    for (index, name) in ["stream", "file", "nothing", ""].iter().enumerate() {
        let to = match *name {
            "" => long.clone(),
            name => Address::from(&names.name(name)),
        };
        client.transport().send_to(b"lost", &to);
        names.until(|| client.events().len() == index + 2);
        let error = if name.is_empty() {
            "AddressFamily"
        } else {
            "NoReceiver"
        };
        assert_eq!(
            client.events().pop(),
            Some(Event::Failed(error.to_owned(), 1)),
            "{name}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_chooses_a_name() {
    let names = Paths::new();
    let (server, client) = (Peer::new(), Peer::new());
    names.open(names.named("server"), server.echoing());
    let options = UnixDatagramListen::any_name().connected_to(names.name("server"));
    let port = names.open(options, client.quiet());
    let chosen = port.address();
    assert!(
        matches!(&chosen, Address::UnixAbstract(name) if name.len() == 5),
        "{chosen}"
    );
    names.until(|| !client.events().is_empty());
    client.transport().send(b"hello");
    names.until(|| client.received().len() == 1);
    port.stop_listening();
    port.start_listening().unwrap();
    assert_eq!(port.address(), chosen);
}

#[test]
fn methods_take_what_names_a_socket() {
    let names = Paths::new();
    let (server, client) = (Peer::new(), Peer::new());
    let path = names.1.path("server");
    names.0.listen_unix_datagram(&path, server.quiet()).unwrap();
    let sends = client.reacting(|transport, event| {
        if *event == Event::Started {
            transport.send(b"hello");
        }
    });
    let text = path.to_str().unwrap();
    names.0.connect_unix_datagram(text, sends).unwrap();
    names.until(|| server.received() == [b"hello"]);
    let error = names.0.listen_unix_datagram("", Peer::new().quiet());
    assert!(matches!(error, Err(ListenError::Address(_))));
    let reactor = MemoryReactor::new();
    let options = UnixDatagramListen::connect(UnixName::path("/run/x").unwrap());
    let stopped = Peer::new();
    let port = reactor.listen_unix_datagrams(options, stopped.quiet().into());
    assert!(port.unwrap().is_listening());
    let open = reactor.listening_unix_datagrams();
    assert_eq!(open[0].requested_peer().unwrap().to_string(), "/run/x");
    assert_eq!(open[0].requested_name(), None);
    reactor.clock().run();
    drop(reactor);
    assert_eq!(
        stopped.events()[1],
        Event::Stopped("ReactorStopped".to_owned())
    );
}

#[test]
fn descriptors_are_given_back() {
    let names = Paths::new();
    let count = || fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let _live = UnixDatagram::bind(names.1.path("live")).unwrap();
    let round = || {
        let peer = Peer::new();
        let options = names.named("a").connected_to(names.name("nothing"));
        let port = names.open(options.lock_file(true), peer.quiet());
        names.until(|| !peer.events().is_empty());
        peer.transport().send(b"lost");
        port.stop_listening();
        names.until(|| peer.is_stopped());
        failure(&names, names.named("live"));
        failure(&names, names.named("no/folder"));
    };
    round();
    let before = count();
    for _ in 0..300 {
        round();
    }
    // Other tests open some of their own meanwhile.
    assert!(count() < before + 200);
}
