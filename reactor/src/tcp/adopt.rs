use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use mio::net::{TcpListener, TcpStream};
use socket2::{SockAddr, Socket};

use super::listen::accept;
use crate::core::Core;
use crate::socket::{self, AdoptedSocket, GivenPort};
use crate::stream::Parcel;
use crate::{
    AdoptError, FactoryRef, ListenError, ListeningPort, ProtocolRef, StreamSettings, TransportRef,
};

/// Makes a port of a TCP socket that listens.
pub(crate) fn adopt_listener(
    core: &Rc<Core>,
    given: AdoptedSocket,
    socket: Socket,
    factory: FactoryRef,
) -> Result<ListeningPort, ListenError> {
    let listener = TcpListener::from_std(socket.into());
    let address = listener.local_addr().map_err(AdoptError::Failed)?;
    let port = GivenPort::new(listener, address.into(), accept);
    socket::listen(core, port, given.limits, given.settings, factory)
}

/// Makes a connection of a TCP socket that another reactor has let go.
pub(crate) fn arrives(
    core: &Rc<Core>,
    parcel: Parcel,
    peer: SocketAddr,
    settings: Rc<StreamSettings>,
    protocol: ProtocolRef,
) -> io::Result<()> {
    let stream = TcpStream::from(parcel.socket);
    let left = (parcel.id, parcel.unread, parcel.unsent);
    socket::arrives(core, stream, peer.into(), left, settings, protocol)
}

/// Makes a connection of a TCP socket that is connected to this peer.
pub(crate) fn adopt_connection(
    core: &Rc<Core>,
    given: AdoptedSocket,
    (socket, peer): (Socket, SockAddr),
    protocol: ProtocolRef,
) -> Result<TransportRef, AdoptError> {
    let peer: SocketAddr = peer.as_socket().ok_or(AdoptError::NotConnected)?;
    let stream = TcpStream::from_std(socket.into());
    socket::adopt(core, stream, peer.into(), given.settings, protocol)
}
