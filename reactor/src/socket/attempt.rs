use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::{Interest, Token};

#[cfg(unix)]
use super::HasDescriptor;
use super::wire::{SocketWire, StreamSocket};
use crate::core::Core;
use crate::core::connector::{Attempt, ConnectOptions, Dialer, OwnedConnector};
use crate::core::sources::Source;
use crate::machines::output::ReadBuffer;
use crate::stream::{Ready, Stream};
use crate::{Channel, ConnectError, Connector, DelayedCall, FactoryRef, ReactorHandle, Reason};

/// How long an attempt waits before it asks a peer again whose queue was full.
const QUEUE_PAUSE: Duration = Duration::from_millis(20);

/// What a family of sockets supplies to make a connection.
pub(crate) trait Dials: ConnectOptions {
    type Socket: StreamSocket;

    /// Makes the socket, which does not block and is not connected yet.
    fn open(&self) -> Result<Self::Socket, ConnectError>;
    /// Begins to connect it. It is called again after [`Progress::QueueFull`] alone.
    fn connect(&self, socket: &Self::Socket) -> Result<Progress, ConnectError>;
    /// What became of a connection that was under way. `NotConnected`: nothing yet.
    fn outcome(&self, socket: &Self::Socket) -> io::Result<()>;
    fn peer(&self) -> <Self::Socket as StreamSocket>::Peer;
}

/// How far a connection has come.
#[cfg_attr(
    not(unix),
    expect(
        dead_code,
        reason = "only a UNIX socket is connected at once, or finds a full queue"
    )
)]
pub(crate) enum Progress {
    /// It is under way, and an event tells how it goes.
    UnderWay,
    /// It is made, and no event tells so.
    Connected,
    /// The queue of the port is full, and no event tells when it is not.
    QueueFull,
}

/// Begins to connect.
pub(crate) fn connect(
    reactor: &ReactorHandle,
    family: impl Dials,
    factory: FactoryRef,
) -> Connector {
    let destination = family.destination();
    let dialer = SocketDialer {
        core: reactor.core.clone(),
        family: Rc::new(family),
    };
    OwnedConnector::new(destination, factory, reactor.clock.clone(), dialer).begin()
}

/// Makes connections for a [`Connector`].
struct SocketDialer<D> {
    core: Weak<Core>,
    family: Rc<D>,
}

impl<D: Dials> Dialer for SocketDialer<D> {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>> {
        let core = self.core.upgrade().filter(|core| !core.is_ending())?;
        let attempt = Rc::new_cyclic(|me| SocketAttempt {
            me: me.clone(),
            core: self.core.clone(),
            family: self.family.clone(),
            connector: RefCell::new(Some(connector.clone())),
            socket: RefCell::new(None),
            token: Cell::new(Token(usize::MAX)),
            timeout: Cell::new(None),
            waits_for_queue: Cell::new(false),
            cancelled: Cell::new(false),
        });
        if let Err(error) = attempt.begin(&core) {
            attempt.fail_soon(error);
        }
        Some(Rc::new(Canceller(Rc::downgrade(&attempt))))
    }
}

/// One connection that is being made. The sources own it; a failure that comes before that is owned
/// by the call that reports it.
struct SocketAttempt<D: Dials> {
    me: Weak<SocketAttempt<D>>,
    core: Weak<Core>,
    family: Rc<D>,
    /// `None` once it is over.
    connector: RefCell<Option<Rc<OwnedConnector>>>,
    socket: RefCell<Option<D::Socket>>,
    token: Cell<Token>,
    timeout: Cell<Option<DelayedCall>>,
    /// It is not connected, and what the system tells of its socket says nothing.
    waits_for_queue: Cell<bool>,
    /// It was given up, and a call that says so is on its way: what comes before that is too late.
    cancelled: Cell<bool>,
}

