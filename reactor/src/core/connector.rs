#[cfg(unix)]
use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::heart::channel::Channel;
#[cfg(unix)]
use crate::heart::duplicate::{Duplicate, lend};
use crate::stream::Owner;
use crate::{
    Address, AddressError, Clock, ConnectError, DelayedCall, FactoryRef, Reason, StreamSettings,
    error_chain,
};

/// One destination, and the way to it: connects, can be cancelled, disconnects, connects again. A
/// cheap, weak handle, which its factory may keep.
///
/// ```text
///                      +----------- connect ------------+
///                      |                                v
/// disconnected --connect_later--> waiting --time--> connecting --> connected
///      ^                             | stopped          | failed       | lost
///      +-----------------------------+------------------+--------------+
/// ```
///
/// The factory hears of each failure and each loss, and may connect again while it does, at once or
/// later. If it does not, the connector has ended, and its handles do nothing. For a new connection
/// after that, call [`connect_tcp`](crate::ReactorHandle::connect_tcp) again.
#[doc(alias = "IConnector")]
#[derive(Clone)]
pub struct Connector {
    owned: Weak<OwnedConnector>,
    destination: Rc<Address>,
}

/// The connector itself. What it is doing owns it: the attempt to connect, the connection, or the
/// timer. So a factory that keeps its connector is no cycle.
pub(crate) struct OwnedConnector {
    me: Weak<OwnedConnector>,
    destination: Rc<Address>,
    factory: FactoryRef,
    /// The factory has been told to start, and not to stop.
    started: Cell<bool>,
    dialer: Box<dyn Dialer>,
    clock: Clock,
    state: RefCell<State>,
    /// The factory is being told of a failure or a loss.
    is_telling: Cell<bool>,
    /// What the factory has left to the log meanwhile.
    unreported: RefCell<Option<String>>,
}

enum State {
    Disconnected,
    Waiting(DelayedCall),
    Connecting(Rc<dyn Attempt>),
    Connected(Connection),
}

/// What a [`Connector`] closes when it disconnects.
#[derive(Clone)]
enum Connection {
    Channel(Weak<dyn Channel>),
    Custom(Rc<dyn Fn()>),
}

/// The options of a connection that is to be made, whatever its kind.
pub trait ConnectOptions: Clone + 'static {
    /// Where it leads to.
    fn destination(&self) -> Address;
    /// How long it may take.
    fn time_limit(&self) -> Duration;
    /// The bounds of the connection.
    fn bounds(&self) -> StreamSettings;
}

/// How connections of one kind are begun.
pub(crate) trait Dialer {
    /// Begins, and later calls [`OwnedConnector::connected`] or [`OwnedConnector::failed`]; never from
    /// inside this call. Returns `None` once the reactor ends.
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>>;
}

/// A connection that is being made.
pub(crate) trait Attempt {
    /// Gives up. [`OwnedConnector::failed`] follows, not from inside this call.
    fn cancel(&self);
    /// A duplicate of the descriptor that is being connected, if there is one.
    #[cfg(unix)]
    fn duplicate(&self) -> Option<std::io::Result<std::os::fd::OwnedFd>> {
        None
    }
}

/// The state of a [`Connector`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectorState {
    /// Nothing. Unless its factory is just being told of a failure or a loss, it has ended.
    Disconnected,
    /// It waits before it connects again: see [`Connector::connect_later`].
    Waiting,
    /// It is connecting.
    Connecting,
    /// There is a connection.
    Connected,
}

impl Connector {
    /// Returns where it connects to.
    #[doc(alias = "getDestination")]
    pub fn destination(&self) -> &Address {
        &self.destination
    }

    /// Returns what it is doing.
    pub fn state(&self) -> ConnectorState {
        match self.owned.upgrade() {
            Some(owned) => owned.state(),
            None => ConnectorState::Disconnected,
        }
    }

    /// Connects again, from `client_connection_failed` or `client_connection_lost`, or in place of
    /// the rest of a wait. Every outcome comes in a later turn. Returns false, and logs why, if it is
    /// connecting or connected already, or has ended.
    pub fn connect(&self) -> bool {
        self.or_log("connect", |owned| owned.connect())
    }

    /// [`connect`](Connector::connect) after this time. The factory counts as used meanwhile. Asking
    /// again changes the time.
    pub fn connect_later(&self, delay: Duration) -> bool {
        self.or_log("connect", |owned| owned.connect_later(delay))
    }

