use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use crate::heart::port::Listening;
use crate::stream::Owner;
use crate::{Address, FactoryRef, ListenError, ProtocolRef, Reason, StreamSettings, TcpListen};

/// A port of a [`MemoryReactor`](super::MemoryReactor), which owns it.
pub(super) struct MemoryPort {
    options: TcpListen,
    bound: SocketAddr,
    factory: FactoryRef,
    open: Cell<bool>,
    paused: Cell<bool>,
    connections: Cell<usize>,
}

/// One side of a connection: what [`Pair::owned`](super::Pair::owned) makes a stream of.
pub(super) type End = (ProtocolRef, StreamSettings, Option<Rc<dyn Owner>>);

impl MemoryPort {
    pub(super) fn new(bound: SocketAddr, options: TcpListen, factory: FactoryRef) -> Rc<Self> {
        Rc::new(MemoryPort {
            options,
            bound,
            factory,
            open: Cell::new(false),
            paused: Cell::new(false),
            connections: Cell::new(0),
        })
    }

    pub(super) fn options(&self) -> &TcpListen {
        &self.options
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// The server's side of a connection with a client in memory. `None` if the factory refuses.
    pub(super) fn build(self: Rc<Self>) -> Option<End> {
        let client = Address::Memory("client".into());
        let protocol = self.factory.build_protocol(&client)?;
        self.connections.set(self.connections.get() + 1);
        let settings = self.options.settings.clone();
        Some((protocol, settings, Some(self)))
    }

    /// Whether what is sent to `address` comes here.
    pub(super) fn takes(&self, address: SocketAddr) -> bool {
        self.open.get() && self.bound.port() == address.port() && self.covers(address.ip())
    }

    fn covers(&self, address: IpAddr) -> bool {
        match self.bound.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.is_ipv4(),
            IpAddr::V6(ip) if ip.is_unspecified() => address.is_ipv6() || !self.options.v6_only,
            ip => ip == address,
        }
    }

    /// How many addresses it takes: one, all of IPv4, or all.
    pub(super) fn generality(&self) -> u8 {
        match self.bound.ip() {
            ip if !ip.is_unspecified() => 0,
            IpAddr::V4(_) => 1,
            IpAddr::V6(_) => 2,
        }
    }

    /// Whether the system would not let `other` listen beside this one.
    pub(super) fn excludes(&self, other: &MemoryPort) -> bool {
        let shared = self.options.reuse_port && other.options.reuse_port;
        let overlapping = self.covers(other.bound.ip()) || other.covers(self.bound.ip());
        self.open.get() && self.bound.port() == other.bound.port() && overlapping && !shared
    }
}

impl Owner for MemoryPort {
    fn stream_lost(&self, _: &Reason) {
        self.connections.set(self.connections.get() - 1);
    }
}

impl Listening for MemoryPort {
    fn start(&self) -> Result<(), ListenError> {
        if self.open.replace(true) {
            return Err(ListenError::AlreadyListening);
        }
        self.paused.set(false);
        self.factory.start();
        Ok(())
    }

    fn stop(&self) {
        if self.open.replace(false) {
            self.factory.stop();
        }
    }

    fn is_listening(&self) -> bool {
        self.open.get()
    }

    fn pause(&self) {
        self.paused.set(true);
    }

    fn resume(&self) {
        self.paused.set(false);
    }

    fn address(&self) -> Address {
        self.bound.into()
    }

    fn connections(&self) -> usize {
        self.connections.get()
    }
}
