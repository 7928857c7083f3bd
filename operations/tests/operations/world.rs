use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::testing::{MemoryReactor, Pair};
use retwist_reactor::{Address, FactoryRef, Protocol, Reason, TransportRef};

/// Long enough for any rest between two answers.
pub(crate) const WHILE: Duration = Duration::from_secs(5);

pub(crate) struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

/// A reactor with an echo port and the endpoint that is tested.
pub(crate) struct World {
    pub(crate) reactor: Rc<MemoryReactor>,
}

const ECHO: u16 = 7;
const ENDPOINT: u16 = 9;

fn address(port: u16) -> Address {
    Address::Tcp(([127, 0, 0, 1], port).into())
}

impl World {
    pub(crate) fn new(endpoint: impl FnOnce(&Rc<MemoryReactor>) -> FactoryRef) -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        reactor
            .listen_tcp(([127, 0, 0, 1], ECHO), |_| Echo)
            .unwrap();
        let factory = endpoint(&reactor);
        reactor
            .listen_tcp_factory(([127, 0, 0, 1], ENDPOINT), factory)
            .unwrap();
        World { reactor }
    }

    /// A client of the echo port.
    pub(crate) fn echo(&self) -> Pair {
        self.reactor
            .accept(&address(ECHO), Peer::default())
            .unwrap()
    }

    /// A client of the endpoint.
    pub(crate) fn connect(&self) -> Client {
        let peer = Peer::default();
        let heard = peer.heard.clone();
        let pair = self.reactor.accept(&address(ENDPOINT), peer).unwrap();
        pair.run();
        Client { pair, heard }
    }
}

#[derive(Default)]
pub(crate) struct Peer {
    heard: Rc<RefCell<Heard>>,
}

#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) bytes: Vec<u8>,
    pub(crate) lost: Option<Reason>,
}

impl Protocol for Peer {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.borrow_mut().bytes.extend_from_slice(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.heard.borrow_mut().lost = Some(reason.clone());
    }
}

/// A connection to the endpoint.
pub(crate) struct Client {
    pub(crate) pair: Pair,
    pub(crate) heard: Rc<RefCell<Heard>>,
}

impl Client {
    /// Sends, and returns all that comes in a while.
    pub(crate) fn ask(&self, data: impl AsRef<[u8]>) -> String {
        self.pair.client().write(data.as_ref());
        self.pair.advance(WHILE);
        self.take()
    }

    /// What has come since the last look.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.heard.borrow_mut().bytes)).unwrap()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.heard.borrow().lost.is_some()
    }
}
