use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use retwist_reactor::{
    Address, DatagramProtocol, DatagramProtocolRef, DatagramTransport, ListenError, ListeningPort,
    ReactorUdp, SendFailure, UdpListen, error_chain,
};

use super::message::random_number;

/// One server, asked by datagrams from a port of its own, which is open while this exists.
///
/// The port is one that the system chooses at random, and it is connected: the system lets in what
/// the server sends and nothing else, and tells when nothing listens there.
pub(super) struct UdpTalk {
    port: ListeningPort,
    transport: Rc<RefCell<Option<DatagramTransport>>>,
}

/// What is heard of the server.
pub(super) enum UdpEvent<'a> {
    Datagram(&'a [u8]),
    /// No name server listens there.
    Refused,
    /// What was sent has not gone out: why.
    NotSent(String),
}

impl UdpTalk {
    /// Sends this, and from then on has `hear` hear what comes back.
    pub(super) fn begin(
        reactor: &dyn ReactorUdp,
        server: SocketAddr,
        query: Vec<u8>,
        hear: impl Fn(UdpEvent<'_>) + 'static,
    ) -> Result<Self, ListenError> {
        let transport: Rc<RefCell<Option<DatagramTransport>>> = Rc::default();
        let protocol = DatagramProtocolRef::from(Talker {
            query,
            transport: transport.clone(),
            hear,
        });
        for _ in 0..RANDOM_PORTS {
            let options = from_random_port(server);
            match reactor.listen_datagrams(options, protocol.clone()) {
                Err(ListenError::AddressInUse(..) | ListenError::PermissionDenied(..)) => {}
                opened => return opened.map(|port| UdpTalk { port, transport }),
            }
        }
        let port = reactor.listen_datagrams(UdpListen::connect(server), protocol)?;
        Ok(UdpTalk { port, transport })
    }

    /// Sends this too.
    pub(super) fn send(&self, query: &[u8]) {
        if let Some(transport) = &*self.transport.borrow() {
            transport.send(query);
        }
    }
}

/// How many ports are tried before the choice is left to the system.
const RANDOM_PORTS: usize = 8;

/// A port from 32,768 on: below are those on which servers listen.
fn from_random_port(server: SocketAddr) -> UdpListen {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let port = 0x8000 | random_number();
    UdpListen::address((any, port).into()).connected_to(server)
}

impl Drop for UdpTalk {
    fn drop(&mut self) {
        self.port.stop_listening();
    }
}

struct Talker<F> {
    query: Vec<u8>,
    transport: Rc<RefCell<Option<DatagramTransport>>>,
    hear: F,
}

impl<F: Fn(UdpEvent<'_>) + 'static> DatagramProtocol for Talker<F> {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        transport.send(&self.query);
        *self.transport.borrow_mut() = Some(transport.clone());
    }

    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: &Address) {
        (self.hear)(UdpEvent::Datagram(data));
    }

    /// What the reactor serves may wait for the answer.
    fn shutting_down(&mut self, transport: &DatagramTransport) {
        if !transport.is_draining() {
            transport.stop_listening();
        }
    }

    fn connection_refused(&mut self, _: &DatagramTransport) {
        (self.hear)(UdpEvent::Refused);
    }

    fn send_failed(&mut self, _: &DatagramTransport, failure: &SendFailure) {
        (self.hear)(UdpEvent::NotSent(error_chain(&failure.error)));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use retwist_reactor::testing::DatagramNetwork;

    use super::*;

    /// A machine on which every port is taken that is asked for by its number.
    struct Crowded {
        network: DatagramNetwork,
        refused: Cell<usize>,
    }

    impl ReactorUdp for Crowded {
        fn listen_datagrams(
            &self,
            options: UdpListen,
            protocol: DatagramProtocolRef,
        ) -> Result<ListeningPort, ListenError> {
            if options == UdpListen::connect(server()) {
                return self.network.listen_datagrams(options, protocol);
            }
            self.refused.set(self.refused.get() + 1);
            let error = std::io::ErrorKind::AddrInUse.into();
            Err(ListenError::AddressInUse(Address::Unknown, error))
        }
    }

    fn server() -> SocketAddr {
        ([192, 0, 2, 53], 53).into()
    }

    #[test]
    fn where_ports_are_taken_the_system_chooses() {
        let crowded = Crowded {
            network: DatagramNetwork::new(),
            refused: Cell::new(0),
        };
        let talk = UdpTalk::begin(&crowded, server(), b"query".to_vec(), |_| {}).unwrap();
        assert_eq!(crowded.refused.get(), RANDOM_PORTS);
        assert_eq!(crowded.network.listening().len(), 1);
        crowded.network.run();
        drop(talk);
        crowded.network.run();
        assert!(crowded.network.listening().is_empty());
    }
}
