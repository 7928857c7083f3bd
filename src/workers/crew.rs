mod place;
mod thread;
mod together;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{Builder, Scope};
use std::time::{Duration, Instant};

use retwist_reactor::{
    Reactor, ReactorHandle, ReactorSettings, ReactorState, Remote, Work, error_chain,
};

use self::place::{Place, Serving, State};
use self::thread::{Ended, News, Report, Thread, ThreadNumber};
use super::watchdog::{Found, Watchdog};
use super::{Cause, Ports, Replacing, WhenStuck, Worker, Workers, WorkersError, WorkersStatus};

/// How long a worker may take to end after a second signal. The loop needs no time for that; a
/// callback that does not return takes all there is.
const GRACE: Duration = Duration::from_secs(1);

/// How long the supervisor sleeps at most.
const LONGEST_SLEEP: Duration = Duration::from_secs(86_400);

/// Those that serve now, by their threads: what ends them all, or drains them.
type Active = Rc<RefCell<Vec<(ThreadNumber, Remote)>>>;

/// The workers, as the thread sees them that waits for them: it runs the supervisor, and between its
/// passes looks at what the threads report, at the loops, and at the places that are empty.
///
/// What is evil here is that a thread cannot be ended from outside. A worker that hangs may come back
/// at any time, when another one is in its place; its reports count no more then, and its end must not
/// be the end of all. So each thread has a number, and a place knows which thread is in it.
///
/// ```text
/// place     | what comes                              | then
/// ----------+-----------------------------------------+-----------------------------------------------
/// Starting  | its worker is ready                     | Serving
/// Serving   | it has ended in order                   | Over; all stop, unless it has drained
/// Serving   | it does not turn, and is to be replaced | as if it had failed; the thread is abandoned
/// any       | it has failed                           | Waiting for its replacement, or GivenUp; if
///           |                                         | none is to be replaced, all stop
/// Waiting   | the pause is over                       | Starting
/// GivenUp   | all are                                 | all stop, with an error
/// ```
pub(super) struct Crew<'scope, 'env, S> {
    scope: &'scope Scope<'scope, 'env>,
    set_up: &'scope S,
    supervisor: Reactor,
    settings: ReactorSettings,
    ports: Ports,
    status: WorkersStatus,
    replacing: Option<Replacing>,
    watchdog: Option<Watchdog>,
    places: Vec<Place>,
    active: Active,
    reports: Receiver<Report>,
    reporting: Sender<Report>,
    /// How many threads were started, and how many of them have not ended.
    started: ThreadNumber,
    running: usize,
    /// The threads that hang, and in whose place there is another one.
    abandoned: BTreeSet<ThreadNumber>,
    failure: Option<WorkersError>,
}

impl<'scope, 'env, S: Fn(&Worker) -> Result<(), Cause> + Sync> Crew<'scope, 'env, S> {
    /// A crew that is as `workers` says, and has no worker yet.
    pub(super) fn new(
        scope: &'scope Scope<'scope, 'env>,
        set_up: &'scope S,
        supervisor: Reactor,
        ports: Ports,
        workers: &Workers,
    ) -> Self {
        let (reporting, reports) = mpsc::channel();
        Crew {
            scope,
            set_up,
            supervisor,
            settings: workers.settings.clone(),
            ports,
            status: workers.status.clone(),
            replacing: workers.replacing.clone(),
            watchdog: workers
                .watchdog
                .map(|(period, when_stuck)| Watchdog::new(period, when_stuck, Instant::now())),
            places: Vec::new(),
            active: Rc::default(),
            reports,
            reporting,
            started: 0,
            running: 0,
            abandoned: BTreeSet::new(),
            failure: None,
        }
    }

    pub(super) fn supervisor(&self) -> &ReactorHandle {
        &self.supervisor
    }

    /// Starts a worker that was not there before, and waits until it is ready. Dropped before it was told
    /// to begin, it ends.
    pub(super) fn add(&mut self, number: usize) -> Result<(), WorkersError> {
        let state = self.start(number)?;
        self.places.push(Place::new(number, state));
        let Ok(Report { thread, news }) = self.reports.recv() else {
            return Err(WorkersError::Panicked("its thread has gone".into()));
        };
        match news {
            News::Ready(remote, pulse) => {
                self.places[number].is_ready(thread, remote, pulse);
                Ok(())
            }
            News::Ended(Err(error), _) => Err(error),
            News::Ended(Ok(_), _) => Err(WorkersError::Panicked("its thread has gone".into())),
        }
    }

