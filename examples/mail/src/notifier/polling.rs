//! Directories that are looked at by a timer.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::{Rc, Weak};
use std::time::{Duration, SystemTime};

use retwist::Clock;

use super::call;

const PERIOD: Duration = Duration::from_secs(2);

pub(super) struct Polling {
    clock: Clock,
    polled: RefCell<Vec<Polled>>,
}

struct Polled {
    directories: [PathBuf; 2],
    seen: [Option<SystemTime>; 2],
    heard: Weak<RefCell<dyn FnMut()>>,
}

impl Polling {
    pub(super) fn new(clock: &Clock) -> Rc<Self> {
        Rc::new(Polling {
            clock: clock.clone(),
            polled: RefCell::default(),
        })
    }

    pub(super) fn watch(
        self: &Rc<Self>,
        directories: [PathBuf; 2],
        heard: Weak<RefCell<dyn FnMut()>>,
    ) {
        let mut polled = self.polled.borrow_mut();
        if polled.is_empty() {
            self.look_later();
        }
        polled.push(Polled {
            seen: times(&directories),
            directories,
            heard,
        });
    }

    fn look_later(self: &Rc<Self>) {
        let me = Rc::downgrade(self);
        self.clock.call_later(PERIOD, move || {
            if let Some(me) = me.upgrade() {
                me.look();
            }
        });
    }

    fn look(self: &Rc<Self>) {
        let mut changed = Vec::new();
        let mut polled = self.polled.borrow_mut();
        polled.retain(|polled| polled.heard.strong_count() > 0);
        for polled in &mut *polled {
            let now = times(&polled.directories);
            // A second change may have had the same time as the first, which the last look has seen.
            let is_fresh = |time: &SystemTime| time.elapsed().map_or(true, |age| age < 3 * PERIOD);
            if now != polled.seen || now.iter().flatten().any(is_fresh) {
                polled.seen = now;
                changed.push(polled.heard.clone());
            }
        }
        if !polled.is_empty() {
            self.look_later();
        }
        drop(polled);
        changed.iter().for_each(call);
    }
}

/// When the directories were changed.
fn times(directories: &[PathBuf; 2]) -> [Option<SystemTime>; 2] {
    let time = |path: &PathBuf| fs::metadata(path).ok()?.modified().ok();
    [time(&directories[0]), time(&directories[1])]
}
