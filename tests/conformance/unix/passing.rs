//! Descriptors that go with the bytes.

mod bounds;
mod layers;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::Duration;

use retwist::{Protocol, Reactor, TransportRef, UnixDescriptors};
use rustix::cmsg_space;
use rustix::io::{FdFlags, fcntl_getfd};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::Folder;
use crate::lifecycle::{reactor, until};
use retwist_conformance::streams::{Event, Peer};

/// A file that has this text in it, and no name.
fn file(folder: &Folder, text: &str) -> OwnedFd {
    let path = folder.path("note");
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(true);
    let mut file = options.open(&path).unwrap();
    std::fs::remove_file(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.into()
}

/// The text in a file, wherever it is read up to.
fn text(descriptor: OwnedFd) -> String {
    let mut text = [0; 64];
    let count = File::from(descriptor).read_at(&mut text, 0).unwrap();
    String::from_utf8(text[..count].to_vec()).unwrap()
}

/// Passes descriptors as any program does.
fn pass(stream: &UnixStream, data: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(253))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    let sent = sendmsg(
        stream,
        &[IoSlice::new(data)],
        &mut control,
        SendFlags::empty(),
    );
    assert_eq!(sent.unwrap(), data.len());
}

/// Receives once, as any program does.
fn receive(stream: &UnixStream, most: usize) -> (Vec<u8>, Vec<OwnedFd>) {
    let mut data = vec![0; most];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(253))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut pieces = [IoSliceMut::new(&mut data)];
    let got = recvmsg(stream, &mut pieces, &mut control, RecvFlags::empty()).unwrap();
    let mut descriptors = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    data.truncate(got.bytes);
    (data, descriptors)
}

/// A pipe of which one end is passed away: the other tells when the last copy of it is closed.
struct Watched(File);

impl Watched {
    fn pair() -> (Watched, OwnedFd) {
        let (reading, writing) = std::io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&reading, true).unwrap();
        (Watched(OwnedFd::from(reading).into()), writing.into())
    }

    fn is_closed(&self) -> bool {
        matches!((&self.0).read(&mut [0]), Ok(0))
    }
}

fn descriptors(peer: &Peer) -> UnixDescriptors {
    UnixDescriptors::of(&peer.transport()).unwrap()
}

/// A server that accepts descriptors, and a peer that is not a protocol.
fn accepting(folder: &Folder, reactor: &Reactor, limit: usize) -> (Peer, UnixStream) {
    let (path, server) = (folder.path("socket"), Peer::new());
    let protocol = server.clone();
    let port = reactor
        .listen_unix(&path, move |_| {
            protocol.reacting(move |transport, event| {
                if matches!(event, Event::Made) {
                    UnixDescriptors::of(transport).unwrap().accept(limit);
                }
            })
        })
        .unwrap();
    let client = UnixStream::connect(path).unwrap();
    let patience = Some(Duration::from_secs(20));
    client.set_read_timeout(patience).unwrap();
    until(reactor, || server.is_made());
    port.stop_listening();
    (server, client)
}

/// Answers each unit, which is a count and as many bytes, with the texts of the files that came with
/// it, and passes the files on.
#[derive(Default)]
struct Librarian {
    unit: Vec<u8>,
    kept: VecDeque<OwnedFd>,
}

impl Protocol for Librarian {
    fn connection_made(&mut self, transport: &TransportRef) {
        UnixDescriptors::of(transport).unwrap().accept(8);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let passing = UnixDescriptors::of(transport).unwrap();
        self.kept.extend(std::iter::from_fn(|| passing.take()));
        self.unit.extend_from_slice(data);
        while let Some((&[files, length], rest)) = self.unit.split_first_chunk() {
            if rest.len() < usize::from(length) {
                return;
            }
            let files: Vec<_> = self.kept.drain(..usize::from(files)).collect();
            for file in &files {
                let flags = fcntl_getfd(file).unwrap();
                assert!(flags.contains(FdFlags::CLOEXEC), "closed on exec");
            }
            let texts: Vec<_> = files.iter().map(|file| file.try_clone().unwrap()).collect();
            let texts: Vec<_> = texts.into_iter().map(text).collect();
            let answer = format!("{};", texts.join(","));
            passing.write(answer.as_bytes(), files).unwrap();
            self.unit.drain(..2 + usize::from(length));
        }
    }
}

