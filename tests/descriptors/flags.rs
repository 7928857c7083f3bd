//! What other processes share with a stream is left as it was.

use std::fs::OpenOptions;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;

use retwist::DescriptorStream;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::world::{Story, open, pass, reactor, until};

fn blocks(descriptor: BorrowedFd<'_>) -> bool {
    !fcntl_getfl(descriptor).unwrap().contains(OFlags::NONBLOCK)
}

/// Opens a stream over this, with another process that has it too; what that sees, while the stream is
/// open and afterwards.
fn seen_by_others(
    descriptor: impl Into<OwnedFd>,
    ends_by: impl FnOnce(&retwist::TransportRef),
) -> (bool, bool) {
    let descriptor = descriptor.into();
    let other = descriptor.try_clone().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = open(&reactor, DescriptorStream::reading(descriptor), &story);
    let meanwhile = blocks(other.as_fd());
    ends_by(&transport);
    pass(&reactor);
    drop(reactor);
    assert!(story.is_over());
    (meanwhile, blocks(other.as_fd()))
}

#[test]
fn the_flag_of_a_pipe_is_given_back_at_every_end() {
    for end in [
        |transport: &retwist::TransportRef| transport.lose_connection(),
        |transport: &retwist::TransportRef| transport.abort_connection(),
        // By the drop of the reactor.
        |_: &retwist::TransportRef| (),
    ] {
        let (reader, _writer) = std::io::pipe().unwrap();
        let (meanwhile, afterwards) = seen_by_others(reader, end);
        assert!(afterwards, "a reader of the same pipe would fail");
        // Linux lets the stream have a description of its own.
        assert_eq!(meanwhile, cfg!(target_os = "linux"));
    }
}

#[test]
fn the_flag_of_a_socket_is_left_alone() {
    let (socket, _peer) = UnixStream::pair().unwrap();
    assert_eq!(
        seen_by_others(socket, |transport| transport.abort_connection()),
        (true, true)
    );
}

#[test]
fn a_flag_that_was_set_stays() {
    let (reader, _writer) = std::io::pipe().unwrap();
    fcntl_setfl(&reader, OFlags::NONBLOCK).unwrap();
    assert_eq!(
        seen_by_others(reader, |transport| transport.abort_connection()),
        (false, false)
    );
}

#[test]
fn the_flag_of_a_device_is_given_back() {
    let null = OpenOptions::new().read(true).open("/dev/null").unwrap();
    let other = null.try_clone().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::reading(null);
    reactor.open_descriptors(stream, story.protocol()).unwrap();
    until(&reactor, || story.is_over());
    assert!(blocks(other.as_fd()));
}

/// A pipe whose writer has gone is at its end, though its reader was opened again after that.
#[test]
fn an_end_that_came_before_is_seen() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(writer);
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::reading(reader);
    reactor.open_descriptors(stream, story.protocol()).unwrap();
    until(&reactor, || story.is_over());
    assert_eq!(story.told(), "made read-lost lost");
}
