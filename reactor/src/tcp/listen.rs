use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Token};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::wire::{TcpWire, set_keep_alive};
use crate::core::Core;
use crate::output::ReadBuffer;
use crate::port::Listening;
use crate::sources::Source;
use crate::stream::{Ready, Stream};
use crate::{
    Address, Channel, FactoryRef, ListenError, ListeningPort, Reason, StreamSettings, TcpListen,
};

/// How long accepting rests when the system has nothing left to accept with.
const REST: Duration = Duration::from_millis(100);

/// A port that is listened on, or may be again.
pub(crate) struct TcpPort {
    me: Weak<TcpPort>,
    core: Weak<Core>,
    how: TcpListen,
    factory: FactoryRef,
    settings: Rc<StreamSettings>,
    socket: RefCell<Option<TcpListener>>,
    paused: Cell<bool>,
    /// Accepting is tried again later, whoever asks for it until then.
    resting: Cell<bool>,
    token: Cell<Token>,
    /// The address that the system gave; port 0 is kept when it is started again.
    bound: Cell<SocketAddr>,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    how: TcpListen,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let port = Rc::new_cyclic(|me| TcpPort {
        me: me.clone(),
        core: Rc::downgrade(core),
        bound: Cell::new(how.address),
        settings: Rc::new(how.settings.clone()),
        how,
        factory,
        socket: RefCell::new(None),
        paused: Cell::new(false),
        resting: Cell::new(false),
        token: Cell::new(Token(0)),
    });
    port.start()?;
    Ok(ListeningPort::new(port))
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
        if self.how.reuse_port {
            socket.set_reuse_port(true)?;
        }
        if address.is_ipv6() {
            socket.set_only_v6(!self.how.dual_stack)?;
        }
        // Accepted sockets inherit these: one system call a port, none a connection.
        socket.set_tcp_nodelay(self.how.no_delay)?;
        if self.how.keep_alive.is_some() {
            set_keep_alive(&SockRef::from(&socket), self.how.keep_alive)?;
        }
        socket.bind(&address.into())?;
        socket.listen(self.how.backlog)?;
        Ok(TcpListener::from_std(socket.into()))
    }

    /// Accepts what waits, up to the bound of a turn. An edge comes once: whatever stops it early,
    /// it comes back to it.
    fn accept(&self, core: &Rc<Core>) {
        for _ in 0..self.how.accepts_a_turn {
            let accepted = match self.socket.borrow().as_ref() {
                Some(socket) if !self.paused.get() && !self.resting.get() => socket.accept(),
                _ => return,
            };
            match accepted {
                Ok((socket, peer)) => self.accepted(core, socket, peer),
                Err(error) => match Trouble::of(&error) {
                    Trouble::Drained => return,
                    Trouble::ThisOne => {}
                    // It may be that nobody waits: without a descriptor the system does not even
                    // look.
                    Trouble::NoDescriptors => match core.reserve.lend(|| self.refuse(&error)) {
                        Some(Trouble::ThisOne) => {}
                        Some(Trouble::Drained) => return,
                        _ => return self.rest(core),
                    },
                    Trouble::System => {
                        log::error!("accepting on {} failed: {error}", self.bound.get());
                        return self.rest(core);
                    }
                },
            }
        }
        core.sources.again(self.token.get());
    }

    fn accepted(&self, core: &Rc<Core>, socket: TcpStream, peer: SocketAddr) {
        let Some(protocol) = self.factory.build_protocol(&peer.into()) else {
            return;
        };
        let wire = TcpWire::new(socket, peer, core.sources.clone());
        let stream = Stream::new(
            wire,
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
    fn refuse(&self, error: &io::Error) -> Trouble {
        let accepted = match self.socket.borrow().as_ref() {
            Some(socket) => socket.accept(),
            None => return Trouble::Drained,
        };
        if let Err(error) = accepted {
            return Trouble::of(&error);
        }
        log::warn!(
            "out of file descriptors: a connection to {} is refused ({error}); raise the limit of open files",
            self.bound.get()
        );
        Trouble::ThisOne
    }

    fn rest(&self, core: &Rc<Core>) {
        self.resting.set(true);
        let me = self.me.clone();
        core.context.clock.call_later(REST, move || {
            if let Some(port) = me.upgrade() {
                port.resting.set(false);
                port.look_again();
            }
        });
    }

    /// The edge for those who wait may have come and gone.
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
        if self.socket.borrow().is_some() {
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
        let Some(mut socket) = self.socket.borrow_mut().take() else {
            return;
        };
        if let Some(core) = self.core.upgrade() {
            core.sources.remove(self.token.get(), &mut socket);
        }
        drop(socket);
        self.factory.stop();
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
}

impl Source for TcpPort {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if let Some(core) = self.core.upgrade() {
            self.accept(&core);
        }
    }

    fn stop(&self) {
        Listening::stop(self);
    }

    fn abort(&self, _: Reason) {
        Listening::stop(self);
    }
}

/// What an error of `accept` is about.
enum Trouble {
    /// Nobody else waits.
    Drained,
    /// The one connection that was to be accepted; the next may be well.
    ThisOne,
    /// This process, or the machine, has no descriptor left.
    NoDescriptors,
    /// Memory, or anything unknown.
    System,
}

impl Trouble {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => return Trouble::Drained,
            io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted => {
                return Trouble::ThisOne;
            }
            _ => {}
        }
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE) => Trouble::NoDescriptors,
            Some(libc::EPERM | libc::EPROTO) => Trouble::ThisOne,
            _ => Trouble::System,
        }
    }
}
