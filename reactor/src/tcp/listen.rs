use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::accept_error::AcceptError;
use super::wire::TcpWire;
use crate::core::Core;
use crate::core::siblings::Siblings;
use crate::core::sources::Source;
use crate::heart::port::Listening;
use crate::machines::output::ReadBuffer;
use crate::stream::{Ready, Stream};
use crate::{
    Address, Channel, FactoryRef, ListenError, ListeningPort, LogLimit, Reason, StreamSettings,
    TcpListen,
};

/// How long a port waits before it accepts again when the system has nothing left to accept with.
const BACK_OFF: Duration = Duration::from_millis(100);

/// A TCP port, listening or stopped.
///
/// What is evil here is the edge, and the end. The system tells once that connections wait: a port
/// that stops accepting early, for whatever reason, comes back to the queue by itself. And it resets
/// what is still in the queue of a socket that is closed: a port that stops takes that queue with it,
/// and hands it to the factory in a later turn, since the method that stops it calls no application.
///
/// ```text
/// listening --stop, reactor stops--> stopped --start--> listening
///     |                                 |
///     +-- the reactor has ended --------+--> gone
/// ```
///
/// The sources own it while it listens, and the core as long as it has a handle.
pub(crate) struct TcpPort {
    me: Weak<TcpPort>,
    core: Weak<Core>,
    options: TcpListen,
    factory: FactoryRef,
    settings: Rc<StreamSettings>,
    siblings: Rc<Siblings>,
    socket: RefCell<Option<TcpListener>>,
    paused: Cell<bool>,
    /// Accepting is tried again by a timer, and not before.
    backing_off: Cell<bool>,
    token: Cell<Token>,
    /// The address that the system gave; port 0 is kept when it is started again.
    bound: Cell<SocketAddr>,
    refused: LogLimit,
    failed: LogLimit,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    options: TcpListen,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let port = Rc::new_cyclic(|me| TcpPort {
        me: me.clone(),
        core: Rc::downgrade(core),
        bound: Cell::new(options.address),
        settings: Rc::new(options.settings.clone()),
        siblings: Siblings::new(&core.sources),
        options,
        factory,
        socket: RefCell::new(None),
        paused: Cell::new(false),
        backing_off: Cell::new(false),
        token: Cell::new(Token(0)),
        refused: LogLimit::default(),
        failed: LogLimit::default(),
    });
    port.start()?;
    Ok(ListeningPort::new(port, &core.kept_ports))
}

impl TcpPort {
    fn open(&self) -> io::Result<TcpListener> {
        let address = self.bound.get();
        let socket = Socket::new(
            Domain::for_address(address),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        if self.options.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(self.options.v6_only)?;
        }
        // Accepted sockets inherit these: one system call a port, none a connection.
        socket.set_tcp_nodelay(self.options.no_delay)?;
        self.options
            .keep_alive
            .apply_to_new(&SockRef::from(&socket))?;
        socket.bind(&address.into())?;
        socket.listen(self.options.backlog)?;
        Ok(TcpListener::from_std(socket.into()))
    }

    /// Accepts the connections that wait, up to the bound of a turn.
    fn accept(&self, core: &Rc<Core>) {
        for _ in 0..self.options.max_accepts_per_turn {
            let accepted = match self.socket.borrow().as_ref() {
                Some(socket) if !self.paused.get() && !self.backing_off.get() => socket.accept(),
                _ => return,
            };
            let error = match accepted {
                Ok((socket, peer)) => {
                    self.accepted(core, socket, peer);
                    continue;
                }
                Err(error) => error,
            };
            match AcceptError::from(&error) {
                AcceptError::Drained => return,
                AcceptError::ThisConnection => {}
                // The queue may be empty: without a descriptor the system does not even look.
                AcceptError::NoDescriptors => {
                    match core.spare_fd.with_released(|| self.refuse(&error)) {
                        Some(AcceptError::ThisConnection) => {}
                        Some(AcceptError::Drained) => return,
                        _ => return self.back_off(core),
                    }
                }
                AcceptError::System => {
                    if let Some(left_out) = self.failed.admit() {
                        let address = self.bound.get();
                        log::error!("accepting on {address} failed: {error}{left_out}");
                    }
                    return self.back_off(core);
                }
            }
        }
        core.sources.again(self.token.get());
    }

