//! Descriptors that other code reads and writes, and the reactor watches.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::mio::net::UnixStream;
use retwist::{OpenError, Reactor, Reason, Watch, Watcher};

use crate::child::{Child, role};
use crate::world::{pass, reactor, until};

/// Counts its calls, and does something in each.
#[derive(Clone, Default)]
struct Log {
    reads: Rc<Cell<usize>>,
    writes: Rc<Cell<usize>>,
    lost: Rc<RefCell<Option<Reason>>>,
}

struct Acting<A> {
    log: Log,
    act: A,
}

impl Log {
    fn acting(&self, act: impl FnMut(&Watch) + 'static) -> impl Watcher {
        Acting {
            log: self.clone(),
            act,
        }
    }

    fn idle(&self) -> impl Watcher {
        self.acting(|_| ())
    }
}

impl<A: FnMut(&Watch) + 'static> Watcher for Acting<A> {
    fn readable(&mut self, watch: &Watch) {
        self.log.reads.set(self.log.reads.get() + 1);
        (self.act)(watch);
    }

    fn writable(&mut self, watch: &Watch) {
        self.log.writes.set(self.log.writes.get() + 1);
        (self.act)(watch);
    }

    fn watch_lost(&mut self, reason: &Reason) {
        let before = self.log.lost.borrow_mut().replace(reason.clone());
        assert!(before.is_none(), "it was lost twice");
    }
}

/// A pipe with these bytes in it.
fn pipe_with(data: &[u8]) -> (Rc<PipeReader>, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(data).unwrap();
    (Rc::new(reader), writer)
}

/// Reads one byte a call, and stops at the end.
fn one_byte(reader: &Rc<PipeReader>) -> impl FnMut(&Watch) + use<> {
    let reader = reader.clone();
    move |watch| {
        if (&*reader).read(&mut [0]).unwrap() == 0 {
            watch.remove();
        }
    }
}

fn sleeps(reactor: &Reactor) {
    let before = Instant::now();
    reactor.iterate(Duration::from_millis(50)).unwrap();
    assert!(
        before.elapsed() >= Duration::from_millis(50),
        "it did not sleep"
    );
}

#[test]
fn what_is_left_unread_is_told_again_once_a_pass() {
    let (reader, _writer) = pipe_with(b"abc");
    let (reactor, log) = (reactor(), Log::default());
    let watcher = log.acting(one_byte(&reader));
    let watch = reactor.watch(reader, watcher).unwrap();
    pass(&reactor);
    assert_eq!(log.reads.get(), 0, "nothing was wanted");
    watch.start_reading().unwrap();
    for wanted in 1..=3 {
        pass(&reactor);
        assert_eq!(log.reads.get(), wanted);
    }
    sleeps(&reactor);
    assert_eq!(log.reads.get(), 3);
}

#[test]
fn room_is_told_as_long_as_it_is_wanted() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let (reactor, log) = (reactor(), Log::default());
    let writes = log.writes.clone();
    let watcher = log.acting(move |watch| {
        if writes.get() == 3 {
            watch.stop_writing();
        }
    });
    let watch = reactor.watch(writer, watcher).unwrap();
    watch.start_writing().unwrap();
    watch.start_writing().unwrap();
    assert!(watch.is_writing() && !watch.is_reading());
    until(&reactor, || !watch.is_writing());
    sleeps(&reactor);
    assert_eq!(log.writes.get(), 3);
    watch.start_writing().unwrap();
    pass(&reactor);
    assert_eq!(log.writes.get(), 4);
}

#[test]
fn one_descriptor_for_both() {
    let (mut here, there) = std::os::unix::net::UnixStream::pair().unwrap();
    let (reactor, log) = (reactor(), Log::default());
    let watch = reactor.watch(there, log.idle()).unwrap();
    watch.start_reading().unwrap();
    watch.start_writing().unwrap();
    pass(&reactor);
    assert_eq!((log.reads.get(), log.writes.get()), (0, 1));
    here.write_all(b"x").unwrap();
    pass(&reactor);
    assert_eq!((log.reads.get(), log.writes.get()), (1, 2));
    watch.stop_writing();
    pass(&reactor);
    assert_eq!((log.reads.get(), log.writes.get()), (2, 2));
    watch.stop_reading();
    sleeps(&reactor);
    assert_eq!((log.reads.get(), log.writes.get()), (2, 2));
    // What came before is told.
    watch.start_reading().unwrap();
    pass(&reactor);
    assert_eq!(log.reads.get(), 3);
}