    /// Starts the thread of a worker, which is set up in it.
    fn start(&mut self, number: usize) -> Result<State, WorkersError> {
        let (begin, beginning) = mpsc::channel();
        let is_replaced = Arc::new(AtomicBool::new(false));
        let thread = self.started;
        let worker = Thread {
            thread,
            number,
            settings: ReactorSettings {
                signals: false,
                ..self.settings.clone()
            },
            ports: self.ports.clone(),
            status: self.status.clone(),
            supervisor: self.supervisor.remote(),
            reports: self.reporting.clone(),
            is_replaced: is_replaced.clone(),
            is_watched: self.watchdog.is_some(),
            set_up: self.set_up,
        };
        Builder::new()
            .name(format!("retwist-worker-{number}"))
            .spawn_scoped(self.scope, move || worker.run(&beginning))
            .map_err(WorkersError::Thread)?;
        self.started += 1;
        self.running += 1;
        Ok(State::Starting {
            thread,
            begin,
            is_replaced,
        })
    }

    /// Tells them to begin, calls `and_then`, and runs until all have ended.
    pub(super) fn run(mut self, and_then: impl FnOnce() + 'static) -> Result<(), WorkersError> {
        let now = Instant::now();
        let begins: Vec<_> = self
            .places
            .iter_mut()
            .filter_map(|place| place.begins(now))
            .collect();
        for place in &self.places {
            self.active.borrow_mut().extend(place.remote());
        }
        self.count();
        let supervisor = &self.supervisor;
        supervisor.call_when_running(move || {
            for begin in begins {
                // Each of them waits for this.
                let _ = begin.send(());
            }
            and_then();
        });
        together::drain(supervisor, self.active.clone(), self.ports.clone());
        let hurried = together::stop(supervisor, self.active.clone(), self.ports.clone());
        let outcome = self.supervise();
        let is_hurried = hurried.get();
        outcome.and(self.last_reports(is_hurried))
    }

    /// Makes the passes of the supervisor until it has ended, or crashed.
    fn supervise(&mut self) -> Result<(), WorkersError> {
        let mut outcome = self.supervisor.start().map_err(WorkersError::Reactor);
        loop {
            let state = self.supervisor.state();
            if matches!(state, ReactorState::Idle | ReactorState::Ended) {
                return outcome;
            }
            let passed = self.supervisor.iterate(self.may_sleep());
            outcome = outcome.and(passed.map(drop).map_err(WorkersError::Reactor));
            while let Ok(report) = self.reports.try_recv() {
                self.hear(report);
            }
            self.look();
            self.replace();
            self.count();
        }
    }

    /// How long the supervisor may sleep until something is due here.
    fn may_sleep(&self) -> Duration {
        let looks = self.watchdog.as_ref().map(Watchdog::next);
        let replacements = self.places.iter().filter_map(Place::is_replaced_at);
        let next = looks.into_iter().chain(replacements).min();
        next.map_or(LONGEST_SLEEP, |next| {
            next.saturating_duration_since(Instant::now())
        })
    }

    fn is_running(&self) -> bool {
        self.supervisor.state() == ReactorState::Running
    }

    fn hear(&mut self, Report { thread, news }: Report) {
        match news {
            News::Ready(remote, pulse) => {
                let is_running = self.is_running();
                let place = self.places.iter_mut().find(|place| place.is_of(thread));
                let Some(place) = place.filter(|_| is_running) else {
                    // It is too late, and the thread ends.
                    return;
                };
                place.is_ready(thread, remote, pulse);
                self.active.borrow_mut().extend(place.remote());
                if let Some(begin) = place.begins(Instant::now()) {
                    let _ = begin.send(());
                }
                self.status.one_is_replaced();
                log::warn!("worker {} is replaced, and serves", place.number);
            }
            News::Ended(outcome, lost) => self.has_ended(thread, outcome, lost),
        }
    }

    fn has_ended(
        &mut self,
        thread: ThreadNumber,
        outcome: Result<Ended, WorkersError>,
        lost: usize,
    ) {
        self.running -= 1;
        self.active.borrow_mut().retain(|(one, _)| *one != thread);
        if self.abandoned.remove(&thread) {
            return log::warn!("a worker that did not turn has come back, and has ended");
        }
        let Some(index) = self.places.iter().position(|place| place.is_of(thread)) else {
            return;
        };
        match outcome {
            Ok(Ended::Drained) => self.places[index].state = State::Over,
            Ok(Ended::Stopped) => {
                self.places[index].state = State::Over;
                self.supervisor.stop();
            }
            Err(error) => {
                let number = self.places[index].number;
                self.status.are_lost(lost);
                log::error!(
                    "worker {number} has failed, and {lost} connections are lost with it: {}",
                    error_chain(&error)
                );
                let how = self.replacing.clone();
                self.fails(index, how, error);
            }
        }
    }

