use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use mio::net::TcpStream;
use mio::{Interest, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::wire::TcpWire;
use crate::core::Core;
use crate::core::connector::{Attempt, Dialer, OwnedConnector};
use crate::core::sources::Source;
use crate::machines::output::ReadBuffer;
use crate::stream::{Ready, Stream};
use crate::{Channel, ConnectError, DelayedCall, Reason, TcpConnect};

/// Makes TCP connections for a [`Connector`].
pub(crate) fn dialer(core: Weak<Core>, options: TcpConnect) -> impl Dialer + 'static {
    TcpDialer { core, options }
}

struct TcpDialer {
    core: Weak<Core>,
    options: TcpConnect,
}

impl Dialer for TcpDialer {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Box<dyn Attempt>> {
        let core = self.core.upgrade().filter(|core| !core.is_ending())?;
        let attempt = Rc::new_cyclic(|me| TcpAttempt {
            me: me.clone(),
            core: self.core.clone(),
            options: self.options.clone(),
            connector: RefCell::new(Some(connector.clone())),
            socket: RefCell::new(None),
            token: Cell::new(Token(usize::MAX)),
            timeout: Cell::new(None),
            cancelled: Cell::new(false),
        });
        if let Err(error) = attempt.begin(&core) {
            attempt.fail_soon(error);
        }
        Some(Box::new(Canceller(Rc::downgrade(&attempt))))
    }
}

/// One connection that is being made. The sources own it; a failure that comes before that is owned
/// by the call that reports it.
struct TcpAttempt {
    me: Weak<TcpAttempt>,
    core: Weak<Core>,
    options: TcpConnect,
    /// `None` once it is over.
    connector: RefCell<Option<Rc<OwnedConnector>>>,
    socket: RefCell<Option<TcpStream>>,
    token: Cell<Token>,
    timeout: Cell<Option<DelayedCall>>,
    /// It was given up, and a call that says so is on its way: what comes before that is too late.
    cancelled: Cell<bool>,
}

impl TcpAttempt {
    fn begin(&self, core: &Rc<Core>) -> Result<(), ConnectError> {
        let options = &self.options;
        let socket = Socket::new(
            Domain::for_address(options.address),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        if let Some(address) = options.bind_address {
            socket
                .bind(&address.into())
                .map_err(|error| ConnectError::Bind(address, error))?;
        }
        socket.set_tcp_nodelay(options.no_delay)?;
        options.keep_alive.apply_to_new(&SockRef::from(&socket))?;
        match socket.connect(&options.address.into()) {
            Err(error) if !is_in_progress(&error) => return Err(error.into()),
            _ => {}
        }
        let mut socket = TcpStream::from_std(socket.into());
        let Some(me) = self.me.upgrade() else {
            return Err(ConnectError::ReactorGone);
        };
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = core.sources.add(me, &mut socket, interest)?;
        self.token.set(token);
        *self.socket.borrow_mut() = Some(socket);
        let me = self.me.clone();
        let timeout = core.context.clock.call_later(options.timeout, move || {
            if let Some(attempt) = me.upgrade() {
                attempt.fail(&ConnectError::TimedOut(attempt.options.timeout));
            }
        });
        self.timeout.set(Some(timeout));
        Ok(())
    }

    /// An event came: it is connected, it has failed, or the event says neither.
    fn check(&self, ready: Ready, buffer: &mut ReadBuffer) {
        let peer = match self.socket.borrow().as_ref() {
            _ if self.cancelled.get() => return,
            None => return,
            Some(socket) => match socket.take_error() {
                Ok(None) => socket.peer_addr().and_then(|peer| not_itself(socket, peer)),
                Ok(Some(error)) | Err(error) => Err(error),
            },
        };
        match peer {
            Ok(()) => self.succeed(ready, buffer),
            Err(error) if error.kind() == io::ErrorKind::NotConnected || is_in_progress(&error) => {
            }
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
        let peer = self.options.address;
        let protocol = factory.and_then(|factory| factory.build_protocol(&peer.into()));
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
            TcpWire::new(socket, peer, &core.outgoing),
            protocol,
            core.context.clone(),
            Rc::new(self.options.settings.clone()),
            Some(connector.clone()),
        );
        TcpWire::take_over(&stream, self.token.get());
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

impl Source for TcpAttempt {
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
struct Canceller(Weak<TcpAttempt>);

impl Attempt for Canceller {
    fn cancel(&self) {
        if let Some(attempt) = self.0.upgrade() {
            attempt.cancelled.set(true);
            attempt.fail_soon(ConnectError::Cancelled);
        }
    }
}

/// Linux connects a socket with itself if the port that it chose to connect from happens to be the
/// one to connect to. Nothing listens there.
fn not_itself(socket: &TcpStream, peer: SocketAddr) -> io::Result<()> {
    if socket.local_addr()? == peer {
        let message = "the connection met itself, since nothing listens on that port";
        return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
    }
    Ok(())
}

/// The answer of a connect that does not wait.
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::EINPROGRESS)
}
