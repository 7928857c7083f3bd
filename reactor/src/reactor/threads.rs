use std::fmt;
use std::rc::Rc;

use super::{Reactor, ReactorHandle};
use crate::Remote;

/// The part of a reactor for code that gives work to other threads, or is woken from them: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor), whose test does the work by hand.
///
/// A program does not call it: a `ThreadPool` and an `Executor` are made on it.
#[doc(alias = "IReactorThreads")]
#[doc(alias = "IReactorInThreads")]
pub trait ReactorThreads {
    /// The threads beside the loop.
    fn threads(&self) -> Threads;
}

/// The threads beside a loop.
#[derive(Clone)]
pub enum Threads {
    /// Those of the system. This is the way back from them.
    System(Remote),
    /// There is only one thread. The work for others goes into this queue, and is done in between by
    /// what drives the loop: a test, or a simulation, in which it takes as long as that wants.
    Simulated(Rc<dyn JobQueue>),
}

/// Work that a simulated thread is to do.
pub trait JobQueue {
    /// Adds a job, to be called once and not within this call. Returns its number.
    fn add(&self, job: Box<dyn FnOnce()>) -> u64;

    /// Drops the job of this number, if it was not called yet.
    fn remove(&self, number: u64);
}

impl ReactorThreads for ReactorHandle {
    fn threads(&self) -> Threads {
        Threads::System(self.remote())
    }
}

impl ReactorThreads for Reactor {
    fn threads(&self) -> Threads {
        self.handle.threads()
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Threads::System(_) => "System",
            Threads::Simulated(_) => "Simulated",
        })
    }
}