    /// Stops connecting: the factory hears `client_connection_failed` with
    /// [`ConnectError::Cancelled`]. Ends a wait, of which the factory hears no more. Returns false if
    /// it was doing neither.
    #[doc(alias = "stopConnecting")]
    pub fn stop_connecting(&self) -> bool {
        self.owned
            .upgrade()
            .is_some_and(|owned| owned.stop_connecting())
    }

    /// Stops connecting or waiting, or closes the connection in order. Does nothing if there is
    /// neither.
    pub fn disconnect(&self) {
        if let Some(owned) = self.owned.upgrade() {
            owned.disconnect();
        }
    }

    /// Lends the descriptor to `act` while it is connecting or connected, as
    /// [`with_descriptor`](crate::TransportRef::with_descriptor) of a connection does. Right
    /// after `connect_tcp` the connection is under way, and not made yet.
    ///
    /// [`NotConnected`](std::io::ErrorKind::NotConnected): it is neither, or has no descriptor, as
    /// while a name is looked up.
    #[cfg(unix)]
    pub fn with_descriptor<R>(
        &self,
        act: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R,
    ) -> std::io::Result<R> {
        let made = self.owned.upgrade().and_then(|owned| owned.duplicate());
        lend(made, act)
    }

    /// A failure that its factory does not handle. The log has it, unless another factory around this
    /// one connects again: that one logs why.
    pub(crate) fn leave_to_the_log(&self, error: &ConnectError) {
        let line = format!(
            "connecting to {} failed: {}",
            self.destination,
            error_chain(error)
        );
        match self.owned.upgrade() {
            Some(owned) if owned.is_telling.get() => {
                owned.unreported.replace(Some(line));
            }
            _ => log::warn!("{line}"),
        }
    }

    fn or_log(
        &self,
        what: &str,
        act: impl FnOnce(&OwnedConnector) -> Result<(), &'static str>,
    ) -> bool {
        let outcome = match self.owned.upgrade() {
            Some(owned) => act(&owned),
            None => Err(
                "this connector has ended, since its factory did not connect it again; call connect_tcp",
            ),
        };
        if let Err(why) = outcome {
            log::warn!("cannot {what} to {}: {why}", self.destination);
        }
        outcome.is_ok()
    }
}

