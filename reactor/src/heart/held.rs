use std::cell::{Cell, RefCell};

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
