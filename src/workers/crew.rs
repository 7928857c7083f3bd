use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use retwist_reactor::{
    Phase, Reactor, ReactorHandle, ReactorSettings, Remote, SystemEvent, catch_panic,
};

use super::{Cause, Ports, Worker, WorkersError, prepare, reactor};

/// How long a worker may take to end after a second signal. The loop needs no time for that; a
/// callback that does not return takes all there is.
const GRACE: Duration = Duration::from_secs(1);

/// The threads of several workers, as the supervisor sees them. Dropped before it told them to begin,
/// it lets them end.
#[derive(Default)]
pub(super) struct Crew {
    members: Vec<Member>,
}

/// A worker that is ready.
struct Member {
    remote: Remote,
    begin: Sender<()>,
    reports: Reports,
}

/// What a thread reports: that its worker is ready, and how to reach it; at the end, what went wrong,
/// if anything did. The channel closes when the thread has ended.
type Reports = Receiver<Result<Remote, WorkersError>>;

/// How a worker ends that does not fail.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Stopped,
    Drained,
}

/// What a thread is given.
pub(super) struct Thread<'scope, S> {
    pub(super) number: usize,
    pub(super) settings: ReactorSettings,
    pub(super) ports: Ports,
    pub(super) supervisor: Remote,
    pub(super) set_up: &'scope S,
}

impl Crew {
    /// Starts a thread, and waits until its worker is ready.
    pub(super) fn add<'scope, S>(
        &mut self,
        scope: &'scope Scope<'scope, '_>,
        thread: Thread<'scope, S>,
    ) -> Result<(), WorkersError>
    where
        S: Fn(&Worker) -> Result<(), Cause> + Sync,
    {
        let (sender, reports) = mpsc::channel();
        let (begin, beginning) = mpsc::channel();
        let name = format!("retwist-worker-{}", thread.number);
        Builder::new()
            .name(name)
            .spawn_scoped(scope, move || thread.run(&sender, &beginning))
            .map_err(WorkersError::Thread)?;
        let silent = |_| Err(WorkersError::Panicked("its thread has gone".into()));
        let remote = reports.recv().unwrap_or_else(silent)?;
        self.members.push(Member {
            remote,
            begin,
            reports,
        });
        Ok(())
    }

    /// Tells them to begin, calls `and_then`, and runs until all have ended.
    pub(super) fn run(
        self,
        supervisor: Reactor,
        and_then: impl FnOnce() + 'static,
    ) -> Result<(), WorkersError> {
        let (mut remotes, mut begins, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        for member in self.members {
            remotes.push(member.remote);
            begins.push(member.begin);
            reports.push(member.reports);
        }
        supervisor.call_when_running(move || {
            for begin in begins {
                // Each of them waits for this.
                let _ = begin.send(());
            }
            and_then();
        });
        drain_together(&supervisor, remotes.clone());
        let hurried = stop_together(&supervisor, remotes);
        let outcome = supervisor.run().map_err(WorkersError::Reactor);
        // Members that were not told to begin end now.
        drop(supervisor);
        let deadline = hurried.get().then(|| Instant::now() + GRACE);
        reports.iter().fold(outcome, |outcome, reports| {
            outcome.and(last_report(reports, deadline))
        })
    }
}

/// Has the workers drain when the supervisor does, which waits until each has ended.
fn drain_together(supervisor: &Reactor, remotes: Vec<Remote>) {
    let handle = supervisor.handle();
    supervisor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, move |hold| {
        let longest = handle.drain_time_left().unwrap_or_default();
        for remote in &remotes {
            let held = hold.clone();
            // A worker that cannot be called has ended.
            let _ = remote.call_from_thread(move |worker| {
                let (end, ended) = (SystemEvent::Shutdown, move |_| drop(held));
                worker.add_system_event_trigger(Phase::After, end, ended);
                worker.drain(longest);
            });
        }
    });
}

