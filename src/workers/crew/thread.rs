//! A worker as its own thread sees it.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use retwist_reactor::{
    Phase, Pulse, Reactor, ReactorHandle, ReactorSettings, Remote, SystemEvent, catch_panic,
};

use super::super::{Cause, Ports, Worker, WorkersError, WorkersStatus, prepare, reactor};

/// How a worker ends that does not fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Stopped,
    Drained,
}

/// What a thread tells the supervisor.
pub(super) struct Report {
    pub(super) thread: ThreadNumber,
    pub(super) news: News,
}

/// Each thread has one of its own, also where it is in the place of another.
pub(super) type ThreadNumber = usize;

pub(super) enum News {
    /// Its worker is set up, and waits for the word to begin.
    Ready(Remote, Option<Pulse>),
    /// This comes last, with how many connections were there still.
    Ended(Result<Ended, WorkersError>, usize),
}

/// What a thread is given.
pub(super) struct Thread<'scope, S> {
    pub(super) thread: ThreadNumber,
    /// The number of the worker.
    pub(super) number: usize,
    pub(super) settings: ReactorSettings,
    pub(super) ports: Ports,
    pub(super) status: WorkersStatus,
    pub(super) supervisor: Remote,
    pub(super) reports: Sender<Report>,
    /// Another worker is in its place: its end is the end of it alone.
    pub(super) is_replaced: Arc<AtomicBool>,
    pub(super) is_watched: bool,
    pub(super) set_up: &'scope S,
}

impl<S: Fn(&Worker) -> Result<(), Cause>> Thread<'_, S> {
    pub(super) fn run(self, begin: &Receiver<()>) {
        let made = catch_panic(|| reactor(self.settings.clone()))
            .unwrap_or_else(|message| Err(WorkersError::Panicked(message)));
        let (outcome, lost) = match made {
            Ok(reactor) => self.work_on(reactor, begin),
            Err(error) => (Err(error), 0),
        };
        self.report(News::Ended(outcome, lost));
    }

    /// The reactor outlives a panic of its loop, so that what is lost with it can be counted.
    fn work_on(
        &self,
        reactor: Reactor,
        begin: &Receiver<()>,
    ) -> (Result<Ended, WorkersError>, usize) {
        let outcome = catch_panic(|| self.work(&reactor, begin))
            .unwrap_or_else(|message| Err(WorkersError::Panicked(message)));
        let lost = reactor.remote().served();
        match (catch_panic(|| drop(reactor)), outcome) {
            (Err(message), Ok(_)) => (Err(WorkersError::Panicked(message)), lost),
            (_, outcome) => (outcome, lost),
        }
    }

    fn work(&self, reactor: &Reactor, begin: &Receiver<()>) -> Result<Ended, WorkersError> {
        let worker = Worker::one_of_several(reactor, self.number, &self.ports);
        self.status.show_on(reactor);
        prepare(&worker, self.set_up)?;
        let ended = self.end_together(reactor);
        let pulse = self.is_watched.then(|| reactor.pulse());
        self.report(News::Ready(reactor.remote(), pulse));
        // If there is no word, another one has failed.
        if begin.recv().is_ok() {
            reactor.run().map_err(WorkersError::Reactor)?;
        }
        Ok(ended.get())
    }

    /// The supervisor listens as long as there are threads.
    fn report(&self, news: News) {
        let thread = self.thread;
        let _ = self.reports.send(Report { thread, news });
        self.supervisor.wake();
    }

    /// Has all drain when this worker does, and stop when it stops. One that has drained has only come to
    /// its end before the others. What is returned says how it ends.
    fn end_together(&self, reactor: &Reactor) -> Rc<Cell<Ended>> {
        let ended = Rc::new(Cell::new(Ended::Stopped));
        let (handle, supervisor) = (reactor.handle(), self.supervisor.clone());
        let (ports, is_replaced) = (self.ports.clone(), self.is_replaced.clone());
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, move |_| {
            if !is_replaced.load(Ordering::SeqCst) {
                // Before those of the workers close: what connects from then on is to be refused.
                ports.release();
                let longest = handle.drain_time_left().unwrap_or_default();
                // If the supervisor has ended, they have.
                let _ = supervisor.call_from_thread(move |supervisor| supervisor.drain(longest));
            }
        });
        let drained = ended.clone();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Drain, move |_| {
            drained.set(Ended::Drained);
        });
        let (supervisor, how) = (self.supervisor.clone(), ended.clone());
        let (ports, is_replaced) = (self.ports.clone(), self.is_replaced.clone());
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| {
            if how.get() == Ended::Stopped && !is_replaced.load(Ordering::SeqCst) {
                ports.release();
                // If the supervisor has ended, they have.
                let _ = supervisor.call_from_thread(ReactorHandle::stop);
            }
        });
        ended
    }
}
