use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat};

/// A layer that changes nothing, and reports the end of its connection after the protocol above has
/// heard it.
pub(crate) struct Watch {
    seat: Seat,
    lost: OnceCell<Reason>,
    on_lost: Cell<Option<OnLost>>,
    /// There is a connection, on which a layer below may still negotiate.
    attached: Cell<bool>,
    opened: Cell<bool>,
}

type OnLost = Box<dyn FnOnce(&Reason)>;

impl Watch {
    pub(crate) fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Watch {
            seat: Seat::new(me, above),
            lost: OnceCell::new(),
            on_lost: Cell::default(),
            attached: Cell::new(false),
            opened: Cell::new(false),
        })
    }

    /// Sets the call for the end of the connection. It comes in a turn of its own.
    pub(crate) fn on_lost(&self, call: impl FnOnce(&Reason) + 'static) {
        self.on_lost.set(Some(Box::new(call)));
    }

    /// The reason of the end; `None` before.
    pub(crate) fn lost(&self) -> Option<&Reason> {
        self.lost.get()
    }

    /// There is a connection from now on.
    pub(crate) fn set_attached(&self) {
        self.attached.set(true);
    }

    /// Returns true while there is a connection.
    pub(crate) fn is_attached(&self) -> bool {
        self.attached.get() && self.lost.get().is_none()
    }

    /// Returns true while there is a connection on which all layers have negotiated.
    pub(crate) fn is_open(&self) -> bool {
        self.opened.get() && self.lost.get().is_none()
    }

    /// Closes the connection in order, from the top of the layers.
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
        self.opened.set(true);
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
