use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::mem;
use std::rc::Rc;

use retwist_reactor::{
    Clock, DelayedCall, LayerExt, Protocol, ProtocolHandle, Reason, catch_panic, error_chain,
};

use super::connect::{opening, when_opened};
use super::watch::Watch;
use crate::deferreds::Waiters;
use crate::{
    AttemptError, Backoff, Canceller, Deferred, Dialer, Failure, Outcome, Promise, ServiceError,
};

/// Keeps a connection: connects, and connects again when it fails or is lost, until it is stopped.
///
/// ```text
/// init --start--> connecting --prepared--> connected --stop--> disconnecting --lost--> stopped
///                   ^    | failed              | lost            | start ^ stop          | start
///                   |    v                     |                 v       |               v
///                   +- waiting <---------------+               restarting --lost--> connecting
/// ```
///
/// Stopped while it is waiting, or connecting, it is stopped at once, unless there is a connection
/// already that has to be closed. Each retry is logged, with what went wrong and how long it waits
/// ([`Backoff`]).
///
/// A cheap handle: clones are the same service. It goes on until it is stopped, or the reactor
/// ends.
pub struct ClientService<P: Protocol> {
    inner: Rc<Inner<P>>,
}

struct Inner<P: Protocol> {
    clock: Clock,
    dialer: Box<dyn Dialer>,
    protocol: Box<dyn Fn() -> P>,
    prepare: RefCell<Option<Prepare<P>>>,
    backoff: RefCell<Backoff>,
    state: RefCell<State<P>>,
    /// Which attempt it is, so that what comes of an earlier one is known as that.
    attempt: Cell<u64>,
    /// How many have failed in a row.
    failures: Cell<u32>,
    /// Those who wait for a connection, each with the number of failures after which he is told of
    /// one.
    waiting: Waiters<ProtocolHandle<P>, ServiceError, Option<u32>>,
    stopping: RefCell<Vec<Promise<(), Infallible>>>,
}

/// What comes of an attempt, and what tells of the connection's end.
type Attempt<P> = (Deferred<ProtocolHandle<P>, AttemptError>, Rc<Watch>);
type Prepare<P> = Rc<dyn Fn(&ProtocolHandle<P>) -> Deferred<(), Box<dyn Error>>>;

enum State<P: Protocol> {
    Init,
    Connecting(Canceller, Rc<Watch>),
    Waiting(DelayedCall),
    Connected(ProtocolHandle<P>, Rc<Watch>),
    Disconnecting,
    Restarting,
    Stopped,
}

/// What a [`ClientService`] is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceState {
    /// It has not been started.
    Init,
    /// It connects, or what was given to [`prepare_connection`](ClientService::prepare_connection)
    /// is under way.
    Connecting,
    /// It waits before it tries again.
    Waiting,
    /// There is a connection.
    Connected,
    /// It was stopped, and its connection is being closed.
    Disconnecting,
    /// It was stopped and started again, and its old connection is being closed.
    Restarting,
    /// It was stopped.
    Stopped,
}

impl<P: Protocol> ClientService<P> {
    /// Will connect by way of `dialer`, each time with a protocol that `protocol` makes.
    pub fn new(
        clock: &Clock,
        dialer: impl Dialer + 'static,
        protocol: impl Fn() -> P + 'static,
    ) -> Self {
        ClientService {
            inner: Rc::new(Inner {
                clock: clock.clone(),
                dialer: Box::new(dialer),
                protocol: Box::new(protocol),
                prepare: RefCell::default(),
                backoff: RefCell::default(),
                state: RefCell::new(State::Init),
                attempt: Cell::new(0),
                failures: Cell::new(0),
                waiting: Waiters::default(),
                stopping: RefCell::default(),
            }),
        }
    }

    /// How long it waits, from the next failure on.
    #[doc(alias = "retryPolicy")]
    pub fn set_backoff(&self, backoff: Backoff) {
        *self.inner.backoff.borrow_mut() = backoff;
    }

    /// What each new connection goes through before it counts: logging in, say. If it fails, the
    /// connection is closed, and that is a failed attempt.
    #[doc(alias = "prepareConnection")]
    pub fn prepare_connection(
        &self,
        prepare: impl Fn(&ProtocolHandle<P>) -> Deferred<(), Box<dyn Error>> + 'static,
    ) {
        *self.inner.prepare.borrow_mut() = Some(Rc::new(prepare));
    }

    /// Keeps a connection, from now on. Nothing if it does so already.
    #[doc(alias = "startService")]
    pub fn start(&self) {
        let state = self.state();
        match state {
            ServiceState::Init | ServiceState::Stopped => self.inner.connect(),
            ServiceState::Disconnecting => self.inner.enter(State::Restarting),
            _ => {}
        }
    }

    /// Keeps none any more. The Deferred fires when the connection has been closed; at once, if
    /// there is none. Those who wait for a connection are told that it was cancelled.
    #[doc(alias = "stopService")]
    pub fn stop(&self) -> Deferred<(), Infallible> {
        let (promise, stopped) = Deferred::new();
        self.inner.stopping.borrow_mut().push(promise);
        self.inner.stop();
        stopped
    }

    /// The protocol of the connection: now, or when there is one. With `fail_after`, it fails once
    /// that many attempts have failed; without, it waits until the service is stopped. Cancelled,
    /// it waits no more, and the service goes on.
    #[doc(alias = "whenConnected")]
    #[doc(alias = "failAfterFailures")]
    pub fn when_connected(
        &self,
        fail_after: Option<u32>,
    ) -> Deferred<ProtocolHandle<P>, ServiceError> {
        match &*self.inner.state.borrow() {
            State::Connected(protocol, _) => return Deferred::succeed(protocol.clone()),
            State::Stopped => return Deferred::from_outcome(Err(Failure::Cancelled)),
            _ => {}
        }
        self.inner.waiting.wait(fail_after)
    }