impl OwnedConnector {
    pub(crate) fn new(
        destination: Address,
        factory: FactoryRef,
        clock: Clock,
        dialer: impl Dialer + 'static,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| OwnedConnector {
            me: me.clone(),
            destination: Rc::new(destination),
            factory,
            started: Cell::new(false),
            dialer: Box::new(dialer),
            clock,
            state: RefCell::new(State::Disconnected),
            is_telling: Cell::new(false),
            unreported: RefCell::default(),
        })
    }

    /// Connects for the first time, and returns the handle.
    pub(crate) fn begin(self: Rc<Self>) -> Connector {
        let handle = self.handle();
        handle.connect();
        handle
    }

    fn handle(&self) -> Connector {
        Connector {
            owned: self.me.clone(),
            destination: self.destination.clone(),
        }
    }

    fn state(&self) -> ConnectorState {
        match &*self.state.borrow() {
            State::Disconnected => ConnectorState::Disconnected,
            State::Waiting(_) => ConnectorState::Waiting,
            State::Connecting(_) => ConnectorState::Connecting,
            State::Connected(_) => ConnectorState::Connected,
        }
    }

    fn connect(&self) -> Result<(), &'static str> {
        self.not_busy()?;
        let me = self.me.upgrade().ok_or("it has ended")?;
        let attempt = self.dialer.dial(&me).ok_or("the reactor has ended")?;
        self.enter(State::Connecting(attempt));
        self.factory.started_connecting(&self.handle());
        Ok(())
    }

    fn connect_later(&self, delay: Duration) -> Result<(), &'static str> {
        self.not_busy()?;
        let me = self.me.upgrade().ok_or("it has ended")?;
        let timer = self.clock.call_later(delay, move || {
            if me.connect().is_err() {
                // The reactor ends.
                me.enter(State::Disconnected);
            }
        });
        if !timer.active() {
            return Err("the reactor has ended");
        }
        self.enter(State::Waiting(timer));
        Ok(())
    }

    fn not_busy(&self) -> Result<(), &'static str> {
        match self.state() {
            ConnectorState::Disconnected | ConnectorState::Waiting => Ok(()),
            _ => Err("it is connecting or connected already; disconnect first"),
        }
    }

    fn stop_connecting(&self) -> bool {
        // The code of an application may cancel the attempt, so nothing is borrowed meanwhile.
        let attempt = match &*self.state.borrow() {
            State::Connecting(attempt) => Some(attempt.clone()),
            State::Waiting(_) => None,
            _ => return false,
        };
        match attempt {
            Some(attempt) => attempt.cancel(),
            None => self.enter(State::Disconnected),
        }
        true
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<std::io::Result<std::os::fd::OwnedFd>> {
        let channel = match &*self.state.borrow() {
            State::Connecting(attempt) => return attempt.duplicate(),
            State::Connected(Connection::Channel(channel)) => channel.upgrade()?,
            _ => return None,
        };
        let found = channel.extension(TypeId::of::<Duplicate>())?;
        found.downcast_ref::<Duplicate>()?.take()
    }

    fn disconnect(&self) {
        if self.stop_connecting() {
            return;
        }
        let connection = match &*self.state.borrow() {
            State::Connected(connection) => connection.clone(),
            _ => return,
        };
        match connection {
            Connection::Channel(channel) => {
                if let Some(channel) = channel.upgrade() {
                    channel.seat().close();
                }
            }
            Connection::Custom(disconnect) => disconnect(),
        }
    }

    /// The only place that changes the state. Outside of `Disconnected` the factory is in use.
    fn enter(&self, state: State) {
        let in_use = !matches!(state, State::Disconnected);
        let before = self.state.replace(state);
        if let State::Waiting(timer) = before {
            timer.cancel();
        }
        if self.started.replace(in_use) != in_use {
            if in_use {
                self.factory.start();
            } else {
                self.factory.stop();
            }
        }
    }

    pub(crate) fn factory(&self) -> &FactoryRef {
        &self.factory
    }

    /// The connection is made. Its owner calls [`stream_lost`](Owner::stream_lost) when it has ended.
    pub(crate) fn connected(&self, channel: Weak<dyn Channel>) {
        self.enter(State::Connected(Connection::Channel(channel)));
    }

    /// The same for a connection that `disconnect` closes.
    pub(crate) fn connected_by(&self, disconnect: Rc<dyn Fn()>) {
        self.enter(State::Connected(Connection::Custom(disconnect)));
    }

    pub(crate) fn failed(&self, error: &ConnectError) {
        self.over(|factory, handle| factory.client_connection_failed(handle, error));
    }

    /// Tells the factory, which may connect again. Until it has, it stays in use.
    fn over(&self, tell: impl FnOnce(&FactoryRef, &Connector)) {
        self.state.replace(State::Disconnected);
        self.is_telling.set(true);
        tell(&self.factory, &self.handle());
        self.is_telling.set(false);
        let unreported = self.unreported.take();
        if self.state() == ConnectorState::Disconnected {
            if let Some(line) = unreported {
                log::warn!("{line}");
            }
            self.enter(State::Disconnected);
        }
    }
}

impl Owner for OwnedConnector {
    fn stream_lost(&self, reason: &Reason) {
        self.over(|factory, handle| factory.client_connection_lost(handle, reason));
    }
}

/// The reactor has ended while it waited.
impl Drop for OwnedConnector {
    fn drop(&mut self) {
        if self.started.get() {
            self.factory.stop();
        }
    }
}

/// A connector to a malformed address. Its factory hears so in the next turn, as it hears of any
/// failure.
pub(crate) fn failing(error: AddressError, factory: FactoryRef, clock: Clock) -> Connector {
    let destination = error.destination();
    let dialer = FailingDialer(error, clock.clone());
    OwnedConnector::new(destination, factory, clock, dialer).begin()
}

struct FailingDialer(AddressError, Clock);

impl Dialer for FailingDialer {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>> {
        let (connector, error) = (connector.clone(), self.0.clone());
        self.1.call_soon(move || connector.failed(&error.into()));
        Some(Rc::new(Failing))
    }
}

/// The failure is on its way already.
struct Failing;

impl Attempt for Failing {
    fn cancel(&self) {}
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("destination", self.destination())
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
