//! The reactor as a part of another loop: pass by pass, by its descriptor, with no thread of its own.
#![cfg(unix)]

mod drivers;
mod events;
mod passes;
mod sleep;
mod whole;

use std::cell::RefCell;
use std::rc::Rc;

use retwist::{Reactor, ReactorSettings};

/// What happened, in words.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn say(&self, word: impl Into<String>) {
        self.0.borrow_mut().push(word.into());
    }

    fn sayer(&self, word: &'static str) -> impl Fn() + use<> {
        let log = self.clone();
        move || log.say(word)
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
