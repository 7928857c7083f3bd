//! A layer with a bug.

use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat};

/// A layer with a bug, which shows once it is armed.
pub(super) struct Faulty {
    seat: Seat,
    bug: Bug,
    armed: Cell<bool>,
}

/// Where a [`Faulty`] layer panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bug {
    /// In a turn, unasked.
    Turn,
    /// In a flush, unasked, and once more when it is told to abort.
    FlushAndAbort,
    /// When bytes come.
    Data,
    /// When the connection has ended.
    Lost,
}

impl Bug {
    pub(super) const ALL: [Bug; 4] = [Bug::Turn, Bug::FlushAndAbort, Bug::Data, Bug::Lost];
}

impl Faulty {
    pub(super) fn new(bug: Bug, above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Faulty {
            seat: Seat::new(me, above),
            bug,
            armed: Cell::new(false),
        })
    }

    /// From now on, the bug shows.
    pub(super) fn arm(&self) {
        self.armed.set(true);
        match self.bug {
            Bug::Turn => self.seat.wants_turn(),
            Bug::FlushAndAbort => self.seat.wants_flush(),
            Bug::Data | Bug::Lost => {}
        }
    }

    fn show(&self, bug: Bug) {
        assert!(self.bug != bug || !self.armed.get(), "a bug in a layer");
    }
}

impl Channel for Faulty {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn turn(&self) {
        self.show(Bug::Turn);
        self.seat.settle();
    }

    fn flush(&self) {
        self.show(Bug::FlushAndAbort);
    }

    fn abort_connection(&self, reason: Reason) {
        self.show(Bug::FlushAndAbort);
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }
}

impl Layer for Faulty {
    fn data_received(&self, data: &mut [u8]) {
        self.show(Bug::Data);
        self.seat.deliver(data);
    }

    fn connection_lost(&self, _: &Reason) {
        self.show(Bug::Lost);
    }
}
