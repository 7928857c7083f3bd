use std::cell::{Cell, RefCell};
use std::f64::consts::E;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, IntoFactory, IntoProtocol, Reason,
    error_chain,
};

use crate::Backoff;

/// A client's factory that connects again after a failure or a loss. It goes to
/// `connect_tcp_factory` of a reactor or of a [`Network`](crate::Network).
/// [`ClientService`](crate::ClientService) does the same for a dialer.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::Reconnecting;
/// use retwist::testing::MemoryReactor;
/// use retwist::{ConnectError, Protocol, TcpConnect, TransportRef, factory};
/// use std::time::Duration;
///
/// struct Client;
/// impl Protocol for Client {
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// }
///
/// let reactor = MemoryReactor::new();
/// let factory = Reconnecting::new(factory(|_| Client));
/// let retries = factory.retries();
/// let there = TcpConnect::address("192.0.2.1:7".parse().unwrap());
/// reactor.connect_tcp_factory(there, factory);
/// reactor.connecting()[0].fail(ConnectError::Refused);
/// reactor.clock().advance(Duration::from_secs(4));
/// assert_eq!(reactor.connecting().len(), 1); // again
/// retries.stop_trying();
/// ```
///
/// The wait grows by the factor e, from 2.7 s to at most 1 h, until
/// [`reset_delay`](Retries::reset_delay) is called.
#[doc(alias = "ReconnectingClientFactory")]
pub struct Reconnecting {
    inner: FactoryRef,
    retries: Retries,
}

/// Controls a [`Reconnecting`] factory. A cheap handle.
#[derive(Clone)]
pub struct Retries {
    state: Rc<RetryState>,
}

struct RetryState {
    backoff: RefCell<Backoff>,
    max_retries: Cell<u32>,
    /// The retries in a row.
    count: Cell<u32>,
    stopped: Cell<bool>,
    connector: RefCell<Option<Connector>>,
}

impl Reconnecting {
    /// Makes protocols with `inner`, which hears everything that a client's factory hears. A closure
    /// becomes a factory with [`factory`](retwist_reactor::factory).
    pub fn new(inner: impl IntoFactory) -> Self {
        Reconnecting::with_retries(|_| inner)
    }

    /// The same for a factory that `make` makes with the handle of its own retries, so that a
    /// protocol can call [`reset_delay`](Retries::reset_delay) or
    /// [`stop_trying`](Retries::stop_trying).
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
    /// use retwist::deferred::{Reconnecting, Retries};
    /// use retwist::{Protocol, TransportRef, factory};
    ///
    /// struct Client { retries: Retries }
    /// impl Protocol for Client {
    ///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {
    ///         self.retries.reset_delay(); // the server answers
    ///     }
    /// }
    ///
    /// let clients = Reconnecting::with_retries(|retries| {
    ///     factory(move |_| Client { retries: retries.clone() })
    /// });
    /// # drop(clients);
    /// ```
    pub fn with_retries<F: IntoFactory>(make: impl FnOnce(Retries) -> F) -> Self {
        let retries = Retries::new();
        Reconnecting {
            inner: make(retries.clone()).into_factory(),
            retries,
        }
    }

    /// The handle for other code.
    pub fn retries(&self) -> Retries {
        self.retries.clone()
    }
}

impl Retries {
    fn new() -> Self {
        let backoff = Backoff {
            initial: Duration::from_secs(1),
            factor: E,
            max_delay: Duration::from_secs(3600),
            jitter: Duration::from_millis(500),
            ..Backoff::default()
        };
        Retries {
            state: Rc::new(RetryState {
                backoff: RefCell::new(backoff),
                max_retries: Cell::new(u32::MAX),
                count: Cell::new(0),
                stopped: Cell::new(false),
                connector: RefCell::default(),
            }),
        }
    }

    /// Sets the waits, from the next failure on.
    pub fn set_backoff(&self, backoff: Backoff) {
        *self.state.backoff.borrow_mut() = backoff;
    }

    /// Sets the most retries in a row, after which there are no more. Default: no limit.
    #[doc(alias = "maxRetries")]
    pub fn set_max_retries(&self, retries: u32) {
        self.state.max_retries.set(retries);
    }

    /// The connection is a success: the next wait is a short one again.
    #[doc(alias = "resetDelay")]
    pub fn reset_delay(&self) {
        self.state.count.set(0);
    }

    /// Stops trying: ends the wait or the attempt. A connection that exists lives on, and is the last
    /// one.
    #[doc(alias = "stopTrying")]
    pub fn stop_trying(&self) {
        self.state.stopped.set(true);
        if let Some(connector) = self.state.connector.take() {
            connector.stop_connecting();
        }
    }

    fn retry(&self, connector: &Connector, why: &dyn std::error::Error) {
        let state = &self.state;
        let count = state.count.get().saturating_add(1);
        if state.stopped.get() || count > state.max_retries.get() {
            return;
        }
        state.count.set(count);
        let delay = state.backoff.borrow().delay(count);
        log::info!(
            "{}: {}; connecting again in {:.1} s",
            connector.destination(),
            error_chain(why),
            delay.as_secs_f64()
        );
        connector.connect_later(delay);
    }
}

impl Factory for Reconnecting {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        self.inner.build_protocol(peer)
    }

    fn start_factory(self: &Rc<Self>) {
        self.inner.start();
    }

    fn stop_factory(self: &Rc<Self>) {
        self.inner.stop();
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        *self.retries.state.connector.borrow_mut() = Some(connector.clone());
        self.inner.started_connecting(connector);
    }

    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        self.inner.client_connection_failed(connector, error);
        self.retries.retry(connector, error);
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {
        self.inner.client_connection_lost(connector, reason);
        self.retries.retry(connector, reason);
    }
}

impl fmt::Debug for Reconnecting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.retries.fmt(f)
    }
}

impl fmt::Debug for Retries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Retries")
            .field("count", &self.state.count.get())
            .finish_non_exhaustive()
    }
}