    fn accepted(&self, core: &Rc<Core>, socket: TcpStream, peer: SocketAddr) {
        let Some(protocol) = self.factory.build_protocol(&peer.into()) else {
            return;
        };
        let stream = Stream::new(
            TcpWire::new(socket, peer, &self.siblings),
            protocol,
            core.context.clone(),
            self.settings.clone(),
            None,
        );
        if let Err(error) = TcpWire::register(&stream) {
            log::error!("the connection with {peer} cannot be watched, it is closed: {error}");
            stream.end(error.into());
        }
        stream.turn();
    }

    /// Accepts a connection only to close it.
    fn refuse(&self, error: &io::Error) -> AcceptError {
        let accepted = match self.socket.borrow().as_ref() {
            Some(socket) => socket.accept(),
            None => return AcceptError::Drained,
        };
        if let Err(error) = accepted {
            return AcceptError::from(&error);
        }
        if let Some(left_out) = self.refused.admit() {
            log::warn!(
                "out of file descriptors: a connection to {} is refused ({error}); raise the limit of open files{left_out}",
                self.bound.get()
            );
        }
        AcceptError::ThisConnection
    }

    /// Closes the socket. What has connected already is accepted, in a later turn.
    fn close(&self, core: &Rc<Core>, mut socket: TcpListener) {
        let mut waiting = Vec::new();
        while !self.paused.get() && waiting.len() < self.options.max_accepts_on_stop {
            match socket.accept() {
                Ok(accepted) => waiting.push(accepted),
                Err(error) => match AcceptError::from(&error) {
                    AcceptError::ThisConnection => {}
                    _ => break,
                },
            }
        }
        core.sources.remove(self.token.get(), &mut socket);
        drop(socket);
        let Some(me) = self.me.upgrade().filter(|_| !waiting.is_empty()) else {
            return self.factory.stop();
        };
        core.context.clock.call_soon(move || {
            if let Some(core) = me.core.upgrade().filter(|core| !core.has_ended()) {
                for (socket, peer) in waiting {
                    me.accepted(&core, socket, peer);
                }
            }
            me.factory.stop();
        });
    }

    fn back_off(&self, core: &Rc<Core>) {
        self.backing_off.set(true);
        let me = self.me.clone();
        core.context.clock.call_later(BACK_OFF, move || {
            if let Some(port) = me.upgrade() {
                port.backing_off.set(false);
                port.look_again();
            }
        });
    }

    /// Looks at the queue in the next turn: the edge that told of it may have come and gone.
    fn look_again(&self) {
        if self.is_listening()
            && let Some(core) = self.core.upgrade()
        {
            core.sources.again(self.token.get());
        }
    }
}

impl Listening for TcpPort {
    fn start(&self) -> Result<(), ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        let (Some(core), Some(me)) = (core, self.me.upgrade()) else {
            return Err(ListenError::ReactorGone);
        };
        if self.is_listening() {
            return Err(ListenError::AlreadyListening);
        }
        let fail = |error| ListenError::from_io(self.bound.get(), error);
        let mut socket = self.open().map_err(fail)?;
        self.bound.set(socket.local_addr().map_err(fail)?);
        let token = core
            .sources
            .add(me, &mut socket, Interest::READABLE)
            .map_err(fail)?;
        self.token.set(token);
        self.paused.set(false);
        *self.socket.borrow_mut() = Some(socket);
        self.factory.start();
        Ok(())
    }

    fn stop(&self) {
        let socket = self.socket.borrow_mut().take();
        if let (Some(socket), Some(core)) = (socket, self.core.upgrade()) {
            self.close(&core, socket);
        }
    }

    fn is_listening(&self) -> bool {
        self.socket.borrow().is_some()
    }

    fn pause(&self) {
        self.paused.set(true);
    }

    fn resume(&self) {
        if self.paused.replace(false) {
            self.look_again();
        }
    }

    fn address(&self) -> Address {
        self.bound.get().into()
    }

    fn connections(&self) -> usize {
        self.siblings.count()
    }
}

impl Source for TcpPort {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if let Some(core) = self.core.upgrade() {
            self.accept(&core);
        }
    }

    fn stop_listening(&self) {
        Listening::stop(self);
    }

    /// It has been closed before.
    fn stop(&self) {}

    fn abort(&self, _: Reason) {
        let socket = self.socket.borrow_mut().take();
        if let (Some(mut socket), Some(core)) = (socket, self.core.upgrade()) {
            core.sources.remove(self.token.get(), &mut socket);
            self.factory.stop();
        }
    }
}