#[test]
fn they_come_in_order_with_the_bytes_however_those_are_cut() {
    for cut in [1, 2, 3, 7, 64, 1000] {
        let (folder, reactor) = (Folder::new(&format!("order-{cut}")), reactor());
        let path = folder.path("socket");
        reactor
            .listen_unix(&path, |_| Librarian::default())
            .unwrap();
        let client = UnixStream::connect(path).unwrap();
        client.set_nonblocking(true).unwrap();
        let (mut answer, mut wanted, mut returned) = (Vec::new(), String::new(), Vec::new());
        let mut collect = |answer: &mut Vec<u8>| {
            let mut look = [0];
            while client_has_bytes(&client, &mut look) {
                let (bytes, files) = receive(&client, 1000);
                answer.extend(bytes);
                returned.extend(files.into_iter().map(text));
            }
        };
        for unit in 0..40_u8 {
            let names: Vec<_> = (0..unit % 3).map(|file| format!("{unit}.{file}")).collect();
            wanted += &format!("{};", names.join(","));
            let files: Vec<_> = names.iter().map(|name| file(&folder, name)).collect();
            let borrowed: Vec<_> = files.iter().map(AsFd::as_fd).collect();
            let mut bytes = vec![unit % 3, unit];
            bytes.resize(2 + usize::from(unit), b'.');
            for (index, piece) in bytes.chunks(cut).enumerate() {
                match index {
                    0 if !borrowed.is_empty() => pass(&client, piece, &borrowed),
                    _ => (&client).write_all(piece).unwrap(),
                }
                if unit % 2 == 0 {
                    reactor.iterate(Duration::ZERO).unwrap();
                }
            }
            collect(&mut answer);
        }
        while answer.len() < wanted.len() {
            reactor.iterate(Duration::from_millis(1)).unwrap();
            collect(&mut answer);
        }
        assert_eq!(String::from_utf8(answer).unwrap(), wanted);
        let names: Vec<_> = wanted.split([',', ';']).filter(|n| !n.is_empty()).collect();
        assert_eq!(returned, names);
    }
}

fn client_has_bytes(client: &UnixStream, look: &mut [u8]) -> bool {
    let peeked = rustix::net::recv(client, look, RecvFlags::PEEK);
    peeked.is_ok_and(|(count, _)| count > 0)
}

#[test]
fn two_protocols_pass_them_both_ways() {
    let (folder, reactor) = (Rc::new(Folder::new("both")), reactor());
    let path = folder.path("socket");
    reactor
        .listen_unix(&path, |_| Librarian::default())
        .unwrap();
    let client = Peer::new();
    let (protocol, taken) = (client.clone(), Rc::<RefCell<Vec<_>>>::default());
    let into = taken.clone();
    reactor.connect_unix(&path, move |_| {
        let (into, folder) = (into.clone(), folder.clone());
        protocol.reacting(move |transport, event| {
            let passing = UnixDescriptors::of(transport).unwrap();
            match event {
                Event::Made => {
                    passing.accept(100);
                    for name in ["a", "b", "c"] {
                        passing.write(&[1, 1], [file(&folder, name)]).unwrap();
                        transport.write(b".");
                    }
                }
                Event::Data(_) => into
                    .borrow_mut()
                    .extend(std::iter::from_fn(|| passing.take()).map(text)),
                _ => {}
            }
        })
    });
    until(&reactor, || client.received() == b"a;b;c;");
    assert_eq!(*taken.borrow(), ["a", "b", "c"]);
}

#[test]
fn a_peer_that_is_slow_gets_each_with_its_bytes() {
    let (folder, reactor) = (Folder::new("slow"), reactor());
    let (server, client) = accepting(&folder, &reactor, 0);
    let passing = descriptors(&server);
    // More than the system takes at once, from where it lies and from the queue.
    let large = vec![b'.'; 1_000_000];
    for name in ["first", "second", "third"] {
        passing.write(&large, [file(&folder, name)]).unwrap();
        server.transport().write(b"+");
    }
    assert!(passing.pending() > 0);
    server.transport().lose_connection();
    client.set_nonblocking(true).unwrap();
    let (mut received, mut look, mut at) = (0, [0], Vec::new());
    loop {
        reactor.iterate(Duration::from_millis(1)).unwrap();
        if client_has_bytes(&client, &mut look) {
            let (bytes, files) = receive(&client, 10_000);
            at.extend(files.into_iter().map(|file| (text(file), received)));
            received += bytes.len();
        } else if received == 3_000_003 {
            break;
        }
    }
    for (index, (name, before)) in ["first", "second", "third"]
        .iter()
        .zip(0_usize..)
        .enumerate()
    {
        let (found, read) = &at[index];
        assert_eq!(found, name);
        // They come with the read that has the first byte, and no later.
        assert!(*read <= before * 1_000_001, "{name} came at {read}");
        assert!(read + 10_000 > before * 1_000_001, "{name} came at {read}");
    }
    drop(client);
    until(&reactor, || server.is_over());
    assert!(server.reason().is_clean());
}

