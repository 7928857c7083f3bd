use std::rc::Rc;

use socket2::Socket;

use super::UnixDatagramListen;
use super::socket::UnixDatagramWire;
use crate::core::Core;
use crate::core::datagram_port;
use crate::datagram::DatagramSettings;
use crate::{DatagramProtocolRef, ListenError, ListeningPort};

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UnixDatagramListen,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let settings = options.settings.clone();
    let wire = UnixDatagramWire::new(core, options);
    let wanted = wire.wanted();
    datagram_port::open(core, wire, wanted, settings, protocol)
}

/// Makes a port of a UNIX socket for datagrams. Its file is not the port's: it stays.
pub(crate) fn adopt(
    core: &Rc<Core>,
    socket: Socket,
    max_datagram: usize,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let wire = UnixDatagramWire::of(core, socket)?;
    let settings = DatagramSettings {
        max_datagram,
        ..DatagramSettings::default()
    };
    let wanted = wire.wanted();
    datagram_port::open(core, wire, wanted, settings, protocol)
}
