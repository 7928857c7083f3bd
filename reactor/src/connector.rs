use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::channel::Channel;
use crate::stream::Owner;
use crate::{Address, ConnectError, FactoryRef, Reason};

/// One destination, and the way to it: connects, can be cancelled, disconnects, connects again. A
/// cheap handle.
///
/// ```text
/// disconnected --connect--> connecting --> connected
///      ^                        | failed       | lost
///      +------------------------+--------------+
/// ```
#[doc(alias = "IConnector")]
#[derive(Clone)]
pub struct Connector {
    inner: Rc<Inner>,
}

struct Inner {
    destination: Address,
    factory: FactoryRef,
    /// The factory has been told to start, and not to stop.
    started: Cell<bool>,
    dialer: Box<dyn Dialer>,
    state: RefCell<State>,
}

enum State {
    Disconnected,
    Connecting(Box<dyn Attempt>),
    Connected(Weak<dyn Channel>),
}

/// How connections of one kind are begun.
pub(crate) trait Dialer {
    /// Begins, and later says [`Connector::connected`] or [`Connector::failed`]; never from inside
    /// this call. None once the reactor ends.
    fn dial(&self, connector: &Connector) -> Option<Box<dyn Attempt>>;
}

/// A connection that is being made.
pub(crate) trait Attempt {
    /// Gives up. [`Connector::failed`] follows, not from inside this call.
    fn cancel(&self);
}

/// What a [`Connector`] is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectorState {
    /// Nothing: not yet connected, or no longer, or it failed.
    Disconnected,
    /// On the way.
    Connecting,
    /// There is a connection.
    Connected,
}

impl Connector {
    pub(crate) fn new(
        destination: Address,
        factory: FactoryRef,
        dialer: impl Dialer + 'static,
    ) -> Self {
        Connector {
            inner: Rc::new(Inner {
                destination,
                factory,
                started: Cell::new(false),
                dialer: Box::new(dialer),
                state: RefCell::new(State::Disconnected),
            }),
        }
    }

    /// Where it connects to.
    #[doc(alias = "getDestination")]
    pub fn destination(&self) -> &Address {
        &self.inner.destination
    }

    /// What it is doing.
    pub fn state(&self) -> ConnectorState {
        match &*self.inner.state.borrow() {
            State::Disconnected => ConnectorState::Disconnected,
            State::Connecting(_) => ConnectorState::Connecting,
            State::Connected(_) => ConnectorState::Connected,
        }
    }

    /// Begins to connect; also again, from `client_connection_failed`, from
    /// `client_connection_lost`, or later. Every outcome comes in a later turn.
    pub fn connect(&self) -> Result<(), ConnectorError> {
        if self.state() != ConnectorState::Disconnected {
            return Err(ConnectorError::Busy);
        }
        let attempt = self.inner.dialer.dial(self);
        let attempt = attempt.ok_or(ConnectorError::ReactorGone)?;
        if !self.inner.started.replace(true) {
            self.inner.factory.start();
        }
        *self.inner.state.borrow_mut() = State::Connecting(attempt);
        self.inner.factory.started_connecting(self);
        Ok(())
    }

    /// Gives up connecting: the factory hears `client_connection_failed` with
    /// [`ConnectError::Cancelled`]. False if it was not connecting.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&self) -> bool {
        match &*self.inner.state.borrow() {
            State::Connecting(attempt) => {
                attempt.cancel();
                true
            }
            _ => false,
        }
    }

    /// Gives up connecting, or closes the connection in order; nothing if there is neither.
    pub fn disconnect(&self) {
        if self.stop_connecting() {
            return;
        }
        let channel = match &*self.inner.state.borrow() {
            State::Connected(channel) => channel.upgrade(),
            _ => None,
        };
        if let Some(channel) = channel {
            channel.seat().close();
        }
    }

    pub(crate) fn factory(&self) -> &FactoryRef {
        &self.inner.factory
    }

    /// The connection is made. Whoever made it tells [`stream_lost`](Owner::stream_lost) when it
    /// has ended.
    pub(crate) fn connected(&self, channel: Weak<dyn Channel>) {
        *self.inner.state.borrow_mut() = State::Connected(channel);
    }

    pub(crate) fn failed(&self, error: &ConnectError) {
        self.over(|factory| factory.client_connection_failed(self, error));
    }

    /// Tells the factory, which may connect again; if it does not, it is not used any more.
    fn over(&self, tell: impl FnOnce(&FactoryRef)) {
        *self.inner.state.borrow_mut() = State::Disconnected;
        tell(&self.inner.factory);
        if self.state() == ConnectorState::Disconnected && self.inner.started.replace(false) {
            self.inner.factory.stop();
        }
    }
}

impl Owner for Connector {
    fn stream_lost(&self, reason: &Reason) {
        self.over(|factory| factory.client_connection_lost(self, reason));
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("destination", self.destination())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// [`Connector::connect`] could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectorError {
    /// It is connecting or connected already.
    Busy,
    /// The reactor has ended, or is ending.
    ReactorGone,
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConnectorError::Busy => {
                "this connector is connecting or connected already; disconnect it first"
            }
            ConnectorError::ReactorGone => "the reactor has ended",
        })
    }
}

impl Error for ConnectorError {}
