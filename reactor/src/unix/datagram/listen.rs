use std::rc::Rc;

use socket2::Socket;

use super::UnixDatagramListen;
use super::socket::UnixDatagramWire;
use crate::core::Core;
use crate::core::sources::Source;
use crate::datagram::{DatagramPort, DatagramSettings};
use crate::heart::port::Listening;
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::{DatagramProtocolRef, ListenError, ListeningPort, Reason};

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UnixDatagramListen,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let settings = options.settings.clone();
    open(
        core,
        UnixDatagramWire::new(core, options),
        settings,
        protocol,
    )
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
    open(core, wire, settings, protocol)
}

fn open(
    core: &Rc<Core>,
    wire: UnixDatagramWire,
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

impl Source for DatagramPort<UnixDatagramWire> {
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
