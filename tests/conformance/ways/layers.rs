use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist::{Channel, Clock, Layer, Producer, ProducerKind, ProtocolRef, Reason, Seat};

use crate::way::{How, Way};

/// A layer that does nothing, on any way.
pub struct Layered<W>(W);

impl<W: Way> Way for Layered<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Layered(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(Plain::under(client), Plain::under(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

/// A layer that holds back what is written until the turn ends, on any way.
pub struct Holding<W>(W);

impl<W: Way> Way for Holding<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Holding(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(Hold::under(client), Hold::under(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

struct Plain {
    seat: Seat,
}

impl Plain {
    fn under(above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Plain {
            seat: Seat::new(me, above),
        });
        layer.as_protocol()
    }
}

impl Channel for Plain {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Plain {}

/// From this many bytes on, more is not held back.
const ENOUGH: usize = 16 * 1024;

struct Hold {
    seat: Seat,
    held: RefCell<Vec<u8>>,
}

impl Hold {
    fn under(above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Hold {
            seat: Seat::new(me, above),
            held: RefCell::default(),
        });
        layer.as_protocol()
    }
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

/// Delivers what comes in small pieces.
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
struct Farewell {
    seat: Seat,
}

/// `above`, over a layer whose last word before a close is "farewell".
pub fn last_words(above: ProtocolRef) -> ProtocolRef {
    let layer = Rc::new_cyclic(|me| Farewell {
        seat: Seat::new(me, above),
    });
    layer.as_protocol()
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

/// A layer with a bug, which shows once it is armed.
pub struct Faulty {
    seat: Seat,
    bug: Bug,
    armed: Cell<bool>,
}

/// Where a [`Faulty`] layer panics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// In a turn, of its own accord.
    Turn,
    /// In a flush of its own accord, and once more when it is told to abort.
    FlushAndAbort,
    /// When bytes come.
    Data,
    /// When the connection has ended.
    Lost,
}

impl Bug {
    pub const ALL: [Bug; 4] = [Bug::Turn, Bug::FlushAndAbort, Bug::Data, Bug::Lost];
}

impl Faulty {
    pub fn new(bug: Bug, above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Faulty {
            seat: Seat::new(me, above),
            bug,
            armed: Cell::new(false),
        })
    }

    /// From now on, the bug shows.
    pub fn arm(&self) {
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
