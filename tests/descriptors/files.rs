//! Files, which the system does not watch: they are ready at all times.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use retwist::DescriptorStream;

use crate::world::{Story, open, pass, reactor, until};

/// The path of a file that is removed when this goes.
struct Temporary(PathBuf);

impl Temporary {
    fn new(content: &[u8]) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("descriptors-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, content).unwrap();
        Temporary(path)
    }

    fn read(&self) -> File {
        File::open(&self.0).unwrap()
    }

    fn write(&self) -> File {
        OpenOptions::new().write(true).open(&self.0).unwrap()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        fs::remove_file(&self.0).unwrap();
    }
}

#[test]
fn a_file_is_read_to_its_end() {
    for size in [0, 1, 65_535, 65_536, 65_537, 1_000_000] {
        let content: Vec<u8> = (0..size).map(|at| (at * 7) as u8).collect();
        let file = Temporary::new(&content);
        let (reactor, story) = (reactor(), Story::default());
        reactor
            .open_descriptors(DescriptorStream::reading(file.read()), story.protocol())
            .unwrap();
        until(&reactor, || story.is_over());
        assert!(story.received() == content);
        assert!(story.told().ends_with("read-lost lost"), "{}", story.told());
        assert!(story.reason().is_clean());
    }
}

#[test]
fn a_file_is_read_in_pieces_between_which_others_have_their_turn() {
    let file = Temporary::new(&vec![1; 1_000_000]);
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::reading(file.read());
    reactor.open_descriptors(stream, story.protocol()).unwrap();
    let mut before = 0;
    while !story.is_over() {
        pass(&reactor);
        let now = story.count();
        assert!(now - before <= 65_536, "{} bytes in one pass", now - before);
        before = now;
    }
}

#[test]
fn a_file_that_is_not_read_keeps_no_loop_awake() {
    let file = Temporary::new(&vec![1; 1_000_000]);
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::reading(file.read());
    let transport = open(&reactor, stream, &story);
    transport.pause_producing();
    for _ in 0..10 {
        pass(&reactor);
    }
    let before = (story.count(), Instant::now());
    reactor.iterate(Duration::from_millis(50)).unwrap();
    assert!(
        before.1.elapsed() >= Duration::from_millis(50),
        "the pass did not sleep"
    );
    assert_eq!(story.count(), before.0);
    transport.resume_producing();
    until(&reactor, || story.is_over());
    assert_eq!(story.count(), 1_000_000);
}

#[test]
fn a_file_is_written_to_its_end() {
    let file = Temporary::new(b"");
    let (reactor, story) = (reactor(), Story::default());
    let transport = open(&reactor, DescriptorStream::writing(file.write()), &story);
    let content: Vec<u8> = (0..3_000_000).map(|at| (at * 7) as u8).collect();
    transport.write(&content);
    transport.lose_connection();
    until(&reactor, || story.is_over());
    assert!(story.reason().is_clean());
    assert!(fs::read(&file.0).unwrap() == content);
}

#[test]
fn one_file_for_both_directions() {
    let file = Temporary::new(b"what is in it");
    let both = OpenOptions::new()
        .read(true)
        .append(true)
        .open(&file.0)
        .unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = reactor
        .open_descriptors(DescriptorStream::new(both), story.keeping_open())
        .unwrap();
    until(&reactor, || story.told().ends_with("read-lost"));
    transport.write(b", and more");
    transport.lose_connection();
    until(&reactor, || story.is_over());
    assert_eq!(fs::read(&file.0).unwrap(), b"what is in it, and more");
}

#[test]
fn a_copy_from_file_to_file_gives_way_to_others() {
    let (from, to) = (Temporary::new(&vec![1; 1_000_000]), Temporary::new(b""));
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::pair(from.read(), to.write());
    let transport = open(&reactor, stream, &story);
    let ticks = Rc::new(Cell::new(0));
    let ticking = ticks.clone();
    while !story.is_over() {
        let ticking = ticking.clone();
        reactor.call_soon(move || ticking.set(ticking.get() + 1));
        if transport.is_connected() {
            transport.write(b"a line\n");
        }
        pass(&reactor);
    }
    assert!(ticks.get() > 10, "{} turns of others", ticks.get());
    assert!(story.reason().is_clean());
    assert!(fs::metadata(&to.0).unwrap().len() > 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_ends_the_stream() {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let transport = open(&reactor, DescriptorStream::writing(full), &story);
    transport.write(b"does not fit");
    until(&reactor, || story.is_over());
    assert_eq!(story.told(), "made lost");
    assert_eq!(story.error(), std::io::ErrorKind::StorageFull);
}

#[test]
fn devices_that_never_wait() {
    // The null device ends at once, and takes all.
    let null = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")
        .unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::new(null);
    let transport = reactor
        .open_descriptors(stream, story.keeping_open())
        .unwrap();
    until(&reactor, || story.told() == "made read-lost");
    transport.write(&vec![1; 1_000_000]);
    transport.lose_connection();
    until(&reactor, || story.is_over());
    assert!(story.reason().is_clean());

    // The device of zeros never ends, until it is closed.
    let zeros = File::open("/dev/zero").unwrap();
    let story = Story::default();
    let stream = DescriptorStream::reading(zeros);
    let transport = reactor.open_descriptors(stream, story.protocol()).unwrap();
    until(&reactor, || story.count() > 1_000_000);
    transport.lose_connection();
    pass(&reactor);
    pass(&reactor);
    assert!(story.is_over());
}

#[test]
fn a_file_that_grows_while_it_is_read() {
    let file = Temporary::new(b"one ");
    let (reactor, story) = (reactor(), Story::default());
    let stream = DescriptorStream::reading(file.read());
    reactor
        .open_descriptors(stream, story.keeping_open())
        .unwrap();
    let mut growing = file.write();
    growing.write_all(b"two ").unwrap();
    until(&reactor, || story.told().ends_with("read-lost"));
    assert_eq!(story.received(), b"two ");
}
