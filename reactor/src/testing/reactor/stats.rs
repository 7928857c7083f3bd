use std::rc::{Rc, Weak};

use super::MemoryReactor;
use crate::heart::port::Listening;
use crate::stream::{Examined, Tally};
use crate::{ConnectionId, Connections, Stats, TransportRef};

/// A connection that a test has made, at one end or the other.
pub(super) type Made = Weak<dyn Examined>;

impl MemoryReactor {
    /// Notes a connection, so that it is counted until it has ended.
    pub(super) fn note(&self, stream: Rc<dyn Examined>) {
        let mut made = self.made.borrow_mut();
        made.retain(|stream| stream.strong_count() > 0);
        made.push(Rc::downgrade(&stream));
    }

    fn made(&self) -> Vec<Rc<dyn Examined>> {
        let made = self.made.borrow();
        let alive = made.iter().filter_map(Weak::upgrade);
        alive.filter(|stream| !stream.is_closed()).collect()
    }

    /// Returns what the reactor tells of itself, as [`ReactorHandle::stats`](crate::ReactorHandle::stats): its
    /// ports, the connections that its ports have accepted and that code under test has made, and what is
    /// counted on its clock. A reactor that shares the clock counts there too, and the callbacks of the
    /// test's own ends do.
    ///
    /// The lag of a test is that which the test makes: [`advance`](super::super::ManualClock::advance)
    /// meets each deadline at its own time.
    pub fn stats(&self) -> Stats {
        let mut tally = Tally::default();
        for stream in self.made() {
            stream.tally(&mut tally);
        }
        let ports = self.ports.borrow();
        let ports = ports.iter().map(|port| port.stats()).collect();
        tally.into_stats(&self.clock, ports)
    }

    /// See [`ReactorHandle::connections`](crate::ReactorHandle::connections).
    pub fn connections(&self) -> Connections {
        let made = self.made().into_iter();
        Connections::new(made.map(|stream| stream.look()))
    }

    /// See [`ReactorHandle::connection`](crate::ReactorHandle::connection).
    pub fn connection(&self, id: ConnectionId) -> Option<TransportRef> {
        let mut made = self.made().into_iter();
        Some(made.find(|stream| stream.id() == id)?.transport())
    }
}
