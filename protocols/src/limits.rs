use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::rc::Rc;

use retwist_reactor::{
    Address, Channel, FactoryRef, IntoProtocol, Layer, LogLimit, ProtocolRef, Reason, Seat,
};

use crate::{FactoryPolicy, IpPrefix};

/// Bounds how many connections a factory serves at a time, in total and for each peer.
///
/// A connection over a limit is refused, or gets a protocol that says so: see
/// [`overflow`](Limits::overflow). Peers without an IP address count in total, and for no peer.
///
/// `Limits` is a cheap handle. Clones share one count, and show it while the connections live; two
/// factories that get clones of the same `Limits` share its bounds.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{FactoryPolicy, Limits};
/// use retwist::{Protocol, TransportRef, factory};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// struct Busy;
///
/// impl Protocol for Busy {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"too many of you\r\n");
///         transport.lose_connection();
///     }
/// }
///
/// let limits = Limits::new().total(100).per_peer(4).ipv6_prefix(56).overflow(|_| Busy);
/// let factory = limits.clone().factory(factory(|_| Echo));
/// # fn is_factory(_: impl retwist::Factory) {}
/// # is_factory(factory);
/// println!("{} connections with {} peers", limits.connections(), limits.peers());
/// ```
#[doc(alias = "LimitTotalConnectionsFactory")]
#[doc(alias = "LimitConnectionsByPeer")]
#[derive(Clone)]
pub struct Limits {
    total: usize,
    per_peer: usize,
    ipv6_prefix: u8,
    overflow: Option<Rc<Overflow>>,
    census: Rc<Census>,
}

type Overflow = dyn Fn(&Address) -> Option<ProtocolRef>;

impl Limits {
    /// Sets no limits. The first 64 bits of its address identify an IPv6 peer, since one customer
    /// usually gets at least such a block.
    pub fn new() -> Self {
        Limits {
            total: usize::MAX,
            per_peer: usize::MAX,
            ipv6_prefix: 64,
            overflow: None,
            census: Rc::default(),
        }
    }

    /// Sets how many connections there may be in total.
    #[doc(alias = "connectionLimit")]
    #[must_use]
    pub fn total(self, total: usize) -> Self {
        Limits { total, ..self }
    }

    /// Sets how many connections there may be with one peer.
    #[doc(alias = "maxConnectionsPerPeer")]
    #[must_use]
    pub fn per_peer(self, per_peer: usize) -> Self {
        Limits { per_peer, ..self }
    }

    /// Sets how many bits of its address, 0 to 128, identify an IPv6 peer.
    #[must_use]
    pub fn ipv6_prefix(self, bits: u8) -> Self {
        Limits {
            ipv6_prefix: bits,
            ..self
        }
    }

    /// Makes the protocol for connections over a limit, instead of refusing them. It may return
    /// `None` to refuse. These connections are not counted, so keep them short.
    #[doc(alias = "overflowFactory")]
    #[must_use]
    pub fn overflow<P: IntoProtocol>(self, overflow: impl Fn(&Address) -> P + 'static) -> Self {
        Limits {
            overflow: Some(Rc::new(move |peer| overflow(peer).into_protocol())),
            ..self
        }
    }

    /// Returns how many connections there are now.
    #[doc(alias = "connectionCount")]
    pub fn connections(&self) -> usize {
        self.census.total.get()
    }

    /// Returns how many connections there are now with this peer, or with others that count as the same.
    #[doc(alias = "peerConnections")]
    pub fn connections_with(&self, peer: &Address) -> usize {
        self.peer(peer).map_or(0, |peer| self.census.of(peer))
    }

    /// Returns how many peers have connections now.
    pub fn peers(&self) -> usize {
        self.census.peers.borrow().len()
    }

    fn peer(&self, peer: &Address) -> Option<IpPrefix> {
        peer.ip().map(|address| match address.to_canonical() {
            IpAddr::V4(_) => address.into(),
            IpAddr::V6(_) => IpPrefix::new(address, self.ipv6_prefix),
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::new()
    }
}

impl FactoryPolicy for Limits {
    fn build_protocol(&self, inner: &FactoryRef, peer: &Address) -> Option<ProtocolRef> {
        let prefix = self.peer(peer);
        let full = self.census.total.get() >= self.total
            || prefix.is_some_and(|prefix| self.census.of(prefix) >= self.per_peer);
        if full {
            if let Some(left_out) = self.census.refused.admit() {
                log::info!("a connection from {peer} is over the limit{left_out}");
            }
            return self.overflow.as_ref().and_then(|overflow| overflow(peer));
        }
        let place = Place::take(&self.census, prefix);
        let above = inner.build_protocol(peer)?;
        let layer = Rc::new_cyclic(|me| Counted {
            seat: Seat::new(me, above),
            place: Cell::new(Some(place)),
        });
        Some(layer.as_protocol())
    }
}

impl fmt::Debug for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limits")
            .field("total", &self.total)
            .field("per_peer", &self.per_peer)
            .field("ipv6_prefix", &self.ipv6_prefix)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

/// The connections that there are now.
#[derive(Default)]
struct Census {
    total: Cell<usize>,
    peers: RefCell<HashMap<IpPrefix, usize>>,
    refused: LogLimit,
}

impl Census {
    fn of(&self, peer: IpPrefix) -> usize {
        self.peers.borrow().get(&peer).copied().unwrap_or(0)
    }
}

/// One connection in the census. It leaves when this is dropped, also if the inner factory has
/// refused or panicked.
struct Place {
    census: Rc<Census>,
    peer: Option<IpPrefix>,
}

impl Place {
    fn take(census: &Rc<Census>, peer: Option<IpPrefix>) -> Self {
        census.total.set(census.total.get() + 1);
        if let Some(peer) = peer {
            *census.peers.borrow_mut().entry(peer).or_default() += 1;
        }
        Place {
            census: census.clone(),
            peer,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.census.total.set(self.census.total.get() - 1);
        let Some(peer) = self.peer else { return };
        let mut peers = self.census.peers.borrow_mut();
        if let Some(count) = peers.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                peers.remove(&peer);
            }
        }
    }
}

/// The layer that knows when a counted connection has ended.
struct Counted {
    seat: Seat,
    place: Cell<Option<Place>>,
}

impl Channel for Counted {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Counted {
    fn connection_lost(&self, reason: &Reason) {
        self.place.take();
        self.seat.lost(reason.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_that_have_gone_are_forgotten() {
        let census: Rc<Census> = Rc::default();
        let peer = "192.0.2.1".parse().expect("a good prefix");
        let places = [0, 1].map(|_| Place::take(&census, Some(peer)));
        assert_eq!(census.of(peer), 2);
        drop(places);
        assert!(census.peers.borrow().is_empty());
    }
}
