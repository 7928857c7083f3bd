use std::rc::Rc;

use super::UnixDatagramListen;
use super::socket::UnixDatagramWire;
use crate::core::Core;
use crate::core::sources::Source;
use crate::datagram::DatagramPort;
use crate::heart::port::Listening;
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::{Address, DatagramProtocolRef, ListenError, ListeningPort, Reason};

pub(crate) fn listen(
    core: &Rc<Core>,
    options: UnixDatagramListen,
    protocol: DatagramProtocolRef,
) -> Result<ListeningPort, ListenError> {
    let settings = options.settings.clone();
    let wanted = options
        .requested_name()
        .map_or(Address::Unix(None), Address::from);
    let port = DatagramPort::new(
        UnixDatagramWire::new(core, options),
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
