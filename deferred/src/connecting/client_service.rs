use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::mem;
use std::rc::Rc;
use std::time::Instant;

use retwist_reactor::{
    Clock, DelayedCall, Layer, Protocol, ProtocolHandle, Reason, catch_panic, error_chain,
};

use super::connect::{opening, when_opened};
use super::watch::Watch;
use crate::deferreds::Waiters;
use crate::{
    AttemptError, Backoff, Canceller, Deferred, Dialer, Failure, Outcome, Promise, ServiceError,
};

/// Keeps a connection: connects, and connects again after a failure or a loss, until it is stopped.
///
/// ```text
/// init --start--> connecting --prepared--> connected --stop--> disconnecting --lost--> stopped
///                   ^    | failed              | lost            | start ^ stop          | start
///                   |    v                     |                 v       |               v
///                   +- waiting <---------------+               restarting --lost--> connecting
/// ```
///
/// `stop` ends a wait or an attempt at once, unless there is a connection already that has to be
/// closed. The log has a line for each retry: what went wrong, and how long the wait is.
///
/// The wait grows with each failure in a row ([`Backoff`]). A connection that is lost before
/// [`Backoff::reset_after`] is one more failure: a server that accepts and drops its clients is not
/// asked again and again. A protocol that knows better says so with
/// [`reset_delay`](ClientService::reset_delay), for example after it has logged in.
///
/// A cheap handle: clones are the same service. It runs until it is stopped, or the reactor ends.
pub struct ClientService<P: Protocol> {
    service: Rc<Service<P>>,
}

struct Service<P: Protocol> {
    clock: Clock,
    dialer: Box<dyn Dialer>,
    protocol: Box<dyn Fn() -> P>,
    prepare: RefCell<Option<Prepare<P>>>,
    backoff: RefCell<Backoff>,
    stage: RefCell<Stage<P>>,
    /// The number of the attempt: the outcome of an earlier one is ignored.
    attempt: Cell<u64>,
    /// The failures in a row.
    failures: Cell<u32>,
    /// The protocol has said that its connection is a success.
    is_good: Cell<bool>,
    /// The requests for a connection, each with the number of failures that it still bears.
    waiting: Waiters<ProtocolHandle<P>, ServiceError, Option<u32>>,
    stopping: RefCell<Vec<Promise<(), Infallible>>>,
}

/// The outcome of an attempt, and the layer that tells of the end of its connection.
type Dialled<P> = (Deferred<ProtocolHandle<P>, AttemptError>, Rc<Watch>);
type Prepare<P> = Rc<dyn Fn(&ProtocolHandle<P>) -> Deferred<(), Box<dyn Error>>>;

enum Stage<P: Protocol> {
    Init,
    Connecting(Canceller, Rc<Watch>),
    Waiting(DelayedCall),
    /// Since when.
    Connected(ProtocolHandle<P>, Rc<Watch>, Instant),
    Disconnecting,
    Restarting,
    Stopped,
}

/// The state of a [`ClientService`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// Not started yet.
    Init,
    /// Connecting, or preparing the connection
    /// ([`prepare_connection`](ClientService::prepare_connection)).
    Connecting,
    /// Waiting before the next attempt.
    Waiting,
    /// Connected.
    Connected,
    /// Stopped; the connection is being closed.
    Disconnecting,
    /// Stopped and started again; the old connection is being closed.
    Restarting,
    /// Stopped.
    Stopped,
}

impl<P: Protocol> ClientService<P> {
    /// A service that will connect with `dialer`. `protocol` makes the protocol of each connection. The
    /// service is idle until it is [started](ClientService::start).
    ///
    /// The clock comes first, as wherever this crate asks for one: `reactor.clock()`.
    pub fn new(
        clock: &Clock,
        dialer: impl Dialer + 'static,
        protocol: impl Fn() -> P + 'static,
    ) -> Self {
        ClientService {
            service: Rc::new(Service {
                clock: clock.clone(),
                dialer: Box::new(dialer),
                protocol: Box::new(protocol),
                prepare: RefCell::default(),
                backoff: RefCell::default(),
                stage: RefCell::new(Stage::Init),
                attempt: Cell::new(0),
                failures: Cell::new(0),
                is_good: Cell::new(false),
                waiting: Waiters::default(),
                stopping: RefCell::default(),
            }),
        }
    }

    /// Sets the waits, from the next failure on.
    #[doc(alias = "retryPolicy")]
    pub fn set_backoff(&self, backoff: Backoff) {
        *self.service.backoff.borrow_mut() = backoff;
    }

    /// Sets what each new connection goes through before it counts, for example a login. If that
    /// fails, the connection is closed, and the attempt has failed.
    #[doc(alias = "prepareConnection")]
    pub fn prepare_connection(
        &self,
        prepare: impl Fn(&ProtocolHandle<P>) -> Deferred<(), Box<dyn Error>> + 'static,
    ) {
        *self.service.prepare.borrow_mut() = Some(Rc::new(prepare));
    }

