use std::io;
use std::time::Duration;

use mio::net::TcpStream;
use socket2::{Domain, Protocol, SockRef, Type};

use super::wire::Peer;
use crate::core::connector::ConnectOptions;
use crate::socket::{Dials, Progress, new_socket};
use crate::{Address, ConnectError, StreamSettings, TcpConnect};

impl ConnectOptions for TcpConnect {
    fn destination(&self) -> Address {
        self.address.into()
    }

    fn time_limit(&self) -> Duration {
        self.timeout
    }

    fn bounds(&self) -> StreamSettings {
        self.settings.clone()
    }
}

impl Dials for TcpConnect {
    type Socket = TcpStream;

    fn open(&self) -> Result<TcpStream, ConnectError> {
        let domain = Domain::for_address(self.address);
        let socket = new_socket(domain, Type::STREAM, Some(Protocol::TCP))?;
        if let Some(address) = self.bind_address {
            socket
                .bind(&address.into())
                .map_err(|error| ConnectError::Bind(address, error))?;
        }
        socket.set_tcp_nodelay(self.no_delay)?;
        self.keep_alive.apply_to_new(&SockRef::from(&socket))?;
        Ok(TcpStream::from_std(socket.into()))
    }

    fn connect(&self, socket: &TcpStream) -> Result<Progress, ConnectError> {
        match SockRef::from(socket).connect(&self.address.into()) {
            Err(error) if !is_in_progress(&error) => Err(error.into()),
            _ => Ok(Progress::UnderWay),
        }
    }

    fn outcome(&self, socket: &TcpStream) -> io::Result<()> {
        if let Some(error) = socket.take_error()? {
            return if is_in_progress(&error) {
                Err(io::ErrorKind::NotConnected.into())
            } else {
                Err(error)
            };
        }
        let peer = socket.peer_addr()?;
        // Linux connects a socket with itself if the port that it chose to connect from happens to
        // be the one to connect to. Nothing listens there.
        if socket.local_addr()? == peer {
            let message = "the connection met itself, since nothing listens on that port";
            return Err(io::Error::new(io::ErrorKind::ConnectionRefused, message));
        }
        Ok(())
    }

    fn peer(&self) -> Peer {
        self.address.into()
    }
}

/// The answer of a connect that does not wait.
fn is_in_progress(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::EINPROGRESS)
}
