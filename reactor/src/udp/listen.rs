use std::rc::Rc;

#[cfg(unix)]
use socket2::Socket;

use super::socket::UdpWire;
#[cfg(unix)]
use crate::AdoptError;
use crate::core::Core;
use crate::core::datagram_port;
#[cfg(unix)]
use crate::datagram::DatagramSettings;
use crate::{DatagramProtocolRef, ListenError, ListeningPort, UdpListen};

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UdpListen,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let settings = options.settings.clone();
    let wire = UdpWire::new(core, options);
    let wanted = wire.wanted();
    datagram_port::open(core, wire, wanted, settings, protocol)
}

/// Makes a port of a UDP socket.
#[cfg(unix)]
pub(crate) fn adopt(
    core: &Rc<Core>,
    socket: Socket,
    max_datagram: usize,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let wire = UdpWire::of(core, socket).map_err(AdoptError::Failed)?;
    let settings = DatagramSettings {
        max_datagram,
        ..DatagramSettings::default()
    };
    let wanted = wire.wanted();
    datagram_port::open(core, wire, wanted, settings, protocol)
}