    /// The connection is a success: the next wait is a short one again.
    pub fn reset_delay(&self) {
        self.service.failures.set(0);
        self.service.is_good.set(true);
    }

    /// Starts. Does nothing if the service is running.
    #[doc(alias = "startService")]
    pub fn start(&self) {
        match self.state() {
            ServiceState::Init | ServiceState::Stopped => self.service.connect(),
            ServiceState::Disconnecting => self.service.enter(Stage::Restarting),
            _ => {}
        }
    }

    /// Stops. The Deferred fires when the connection has been closed; at once if there is none.
    /// Pending requests for a connection fail with [`Failure::Cancelled`].
    #[doc(alias = "stopService")]
    pub fn stop(&self) -> Deferred<(), Infallible> {
        let (promise, stopped) = Deferred::new();
        self.service.stopping.borrow_mut().push(promise);
        self.service.stop();
        stopped
    }

    /// Waits for the protocol of a connection; fires at once if there is one. With `fail_after`, it
    /// fails once that many attempts have failed; without, only when the service is stopped
    /// ([`Failure::Cancelled`]) or the reactor ends ([`Failure::ReactorEnded`]). Cancelling ends the
    /// wait, not the service.
    #[doc(alias = "whenConnected")]
    #[doc(alias = "failAfterFailures")]
    pub fn when_connected(
        &self,
        fail_after: Option<u32>,
    ) -> Deferred<ProtocolHandle<P>, ServiceError> {
        match &*self.service.stage.borrow() {
            Stage::Connected(protocol, ..) => return Deferred::succeed(protocol.clone()),
            Stage::Stopped => return Deferred::from_outcome(Err(Failure::Cancelled)),
            _ => {}
        }
        self.service.waiting.wait(fail_after)
    }

    /// The state of the service.
    pub fn state(&self) -> ServiceState {
        match &*self.service.stage.borrow() {
            Stage::Init => ServiceState::Init,
            Stage::Connecting(..) => ServiceState::Connecting,
            Stage::Waiting(_) => ServiceState::Waiting,
            Stage::Connected(..) => ServiceState::Connected,
            Stage::Disconnecting => ServiceState::Disconnecting,
            Stage::Restarting => ServiceState::Restarting,
            Stage::Stopped => ServiceState::Stopped,
        }
    }
}

impl<P: Protocol> Service<P> {
    fn enter(&self, stage: Stage<P>) {
        let before = mem::replace(&mut *self.stage.borrow_mut(), stage);
        drop(before);
    }

    fn connect(self: &Rc<Self>) {
        let attempt = self.attempt.get() + 1;
        self.attempt.set(attempt);
        self.is_good.set(false);
        match catch_panic(|| self.dial(attempt)) {
            Ok((connecting, watch)) => {
                self.enter(Stage::Connecting(connecting.canceller(), watch.clone()));
                let me = self.clone();
                connecting.done(move |outcome| me.attempted(attempt, &watch, outcome));
            }
            Err(message) => self.failed(Failure::Panicked(message)),
        }
    }

    /// Begins an attempt.
    fn dial(self: &Rc<Self>, attempt: u64) -> Dialled<P> {
        let (above, opened) = opening((self.protocol)());
        let watch = Watch::new(above);
        let me = self.clone();
        watch.on_lost(move |reason| me.lost(attempt, reason));
        let prepare = self.prepare.borrow().clone();
        let attached = watch.clone();
        let made = self
            .dialer
            .connect(watch.as_protocol())
            .map(move |connector| {
                attached.set_attached();
                connector
            });
        let connecting = when_opened(made, opened)
            .map_err(AttemptError::Dial)
            .add_callback(move |protocol| match prepare {
                Some(prepare) => prepare(&protocol)
                    .map_err(AttemptError::Prepare)
                    .map(|()| protocol),
                None => Deferred::succeed(protocol),
            });
        (connecting, watch)
    }

    /// The attempt has an outcome. It is ignored if the service was stopped meanwhile.
    fn attempted(
        self: &Rc<Self>,
        attempt: u64,
        watch: &Rc<Watch>,
        outcome: Outcome<ProtocolHandle<P>, AttemptError>,
    ) {
        let is_wanted = matches!(&*self.stage.borrow(), Stage::Connecting(..));
        if !is_wanted || attempt != self.attempt.get() {
            return;
        }
        match (outcome, watch.lost()) {
            (Ok(protocol), None) => {
                let now = self.clock.now();
                self.enter(Stage::Connected(protocol.clone(), watch.clone(), now));
                for waiter in self.waiting.take_if(|_| true) {
                    waiter.fire(Ok(protocol.clone()));
                }
            }
            (Ok(_) | Err(Failure::Cancelled), Some(reason)) => {
                self.failed(Failure::Error(AttemptError::Lost(reason.clone())));
            }
            (Err(failure), _) => {
                if watch.is_open() {
                    watch.close();
                }
                self.failed(failure);
            }
        }
    }

