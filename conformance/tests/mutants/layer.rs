//! A layer that holds back its output until the turn ends, with one bug.

use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use retwist_conformance::streams::{How, Layering};
use retwist_reactor::{
    Address, Channel, Layer, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason, Seat,
};

macro_rules! bugs {
    ($($bug:ident),* $(,)?) => { bugs!(@ 0; $($bug)*); };
    (@ $number:expr; $bug:ident $($rest:ident)*) => {
pub(crate) const $bug: usize = $number;
        bugs!(@ $number + 1; $($rest)*);
    };
    (@ $number:expr;) => {};
}

bugs! {
    NOTHING,
    LOSES_A_BYTE,
    SWAPS_BYTES,
    REPEATS_A_DELIVERY,
    DROPS_THE_END_OF_INPUT,
    DROPS_THE_END_OF_OUTPUT,
    NEVER_CLOSES,
    NEVER_CLOSES_HALF,
    CLOSES_ALL_FOR_HALF,
    CLOSES_WITHOUT_WHAT_IS_HELD,
    CLOSES_WHERE_IT_SHOULD_ABORT,
    ABORTS_WHERE_IT_SHOULD_CLOSE,
    CLOSES_WHERE_IT_SHOULD_FAIL,
    FORGETS_THE_REASON_OF_A_CLOSE,
    SENDS_WHAT_IS_HELD_WHEN_IT_ABORTS,
    SENDS_ONLY_IN_CALLBACKS,
    SENDS_CONTROL_BYTES_FIRST,
    COUNTS_NOTHING,
    COUNTS_NO_UNREAD,
    CALLS_AT_ONCE,
    NEVER_CALLS,
    READS_ON,
    NEVER_READS_AGAIN,
    HIDES_ITS_ENDS,
    HIDES_PRODUCERS,
    KEEPS_PRODUCERS,
    TAKES_TWO_PRODUCERS,
    KEEPS_THE_PROTOCOL,
}

/// The layer with this bug, on both sides.
pub(crate) struct Broken<const BUG: usize>;

impl<const BUG: usize> Layering for Broken<BUG> {
    fn new(_: &How) -> Self {
        Broken
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Hold::<BUG> {
            seat: Seat::new(me, above),
            held: RefCell::default(),
            kept: RefCell::default(),
        });
        if BUG == KEEPS_THE_PROTOCOL {
            *layer.kept.borrow_mut() = layer.seat.protocol();
            mem::forget(layer.clone());
        }
        layer.as_protocol()
    }
}

struct Hold<const BUG: usize> {
    seat: Seat,
    held: RefCell<Vec<u8>>,
    kept: RefCell<Option<ProtocolRef>>,
}

impl<const BUG: usize> Channel for Hold<BUG> {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.held.borrow_mut().extend_from_slice(data);
        if self.held.borrow().len() > 16 * 1024 {
            self.flush();
        } else if !self.seat.is_calling() && BUG != SENDS_ONLY_IN_CALLBACKS {
            self.seat.wants_flush();
        }
    }

    fn write_control(&self, data: &[u8]) {
        if BUG != SENDS_CONTROL_BYTES_FIRST {
            self.flush();
        }
        self.seat.with_lower(|lower| lower.write_control(data));
    }

    fn flush(&self) {
        let held = self.held.take();
        self.seat.with_lower(|lower| lower.write(&held));
    }

    fn lose_connection(&self, reason: Reason) {
        if BUG == NEVER_CLOSES {
            return;
        }
        if BUG != CLOSES_WITHOUT_WHAT_IS_HELD {
            self.flush();
        }
        self.seat.with_lower(|lower| match BUG {
            FORGETS_THE_REASON_OF_A_CLOSE => lower.lose_connection(),
            ABORTS_WHERE_IT_SHOULD_CLOSE => lower.abort_connection(),
            _ => lower.lose_connection_because(reason),
        });
    }

    fn fail_connection(&self, reason: Reason) {
        self.flush();
        self.seat.with_lower(|lower| match BUG {
            CLOSES_WHERE_IT_SHOULD_FAIL => lower.lose_connection_because(reason),
            _ => lower.fail_connection(reason),
        });
    }

    fn lose_write_connection(&self) {
        self.flush();
        self.seat.with_lower(|lower| match BUG {
            NEVER_CLOSES_HALF => {}
            CLOSES_ALL_FOR_HALF => lower.lose_connection(),
            _ => lower.lose_write_connection(),
        });
    }

    fn abort_connection(&self, reason: Reason) {
        let held = self.held.take();
        if BUG == SENDS_WHAT_IS_HELD_WHEN_IT_ABORTS {
            self.seat.with_lower(|lower| {
                lower.write(&held);
                lower.fail_connection(reason);
            });
            return;
        }
        self.seat.fail(reason);
        self.seat.with_lower(|lower| match BUG {
            CLOSES_WHERE_IT_SHOULD_ABORT => lower.lose_connection(),
            _ => lower.abort_connection(),
        });
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        match BUG {
            CALLS_AT_ONCE => return call(),
            NEVER_CALLS => return,
            _ => self.flush(),
        }
        self.seat.with_lower(|lower| lower.when_sent(call));
    }

    fn reading_changed(&self) {
        if BUG == READS_ON || BUG == NEVER_READS_AGAIN && !self.seat.is_paused() {
            return;
        }
        self.seat.pass_on_reading();
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        if BUG == HIDES_PRODUCERS {
            return Ok(());
        }
        let registered = self
            .seat
            .with_lower(|lower| lower.register_producer(producer, kind));
        match BUG {
            TAKES_TWO_PRODUCERS => Ok(()),
            _ => registered.unwrap_or(Ok(())),
        }
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.flush();
        if BUG == KEEPS_PRODUCERS {
            return None;
        }
        self.seat.with_lower(|lower| lower.unregister_producer())?
    }

    fn buffered(&self) -> usize {
        if BUG == COUNTS_NOTHING {
            return 0;
        }
        let below = self.seat.with_lower(|lower| lower.buffered());
        self.held.borrow().len() + below.unwrap_or(0)
    }

    fn unacknowledged(&self) -> usize {
        if BUG == COUNTS_NO_UNREAD {
            return 0;
        }
        let below = self.seat.with_lower(|lower| lower.unacknowledged());
        self.held.borrow().len() + below.unwrap_or(0)
    }

    fn peer(&self) -> Address {
        if BUG == HIDES_ITS_ENDS {
            return Address::Unknown;
        }
        let below = self.seat.with_lower(|lower| lower.peer());
        below.unwrap_or(Address::Unknown)
    }
}

impl<const BUG: usize> Layer for Hold<BUG> {
    fn data_received(&self, data: &mut [u8]) {
        let count = data.len();
        match BUG {
            LOSES_A_BYTE if count > 1 => self.seat.deliver(&mut data[1..]),
            SWAPS_BYTES if count > 1 => {
                data.swap(0, 1);
                self.seat.deliver(data);
            }
            REPEATS_A_DELIVERY => {
                self.seat.deliver(data);
                self.seat.deliver(data);
            }
            _ => self.seat.deliver(data),
        }
    }

    fn read_connection_lost(&self) {
        if BUG != DROPS_THE_END_OF_INPUT {
            self.seat.read_connection_lost();
        }
    }

    fn write_connection_lost(&self) {
        if BUG != DROPS_THE_END_OF_OUTPUT {
            self.seat.write_connection_lost();
        }
    }
}
