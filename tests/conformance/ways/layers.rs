use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist::{Clock, Joint, Layer, LayerExt, Producer, ProducerKind, ProtocolRef, Reason};

use crate::way::{How, Way};

/// A layer that does nothing, on any way.
pub struct Layered<W>(W);

impl<W: Way> Way for Layered<W> {
    const MUCH: usize = W::MUCH;

    fn new(how: How) -> Self {
        Layered(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(Plain::under(client), Plain::under(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

/// A layer that holds back what is written until the turn ends, on any way.
pub struct Holding<W>(W);

impl<W: Way> Way for Holding<W> {
    const MUCH: usize = W::MUCH;

    fn new(how: How) -> Self {
        Holding(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(Hold::under(client), Hold::under(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

struct Plain {
    joint: Joint,
}

impl Plain {
    fn under(above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Plain {
            joint: Joint::new(me, above),
        });
        layer.below()
    }
}

impl Layer for Plain {
    fn joint(&self) -> &Joint {
        &self.joint
    }
}

/// Bytes that are not worth holding back more of.
const ENOUGH: usize = 16 * 1024;

struct Hold {
    joint: Joint,
    held: RefCell<Vec<u8>>,
}

impl Hold {
    fn under(above: ProtocolRef) -> ProtocolRef {
        let layer = Rc::new_cyclic(|me| Hold {
            joint: Joint::new(me, above),
            held: RefCell::default(),
        });
        layer.below()
    }
}

impl Layer for Hold {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn write(&self, data: &[u8]) {
        self.held.borrow_mut().extend_from_slice(data);
        if self.held.borrow().len() > ENOUGH {
            self.flush();
        } else if !self.joint.seat().is_calling() {
            self.joint.seat().wants_flush();
        }
    }

    fn lose_connection(&self, reason: Reason) {
        self.flush();
        self.joint
            .below(|below| below.lose_connection_because(reason));
    }

    fn lose_write_connection(&self) {
        self.flush();
        self.joint.below(|below| below.lose_write_connection());
    }

    fn abort_connection(&self, reason: Reason) {
        self.held.take();
        self.joint.seat().fail(reason);
        self.joint.below(|below| below.abort_connection());
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        // A close that waits for the producer goes on behind its last bytes.
        self.flush();
        self.joint.below(|below| below.unregister_producer())?
    }

    fn buffered(&self) -> usize {
        let below = self.joint.below(|below| below.buffered());
        self.held.borrow().len() + below.unwrap_or(0)
    }

    fn flush(&self) {
        let held = self.held.take();
        self.joint.below(|below| below.write(&held));
    }
}

/// Delivers what comes in small pieces.
pub struct Cut {
    joint: Joint,
    size: usize,
}

impl Cut {
    /// `above`, with its input cut to pieces of `size`.
    pub fn under(above: ProtocolRef, size: usize) -> ProtocolRef {
        if size == usize::MAX {
            return above;
        }
        let layer = Rc::new_cyclic(|me| Cut {
            joint: Joint::new(me, above),
            size,
        });
        layer.below()
    }
}

impl Layer for Cut {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn data_received(&self, data: &mut [u8]) {
        for piece in data.chunks_mut(self.size) {
            self.joint.seat().deliver(piece);
        }
    }
}

/// A layer that says something before it closes, as TLS does.
struct Farewell {
    joint: Joint,
}

/// `above`, over a layer whose last word before a close is "farewell".
pub fn last_words(above: ProtocolRef) -> ProtocolRef {
    let layer = Rc::new_cyclic(|me| Farewell {
        joint: Joint::new(me, above),
    });
    layer.below()
}

impl Layer for Farewell {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn lose_connection(&self, reason: Reason) {
        self.joint.below(|below| {
            below.write_control(b"farewell");
            below.lose_connection_because(reason);
        });
    }
}

/// A layer with a bug, which shows when it writes of its own accord.
pub struct Faulty {
    joint: Joint,
    armed: Cell<bool>,
}

impl Faulty {
    pub fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Faulty {
            joint: Joint::new(me, above),
            armed: Cell::new(false),
        })
    }

    /// From now on, its next turn is its last.
    pub fn arm(&self) {
        self.armed.set(true);
        self.joint.seat().wants_turn();
    }
}

impl Layer for Faulty {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn turn(&self) {
        assert!(!self.armed.replace(false), "a bug in a layer");
        self.joint.seat().settle();
    }
}
