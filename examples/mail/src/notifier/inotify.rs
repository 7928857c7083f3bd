//! Directories that Linux watches.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::error::Error;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::{Rc, Weak};

use retwist::{ReactorHandle, Reason, Watch, Watcher};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::call;

/// One inotify, with all the directories that this process watches.
///
/// The system knows a directory by a number, which is the same for each subscription to it: so the number is counted.
pub(super) struct Inotify {
    descriptor: Rc<OwnedFd>,
    watch: RefCell<Option<Watch>>,
    subscriptions: RefCell<Vec<Subscribed>>,
    next: Cell<u64>,
}

struct Subscribed {
    id: u64,
    /// The numbers of its directories.
    numbers: [i32; 2],
    heard: Weak<RefCell<dyn FnMut()>>,
}

/// A subscription, until it is dropped.
pub(super) struct Watched {
    inotify: Rc<Inotify>,
    id: u64,
}

/// What comes from the system.
struct Events {
    inotify: Weak<Inotify>,
    descriptor: Rc<OwnedFd>,
}

impl Inotify {
    pub(super) fn new(reactor: &ReactorHandle) -> Result<Rc<Self>, Box<dyn Error>> {
        let flags = CreateFlags::NONBLOCK | CreateFlags::CLOEXEC;
        let descriptor = Rc::new(inotify::init(flags)?);
        let me = Rc::new(Inotify {
            descriptor: descriptor.clone(),
            watch: RefCell::new(None),
            subscriptions: RefCell::default(),
            next: Cell::new(0),
        });
        let events = Events {
            inotify: Rc::downgrade(&me),
            descriptor: descriptor.clone(),
        };
        let watch = reactor.watch(descriptor, events)?;
        watch.start_reading()?;
        *me.watch.borrow_mut() = Some(watch);
        Ok(me)
    }

    pub(super) fn is_watching(&self) -> bool {
        let watch = self.watch.borrow();
        watch.as_ref().is_some_and(Watch::is_watching)
    }

    pub(super) fn watch(
        self: &Rc<Self>,
        directories: &[PathBuf; 2],
        heard: Weak<RefCell<dyn FnMut()>>,
    ) -> Result<Watched, Errno> {
        let flags = WatchFlags::MOVED_TO
            | WatchFlags::MOVED_FROM
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let add = |path: &PathBuf| inotify::add_watch(&self.descriptor, path, flags);
        let first = add(&directories[0])?;
        let second = add(&directories[1]).inspect_err(|_| self.release(first))?;
        let id = self.next.get();
        self.next.set(id + 1);
        self.subscriptions.borrow_mut().push(Subscribed {
            id,
            numbers: [first, second],
            heard,
        });
        Ok(Watched {
            inotify: self.clone(),
            id,
        })
    }

    /// Ends the watch of a directory, if no subscription has it.
    fn release(&self, number: i32) {
        let subscriptions = self.subscriptions.borrow();
        if !subscriptions
            .iter()
            .any(|other| other.numbers.contains(&number))
        {
            // It has ended already where the directory is gone.
            let _ = inotify::remove_watch(&self.descriptor, number);
        }
    }

    fn tell(&self, changed: &HashSet<i32>, all: bool) {
        let is_told = |s: &&Subscribed| all || s.numbers.iter().any(|n| changed.contains(n));
        let subscriptions = self.subscriptions.borrow();
        let told = subscriptions.iter().filter(is_told);
        let told: Vec<_> = told.map(|subscribed| subscribed.heard.clone()).collect();
        drop(subscriptions);
        told.iter().for_each(call);
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        if let Some(watch) = self.watch.borrow_mut().take() {
            watch.remove();
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut subscriptions = self.inotify.subscriptions.borrow_mut();
        let at = subscriptions.iter().position(|other| other.id == self.id);
        let ended = at.map(|at| subscriptions.swap_remove(at));
        drop(subscriptions);
        for number in ended.iter().flat_map(|ended| ended.numbers) {
            self.inotify.release(number);
        }
    }
}

impl Watcher for Events {
    /// Reads all events at once, so that many changes are one call.
    fn readable(&mut self, watch: &Watch) {
        let mut changed = HashSet::new();
        let mut is_overflow = false;
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(&*self.descriptor, &mut buffer);
        // One buffer after the other, and at most this many events in a pass: the next pass reads on.
        let mut count = 0;
        while count < 4096 || !reader.is_buffer_empty() {
            count += 1;
            match reader.next() {
                Ok(event) => {
                    is_overflow |= event.events().contains(ReadFlags::QUEUE_OVERFLOW);
                    changed.insert(event.wd());
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(error) => {
                    log::error!("changes in the mail directory are no longer noticed: {error}");
                    watch.remove();
                    break;
                }
            }
        }
        if let Some(inotify) = self.inotify.upgrade() {
            inotify.tell(&changed, is_overflow);
        }
    }

    fn watch_lost(&mut self, reason: &Reason) {
        log::debug!("the watch of the mail directory ends: {reason}");
    }
}