#[test]
fn a_connection_that_did_not_ask_gets_none() {
    let (folder, reactor) = (Folder::new("unasked"), reactor());
    let path = folder.path("socket");
    let server = Peer::new();
    let quiet = server.clone();
    reactor.listen_unix(&path, move |_| quiet.quiet()).unwrap();
    let client = UnixStream::connect(path).unwrap();
    let (watched, passed) = Watched::pair();
    pass(&client, b"one", &[passed.as_fd()]);
    drop(passed);
    assert!(!watched.is_closed());
    until(&reactor, || server.count() == 3);
    assert!(watched.is_closed());
    assert!(descriptors(&server).take().is_none());
    // It may ask later.
    descriptors(&server).accept(1);
    pass(&client, b"two", &[file(&folder, "two").as_fd()]);
    until(&reactor, || server.count() == 6);
    assert_eq!(text(descriptors(&server).take().unwrap()), "two");
}

#[test]
fn what_is_not_taken_is_closed() {
    let (folder, reactor) = (Folder::new("untaken"), reactor());
    for ending in ["lost", "closed", "aborted"] {
        let (server, client) = accepting(&folder, &reactor, 5);
        let pairs: Vec<_> = (0..5).map(|_| Watched::pair()).collect();
        for (_, passed) in &pairs {
            pass(&client, b".", &[passed.as_fd()]);
        }
        let watched: Vec<_> = pairs.into_iter().map(|(watched, _)| watched).collect();
        until(&reactor, || server.count() == 5);
        let passing = descriptors(&server);
        drop(passing.take().unwrap());
        assert!(watched[0].is_closed());
        assert!(watched[1..].iter().all(|watched| !watched.is_closed()));
        match ending {
            "closed" => server.transport().lose_connection(),
            "aborted" => server.transport().abort_connection(),
            _ => {}
        }
        drop(client);
        until(&reactor, || server.is_over());
        assert!(watched.iter().all(Watched::is_closed), "{ending}");
        assert!(passing.take().is_none());
    }
}

#[test]
fn what_is_not_sent_is_closed() {
    let (folder, reactor) = (Folder::new("unsent"), reactor());
    for ending in ["aborted", "peer gone"] {
        let (server, client) = accepting(&folder, &reactor, 0);
        let passing = descriptors(&server);
        server.transport().write(&vec![0; 1_000_000]);
        let (watched, passed) = Watched::pair();
        passing.write(b"!", [passed]).unwrap();
        assert_eq!(passing.pending(), 1);
        reactor.iterate(Duration::ZERO).unwrap();
        if ending == "aborted" {
            server.transport().abort_connection();
        } else {
            drop(client);
        }
        until(&reactor, || server.is_over());
        assert!(watched.is_closed(), "{ending}");
        assert_eq!(passing.pending(), 0);
    }
}

#[test]
fn the_end_of_the_peer_itself_may_be_passed() {
    let (folder, reactor) = (Folder::new("itself"), reactor());
    let (server, client) = accepting(&folder, &reactor, 2);
    // What the server holds is the other end of its own connection.
    pass(&client, b"me", &[client.as_fd()]);
    drop(client);
    until(&reactor, || server.count() == 2);
    assert!(!server.is_over());
    let mut end = UnixStream::from(descriptors(&server).take().unwrap());
    server.transport().write(b"to itself");
    reactor.iterate(Duration::ZERO).unwrap();
    let mut heard = [0; 9];
    end.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"to itself");
    drop(end);
    until(&reactor, || server.is_over());

    // A server that keeps it without knowing closes with a deadline, and leaks nothing.
    let (server, client) = accepting(&folder, &reactor, 2);
    let (watched, passed) = Watched::pair();
    pass(&client, b"me", &[client.as_fd(), passed.as_fd()]);
    drop((client, passed));
    until(&reactor, || server.count() == 2);
    server.transport().abort_connection();
    until(&reactor, || server.is_over());
    assert!(watched.is_closed());
}
