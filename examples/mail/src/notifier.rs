#[cfg(target_os = "linux")]
mod inotify;
mod polling;

use std::cell::RefCell;
use std::fmt::{self, Debug, Formatter};
use std::rc::{Rc, Weak};

use retwist::ReactorHandle;

use crate::Mailbox;
use polling::Polling;

/// Tells when a mailbox has changed, by this process or another: a message has come or gone, or its flags are others.
///
/// On Linux the system tells at once, by one inotify a process; elsewhere, and where the system has no watches left, the
/// directories are looked at every two seconds. Nothing runs as long as nothing is watched.
#[derive(Clone)]
pub struct Notifier {
    inner: Rc<Inner>,
}

struct Inner {
    polling: Rc<Polling>,
    #[cfg(target_os = "linux")]
    inotify: RefCell<Option<Rc<inotify::Inotify>>>,
    #[cfg(target_os = "linux")]
    reactor: ReactorHandle,
}

/// What is called after a change.
type Changed = Rc<RefCell<dyn FnMut()>>;

/// A wish to hear of changes. Dropped, it ends.
#[must_use = "dropped, it ends"]
pub struct Subscription {
    _changed: Changed,
    _source: Source,
}

/// What keeps the system, or the timer, at work for a subscription.
enum Source {
    #[cfg(target_os = "linux")]
    Inotify(#[allow(dead_code, reason = "its drop ends the watch")] inotify::Watched),
    Polling,
}

impl Notifier {
    /// A notifier whose callbacks are made by this reactor.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let inner = Rc::new(Inner {
            polling: Polling::new(reactor.clock()),
            #[cfg(target_os = "linux")]
            inotify: RefCell::new(None),
            #[cfg(target_os = "linux")]
            reactor: reactor.clone(),
        });
        Notifier { inner }
    }

    /// Calls `changed` after each change of the mailbox, as long as the subscription is kept: once for all changes that came
    /// since the last pass of the reactor. A call may also come without a change. Look again once after this returns: what
    /// changed before is not told.
    pub fn watch(&self, mailbox: &Mailbox, changed: impl FnMut() + 'static) -> Subscription {
        let changed: Changed = Rc::new(RefCell::new(changed));
        let directories = ["new", "cur"].map(|folder| mailbox.directory.join(folder));
        let heard = Rc::downgrade(&changed);
        let source = self.source(directories, heard);
        Subscription {
            _changed: changed,
            _source: source,
        }
    }

    #[cfg(target_os = "linux")]
    fn source(
        &self,
        directories: [std::path::PathBuf; 2],
        heard: Weak<RefCell<dyn FnMut()>>,
    ) -> Source {
        let mut place = self.inner.inotify.borrow_mut();
        if !place.as_ref().is_some_and(|inotify| inotify.is_watching()) {
            *place = inotify::Inotify::new(&self.inner.reactor)
                .inspect_err(|error| log::warn!("no inotify, so directories are polled: {error}"))
                .ok();
        }
        if let Some(inotify) = &*place {
            match inotify.watch(&directories, heard.clone()) {
                Ok(watched) => return Source::Inotify(watched),
                Err(error) => log::warn!("cannot watch a directory, so it is polled: {error}"),
            }
        }
        self.inner.polling.watch(directories, heard);
        Source::Polling
    }

    #[cfg(not(target_os = "linux"))]
    fn source(
        &self,
        directories: [std::path::PathBuf; 2],
        heard: Weak<RefCell<dyn FnMut()>>,
    ) -> Source {
        self.inner.polling.watch(directories, heard);
        Source::Polling
    }
}

/// Makes a callback, unless its subscription has ended meanwhile or it is the one that runs.
fn call(heard: &Weak<RefCell<dyn FnMut()>>) {
    if let Some(changed) = heard.upgrade()
        && let Ok(mut changed) = changed.try_borrow_mut()
    {
        changed();
    }
}

impl Debug for Notifier {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier").finish_non_exhaustive()
    }
}

impl Debug for Subscription {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").finish_non_exhaustive()
    }
}
