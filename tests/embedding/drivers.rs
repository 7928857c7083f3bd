//! The ways in which a reactor is driven to its end. Those of another loop make a pass only when the
//! descriptor is readable or the timeout is over, so that an event that neither of them tells of is
//! never served.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use retwist::{DelayedCall, Reactor, ReactorHandle, ReactorState, Watch, Watcher};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// More than any test needs: a loop that sleeps so long has missed something.
const LONG: Duration = Duration::from_secs(20);

pub(crate) type Drive = fn(&Rc<Reactor>);

/// All of them, with their names.
pub(crate) const DRIVERS: &[(&str, Drive)] = &[
    ("run", run),
    ("iterate", iterate),
    ("iterate without a wait", iterate_at_once),
    ("poll", by_poll),
    #[cfg(target_os = "linux")]
    ("epoll", by_epoll),
    ("another reactor", by_reactor),
];

fn run(reactor: &Rc<Reactor>) {
    reactor.run().unwrap();
}

fn iterate(reactor: &Rc<Reactor>) {
    reactor.start().unwrap();
    while reactor.iterate(LONG).unwrap() != ReactorState::Ended {}
}

fn iterate_at_once(reactor: &Rc<Reactor>) {
    reactor.start().unwrap();
    while reactor.iterate(Duration::ZERO).unwrap() != ReactorState::Ended {
        std::thread::yield_now();
    }
}

/// A loop that sleeps with `sleep`, until the descriptor is readable or the time is over: it returns
/// whether it was readable.
fn outer(reactor: &Reactor, mut sleep: impl FnMut(BorrowedFd<'_>, Duration) -> bool) {
    reactor.start().unwrap();
    loop {
        let due = reactor.next_timeout();
        let readable = sleep(reactor.as_fd(), due.unwrap_or(LONG));
        assert!(readable || due.is_some(), "it missed something");
        if reactor.iterate(Duration::ZERO).unwrap() == ReactorState::Ended {
            return;
        }
    }
}

fn by_poll(reactor: &Rc<Reactor>) {
    outer(reactor, readable_within);
}

pub(crate) fn readable_within(descriptor: BorrowedFd<'_>, time: Duration) -> bool {
    let mut watched = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut watched, Some(&Timespec::try_from(time).unwrap())).unwrap() == 1
}

#[cfg(target_os = "linux")]
fn by_epoll(reactor: &Rc<Reactor>) {
    use rustix::event::epoll;

    let instance = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let data = epoll::EventData::new_u64(7);
    epoll::add(&instance, reactor.as_fd(), data, epoll::EventFlags::IN).unwrap();
    let mut events = Vec::with_capacity(8);
    outer(reactor, |_, time| {
        events.clear();
        let time = Timespec::try_from(time).unwrap();
        let buffer = rustix::buffer::spare_capacity(&mut events);
        epoll::wait(&instance, buffer, Some(&time)).unwrap() == 1
    });
}

/// A reactor that turns inside another one, which watches its descriptor and has a timer for it.
#[derive(Clone)]
struct Nested {
    inner: Rc<Reactor>,
    outer: ReactorHandle,
    timer: Rc<RefCell<Option<DelayedCall>>>,
}

impl Nested {
    fn turn(&self) {
        if self.inner.iterate(Duration::ZERO).unwrap() == ReactorState::Ended {
            return self.outer.stop();
        }
        let timer = self.inner.next_timeout().map(|timeout| {
            let me = self.clone();
            self.outer.call_later(timeout, move || me.turn())
        });
        if let Some(before) = self.timer.replace(timer) {
            before.cancel();
        }
    }
}

impl Watcher for Nested {
    fn readable(&mut self, _: &Watch) {
        self.turn();
    }
}

fn by_reactor(reactor: &Rc<Reactor>) {
    let outer = crate::reactor();
    let nested = Nested {
        inner: reactor.clone(),
        outer: outer.handle(),
        timer: Rc::default(),
    };
    let watch = outer.watch(reactor.clone(), nested.clone()).unwrap();
    watch.start_reading().unwrap();
    reactor.start().unwrap();
    outer.call_when_running(move || nested.turn());
    outer.run().unwrap();
    assert_eq!(reactor.state(), ReactorState::Ended);
}