/// Has the workers end in order when the supervisor does, which waits for them, and at once after a
/// second signal. What is returned is true then.
fn stop_together(supervisor: &ReactorHandle, remotes: Vec<Remote>) -> Rc<Cell<bool>> {
    let (hurried, running) = (Rc::new(Cell::new(false)), Arc::new(()));
    let still_running = Arc::downgrade(&running);
    let all = remotes.clone();
    supervisor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
        for remote in &all {
            let held = (hold.clone(), running.clone());
            // A worker that cannot be called has ended.
            let _ = remote.call_from_thread(move |worker| {
                let (end, ended) = (SystemEvent::Shutdown, move |_| drop(held));
                worker.add_system_event_trigger(Phase::After, end, ended);
                worker.stop();
            });
        }
    });
    let found = hurried.clone();
    supervisor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
        found.set(still_running.strong_count() > 0);
        // Those that are left, after a second signal.
        for remote in &remotes {
            let _ = remote.call_from_thread(ReactorHandle::stop_at_once);
        }
    });
    hurried
}

/// Waits until a thread has ended, and returns what went wrong there.
fn last_report(reports: &Reports, deadline: Option<Instant>) -> Result<(), WorkersError> {
    let mut outcome = Ok(());
    loop {
        let report = match deadline {
            None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(end) => reports.recv_timeout(end.saturating_duration_since(Instant::now())),
        };
        match report {
            Ok(report) => outcome = outcome.and(report.map(drop)),
            Err(RecvTimeoutError::Disconnected) => return outcome,
            Err(RecvTimeoutError::Timeout) => {
                log::error!(
                    "a worker is in a callback that does not return, and cannot be stopped: the process exits"
                );
                std::process::exit(1);
            }
        }
    }
}

impl<S: Fn(&Worker) -> Result<(), Cause>> Thread<'_, S> {
    fn run(self, reports: &Sender<Result<Remote, WorkersError>>, begin: &Receiver<()>) {
        let outcome = catch_panic(|| self.work(reports, begin))
            .unwrap_or_else(|message| Err(WorkersError::Panicked(message)));
        match outcome {
            Ok(Ended::Drained) => {}
            Ok(Ended::Stopped) => stop(&self.supervisor),
            Err(error) => {
                // The supervisor listens as long as there are threads.
                let _ = reports.send(Err(error));
                stop(&self.supervisor);
            }
        }
    }

    fn work(
        &self,
        reports: &Sender<Result<Remote, WorkersError>>,
        begin: &Receiver<()>,
    ) -> Result<Ended, WorkersError> {
        let reactor = reactor(self.settings.clone())?;
        let worker = Worker::one_of_several(&reactor, self.number, &self.ports);
        prepare(&worker, self.set_up)?;
        let ended = self.end_together(&reactor);
        let _ = reports.send(Ok(reactor.remote()));
        if begin.recv().is_ok() {
            reactor.run().map_err(WorkersError::Reactor)?;
        }
        // Or another one has failed.
        Ok(ended.get())
    }

    /// Has all drain when this worker does, and stop when it stops. One that has drained has only come to
    /// its end before the others. What is returned says how it ends.
    fn end_together(&self, reactor: &Reactor) -> Rc<Cell<Ended>> {
        let ended = Rc::new(Cell::new(Ended::Stopped));
        let (handle, supervisor) = (reactor.handle(), self.supervisor.clone());
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Drain, move |_| {
            let longest = handle.drain_time_left().unwrap_or_default();
            // If the supervisor has ended, they have.
            let _ = supervisor.call_from_thread(move |supervisor| supervisor.drain(longest));
        });
        let drained = ended.clone();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Drain, move |_| {
            drained.set(Ended::Drained);
        });
        let (supervisor, how) = (self.supervisor.clone(), ended.clone());
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| {
            if how.get() == Ended::Stopped {
                stop(&supervisor);
            }
        });
        ended
    }
}

/// One worker has ended, or is about to, so all are to end.
fn stop(supervisor: &Remote) {
    // If the supervisor has ended, they have.
    let _ = supervisor.call_from_thread(ReactorHandle::stop);
}
