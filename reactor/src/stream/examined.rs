use std::time::Duration;

use super::*;
use crate::heart::figures::count;
use crate::{
    Clock, ConnectionId, ConnectionState, ConnectionStats, ConnectionsByState, PortStats, Stats,
    TransportRef,
};

/// A stream, whatever its wire, as one that counts and lists connections sees it.
pub(crate) trait Examined {
    fn id(&self) -> ConnectionId;
    /// Adds what the stream does to what all do.
    fn tally(&self, all: &mut Tally);
    fn look(&self) -> ConnectionStats;
    fn transport(&self) -> TransportRef;
    /// Whether the wire is closed.
    fn is_closed(&self) -> bool;
}

/// What the connections of a reactor do together.
#[derive(Default)]
pub(crate) struct Tally {
    connections: ConnectionsByState,
    outgoing: usize,
    received: u64,
    sent: u64,
    deliveries: u64,
}

impl Tally {
    /// With what is counted on the reactor of this clock.
    pub(crate) fn into_stats(self, clock: &Clock, ports: Vec<PortStats>) -> Stats {
        let figures = clock.figures();
        let totals = &figures.totals;
        Stats {
            uptime: Duration::from_nanos(clock.elapsed()),
            connections: self.connections,
            outgoing: self.outgoing,
            ports,
            accepted: totals.accepted.get(),
            refused: totals.refused.get(),
            begun: totals.begun.get(),
            ended: totals.ended.get(),
            broken: totals.broken.get(),
            received: totals.received.get() + self.received,
            sent: totals.sent.get() + self.sent,
            callbacks: totals.callbacks.get() + self.deliveries,
            timers: clock.pending_calls(),
            timers_called: totals.timers_called.get(),
            lag: figures.lag.borrow().clone(),
            work: None,
            figures: figures.by_name(),
        }
    }
}

impl<W: Wire> Examined for Stream<W> {
    fn id(&self) -> ConnectionId {
        self.id
    }

    fn tally(&self, all: &mut Tally) {
        if let Some(state) = self.phase.get().shown() {
            all.connections.add(state);
            all.outgoing += usize::from(self.wire.port().is_none());
            all.received += self.received.get();
            all.sent += self.sent.get();
            all.deliveries += self.deliveries.get();
        }
    }

    fn look(&self) -> ConnectionStats {
        let now = whole_seconds(&self.context.clock);
        ConnectionStats {
            id: self.id,
            peer: self.wire.peer(),
            port: self.wire.port().cloned(),
            state: self.phase.get().shown().unwrap_or(ConnectionState::Broken),
            age: Duration::from_secs(now.saturating_sub(self.opened).into()),
            received: self.received.get(),
            sent: self.sent.get(),
            deliveries: self.deliveries.get(),
            buffered: self.waiting(),
            paused: !self.wants_input(),
        }
    }

    fn transport(&self) -> TransportRef {
        self.seat.transport()
    }

    fn is_closed(&self) -> bool {
        self.phase.get().is_dead()
    }
}

impl Phase {
    /// The state, as it is shown; `None` once the wire is closed.
    fn shown(self) -> Option<ConnectionState> {
        match self {
            Phase::Open => Some(ConnectionState::Open),
            Phase::ClosingWrite | Phase::WriteClosed => Some(ConnectionState::HalfClosed),
            Phase::Closing => Some(ConnectionState::Closing),
            Phase::Lingering => Some(ConnectionState::Lingering),
            Phase::Failing | Phase::Acknowledging => Some(ConnectionState::Failing),
            Phase::Broken => Some(ConnectionState::Broken),
            Phase::Dead | Phase::TornDown | Phase::Reported => None,
        }
    }
}

/// The time, in as few bytes as a connection can spare.
pub(super) fn whole_seconds(clock: &Clock) -> u32 {
    let seconds = Duration::from_nanos(clock.elapsed()).as_secs();
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

impl<W: Wire> Stream<W> {
    /// Adds a delivery of this many bytes.
    #[inline(always)]
    pub(super) fn count_received(&self, count: usize) {
        self.received.set(self.received.get() + count as u64);
        self.deliveries.set(self.deliveries.get() + 1);
    }

    #[inline(always)]
    pub(super) fn count_sent(&self, count: usize) {
        self.sent.set(self.sent.get() + count as u64);
    }

    /// The stream has ended: what it has done is counted elsewhere from now on.
    pub(super) fn count_end(&self, clean: bool) {
        if !self.wire.is_counted() {
            return;
        }
        let totals = &self.context.clock.figures().totals;
        count(&totals.ended);
        if !clean {
            count(&totals.broken);
        }
        for (total, own) in [
            (&totals.received, &self.received),
            (&totals.sent, &self.sent),
            (&totals.callbacks, &self.deliveries),
        ] {
            total.set(total.get() + own.get());
        }
    }
}

/// A stream that could not be registered has not come to its end.
impl<W: Wire> Drop for Stream<W> {
    fn drop(&mut self) {
        if !self.phase.get().is_dead() {
            self.count_end(false);
        }
    }
}