    fn failed(self: &Rc<Self>, failure: Failure<AttemptError>) {
        self.count_failure();
        self.wait(&error_chain(&failure));
        let error = ServiceError::new(self.failures.get(), failure);
        let impatient = self.waiting.take_if(|patience| {
            *patience = patience.map(|left| left.saturating_sub(1));
            *patience == Some(0)
        });
        for waiter in impatient {
            waiter.fire(Err(error.clone().into()));
        }
    }

    fn count_failure(&self) {
        self.failures.set(self.failures.get().saturating_add(1));
    }

    fn wait(self: &Rc<Self>, why: &str) {
        let delay = self.backoff.borrow().delay(self.failures.get());
        log::info!("{why}; connecting again in {:.1} s", delay.as_secs_f64());
        let retry = Retry(Some(self.clone()));
        let timer = self.clock.call_later(delay, move || retry.connect());
        let has_ended = !timer.active();
        self.enter(Stage::Waiting(timer));
        if has_ended {
            self.reactor_ended();
        }
    }

    /// There will be no more attempts.
    fn reactor_ended(&self) {
        if matches!(&*self.stage.borrow(), Stage::Waiting(_)) {
            self.stopped(Failure::ReactorEnded);
        }
    }

    /// The connection of an attempt has ended.
    fn lost(self: &Rc<Self>, attempt: u64, reason: &Reason) {
        if attempt != self.attempt.get() {
            return;
        }
        let stage = mem::replace(&mut *self.stage.borrow_mut(), Stage::Stopped);
        match stage {
            Stage::Connected(_, _, since) => {
                let age = self.clock.now().saturating_duration_since(since);
                if self.is_good.get() || age >= self.backoff.borrow().reset_after {
                    self.failures.set(0);
                } else {
                    self.count_failure();
                }
                self.wait(&error_chain(reason));
            }
            Stage::Disconnecting => self.stopped(Failure::Cancelled),
            Stage::Restarting => {
                self.connect();
                self.tell_stopped();
            }
            Stage::Connecting(canceller, watch) => {
                self.enter(Stage::Connecting(canceller.clone(), watch));
                canceller.cancel();
            }
            other => self.enter(other),
        }
    }

    fn stop(&self) {
        let stage = mem::replace(&mut *self.stage.borrow_mut(), Stage::Disconnecting);
        match stage {
            Stage::Connected(_, watch, _) => watch.close(),
            Stage::Connecting(canceller, watch) => {
                // While a layer below negotiates, this closes the connection.
                canceller.cancel();
                if watch.is_open() {
                    watch.close();
                } else if !watch.is_attached() {
                    self.stopped(Failure::Cancelled);
                }
            }
            Stage::Waiting(timer) => {
                timer.cancel();
                self.stopped(Failure::Cancelled);
            }
            Stage::Disconnecting | Stage::Restarting => {}
            Stage::Init | Stage::Stopped => self.stopped(Failure::Cancelled),
        }
        self.fail_requests(&Failure::Cancelled);
    }

    fn stopped(&self, why: Failure<ServiceError>) {
        self.failures.set(0);
        self.enter(Stage::Stopped);
        self.fail_requests(&why);
        self.tell_stopped();
    }

    /// There will be no connection for the pending requests.
    fn fail_requests(&self, why: &Failure<ServiceError>) {
        for waiter in self.waiting.take_if(|_| true) {
            waiter.fire(Err(why.clone()));
        }
    }

    /// The connection of the time when the service was stopped has been closed.
    fn tell_stopped(&self) {
        for promise in self.stopping.take() {
            promise.fire(Ok(()));
        }
    }
}

/// The next attempt, as the clock keeps it; `None` once it begins. If the clock drops it before that
/// while the service waits, the reactor has ended.
struct Retry<P: Protocol>(Option<Rc<Service<P>>>);

impl<P: Protocol> Retry<P> {
    fn connect(mut self) {
        if let Some(service) = self.0.take() {
            service.connect();
        }
    }
}

impl<P: Protocol> Drop for Retry<P> {
    fn drop(&mut self) {
        if let Some(service) = self.0.take() {
            service.reactor_ended();
        }
    }
}

impl<P: Protocol> Clone for ClientService<P> {
    fn clone(&self) -> Self {
        ClientService {
            service: self.service.clone(),
        }
    }
}

impl<P: Protocol> fmt::Debug for ClientService<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("state", &self.state())
            .field("waiting", &self.service.waiting.len())
            .finish_non_exhaustive()
    }
}
