//! Pipes, whose two directions know nothing of each other.

use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::time::Duration;

use retwist::{DescriptorStream, Reactor, TransportRef};

use crate::world::{Story, open, pass, reactor, until};

/// A stream over two pipes, and the other ends of them.
struct Piped {
    reactor: Reactor,
    transport: TransportRef,
    story: Story,
    from_it: Option<PipeReader>,
    to_it: Option<PipeWriter>,
}

fn piped() -> Piped {
    let (reader, to_it) = std::io::pipe().unwrap();
    let (from_it, writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::pair(reader, writer);
    let transport = open(&reactor, stream, &story);
    Piped {
        reactor,
        transport,
        story,
        from_it: Some(from_it),
        to_it: Some(to_it),
    }
}

impl Piped {
    fn say(&mut self, data: &[u8]) {
        self.to_it.as_mut().unwrap().write_all(data).unwrap();
    }

    fn until(&self, is_so: impl Fn(&Story) -> bool) {
        until(&self.reactor, || is_so(&self.story));
    }
}

#[test]
fn half_close_closes_the_descriptor_that_is_written_to() {
    let mut it = piped();
    it.transport.write(b"the last");
    it.transport.lose_write_connection();
    it.until(|story| story.told().contains("write-lost"));
    let mut heard = String::new();
    it.from_it
        .take()
        .unwrap()
        .read_to_string(&mut heard)
        .unwrap();
    assert_eq!(heard, "the last");

    it.say(b"an answer");
    it.until(|story| story.count() == 9);
    it.to_it = None;
    it.until(Story::is_over);
    assert_eq!(it.story.told(), "made write-lost data read-lost lost");
    assert!(it.story.reason().is_clean());
}

#[test]
fn a_peer_that_closes_both_pipes_has_closed_in_order() {
    // Whichever of the two is closed first.
    for input_first in [true, false] {
        let mut it = piped();
        it.say(b"goodbye");
        if input_first {
            it.to_it = None;
            it.from_it = None;
        } else {
            it.from_it = None;
            it.to_it = None;
        }
        it.until(Story::is_over);
        assert_eq!(it.story.told(), "made data read-lost lost");
        assert!(it.story.reason().is_clean());
    }
}

#[test]
fn a_reader_that_goes_is_told_while_nothing_is_written() {
    let mut it = piped();
    it.from_it = None;
    it.until(|story| story.told() == "made write-lost");

    // What comes the other way is still wanted.
    it.say(b"and yet it moves");
    it.until(|story| story.count() == 16);

    // A half-close says nothing new.
    it.transport.lose_write_connection();
    it.to_it = None;
    it.until(Story::is_over);
    assert_eq!(it.story.told(), "made write-lost data read-lost lost");
    assert!(it.story.reason().is_clean(), "nothing was lost");
}

#[test]
fn a_write_to_a_reader_that_has_gone_ends_the_stream() {
    let mut it = piped();
    it.from_it = None;
    it.until(|story| story.told() == "made write-lost");
    it.say(b"said before");
    it.transport.write(b"?");
    it.until(Story::is_over);
    assert_eq!(it.story.told(), "made write-lost data lost");
    assert_eq!(it.story.error(), ErrorKind::BrokenPipe);
}

#[test]
fn a_reader_that_goes_with_bytes_on_their_way_ends_the_stream() {
    let mut it = piped();
    it.transport.write(&vec![7; 1_000_000]);
    pass(&it.reactor);
    assert!(it.transport.buffered() > 0);
    it.say(b"said before");
    it.from_it = None;
    it.until(Story::is_over);
    assert_eq!(it.story.told(), "made data lost");
    assert_eq!(it.story.error(), ErrorKind::BrokenPipe);
}

/// As in `yes | program | head -1`.
#[test]
fn input_without_an_end_does_not_keep_a_broken_stream() {
    let mut it = piped();
    let mut endless = it.to_it.take().unwrap();
    let writing = std::thread::spawn(move || while endless.write_all(&[b'y'; 4096]).is_ok() {});
    it.until(|story| story.count() > 1_000_000);
    it.from_it = None;
    it.until(|_| {
        it.transport.write(b"y");
        it.story.is_over()
    });
    assert_eq!(it.story.error(), ErrorKind::BrokenPipe);
    writing.join().unwrap();
}

#[test]
fn without_an_input_a_reader_that_goes_ends_the_stream() {
    let (reader, writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    open(&reactor, DescriptorStream::writing(writer), &story);
    drop(reader);
    until(&reactor, || story.is_over());
    assert_eq!(story.told(), "made lost");
    assert_eq!(story.error(), ErrorKind::BrokenPipe);
}

#[test]
fn without_an_input_a_close_is_clean_and_delivers_all() {
    for half in [true, false] {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let (reactor, story) = (reactor(), Story::default());
        let transport = open(&reactor, DescriptorStream::writing(writer), &story);
        transport.write(&vec![7; 1_000_000]);
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).unwrap();
            all.len()
        });
        if half {
            transport.lose_write_connection();
        } else {
            transport.lose_connection();
        }
        until(&reactor, || story.is_over());
        assert!(story.reason().is_clean(), "{:?}", story.reason());
        assert_eq!(reading.join().unwrap(), 1_000_000);
    }
}

#[test]
fn without_an_output_a_write_ends_the_stream() {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = open(&reactor, DescriptorStream::reading(reader), &story);
    writer.write_all(b"hello").unwrap();
    until(&reactor, || story.count() == 5);
    transport.write(b"hello");
    until(&reactor, || story.is_over());
    assert_eq!(story.error(), ErrorKind::Unsupported);
}

#[test]
fn without_an_output_a_close_does_not_wait() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = open(&reactor, DescriptorStream::reading(reader), &story);
    transport.lose_connection();
    pass(&reactor);
    pass(&reactor);
    assert_eq!(story.told(), "made lost");
    assert!(story.reason().is_clean());
}

#[test]
fn an_idle_pipe_makes_no_passes() {
    let it = piped();
    for _ in 0..10 {
        pass(&it.reactor);
    }
    let before = std::time::Instant::now();
    it.reactor.iterate(Duration::from_millis(50)).unwrap();
    assert!(
        before.elapsed() >= Duration::from_millis(50),
        "the pass did not sleep"
    );
}

/// Each of its messages takes a read.
#[cfg(target_os = "linux")]
#[test]
fn a_socket_of_packets() {
    use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socketpair};

    let flags = SocketFlags::CLOEXEC;
    let (here, there) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap();
    let (reactor, story) = (reactor(), Story::default());
    open(&reactor, DescriptorStream::new(here), &story);
    for packet in [b"one", b"two", b"six"] {
        send(&there, packet, SendFlags::empty()).unwrap();
    }
    until(&reactor, || story.received() == b"onetwosix");
    drop(there);
    until(&reactor, || story.is_over());
}
