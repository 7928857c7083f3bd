use std::rc::Rc;

#[cfg(unix)]
use socket2::Socket;

use super::socket::UdpWire;
#[cfg(unix)]
use crate::AdoptError;
use crate::core::Core;
use crate::core::sources::Source;
use crate::datagram::{DatagramPort, DatagramSettings};
use crate::heart::port::Listening;
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::{DatagramProtocolRef, ListenError, ListeningPort, Reason, UdpListen};

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UdpListen,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let settings = options.settings.clone();
    open(core, UdpWire::new(core, options), settings, protocol)
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
    open(core, wire, settings, protocol)
}

fn open(
    core: &Rc<Core>,
    wire: UdpWire,
    settings: DatagramSettings,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let wanted = wire.wanted();
    let port = DatagramPort::new(
        wire,
        protocol,
        core.context.clock.clone(),
        core.datagrams.clone(),
        settings,
        wanted,
    );
    port.start()?;
    Ok(ListeningPort::new(port, &core.kept_ports))
}

impl Source for DatagramPort<UdpWire> {
    fn ready(&self, ready: Ready, _: &mut ReadBuffer) {
        DatagramPort::ready(self, ready.is_readable(), ready.is_writable());
    }

    fn stop(&self) {
        self.shut_down();
    }

    fn abort(&self, reason: Reason) {
        self.close(reason);
    }
}