#[test]
fn the_end_is_readable() {
    let (reader, writer) = pipe_with(b"");
    let (reactor, log) = (reactor(), Log::default());
    let watch = reactor
        .watch(reader.clone(), log.acting(one_byte(&reader)))
        .unwrap();
    watch.start_reading().unwrap();
    drop(writer);
    until(&reactor, || !watch.is_watching());
    assert_eq!(log.reads.get(), 1);
    assert!(log.lost.borrow().is_none(), "it was removed");
}

/// Both are ready in the same pass, and the first that is told removes the other.
#[test]
fn an_event_for_one_that_was_removed_is_dropped() {
    let (reactor, log) = (reactor(), Log::default());
    let watches = Rc::new(RefCell::new(Vec::<Watch>::new()));
    for _ in 0..2 {
        let all = watches.clone();
        let remove_others = move |watch: &Watch| {
            for other in all.borrow().iter() {
                let is_me = other.with_descriptor(|it| std::os::fd::AsRawFd::as_raw_fd(&it))
                    == watch.with_descriptor(|it| std::os::fd::AsRawFd::as_raw_fd(&it));
                if !is_me {
                    other.remove();
                }
            }
        };
        let (reader, writer) = pipe_with(b"x");
        std::mem::forget(writer);
        let watch = reactor.watch(reader, log.acting(remove_others)).unwrap();
        watch.start_reading().unwrap();
        watches.borrow_mut().push(watch);
    }
    pass(&reactor);
    assert_eq!(log.reads.get(), 1);
    assert_eq!(reactor.watches().len(), 1);
}

#[test]
fn it_may_remove_itself_and_is_dropped_then() {
    let (reader, _writer) = pipe_with(b"x");
    let (reactor, log) = (reactor(), Log::default());
    let alive = Rc::new(());
    let held = alive.clone();
    let watcher = log.acting(move |watch| {
        let _ = &held;
        watch.remove();
        watch.start_reading().unwrap();
        assert!(!watch.is_watching());
    });
    let watch = reactor.watch(reader.clone(), watcher).unwrap();
    watch.start_reading().unwrap();
    pass(&reactor);
    pass(&reactor);
    assert_eq!(log.reads.get(), 1);
    assert_eq!(Rc::strong_count(&alive), 1, "the watcher stays");
    assert_eq!(Rc::strong_count(&reader), 1, "the descriptor stays");
    assert!(watch.with_descriptor(|_| ()).is_none());
}

#[test]
fn the_descriptor_may_be_used_and_the_watch_changed_meanwhile() {
    let (reader, _writer) = pipe_with(b"x");
    let (reactor, log) = (reactor(), Log::default());
    let watch = reactor.watch(reader.clone(), log.idle()).unwrap();
    watch
        .with_descriptor(|_| watch.start_reading().unwrap())
        .unwrap();
    pass(&reactor);
    assert_eq!(log.reads.get(), 1);
    watch.with_descriptor(|_| watch.remove()).unwrap();
    assert!(!watch.is_watching());
    assert_eq!(Rc::strong_count(&reader), 1);
    pass(&reactor);
    assert_eq!(log.reads.get(), 1);
}

#[test]
fn a_file_is_ready_at_all_times() {
    let file = File::open(std::env::current_exe().unwrap()).unwrap();
    let (reactor, log) = (reactor(), Log::default());
    let watch = reactor.watch(file, log.idle()).unwrap();
    watch.start_reading().unwrap();
    for wanted in 1..=5 {
        pass(&reactor);
        assert_eq!(log.reads.get(), wanted);
    }
    watch.stop_reading();
    pass(&reactor);
    sleeps(&reactor);
    assert_eq!(log.reads.get(), 5);
}

