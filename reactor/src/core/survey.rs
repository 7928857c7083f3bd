use std::fmt;
use std::rc::{Rc, Weak};

use super::Core;
use super::sources::{Source, Sources};
use crate::heart::port::Listening;
use crate::stream::Tally;
use crate::{ConnectionId, ConnectionStats, PortStats, Stats, TransportRef};

/// The connections that there are, one after the other, by looking at each when it is its turn: what
/// [`ReactorHandle::connections`](crate::ReactorHandle::connections) returns.
///
/// The walk holds nothing between two steps, so that it may take any time: a connection that ends before
/// the walk comes to it is not in it, and one that begins meanwhile may be. No connection comes twice.
/// The order says nothing.
pub struct Connections(Box<dyn Iterator<Item = ConnectionStats>>);

impl Connections {
    pub(crate) fn new(walk: impl Iterator<Item = ConnectionStats> + 'static) -> Self {
        Connections(Box::new(walk))
    }
}

impl Iterator for Connections {
    type Item = ConnectionStats;

    fn next(&mut self) -> Option<ConnectionStats> {
        self.0.next()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connections")
    }
}

/// All that is registered, by place: what is removed leaves its place to another.
struct Walk {
    sources: Weak<Sources>,
    place: usize,
}

impl Iterator for Walk {
    type Item = Rc<dyn Source>;

    fn next(&mut self) -> Option<Rc<dyn Source>> {
        let (place, source) = self.sources.upgrade()?.next_from(self.place)?;
        self.place = place + 1;
        Some(source)
    }
}

impl Core {
    fn walk(&self) -> Walk {
        Walk {
            sources: Rc::downgrade(&self.sources),
            place: 0,
        }
    }

    pub(crate) fn stats(&self) -> Stats {
        let (mut tally, mut ports) = (Tally::default(), Vec::new());
        let kept = self.kept_ports.all();
        for source in self.walk() {
            if let Some(stream) = source.stream() {
                stream.tally(&mut tally);
            } else if let Some(port) = source.port() {
                ports.push(port.stats());
            }
        }
        // The others have stopped, or have no descriptor that is watched.
        let listed: Vec<_> = self
            .walk()
            .filter_map(|source| address_of(source.port()))
            .collect();
        let others = kept.iter().filter(|port| {
            address_of(Some(&***port)).is_some_and(|address| !listed.contains(&address))
        });
        let others: Vec<PortStats> = others.map(|port| port.stats()).collect();
        ports.extend(others);
        let mut stats = tally.into_stats(self.clock(), ports);
        stats.work = self.stopwatch.times();
        stats
    }

    pub(crate) fn connections(&self) -> Connections {
        let looks = self
            .walk()
            .filter_map(|source| Some(source.stream()?.look()));
        Connections::new(looks)
    }

    pub(crate) fn transport(&self, id: ConnectionId) -> Option<TransportRef> {
        self.walk().find_map(|source| {
            let stream = source.stream()?;
            (stream.id() == id).then(|| stream.transport())
        })
    }
}

/// Where a port is in memory, to tell whether two are the same.
fn address_of(port: Option<&dyn Listening>) -> Option<*const ()> {
    port.map(|port| std::ptr::from_ref(port).cast())
}
