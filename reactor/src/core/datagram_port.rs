use std::rc::Rc;

use super::Core;
use super::sources::Source;
use crate::datagram::{DatagramPort, DatagramSettings, DatagramWire};
use crate::heart::port::Listening;
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::{Address, DatagramProtocolRef, ListenError, ListeningPort, Reason};

/// Opens a port of datagrams of any kind, at the address that is wanted.
pub(crate) fn open<W: DatagramWire>(
    core: &Rc<Core>,
    wire: W,
    wanted: Address,
    settings: DatagramSettings,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
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

impl<W: DatagramWire> Source for DatagramPort<W> {
    fn ready(&self, ready: Ready, _: &mut ReadBuffer) {
        DatagramPort::ready(self, ready.is_readable(), ready.is_writable());
    }

    #[cfg(unix)]
    fn hand_over(&self) -> Option<std::io::Result<crate::inherited::handed::Handed>> {
        DatagramPort::hand_over(self)
    }

    fn drain(&self) {
        self.shut_down();
    }

    fn stop(&self) {
        self.shut_down();
    }

    fn abort(&self, reason: Reason) {
        self.close(reason);
    }

    fn port(&self) -> Option<&dyn Listening> {
        Some(self)
    }
}
