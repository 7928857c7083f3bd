//! Sockets that others have opened: ports and connections of them, and what cannot be one.
#![cfg(unix)]

mod balanced;
mod datagrams;
mod passed;
mod refused;
mod streams;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::{Reactor, ReactorSettings};

/// What happened, in words.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn say(&self, word: impl Into<String>) {
        self.0.borrow_mut().push(word.into());
    }

    fn story(&self) -> String {
        self.0.borrow().join(" ")
    }
}

fn reactor() -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap()
}

/// Makes passes until it is true.
#[track_caller]
fn until(reactor: &Reactor, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "it never comes to that");
        reactor.iterate(Duration::from_millis(10)).unwrap();
    }
}
