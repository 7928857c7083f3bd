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

/// A client's factory that connects again when a connection fails or is lost: what
/// [`ClientService`](crate::ClientService) is to a dialer, this is to `connect_tcp`.
///
/// ```
/// use retwist_deferred::Reconnecting;
/// use retwist_reactor::testing::MemoryReactor;
/// use retwist_reactor::{ConnectError, Protocol, TcpConnect, TransportRef, factory};
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
/// The wait grows by the factor e, from 2.7 s up to an hour, until
/// [`reset_delay`](Retries::reset_delay) says that all is well.
#[doc(alias = "ReconnectingClientFactory")]
pub struct Reconnecting {
    inner: FactoryRef,
    retries: Retries,
}

/// What others may say to a [`Reconnecting`] factory. A cheap handle.
#[derive(Clone)]
pub struct Retries {
    inner: Rc<Inner>,
}

struct Inner {
    backoff: RefCell<Backoff>,
    most: Cell<u32>,
    count: Cell<u32>,
    stopped: Cell<bool>,
    connector: RefCell<Option<Connector>>,
}

impl Reconnecting {
    /// Makes protocols with `inner`, which hears everything that a client's factory hears. A closure
    /// becomes a factory with [`factory`](retwist_reactor::factory).
    pub fn new(inner: impl IntoFactory) -> Self {
        let backoff = Backoff {
            initial: Duration::from_secs(1),
            factor: E,
            max_delay: Duration::from_secs(3600),
            jitter: Duration::from_millis(500),
            ..Backoff::default()
        };
        let state = Rc::new(Inner {
            backoff: RefCell::new(backoff),
            most: Cell::new(u32::MAX),
            count: Cell::new(0),
            stopped: Cell::new(false),
            connector: RefCell::default(),
        });
        Reconnecting {
            inner: inner.into_factory(),
            retries: Retries { inner: state },
        }
    }

    /// The handle to keep.
    pub fn retries(&self) -> Retries {
        self.retries.clone()
    }
}

impl Retries {
    /// How long it waits, from the next failure on.
    pub fn set_backoff(&self, backoff: Backoff) {
        *self.inner.backoff.borrow_mut() = backoff;
    }

    /// Gives up after so many retries in a row. Default: never.
    #[doc(alias = "maxRetries")]
    pub fn set_max_retries(&self, retries: u32) {
        self.inner.most.set(retries);
    }

    /// The connection is a good one: the next wait is a short one again.
    #[doc(alias = "resetDelay")]
    pub fn reset_delay(&self) {
        self.inner.count.set(0);
    }

    /// Tries no more: ends the wait, or the attempt. A connection that exists lives on, and is the
    /// last one.
    #[doc(alias = "stopTrying")]
    pub fn stop_trying(&self) {
        self.inner.stopped.set(true);
        if let Some(connector) = self.inner.connector.take() {
            connector.stop_connecting();
        }
    }

    fn retry(&self, connector: &Connector, why: &dyn std::error::Error) {
        let inner = &self.inner;
        let count = inner.count.get().saturating_add(1);
        if inner.stopped.get() || count > inner.most.get() {
            return;
        }
        inner.count.set(count);
        let delay = inner.backoff.borrow().delay(count);
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
        *self.retries.inner.connector.borrow_mut() = Some(connector.clone());
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
            .field("count", &self.inner.count.get())
            .finish_non_exhaustive()
    }
}