    /// The worker in this place has failed.
    fn fails(&mut self, index: usize, how: Option<Replacing>, error: WorkersError) {
        let is_running = self.is_running();
        let place = &mut self.places[index];
        let Some(how) = how.filter(|_| is_running) else {
            place.state = State::Over;
            self.failure.get_or_insert(error);
            return self.supervisor.stop();
        };
        let now = Instant::now();
        if let Some(pause) = place.record.fails(now, &how) {
            log::info!("worker {} is replaced in {pause:?}", place.number);
            place.state = State::Waiting(now.checked_add(pause).unwrap_or(now));
            return;
        }
        place.state = State::GivenUp;
        self.ports.give_up(place.number);
        log::error!(
            "worker {} was replaced {} times in a row, and is given up",
            place.number,
            place.record.replaced_in_a_row()
        );
        if self.places.iter().all(Place::is_given_up) {
            let none = WorkersError::NoneLeft(Box::new(error));
            self.failure.get_or_insert(none);
            self.supervisor.stop();
        }
    }

    /// Looks at the loops, if it is time.
    fn look(&mut self) {
        let Some(watchdog) = &mut self.watchdog else {
            return;
        };
        if !watchdog.is_due(Instant::now()) {
            return;
        }
        let watchdog = *watchdog;
        for index in 0..self.places.len() {
            let number = self.places[index].number;
            match self.places[index].look() {
                Found::Nothing => {}
                Found::Back => {
                    self.places[index].is_avoided(false);
                    log::warn!("worker {number} turns again");
                }
                Found::Stuck(work) => self.is_stuck(index, work, watchdog),
            }
        }
    }

    fn is_stuck(&mut self, index: usize, work: Work, watchdog: Watchdog) {
        let number = self.places[index].number;
        let State::Serving(serving) = &self.places[index].state else {
            return;
        };
        let (period, served) = (watchdog.period, serving.remote.served());
        self.places[index].is_avoided(true);
        log::error!(
            "worker {number} does not turn: for {period:?} it has been at {work}, and {served} connections wait"
        );
        match watchdog.when_stuck {
            WhenStuck::Report => {}
            WhenStuck::Replace if self.is_running() => {
                self.abandon(index);
                self.status.are_lost(served);
                let why = format!("it did not turn for {period:?}, being at {work}");
                let how = self.replacing.clone().unwrap_or_default();
                self.fails(index, Some(how), WorkersError::Stuck(why));
            }
            // All end anyway.
            WhenStuck::Replace => {}
            WhenStuck::Abort => {
                log::error!("the process aborts, since worker {number} does not turn");
                log::logger().flush();
                process::abort();
            }
        }
    }

    /// Leaves the thread in this place to itself. If it comes back, it ends in order.
    fn abandon(&mut self, index: usize) {
        let State::Serving(Serving {
            thread,
            remote,
            is_replaced,
            ..
        }) = &self.places[index].state
        else {
            return;
        };
        is_replaced.store(true, Ordering::SeqCst);
        // It can be called as long as its thread has not ended.
        let _ = remote.call_from_thread(ReactorHandle::stop);
        self.active.borrow_mut().retain(|(one, _)| one != thread);
        self.abandoned.insert(*thread);
    }

    /// Sets workers up in the places that have waited long enough.
    fn replace(&mut self) {
        for index in 0..self.places.len() {
            if !self.places[index].is_due(Instant::now()) || !self.is_running() {
                continue;
            }
            let number = self.places[index].number;
            match self.start(number) {
                Ok(state) => self.places[index].state = state,
                Err(error) => {
                    log::error!("worker {number} is not replaced: {}", error_chain(&error));
                    let how = self.replacing.clone().unwrap_or_default();
                    self.fails(index, Some(how), error);
                }
            }
        }
    }

    /// Tells how many there are.
    fn count(&self) {
        let serving = self.places.iter().filter(|place| place.is_serving());
        let (stuck, turning): (Vec<_>, Vec<_>) = serving.partition(|place| place.is_stuck());
        self.status.set_alive(turning.len());
        self.status.set_stuck(stuck.len() + self.abandoned.len());
    }

    /// Waits until all threads have ended, and returns what went wrong.
    fn last_reports(self, hurried: bool) -> Result<(), WorkersError> {
        let Crew {
            supervisor,
            places,
            reports,
            status,
            mut running,
            abandoned,
            mut failure,
            ..
        } = self;
        // Members that were not told to begin end now: what would tell them is in one of these.
        drop((supervisor, places));
        let is_bounded = hurried || !abandoned.is_empty();
        let deadline = is_bounded.then(|| Instant::now() + GRACE);
        while running > 0 {
            let report = match deadline {
                None => reports.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(end) => reports.recv_timeout(end.saturating_duration_since(Instant::now())),
            };
            match report {
                Ok(Report {
                    news: News::Ready(..),
                    ..
                }) => {}
                Ok(Report {
                    thread,
                    news: News::Ended(outcome, lost),
                }) => {
                    running -= 1;
                    if let (Err(error), false) = (outcome, abandoned.contains(&thread)) {
                        status.are_lost(lost);
                        failure.get_or_insert(error);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    log::error!(
                        "a worker is in a callback that does not return, and cannot be stopped: the process exits"
                    );
                    process::exit(1);
                }
            }
        }
        status.set_alive(0);
        status.set_stuck(0);
        failure.map_or(Ok(()), Err)
    }
}
