use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::Clock;

/// An object of the application, and the calls that came while it was busy.
///
/// Code from outside may call it at any moment, also from inside one of its own callbacks. Such a call
/// waits, and is made as soon as the callback returns.
pub(crate) struct Held<P> {
    object: RefCell<P>,
    late: RefCell<Vec<LateCall<P>>>,
    /// The calls that waited are being made now.
    makes_late: Cell<bool>,
}

type LateCall<P> = Box<dyn FnOnce(&mut P)>;

impl<P> Held<P> {
    pub(crate) fn new(object: P) -> Self {
        Held {
            object: RefCell::new(object),
            late: RefCell::default(),
            makes_late: Cell::new(false),
        }
    }

    pub(crate) fn is_busy(&self) -> bool {
        self.object.try_borrow_mut().is_err()
    }

    /// Calls it now; `None`, and no call, while it is busy.
    pub(crate) fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        let mut object = self.object.try_borrow_mut().ok()?;
        // A panic may have left it set.
        self.makes_late.set(false);
        let outcome = call(&mut object);
        let late = self.late.take();
        self.makes_late.set(true);
        for call in late {
            call(&mut object);
        }
        self.makes_late.set(false);
        Some(outcome)
    }

    /// Has `call` made when the running call returns. Gives it back if the calls that waited are being
    /// made now, so that none of them can keep the loop.
    pub(crate) fn call_late(&self, call: LateCall<P>) -> Result<(), LateCall<P>> {
        if self.makes_late.get() {
            return Err(call);
        }
        self.late.borrow_mut().push(call);
        Ok(())
    }
}

/// What an object of the application belongs to: its panics are dealt with there.
pub(crate) trait Bears: Clone + 'static {
    fn clock(&self) -> Clock;

    /// Makes the call. A panic in it has the effect of one in a callback.
    fn bear(&self, call: impl FnOnce());
}

impl<P: 'static> Held<P> {
    /// Calls it now; while it is busy, when the running call returns; and if the calls that waited are
    /// being made, in the next pass.
    pub(crate) fn call_now_or_late(
        self: &Rc<Self>,
        bearer: &impl Bears,
        call: impl FnOnce(&mut P) + 'static,
    ) {
        if !self.is_busy() {
            self.try_call(call);
            return;
        }
        if let Err(call) = self.call_late(Box::new(call)) {
            let (held, again) = (self.clone(), bearer.clone());
            bearer
                .clock()
                .call_soon(move || again.bear(|| held.call_now_or_late(&again, call)));
        }
    }
}
