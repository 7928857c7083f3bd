use std::cell::{Cell, OnceCell};
use std::rc::Rc;

use retwist_reactor::{Joint, Layer, ProtocolRef, Reason};

/// A layer that changes nothing, and tells when its connection has ended, after the protocol above
/// has heard it.
pub(crate) struct Watch {
    joint: Joint,
    lost: OnceCell<Reason>,
    on_lost: Cell<Option<OnLost>>,
    begun: Cell<bool>,
}

type OnLost = Box<dyn FnOnce(&Reason)>;

impl Watch {
    pub(crate) fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Watch {
            joint: Joint::new(me, above),
            lost: OnceCell::new(),
            on_lost: Cell::default(),
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

    /// Whether there is a connection.
    pub(crate) fn is_open(&self) -> bool {
        self.begun.get() && self.lost.get().is_none()
    }

    /// Closes it, in order, from the top of the layers.
    pub(crate) fn close(&self) {
        self.joint.seat().transport().lose_connection();
    }
}

impl Layer for Watch {
    fn joint(&self) -> &Joint {
        &self.joint
    }

    fn connection_made(&self) {
        self.begun.set(true);
        self.joint.seat().open();
    }

    fn connection_lost(&self, reason: &Reason) {
        self.joint.seat().lost(reason.clone());
        let reason = self.joint.seat().reason().unwrap_or_else(|| reason.clone());
        if let Some(call) = self.on_lost.take() {
            let told = reason.clone();
            self.joint
                .below(|below| below.clock().call_soon(move || call(&told)));
        }
        // A connection is lost once.
        let _ = self.lost.set(reason);
    }
}
