use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{Builder, Scope};

use retwist_reactor::{Phase, Reactor, ReactorSettings, Remote, SystemEvent, catch_panic};

use super::{Cause, Ports, Worker, WorkersError, prepare, reactor};

/// The threads of several workers, as the supervisor sees them. Dropped before they were told to
/// begin, it lets them end.
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

/// What a thread has to say: that its worker is ready, and how to reach it; at the end, what went
/// wrong, if anything did. It is closed when the thread has ended.
type Reports = Receiver<Result<Remote, WorkersError>>;

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

    /// Has them begin, with `and_then` behind it, and runs until all have ended.
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
                // They all wait for this.
                let _ = begin.send(());
            }
            and_then();
        });
        let all = remotes.clone();
        supervisor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |hold| {
            for remote in &all {
                let hold = hold.clone();
                // One that cannot be called has ended.
                let _ = remote.call_from_thread(move |worker| {
                    let (end, ended) = (SystemEvent::Shutdown, move |_| drop(hold));
                    worker.add_system_event_trigger(Phase::After, end, ended);
                    // Not running, it is on its way already.
                    worker.stop();
                });
            }
        });
        supervisor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            // Those that are left, after a second signal.
            for remote in &remotes {
                let _ = remote.call_from_thread(|worker| worker.stop_at_once());
            }
        });
        let outcome = supervisor.run().map_err(WorkersError::Reactor);
        // Who was not told to begin is not going to be.
        drop(supervisor);
        let ended = reports.iter().flat_map(|reports| reports.iter());
        ended.fold(outcome, |outcome, report| outcome.and(report.map(drop)))
    }
}

impl<S: Fn(&Worker) -> Result<(), Cause>> Thread<'_, S> {
    fn run(self, reports: &Sender<Result<Remote, WorkersError>>, begin: &Receiver<()>) {
        let outcome = catch_panic(|| self.work(reports, begin))
            .unwrap_or_else(|message| Err(WorkersError::Panicked(message)));
        if let Err(error) = outcome {
            // Somebody listens as long as there are threads.
            let _ = reports.send(Err(error));
        }
        stop(&self.supervisor);
    }

    fn work(
        &self,
        reports: &Sender<Result<Remote, WorkersError>>,
        begin: &Receiver<()>,
    ) -> Result<(), WorkersError> {
        let reactor = reactor(self.settings.clone())?;
        let worker = Worker::one_of_several(&reactor, self.number, &self.ports);
        prepare(&worker, self.set_up)?;
        let supervisor = self.supervisor.clone();
        reactor.add_system_event_trigger(Phase::Before, SystemEvent::Shutdown, move |_| {
            stop(&supervisor);
        });
        let _ = reports.send(Ok(reactor.remote()));
        match begin.recv() {
            Ok(()) => reactor.run().map_err(WorkersError::Reactor),
            // Another one has failed.
            Err(_) => Ok(()),
        }
    }
}

/// One has ended, or is about to, and so all are to end.
fn stop(supervisor: &Remote) {
    // If it has ended itself, they have.
    let _ = supervisor.call_from_thread(|supervisor| supervisor.stop());
}