#[test]
fn a_panic_ends_the_watch_alone() {
    let (reader, _writer) = pipe_with(b"x");
    let (reactor, bad, good) = (reactor(), Log::default(), Log::default());
    let watch = reactor
        .watch(reader.clone(), bad.acting(|_| panic!("of a watcher")))
        .unwrap();
    watch.start_reading().unwrap();
    let other = reactor
        .watch(reader.try_clone().unwrap(), good.idle())
        .unwrap();
    other.start_reading().unwrap();
    pass(&reactor);
    pass(&reactor);
    assert_eq!((bad.reads.get(), good.reads.get()), (1, 2));
    let reason = bad.lost.take().unwrap();
    assert!(matches!(reason, Reason::Panicked(_)), "{reason:?}");
    assert!(!watch.is_watching());
}

#[test]
fn the_end_of_the_reactor_is_told() {
    for by_run in [true, false] {
        let (reader, _writer) = pipe_with(b"");
        let (reactor, log) = (reactor(), Log::default());
        let watch = reactor.watch(reader, log.idle()).unwrap();
        watch.start_reading().unwrap();
        let (stopping, stopped) = (reactor.handle(), reactor.handle());
        if by_run {
            reactor.call_when_running(move || stopping.stop());
            reactor.run().unwrap();
        }
        drop(reactor);
        let reason = log.lost.take();
        assert!(matches!(reason, Some(Reason::ReactorStopped)), "{reason:?}");
        assert!(!watch.is_watching());
        let refused = stopped.watch(std::io::stdin(), log.idle());
        assert!(matches!(refused, Err(OpenError::ReactorGone)));
    }
}

#[test]
fn all_can_be_removed_and_connections_stay() {
    let (reactor, log) = (reactor(), Log::default());
    let story = crate::world::Story::default();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let stream = retwist::DescriptorStream::reading(reader);
    crate::world::open(&reactor, stream, &story);
    for _ in 0..3 {
        let (reader, _) = pipe_with(b"");
        reactor
            .watch(reader, log.idle())
            .unwrap()
            .start_reading()
            .unwrap();
    }
    assert_eq!(
        reactor
            .watches()
            .iter()
            .filter(|it| it.is_reading())
            .count(),
        3
    );
    assert_eq!(reactor.remove_watches(), 3);
    assert_eq!(reactor.watches().len(), 0);
    writer.write_all(b"still here").unwrap();
    until(&reactor, || story.count() == 10);
    assert_eq!(log.reads.get(), 0);
}

#[test]
fn a_source_of_mio() {
    let (mut here, there) = UnixStream::pair().unwrap();
    let (reactor, log) = (reactor(), Log::default());
    let watch = reactor.watch_source(there, log.idle()).unwrap();
    watch.start_reading().unwrap();
    pass(&reactor);
    assert_eq!(log.reads.get(), 0);
    here.write_all(b"x").unwrap();
    pass(&reactor);
    pass(&reactor);
    assert_eq!(log.reads.get(), 2);
    watch.remove();
    assert!(reactor.watches().is_empty());
}

/// Other code closes the descriptor behind the back of the reactor.
#[test]
fn a_descriptor_that_went_away() {
    let mut child = Child::start(
        "watching::closes_what_is_watched",
        Stdio::piped(),
        Stdio::piped(),
    );
    assert_eq!(child.story(), "lost");
}

#[test]
#[ignore = "runs in a process of its own"]
fn closes_what_is_watched() {
    role(|| {
        let (reactor, log) = (reactor(), Log::default());
        let watch = reactor.watch(std::io::stdin(), log.idle()).unwrap();
        watch.start_reading().unwrap();
        // The number is another pipe now, of which the system knows nothing.
        let (other, _) = std::io::pipe().unwrap();
        rustix::stdio::dup2_stdin(other).unwrap();
        let error = watch.start_writing().unwrap_err();
        assert!(matches!(error, OpenError::Failed(_)), "{error:?}");
        assert!(!watch.is_writing());
        watch.with_descriptor(|_| ()).unwrap();
        pass(&reactor);
        assert!(matches!(*log.lost.borrow(), Some(Reason::Lost(_))));
        eprintln!("told: lost");
    });
}
