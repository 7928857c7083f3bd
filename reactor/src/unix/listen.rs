use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use mio::net::UnixListener;
use socket2::{Domain, Type};

use super::file::{self, SocketFile};
use super::name::address_of;
use super::wire::{self, Peer, UnixSocket};
use crate::core::Core;
use crate::inherited::handed::{self, Asked};
use crate::socket::{
    self, AcceptLimits, Listens, Opened, Sent, Team, listen_with_backlog, new_socket,
};
use crate::{Address, FactoryRef, ListenError, ListeningPort, UnixListen};

/// A socket that listens, with its file unless its name is abstract.
type OpenedFile = Opened<Option<SocketFile>>;

/// A UNIX port, for [`socket::listen`].
struct UnixPort {
    options: UnixListen,
    /// While it listens.
    opened: RefCell<Option<Arc<OpenedFile>>>,
}

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UnixListen,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let limits = AcceptLimits {
        per_turn: options.max_accepts_per_turn,
        on_stop: options.max_accepts_on_stop,
    };
    let settings = options.settings.clone();
    let opened = RefCell::default();
    let port = UnixPort { options, opened };
    socket::listen(core, port, limits, settings, factory)
}

/// Accepts a connection that accepts this many descriptors, or none.
pub(super) fn accept(
    listener: &UnixListener,
    descriptors: Option<usize>,
) -> io::Result<(UnixSocket, Peer)> {
    let (stream, peer) = listener.accept()?;
    #[cfg(target_vendor = "apple")]
    socket::silence(&stream)?;
    let socket = UnixSocket::new(stream, descriptors);
    Ok((socket, wire::peer(address_of(&peer))))
}

impl UnixPort {
    fn fail(&self, error: io::Error) -> ListenError {
        ListenError::from_io(self.address(), error)
    }

    fn open_new(&self) -> Result<OpenedFile, ListenError> {
        let address = self.options.name.sockaddr();
        let address = address.map_err(|error| self.fail(error))?;
        if let Some(socket) = handed::take(Type::STREAM, &address) {
            let file = file::taken_over(
                &self.options.name,
                self.options.mode,
                self.options.lock_file,
            )?;
            let listening = listen_with_backlog(&socket, self.options.backlog);
            listening.map_err(|error| self.fail(error))?;
            return Ok(Opened::new(socket, file));
        }
        let socket = new_socket(Domain::UNIX, Type::STREAM, None);
        let socket = socket.map_err(|error| self.fail(error))?;
        // It does not listen yet, so that no peer connects under other permissions.
        let options = &self.options;
        let file = file::bind(&socket, &options.name, options.mode, options.lock_file)?;
        listen_with_backlog(&socket, self.options.backlog).map_err(|error| self.fail(error))?;
        Ok(Opened::new(socket, file))
    }
}

impl Listens for UnixPort {
    type Listener = UnixListener;
    type Socket = UnixSocket;

    fn open(&self) -> Result<UnixListener, ListenError> {
        let opened = match &self.options.share {
            Some(share) => share.get_or(|| self.open_new())?,
            None => Arc::new(self.open_new()?),
        };
        let socket = opened.another().map_err(|error| self.fail(error))?;
        *self.opened.borrow_mut() = Some(opened);
        Ok(UnixListener::from_std(OwnedFd::from(socket).into()))
    }

    fn asked(&self) -> Option<Asked> {
        Some(Asked::Address)
    }

    fn team(&self) -> Option<Team<Sent<UnixSocket>>> {
        self.options.team.clone()
    }

    fn lock(&self) -> Option<io::Result<OwnedFd>> {
        let opened = self.opened.borrow();
        opened.as_ref()?.file().as_ref()?.lock()
    }

    fn stopping(&self) {
        let opened = self.opened.take();
        drop(opened);
    }

    fn accept(&self, listener: &UnixListener) -> io::Result<(UnixSocket, Peer)> {
        accept(listener, self.options.descriptors)
    }

    fn address(&self) -> Address {
        self.options.name.address()
    }

    fn cannot_watch(&self, error: io::Error) -> ListenError {
        self.fail(error)
    }
}
