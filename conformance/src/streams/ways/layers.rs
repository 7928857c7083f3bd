use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::{Channel, Layer, Producer, ProducerKind, ProtocolRef, Reason, Seat};

use crate::streams::{How, Layering};

/// A layer that does nothing.
pub struct Plain;

impl Layering for Plain {
    fn new(_: &How) -> Self {
        Plain
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Nothing {
            seat: Seat::new(me, above),
        });
        layer.as_protocol()
    }
}

struct Nothing {
    seat: Seat,
}

impl Channel for Nothing {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Nothing {}

/// A layer that holds back what is written until the turn ends.
pub struct Holding;

impl Layering for Holding {
    fn new(_: &How) -> Self {
        Holding
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Hold {
            seat: Seat::new(me, above),
            held: RefCell::default(),
        });
        layer.as_protocol()
    }
}

/// From this many bytes on, more is not held back.
const ENOUGH: usize = 16 * 1024;

struct Hold {
    seat: Seat,
    held: RefCell<Vec<u8>>,
}

impl Channel for Hold {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.held.borrow_mut().extend_from_slice(data);
        if self.held.borrow().len() > ENOUGH {
            self.flush();
        } else if !self.seat.is_calling() {
            self.seat.wants_flush();
        }
    }

    fn lose_connection(&self, reason: Reason) {
        self.flush();
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    fn lose_write_connection(&self) {
        self.flush();
        self.seat.with_lower(|lower| lower.lose_write_connection());
    }

    fn abort_connection(&self, reason: Reason) {
        self.held.take();
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        // A close that waits for the producer goes on behind its last bytes.
        self.flush();
        self.seat.with_lower(|lower| lower.unregister_producer())?
    }

    fn buffered(&self) -> usize {
        let below = self.seat.with_lower(|lower| lower.buffered());
        self.held.borrow().len() + below.unwrap_or(0)
    }

    fn flush(&self) {
        let held = self.held.take();
        self.seat.with_lower(|lower| lower.write(&held));
    }
}

impl Layer for Hold {}

/// A layer that delivers what comes in small pieces: [`How::cut`] for a transport that does not cut by
/// itself.
pub struct Cut {
    seat: Seat,
    size: usize,
}

impl Cut {
    /// `above`, with its input cut to pieces of `size`.
    pub fn under(above: ProtocolRef, size: usize) -> ProtocolRef {
        if size == usize::MAX {
            return above;
        }
        let layer = Rc::new_cyclic(|me| Cut {
            seat: Seat::new(me, above),
            size,
        });
        layer.as_protocol()
    }
}

impl Channel for Cut {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Cut {
    fn data_received(&self, data: &mut [u8]) {
        for piece in data.chunks_mut(self.size) {
            self.seat.deliver(piece);
        }
    }
}

/// A layer that sends something before it closes, as TLS does.
pub struct Farewell {
    seat: Seat,
}

impl Farewell {
    /// `above`, over a layer whose last word before a close is `farewell`.
    pub fn under(above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Farewell {
            seat: Seat::new(me, above),
        });
        layer.as_protocol()
    }
}

impl Channel for Farewell {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.with_lower(|lower| {
            lower.write_control(b"farewell");
            lower.lose_connection_because(reason);
        });
    }
}

impl Layer for Farewell {}
