use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use mio::net::{UnixListener, UnixStream};
use socket2::Socket;

use super::listen::accept;
use super::name::address_of;
use super::wire::{self, UnixSocket};
use crate::core::Core;
use crate::socket::{self, AdoptedSocket, GivenPort};
use crate::stream::Parcel;
use crate::{
    AdoptError, FactoryRef, ListenError, ListeningPort, ProtocolRef, StreamSettings, TransportRef,
};

/// Makes a port of a UNIX socket that listens. Its file is not the port's: it stays.
pub(crate) fn adopt_listener(
    core: &Rc<Core>,
    given: AdoptedSocket,
    socket: Socket,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let listener = UnixListener::from_std(OwnedFd::from(socket).into());
    let address = listener.local_addr().map_err(AdoptError::Failed)?;
    let port = GivenPort::new(listener, address_of(&address), |listener| {
        accept(listener, None)
    });
    socket::listen(core, port, given.limits, given.settings, factory)
}

/// Makes a connection of a UNIX socket that another reactor has let go.
pub(crate) fn arrives(
    core: &Rc<Core>,
    parcel: Parcel,
    settings: Rc<StreamSettings>,
    protocol: ProtocolRef,
) -> io::Result<()> {
    let socket = UnixSocket::new(UnixStream::from(parcel.socket), None);
    let left = (parcel.id, parcel.unread, parcel.unsent);
    let peer = wire::peer(parcel.peer);
    socket::arrives(core, socket, peer, left, settings, protocol)
}

/// Makes a connection of a UNIX socket that is connected.
pub(crate) fn adopt_connection(
    core: &Rc<Core>,
    given: AdoptedSocket,
    socket: Socket,
    protocol: ProtocolRef,
) -> Result<TransportRef, AdoptError> {
    let stream = UnixStream::from_std(OwnedFd::from(socket).into());
    let peer = stream.peer_addr().map_err(AdoptError::Failed)?;
    let peer = wire::peer(address_of(&peer));
    let socket = UnixSocket::new(stream, None);
    socket::adopt(core, socket, peer, given.settings, protocol)
}
