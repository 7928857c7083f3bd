use std::any::{Any, TypeId};
use std::io;
use std::net::Shutdown;
use std::rc::{Rc, Weak};

use mio::net::UnixStream;

use super::UnixOptions;
use super::name::address_of;
use super::send_queue::unacknowledged;
use crate::Address;
use crate::socket::StreamSocket;

/// The address of a peer that has a name. Clients rarely have one, and there may be very many.
pub(crate) type Peer = Option<Box<Address>>;

/// Keeps the address in as few bytes as possible.
pub(super) fn peer(address: Address) -> Peer {
    (address != Address::Unix(None)).then(|| Box::new(address))
}

impl StreamSocket for UnixStream {
    type Peer = Peer;

    fn address_of(peer: &Peer) -> Address {
        peer.as_deref().cloned().unwrap_or(Address::Unix(None))
    }

    fn host(&self) -> io::Result<Address> {
        self.local_addr().map(|host| address_of(&host))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    /// There is no reset: the peer sees a broken connection only if it sent what was not read.
    fn prepare_reset(&self) {}

    fn unacknowledged(&self, _: &Peer) -> Option<usize> {
        unacknowledged(self)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        UnixStream::take_error(self)
    }

    fn extension(stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        (wanted == TypeId::of::<UnixOptions>())
            .then(|| Rc::new(UnixOptions::new(stream)) as Rc<dyn Any>)
    }
}
