use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat};

/// A layer that changes nothing, and tells when its connection has ended, after the protocol above
/// has heard it.
pub(crate) struct Watch {
    seat: Seat,
    lost: OnceCell<Reason>,
    on_lost: Cell<Option<OnLost>>,
    /// It sits on a connection, over which a layer below may still negotiate.
    seated: Cell<bool>,
    begun: Cell<bool>,
}

type OnLost = Box<dyn FnOnce(&Reason)>;

impl Watch {
    pub(crate) fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Watch {
            seat: Seat::new(me, above),
            lost: OnceCell::new(),
            on_lost: Cell::default(),
            seated: Cell::new(false),
            begun: Cell::new(false),
        })
    }

    /// Has `call` called, in a turn of its own, when the connection has ended; it is never called
    /// from inside this.
    pub(crate) fn on_lost(&self, call: impl FnOnce(&Reason) + 'static) {
        self.on_lost.set(Some(Box::new(call)));
    }

    /// Why the connection has ended, if it has.
    pub(crate) fn lost(&self) -> Option<&Reason> {
        self.lost.get()
    }

    /// It sits on a connection from now on, and will hear of its end.
    pub(crate) fn seated(&self) {
        self.seated.set(true);
    }

    /// Whether there is a connection of which the end is still to come.
    pub(crate) fn is_seated(&self) -> bool {
        self.seated.get() && self.lost.get().is_none()
    }

    /// Whether there is a connection, and no layer below it negotiates any more.
    pub(crate) fn is_open(&self) -> bool {
        self.begun.get() && self.lost.get().is_none()
    }

    /// Closes it, in order, from the top of the layers.
    pub(crate) fn close(&self) {
        self.seat.transport().lose_connection();
    }
}

impl Channel for Watch {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Watch {
    fn connection_made(&self) {
        self.begun.set(true);
        self.seat.open();
    }

    fn connection_lost(&self, reason: &Reason) {
        self.seat.lost(reason.clone());
        let reason = self.seat.reason().unwrap_or_else(|| reason.clone());
        if let Some(call) = self.on_lost.take() {
            let told = reason.clone();
            self.seat
                .with_lower(|lower| lower.clock().call_soon(move || call(&told)));
        }
        // A connection is lost once.
        let _ = self.lost.set(reason);
    }
}