impl<D: Dials> SocketAttempt<D> {
    fn begin(&self, core: &Rc<Core>) -> Result<(), ConnectError> {
        let mut socket = self.family.open()?;
        let progress = self.family.connect(&socket)?;
        let Some(me) = self.me.upgrade() else {
            return Err(ConnectError::ReactorGone);
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = core.sources.add(me, &mut socket, interest)?;
        self.token.set(token);
        *self.socket.borrow_mut() = Some(socket);
        let me = self.me.clone();
        let timeout = core
            .context
            .clock
            .call_later(self.family.time_limit(), move || {
                if let Some(attempt) = me.upgrade() {
                    attempt.fail(&ConnectError::TimedOut(attempt.family.time_limit()));
                }
            });
        self.timeout.set(Some(timeout));
        self.proceed(core, progress);
        Ok(())
    }

    fn proceed(&self, core: &Rc<Core>, progress: Progress) {
        let is_full = matches!(progress, Progress::QueueFull);
        self.waits_for_queue.set(is_full);
        match progress {
            Progress::UnderWay => {}
            Progress::Connected => core.sources.again(self.token.get()),
            Progress::QueueFull => {
                let me = self.me.clone();
                core.context.clock.call_later(QUEUE_PAUSE, move || {
                    if let Some(attempt) = me.upgrade() {
                        attempt.ask_again();
                    }
                });
            }
        }
    }

    /// The queue of the port was full, and may have room now.
    fn ask_again(&self) {
        let progress = match self.socket.borrow().as_ref() {
            Some(socket) if !self.cancelled.get() => self.family.connect(socket),
            _ => return,
        };
        match (progress, self.core.upgrade()) {
            (Ok(progress), Some(core)) => self.proceed(&core, progress),
            (Err(error), _) => self.fail(&error),
            (Ok(_), None) => {}
        }
    }

    /// An event came: it is connected, it has failed, or the event says neither.
    fn check(&self, ready: Ready, buffer: &mut ReadBuffer) {
        let outcome = match self.socket.borrow().as_ref() {
            Some(socket) if !self.cancelled.get() && !self.waits_for_queue.get() => {
                self.family.outcome(socket)
            }
            _ => return,
        };
        match outcome {
            Ok(()) => self.succeed(ready, buffer),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {}
            Err(error) => self.fail(&error.into()),
        }
    }

    fn succeed(&self, ready: Ready, buffer: &mut ReadBuffer) {
        let Some(core) = self.core.upgrade() else {
            return;
        };
        let factory = self
            .connector
            .borrow()
            .as_ref()
            .map(|c| c.factory().clone());
        let peer = self.family.peer();
        let address = D::Socket::address_of(&peer);
        let protocol = factory.and_then(|factory| factory.build_protocol(&address));
        if self.cancelled.get() {
            return;
        }
        let Some(protocol) = protocol else {
            return self.fail(&ConnectError::Refused);
        };
        let Some(connector) = self.connector.take() else {
            return;
        };
        self.forget_timeout();
        let Some(socket) = self.socket.take() else {
            return;
        };
        let stream = Stream::new(
            SocketWire::new(socket, peer, &core.outgoing),
            protocol,
            core.context.clone(),
            Rc::new(self.family.bounds()),
            Some(connector.clone()),
        );
        SocketWire::take_over(&stream, self.token.get());
        connector.connected(Rc::downgrade(&stream) as _);
        stream.turn();
        // The edge that told of the connection may have told of its first bytes too, and of their
        // end. It comes only once.
        stream.ready(ready, buffer);
    }

    fn fail(&self, error: &ConnectError) {
        let Some(connector) = self.connector.take() else {
            return;
        };
        self.forget_timeout();
        if let (Some(mut socket), Some(core)) = (self.socket.take(), self.core.upgrade()) {
            core.sources.remove(self.token.get(), &mut socket);
        }
        connector.failed(error);
    }

    fn fail_soon(self: &Rc<Self>, error: ConnectError) {
        if let Some(core) = self.core.upgrade() {
            let attempt = self.clone();
            core.context.clock.call_soon(move || attempt.fail(&error));
        }
    }

    fn forget_timeout(&self) {
        if let Some(timeout) = self.timeout.take() {
            timeout.cancel();
        }
    }
}

impl<D: Dials> Source for SocketAttempt<D> {
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        self.check(ready, buffer);
    }

    fn stop(&self) {
        self.fail(&ConnectError::ReactorGone);
    }

    fn abort(&self, _: Reason) {
        self.fail(&ConnectError::ReactorGone);
    }
}

/// What the connector keeps of an attempt: the way to give it up.
struct Canceller<D: Dials>(Weak<SocketAttempt<D>>);

impl<D: Dials> Attempt for Canceller<D> {
    fn cancel(&self) {
        if let Some(attempt) = self.0.upgrade() {
            attempt.cancelled.set(true);
            attempt.fail_soon(ConnectError::Cancelled);
        }
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<io::Result<std::os::fd::OwnedFd>> {
        let attempt = self.0.upgrade()?;
        let socket = attempt.socket.borrow();
        Some(socket.as_ref()?.duplicate())
    }
}
