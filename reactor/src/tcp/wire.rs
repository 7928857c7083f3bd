use std::any::{Any, TypeId};
use std::io;
use std::net::{Shutdown, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::TcpStream;
use socket2::SockRef;

use super::TcpOptions;
use super::send_queue::unacknowledged;
use crate::Address;
use crate::socket::{StreamSocket, transfer};

/// An address in half the space: there may be very many.
pub(crate) enum Peer {
    V4(SocketAddrV4),
    V6(Box<SocketAddrV6>),
}

impl Peer {
    fn address(&self) -> SocketAddr {
        match self {
            Peer::V4(address) => (*address).into(),
            Peer::V6(address) => (**address).into(),
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(peer: SocketAddr) -> Self {
        match peer {
            SocketAddr::V4(address) => Peer::V4(address),
            SocketAddr::V6(address) => Peer::V6(Box::new(address)),
        }
    }
}

impl StreamSocket for TcpStream {
    type Peer = Peer;
    type Sent = TcpStream;

    fn send_off(self) -> TcpStream {
        self
    }

    fn arrived(sent: TcpStream) -> Self {
        sent
    }

    fn address_of(peer: &Peer) -> Address {
        peer.address().into()
    }

    fn host(&self) -> io::Result<Address> {
        self.local_addr().map(Address::from)
    }

    #[inline(always)]
    fn recv(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_io(|| transfer::recv(&*self, buffer))
    }

    #[inline(always)]
    fn send(&mut self, data: &[u8]) -> io::Result<usize> {
        self.try_io(|| transfer::send(&*self, data))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn prepare_reset(&self) {
        // Best effort: without it the peer sees an orderly end, which a layer above may still tell
        // from a whole message.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }

    fn unacknowledged(&self, peer: &Peer) -> Option<usize> {
        unacknowledged(self.local_addr().ok()?, peer.address())
    }

    #[cfg(unix)]
    fn into_descriptor(self) -> std::os::fd::OwnedFd {
        self.into()
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        TcpStream::take_error(self)
    }

    fn extension(stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        (wanted == TypeId::of::<TcpOptions>())
            .then(|| Rc::new(TcpOptions::new(stream)) as Rc<dyn Any>)
    }
}
