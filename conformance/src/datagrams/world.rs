use std::net::IpAddr;
use std::panic::Location;
use std::time::{Duration, Instant};

use retwist_reactor::{Address, Clock, DatagramProtocolRef, ListenError, ListeningPort};

use super::{Kind, Open, Way};

/// The limits of a case, in time and in passes: only a case that fails reaches them.
const HANGING: Duration = Duration::from_secs(30);
const PASSES: usize = 100_000;
/// After this many passes that do not wait, everything that was under way has arrived: over the
/// loopback interface it is there when a send returns, and a few passes take all of it.
const UNDER_WAY: usize = 50;

/// A loop over some [`Way`], and the ports of a case.
///
/// ```
/// use retwist_conformance::datagrams::{Event, Kind, Memory, Open, Peer, World};
///
/// let world = World::new(Kind::of::<Memory>());
/// let (server, client) = (Peer::new(), Peer::new());
/// let (_port, there) = world.listen(Open::free(), server.echoing());
/// world.listen(Open::free(), client.quiet());
/// world.until(|| client.has(&Event::Started));
/// client.transport().send_to(b"hello", &there);
/// world.until(|| client.received() == [b"hello"]);
/// ```
pub struct World {
    kind: Kind,
    way: Box<dyn Way>,
}

impl World {
    /// A loop without ports.
    pub fn new(kind: Kind) -> Self {
        World {
            kind,
            way: kind.make(),
        }
    }

    /// Returns what kind its ports are of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Opens a port; returns it and its address.
    #[track_caller]
    pub fn listen(
        &self,
        open: Open,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> (ListeningPort, Address) {
        let port = self
            .try_listen(open, protocol)
            .expect("a port that is free");
        let address = port.address();
        (port, address)
    }

    /// Opens a port, if it can be.
    pub fn try_listen(
        &self,
        open: Open,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        self.way.open(open, protocol.into())
    }

    /// A multicast group.
    ///
    /// # Panics
    /// Panics if the kind has none: a case that uses it needs [`Ability::Groups`](super::Ability::Groups).
    #[track_caller]
    pub fn group(&self) -> IpAddr {
        self.kind.facts().a_group().expect("a kind with groups")
    }

    /// The time of the loop.
    pub fn clock(&self) -> Clock {
        self.way.clock()
    }

    /// Runs until it is true.
    #[track_caller]
    pub fn until(&self, condition: impl Fn() -> bool) {
        let caller = Location::caller();
        let start = Instant::now();
        for _ in 0..PASSES {
            if condition() {
                return;
            }
            if start.elapsed() > HANGING {
                break;
            }
            self.way.pass(Duration::from_millis(20));
        }
        panic!("{caller}: it never comes to that");
    }

    /// Runs until everything that was under way has arrived.
    pub fn comes_to_rest(&self) {
        for _ in 0..UNDER_WAY {
            self.way.pass(Duration::ZERO);
        }
    }
}
