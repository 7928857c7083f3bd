use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use mio::net::UnixStream;
use socket2::{Domain, SockRef, Type};

use super::wire::{self, Peer, UnixSocket};
use crate::core::connector::ConnectOptions;
use crate::socket::{Dials, Progress, new_socket};
use crate::{Address, ConnectError, StreamSettings, UnixConnect};

impl ConnectOptions for UnixConnect {
    fn destination(&self) -> Address {
        self.name.address()
    }

    fn time_limit(&self) -> Duration {
        self.timeout
    }

    fn bounds(&self) -> StreamSettings {
        self.settings.clone()
    }
}

/// A connection is made at once or not at all. What is evil here is the full queue: the system says
/// so, tells nothing when there is room, and reports a socket that is not connected as hung up.
impl Dials for UnixConnect {
    type Socket = UnixSocket;

    fn open(&self) -> Result<UnixSocket, ConnectError> {
        let socket = new_socket(Domain::UNIX, Type::STREAM, None)?;
        let stream = UnixStream::from_std(OwnedFd::from(socket).into());
        Ok(UnixSocket::new(stream, self.descriptors))
    }

    fn connect(&self, socket: &UnixSocket) -> Result<Progress, ConnectError> {
        match SockRef::from(socket.stream()).connect(&self.name.sockaddr()?) {
            Ok(()) => Ok(Progress::Connected),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Progress::QueueFull),
            Err(error) => Err(error.into()),
        }
    }

    fn outcome(&self, socket: &UnixSocket) -> io::Result<()> {
        socket.stream().peer_addr().map(drop)
    }

    fn peer(&self) -> Peer {
        wire::peer(self.name.address())
    }
}
