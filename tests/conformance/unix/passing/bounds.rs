//! Bounds, lacks and leaks.

use std::fs;

use retwist::DescriptorError;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::*;
use crate::child::{Process, is_child};
use crate::descriptors::open_files;

/// The error that ended the connection of this peer.
#[track_caller]
fn reason(peer: &Peer) -> String {
    let reason = peer.reason();
    let error = reason.downcast_ref::<DescriptorError>();
    format!(
        "{:?}",
        error.expect("a connection that ended for its descriptors")
    )
}

/// Passes this many copies of one descriptor, as long as the connection takes them.
fn flood(client: &UnixStream, reactor: &Reactor, count: usize) {
    client.set_nonblocking(true).unwrap();
    let null = File::open("/dev/null").unwrap();
    let mut left = count;
    while left > 0 {
        let now = left.min(250);
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(250))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let copies = vec![null.as_fd(); now];
        control.push(SendAncillaryMessage::ScmRights(&copies));
        let byte = [IoSlice::new(b".")];
        match sendmsg(client, &byte, &mut control, SendFlags::empty()) {
            Ok(_) => left -= now,
            Err(rustix::io::Errno::AGAIN) => {
                reactor.iterate(Duration::from_millis(1)).unwrap();
            }
            Err(_) => return,
        }
    }
}

#[test]
fn more_than_is_accepted_ends_the_connection() {
    let (folder, reactor) = (Folder::new("flood"), reactor());
    let (server, client) = accepting(&folder, &reactor, 16);
    flood(&client, &reactor, 10_000);
    until(&reactor, || server.is_over());
    assert_eq!(reason(&server), "TooManyWaiting(16)");
    // A connection that is being closed throws them away, and its own last words arrive.
    let (server, client) = accepting(&folder, &reactor, 16);
    server.transport().write(b"last words");
    server.transport().lose_connection();
    flood(&client, &reactor, 1000);
    client.set_nonblocking(false).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    until(&reactor, || server.is_over());
    assert!(server.reason().is_clean());
    let mut heard = String::new();
    (&client).read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "last words");
}

#[test]
fn what_cannot_be_passed_is_given_back() {
    let (folder, reactor) = (Folder::new("bounds"), reactor());
    let (server, client) = accepting(&folder, &reactor, 0);
    let passing = descriptors(&server);
    let one = || file(&folder, "one");
    let refused = passing.write(b"", [one()]).unwrap_err();
    assert!(matches!(refused.error, DescriptorError::NoBytes));
    let many = (0..254).map(|_| one());
    let refused = passing.write(b"x", many).unwrap_err();
    assert!(matches!(refused.error, DescriptorError::TooManyAtOnce(253)));
    assert_eq!(refused.descriptors.len(), 254);
    // Without descriptors it is a write.
    passing.write(b"", []).unwrap();
    passing.write(b"x", []).unwrap();

    // Nothing goes while the bytes before them do not.
    server.transport().write(&vec![0; 1_000_000]);
    let mut passed = 0;
    let refused = loop {
        match passing.write(b"y", [one(), one(), one()]) {
            Ok(()) => passed += 3,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused.error, DescriptorError::QueueFull(256)));
    assert_eq!((passed, refused.descriptors.len()), (255, 3));
    assert_eq!(passing.pending(), 255);
    // Nothing of a write that is refused goes.
    let rest = 1_000_000 + 1 + 85;
    let (mut bytes, mut files) = (0, 0);
    client.set_nonblocking(true).unwrap();
    while bytes < rest {
        reactor.iterate(Duration::from_millis(1)).unwrap();
        if client_has_bytes(&client, &mut [0]) {
            let (data, came) = receive(&client, 100_000);
            bytes += data.len();
            files += came.len();
        }
    }
    assert_eq!((bytes, files), (rest, 255));
    server.transport().lose_write_connection();
    let refused = passing.write(b"x", [one()]).unwrap_err();
    assert!(matches!(refused.error, DescriptorError::Closed));
    server.transport().lose_connection();
    drop(client);
    until(&reactor, || server.is_over());
    let refused = passing.write(b"x", [one()]).unwrap_err();
    assert!(matches!(refused.error, DescriptorError::Closed));
}

#[test]
fn none_leaks() {
    let mut process = Process::start("unix::passing::bounds::passes_often");
    assert_eq!(process.says("grew by"), "nothing");
}

#[test]
#[ignore = "the process of the case above"]
fn passes_often() {
    if !is_child() {
        return;
    }
    let turn = || {
        what_is_not_taken_is_closed();
        what_is_not_sent_is_closed();
        the_end_of_the_peer_itself_may_be_passed();
        a_connection_that_did_not_ask_gets_none();
        two_protocols_pass_them_both_ways();
        more_than_is_accepted_ends_the_connection();
        what_cannot_be_passed_is_given_back();
    };
    turn();
    let before = open_files();
    turn();
    assert_eq!(open_files(), before);
    println!("\ngrew by nothing");
}

#[test]
fn without_room_for_more_a_connection_ends() {
    let mut process = Process::start("unix::passing::bounds::has_no_room");
    assert_eq!(process.says("reason:"), "Lost");
    assert_eq!(process.says("grew by"), "nothing");
}

#[test]
#[ignore = "the process of the case above"]
fn has_no_room() {
    if !is_child() {
        return;
    }
    let (folder, reactor) = (Folder::new("no-room"), reactor());
    let (server, client) = accepting(&folder, &reactor, 100);
    let before = open_files();
    let null = File::open("/dev/null").unwrap();
    let copies = vec![null.as_fd(); 20];
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(before as u64 + 10);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    pass(&client, b"..", &copies);
    until(&reactor, || server.is_over());
    println!("\nreason: {}", reason(&server));
    drop(null);
    // The server's end has gone as well.
    assert_eq!(fs::read_dir("/proc/self/fd").unwrap().count(), before - 1);
    println!("grew by nothing");
}

#[test]
fn more_than_the_system_takes_goes_when_there_is_room() {
    let mut process = Process::start_unprivileged("unix::passing::bounds::has_many_under_way");
    assert_eq!(process.says("arrived:"), "200 in order");
}

#[test]
#[ignore = "the process of the case above"]
fn has_many_under_way() {
    if !is_child() {
        return;
    }
    let (folder, reactor) = (Folder::new("under-way"), reactor());
    let (server, client) = accepting(&folder, &reactor, 0);
    let passing = descriptors(&server);
    let name = |unit, index| format!("{unit}.{index}");
    let files: Vec<Vec<_>> = (0..20)
        .map(|unit| {
            (0..10)
                .map(|index| file(&folder, &name(unit, index)))
                .collect()
        })
        .collect();
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = Some(60);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    for group in files {
        passing.write(b".", group).unwrap();
    }
    for _ in 0..5 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    let stalled = passing.pending();
    assert!((100..150).contains(&stalled), "{stalled} wait");
    client.set_nonblocking(true).unwrap();
    let mut came = 0;
    while came < 20 {
        if client_has_bytes(&client, &mut [0]) {
            let (_, files) = receive(&client, 1);
            for (index, file) in files.into_iter().enumerate() {
                assert_eq!(text(file), name(came, index));
            }
            came += 1;
        } else {
            reactor.iterate(Duration::from_millis(100)).unwrap();
        }
    }
    println!("\narrived: {} in order", came * 10);
}
