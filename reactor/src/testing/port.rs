use std::cell::Cell;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use super::wire::Whose;
use crate::heart::draining::Draining;
use crate::heart::figures::count;
use crate::heart::port::Listening;
use crate::stream::Owner;
use crate::{
    Address, Clock, FactoryRef, ListenError, PortStats, ProtocolRef, Reason, Refused,
    StreamSettings, TcpListen,
};

/// A port of a [`MemoryReactor`](super::MemoryReactor), which owns it.
pub(super) struct MemoryPort {
    place: Place,
    factory: FactoryRef,
    open: Cell<bool>,
    paused: Cell<bool>,
    connections: Cell<usize>,
    accepted: Cell<u64>,
    refused: Cell<Refused>,
}

/// What is listened on, as it was asked for.
pub(super) enum Place {
    /// With the port that the system would have chosen.
    Tcp(TcpListen, SocketAddr),
    #[cfg(unix)]
    Unix(crate::UnixListen),
    #[cfg(unix)]
    StandardIo(crate::StandardIo),
}

/// One side of a connection: what [`Pair::owned`](super::Pair::owned) makes a stream of.
pub(super) struct End {
    pub(super) protocol: ProtocolRef,
    pub(super) settings: StreamSettings,
    pub(super) owner: Option<Rc<dyn Owner>>,
    /// That of its reactor.
    pub(super) draining: Draining,
    pub(super) whose: Whose,
}

impl End {
    /// One that stands alone.
    pub(super) fn new(protocol: ProtocolRef, settings: StreamSettings) -> Self {
        End {
            protocol,
            settings,
            owner: None,
            draining: Draining::default(),
            whose: Whose::Test,
        }
    }

    pub(super) fn of(self, whose: Whose) -> Self {
        End { whose, ..self }
    }

    pub(super) fn owned_by(self, owner: Rc<dyn Owner>) -> Self {
        let owner = Some(owner);
        End { owner, ..self }
    }

    pub(super) fn draining(self, draining: &Draining) -> Self {
        let draining = draining.clone();
        End { draining, ..self }
    }
}

impl MemoryPort {
    pub(super) fn new(place: Place, factory: FactoryRef) -> Rc<Self> {
        Rc::new(MemoryPort {
            place,
            factory,
            open: Cell::new(false),
            paused: Cell::new(false),
            connections: Cell::new(0),
            accepted: Cell::new(0),
            refused: Cell::default(),
        })
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// The server's side of a connection with a client in memory. `None` if the factory refuses.
    pub(super) fn build(self: Rc<Self>, clock: &Clock, draining: &Draining) -> Option<End> {
        let client = Address::Memory("client".into());
        let totals = &clock.figures().totals;
        let Some(protocol) = self.factory.build_protocol(&client) else {
            for cell in [&self.refused, &totals.refused] {
                let mut refused = cell.get();
                refused.by_factory += 1;
                cell.set(refused);
            }
            return None;
        };
        count(&self.accepted);
        count(&totals.accepted);
        self.connections.set(self.connections.get() + 1);
        let (settings, address) = (self.place.settings(), self.place.address());
        let end = End::new(protocol, settings).of(Whose::Port(address));
        Some(end.owned_by(self).draining(draining))
    }

    /// Whether what is sent to `address` comes here.
    pub(super) fn takes(&self, address: &Address) -> bool {
        self.open.get() && self.place.takes(address)
    }

    /// How many addresses it takes: one, all of IPv4, or all.
    pub(super) fn generality(&self) -> u8 {
        match self.place.address().ip() {
            Some(IpAddr::V4(ip)) if ip.is_unspecified() => 1,
            Some(IpAddr::V6(ip)) if ip.is_unspecified() => 2,
            _ => 0,
        }
    }

    /// Whether the system would not let `other` listen beside this one.
    pub(super) fn excludes(&self, other: &MemoryPort) -> bool {
        self.open.get() && self.place.excludes(&other.place)
    }
}

impl Place {
    pub(super) fn address(&self) -> Address {
        match self {
            Place::Tcp(_, bound) => (*bound).into(),
            #[cfg(unix)]
            Place::Unix(options) => options.name.address(),
            #[cfg(unix)]
            Place::StandardIo(_) => crate::StandardIo::address(),
        }
    }

    fn settings(&self) -> StreamSettings {
        match self {
            Place::Tcp(options, _) => options.settings.clone(),
            #[cfg(unix)]
            Place::Unix(options) => options.settings.clone(),
            #[cfg(unix)]
            Place::StandardIo(options) => options.settings.clone(),
        }
    }

    fn takes(&self, address: &Address) -> bool {
        match (self, address.socket()) {
            (Place::Tcp(options, bound), Some(address)) => {
                bound.port() == address.port() && covers(options, bound.ip(), address.ip())
            }
            _ => self.address() == *address,
        }
    }

    fn excludes(&self, other: &Place) -> bool {
        match (self, other) {
            (Place::Tcp(options, bound), Place::Tcp(others, other)) => {
                let shared = share_a_port(options, others);
                let overlapping = covers(options, bound.ip(), other.ip())
                    || covers(others, other.ip(), bound.ip());
                bound.port() == other.port() && overlapping && !shared
            }
            #[cfg(unix)]
            _ => self.address() == other.address(),
        }
    }
}

/// Whether both may listen on one port.
fn share_a_port(one: &TcpListen, other: &TcpListen) -> bool {
    #[cfg(unix)]
    return one.reuse_port && other.reuse_port || one.is_shared_with(other);
    #[cfg(not(unix))]
    one.is_shared_with(other)
}

/// Whether a port of the address `bound` takes what comes for this address.
fn covers(options: &TcpListen, bound: IpAddr, address: IpAddr) -> bool {
    match bound {
        IpAddr::V4(ip) if ip.is_unspecified() => address.is_ipv4(),
        IpAddr::V6(ip) if ip.is_unspecified() => address.is_ipv6() || !options.v6_only,
        ip => ip == address,
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
        self.place.address()
    }

    fn connections(&self) -> usize {
        self.connections.get()
    }

    fn stats(&self) -> PortStats {
        PortStats {
            paused: self.paused.get(),
            accepted: self.accepted.get(),
            refused: self.refused.get(),
            ..PortStats::of(self)
        }
    }
}
