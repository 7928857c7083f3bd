use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use mio::net::{TcpListener, TcpStream};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::wire::Peer;
use crate::core::Core;
use crate::socket::{self, AcceptLimits, Listens};
use crate::{Address, FactoryRef, ListenError, ListeningPort, TcpListen};

/// A TCP port, for [`socket::listen`].
struct TcpPort {
    options: TcpListen,
    /// The address that the system gave; port 0 is kept when it is started again.
    bound: Cell<SocketAddr>,
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
    let bound = Cell::new(options.address);
    socket::listen(core, TcpPort { options, bound }, limits, settings, factory)
}

impl TcpPort {
    fn bind(&self) -> io::Result<TcpListener> {
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
}

impl Listens for TcpPort {
    type Listener = TcpListener;
    type Socket = TcpStream;

    fn open(&self) -> Result<TcpListener, ListenError> {
        let fail = |error| ListenError::from_io(self.address(), error);
        let listener = self.bind().map_err(fail)?;
        self.bound.set(listener.local_addr().map_err(fail)?);
        Ok(listener)
    }

    fn accept(listener: &TcpListener) -> io::Result<(TcpStream, Peer)> {
        let (socket, peer) = listener.accept()?;
        Ok((socket, peer.into()))
    }

    fn address(&self) -> Address {
        self.bound.get().into()
    }

    fn cannot_watch(&self, error: io::Error) -> ListenError {
        ListenError::from_io(self.address(), error)
    }
}
