//! How a reactor hears that its children have ended.
//!
//! What is evil here is that a process has one table of children, and the reactor is a guest in it:
//! other code may have children too, and handlers of SIGCHLD. So each child is asked for by itself,
//! and never "any child": nothing here takes a status that is not the reactor's own. Where the system
//! has descriptors for processes (Linux from 5.3), each child is one more source of the poll, and no
//! signal is touched. Elsewhere a handler of SIGCHLD is there while a reactor has children. It chains
//! to the handler that was there before, and has each child of this reactor asked.
//!
//! Invariants:
//! - a child is watched until its status is taken, and then no more: no pid is used that the system may
//!   have given to another process;
//! - a status that other code has taken is an end too ([`ProcessExit::Unknown`]);
//! - a child that is watched costs nothing while it runs.

#[cfg(target_os = "linux")]
mod pidfd;
mod sigchld;
#[cfg(test)]
mod tests;
mod watched;

#[cfg(target_os = "linux")]
use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::process::Child;
use std::rc::{Rc, Weak};

use self::sigchld::ByHandler;
pub(crate) use self::watched::WatchedChild;
use crate::ProcessExit;
use crate::core::sources::Sources;

/// What hears of the end of a child.
pub(crate) trait HearsExit {
    /// It has ended. Nothing is told after this.
    fn exited(&self, exit: ProcessExit);

    /// The reactor drains.
    fn drain(&self);

    /// The reactor is asked to end.
    fn stop(&self);

    /// Whether the child goes on when the reactor has ended.
    fn outlives_reactor(&self) -> bool;
}

/// The children of one reactor.
pub(crate) struct Exits {
    sources: Rc<Sources>,
    /// Whether the system has descriptors for processes, as far as is known.
    #[cfg(target_os = "linux")]
    has_pidfd: Cell<bool>,
    /// Those that a handler watches, while there are any.
    by_handler: RefCell<Weak<ByHandler>>,
}

impl Exits {
    pub(crate) fn new(sources: &Rc<Sources>) -> Self {
        Exits {
            sources: sources.clone(),
            #[cfg(target_os = "linux")]
            has_pidfd: Cell::new(true),
            by_handler: RefCell::default(),
        }
    }

    /// Watches a child that was started just now. After an error, the child has been killed.
    pub(crate) fn watch(
        &self,
        child: Child,
        listener: Rc<dyn HearsExit>,
    ) -> io::Result<Rc<WatchedChild>> {
        #[cfg(target_os = "linux")]
        if self.has_pidfd.get() {
            match pidfd::open(&child) {
                Ok(pidfd) => {
                    let child = WatchedChild::new(child, Some(pidfd), listener);
                    return or_kill(pidfd::watch(&self.sources, &child), child);
                }
                Err(error) if pidfd::is_missing(&error) => self.has_pidfd.set(false),
                Err(error) => {
                    let child = WatchedChild::new(child, None, listener);
                    return or_kill(Err(error), child);
                }
            }
        }
        let child = WatchedChild::new(
            child,
            #[cfg(target_os = "linux")]
            None,
            listener,
        );
        or_kill(self.watch_by_handler(&child), child)
    }

    fn watch_by_handler(&self, child: &Rc<WatchedChild>) -> io::Result<()> {
        let present = self.by_handler.borrow().upgrade();
        let handler = match present.filter(|handler| handler.is_open()) {
            Some(handler) => handler,
            None => ByHandler::open(&self.sources)?,
        };
        handler.add(child.clone());
        self.by_handler.replace(Rc::downgrade(&handler));
        Ok(())
    }

    /// From now on, no descriptors for processes are used.
    #[cfg(test)]
    pub(crate) fn forgo_pidfd(&self) {
        #[cfg(target_os = "linux")]
        self.has_pidfd.set(false);
    }
}

fn or_kill(watched: io::Result<()>, child: Rc<WatchedChild>) -> io::Result<Rc<WatchedChild>> {
    match watched {
        Ok(()) => Ok(child),
        Err(error) => {
            child.kill_and_wait();
            Err(error)
        }
    }
}
