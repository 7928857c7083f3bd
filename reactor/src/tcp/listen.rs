use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::wire::Peer;
use crate::core::Core;
#[cfg(unix)]
use crate::inherited::handed::{self, Asked};
#[cfg(unix)]
use crate::socket::share_port;
use crate::socket::{
    self, AcceptLimits, Listens, Opened, Sent, Team, listen_with_backlog, new_socket,
};
use crate::{Address, FactoryRef, ListenError, ListeningPort, TcpListen};

/// A TCP port, for [`socket::listen`].
struct TcpPort {
    options: TcpListen,
    /// The address that the system gave; port 0 is kept when it is started again.
    bound: Cell<SocketAddr>,
    /// The socket that it shares with other reactors, while it listens.
    opened: RefCell<Option<Arc<Opened<()>>>>,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    options: TcpListen,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let limits = AcceptLimits {
        per_turn: options.max_accepts_per_turn,
        on_stop: options.max_accepts_on_stop,
    };
    let settings = options.settings.clone();
    let port = TcpPort {
        bound: Cell::new(options.address),
        options,
        opened: RefCell::default(),
    };
    socket::listen(core, port, limits, settings, factory)
}

pub(super) fn accept(listener: &TcpListener) -> io::Result<(TcpStream, Peer)> {
    let (socket, peer) = listener.accept()?;
    #[cfg(target_vendor = "apple")]
    socket::silence(&socket)?;
    Ok((socket, peer.into()))
}

impl TcpPort {
    fn bind(&self) -> io::Result<Socket> {
        let address = self.bound.get();
        #[cfg(unix)]
        if let Some(socket) = handed::take(Type::STREAM, &address.into()) {
            // The options may have changed with the program.
            socket.set_tcp_nodelay(self.options.no_delay)?;
            self.options
                .keep_alive
                .apply_to_new(&SockRef::from(&socket))?;
            listen_with_backlog(&socket, self.options.backlog)?;
            return Ok(socket);
        }
        let domain = Domain::for_address(address);
        let socket = new_socket(domain, Type::STREAM, Some(Protocol::TCP))?;
        // On Windows this would take the port from the program that listens there.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        #[cfg(unix)]
        if self.options.reuse_port {
            share_port(&socket)?;
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
        listen_with_backlog(&socket, self.options.backlog)?;
        Ok(socket)
    }

    fn bind_or_share(&self) -> io::Result<TcpListener> {
        let socket = match &self.options.share {
            None => self.bind()?,
            Some(share) => {
                let opened = share.get_or(|| self.bind().map(|socket| Opened::new(socket, ())))?;
                let socket = opened.another()?;
                *self.opened.borrow_mut() = Some(opened);
                socket
            }
        };
        Ok(TcpListener::from_std(socket.into()))
    }
}

impl Listens for TcpPort {
    type Listener = TcpListener;
    type Socket = TcpStream;

    fn open(&self) -> Result<TcpListener, ListenError> {
        let fail = |error| ListenError::from_io(self.address(), error);
        let listener = self.bind_or_share().map_err(fail)?;
        self.bound.set(listener.local_addr().map_err(fail)?);
        Ok(listener)
    }

    #[cfg(unix)]
    fn asked(&self) -> Option<Asked> {
        Some(match self.options.address.port() {
            0 => Asked::AnyPort,
            _ => Asked::Address,
        })
    }

    fn team(&self) -> Option<Team<Sent<TcpStream>>> {
        self.options.team.clone()
    }

    fn stopping(&self) {
        let opened = self.opened.take();
        drop(opened);
    }

    fn accept(&self, listener: &TcpListener) -> io::Result<(TcpStream, Peer)> {
        accept(listener)
    }

    fn address(&self) -> Address {
        self.bound.get().into()
    }

    fn cannot_watch(&self, error: io::Error) -> ListenError {
        ListenError::from_io(self.address(), error)
    }
}
