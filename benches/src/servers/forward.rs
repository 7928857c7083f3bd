use std::cell::Cell;

use retwist_protocols::Relay;
use retwist_reactor::{FactoryRef, Protocol, Reactor, ReactorHandle, TransportRef};

use crate::listener;

/// Joins each connection with one to that port of this machine.
pub(super) fn factory(reactor: &Reactor, to: u16) -> FactoryRef {
    let reactor = reactor.handle();
    retwist_reactor::factory(move |_| Entrance {
        reactor: reactor.clone(),
        to,
    })
    .into()
}

struct Entrance {
    reactor: ReactorHandle,
    to: u16,
}

impl Protocol for Entrance {
    fn connection_made(&mut self, transport: &TransportRef) {
        let (inbound, outbound) = Relay::pair();
        let outbound = Cell::new(Some(outbound));
        self.reactor
            .connect_tcp(listener::local(self.to), move |_| outbound.take());
        transport.switch_protocol(inbound.into());
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.unread(data);
    }
}