    /// What it is doing.
    pub fn state(&self) -> ServiceState {
        match &*self.inner.state.borrow() {
            State::Init => ServiceState::Init,
            State::Connecting(..) => ServiceState::Connecting,
            State::Waiting(_) => ServiceState::Waiting,
            State::Connected(..) => ServiceState::Connected,
            State::Disconnecting => ServiceState::Disconnecting,
            State::Restarting => ServiceState::Restarting,
            State::Stopped => ServiceState::Stopped,
        }
    }
}

impl<P: Protocol> Inner<P> {
    fn enter(&self, state: State<P>) {
        let before = mem::replace(&mut *self.state.borrow_mut(), state);
        drop(before);
    }

    fn connect(self: &Rc<Self>) {
        let attempt = self.attempt.get() + 1;
        self.attempt.set(attempt);
        match catch_panic(|| self.dial(attempt)) {
            Ok((connecting, watch)) => {
                self.enter(State::Connecting(connecting.canceller(), watch.clone()));
                let me = self.clone();
                connecting.done(move |outcome| me.attempted(attempt, &watch, outcome));
            }
            Err(message) => self.failed(Failure::Panicked(message)),
        }
    }

    /// Begins an attempt.
    fn dial(self: &Rc<Self>, attempt: u64) -> Attempt<P> {
        let (above, opened) = opening((self.protocol)());
        let watch = Watch::new(above);
        let me = self.clone();
        watch.on_lost(move |reason| me.lost(attempt, reason));
        let prepare = self.prepare.borrow().clone();
        let sits = watch.clone();
        let made = self.dialer.connect(watch.below()).map(move |connector| {
            sits.seated();
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

    /// The attempt has an outcome; nobody asks for it if the service was stopped meanwhile.
    fn attempted(
        self: &Rc<Self>,
        attempt: u64,
        watch: &Rc<Watch>,
        outcome: Outcome<ProtocolHandle<P>, AttemptError>,
    ) {
        let is_wanted = matches!(&*self.state.borrow(), State::Connecting(..));
        if !is_wanted || attempt != self.attempt.get() {
            return;
        }
        match (outcome, watch.lost()) {
            (Ok(protocol), None) => {
                self.failures.set(0);
                self.enter(State::Connected(protocol.clone(), watch.clone()));
                for waiter in self.waiting.take_if(|_| true) {
                    // Nobody has fired it: who is cancelled does not wait.
                    waiter.callback(protocol.clone());
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
        let failures = self.failures.get().saturating_add(1);
        self.failures.set(failures);
        self.wait(&error_chain(&failure));
        let error = ServiceError::new(failures, failure);
        let told = self.waiting.take_if(|patience| {
            *patience = patience.map(|left| left.saturating_sub(1));
            *patience == Some(0)
        });
        for waiter in told {
            // Nobody has fired it: who is cancelled does not wait.
            waiter.errback(error.clone());
        }
    }

    fn wait(self: &Rc<Self>, why: &str) {
        let delay = self.backoff.borrow().delay(self.failures.get());
        log::info!("{why}; connecting again in {:.1} s", delay.as_secs_f64());
        let me = self.clone();
        let timer = self.clock.call_later(delay, move || me.connect());
        self.enter(State::Waiting(timer));
    }

    /// The connection of an attempt has ended.
    fn lost(self: &Rc<Self>, attempt: u64, reason: &Reason) {
        if attempt != self.attempt.get() {
            return;
        }
        let state = mem::replace(&mut *self.state.borrow_mut(), State::Stopped);
        match state {
            State::Connected(..) => self.wait(&error_chain(reason)),
            State::Disconnecting => self.stopped(),
            State::Restarting => {
                self.connect();
                self.tell_stopped();
            }
            State::Connecting(canceller, watch) => {
                self.enter(State::Connecting(canceller.clone(), watch));
                canceller.cancel();
            }
            other => self.enter(other),
        }
    }

    fn stop(&self) {
        let state = mem::replace(&mut *self.state.borrow_mut(), State::Disconnecting);
        match state {
            State::Connected(_, watch) => watch.close(),
            State::Connecting(canceller, watch) => {
                // While a layer below negotiates, this closes the connection.
                canceller.cancel();
                match watch.is_seated() {
                    true if watch.is_open() => watch.close(),
                    true => {}
                    false => self.stopped(),
                }
            }
            State::Waiting(timer) => {
                // Waiting for its time, it is there.
                let _ = timer.cancel();
                self.stopped();
            }
            State::Disconnecting | State::Restarting => {}
            State::Init | State::Stopped => self.stopped(),
        }
        self.send_away();
    }

    fn stopped(&self) {
        self.failures.set(0);
        self.enter(State::Stopped);
        self.send_away();
        self.tell_stopped();
    }

    /// There will be no connection for those who wait for one.
    fn send_away(&self) {
        for waiter in self.waiting.take_if(|_| true) {
            // Nobody has fired it: who is cancelled does not wait.
            waiter.fire(Err(Failure::Cancelled));
        }
    }

    /// The connection that there was when it was stopped has been closed.
    fn tell_stopped(&self) {
        for promise in self.stopping.take() {
            // Cancelled, it has its outcome.
            promise.fire(Ok(()));
        }
    }
}

impl<P: Protocol> Clone for ClientService<P> {
    fn clone(&self) -> Self {
        ClientService {
            inner: self.inner.clone(),
        }
    }
}

impl<P: Protocol> fmt::Debug for ClientService<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientService")
            .field("state", &self.state())
            .field("waiting", &self.inner.waiting.len())
            .finish_non_exhaustive()
    }
}
