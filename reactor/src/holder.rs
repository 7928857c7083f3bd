use std::cell::{Cell, RefCell};
use std::rc::Weak;
use std::sync::Arc;

use crate::panic::catch_panic;
use crate::{Protocol, TransportRef};

/// A protocol in the one place where all who hold it find it; busy while one of them calls it.
///
/// `S` is who stands behind the protocol: nobody for most, the layer for its lower face.
pub(crate) struct Holder<P, S = ()> {
    /// Whether it has heard `connection_made`: what decides what it hears when it is seated.
    introduced: Cell<bool>,
    has_late: Cell<bool>,
    late: Cell<Option<Box<LateCalls>>>,
    seated: S,
    protocol: RefCell<P>,
}

/// Calls that came while the protocol was in a callback.
pub(crate) type LateCalls = Vec<Box<dyn FnOnce()>>;

/// Who stands behind a protocol that is no more than a face: a layer.
pub(crate) trait Seated {
    /// The protocol has been put in a seat. The layer wants to know at once, since the protocol
    /// above may write before the next turn.
    fn seated(&self, transport: &TransportRef);
    /// Closes what is above; false if there is nothing.
    fn close_above(&self) -> bool;
}

impl Seated for () {
    fn seated(&self, _: &TransportRef) {}

    fn close_above(&self) -> bool {
        false
    }
}

impl<L: Seated> Seated for Weak<L> {
    fn seated(&self, transport: &TransportRef) {
        if let Some(layer) = self.upgrade() {
            layer.seated(transport);
        }
    }

    fn close_above(&self) -> bool {
        self.upgrade().is_some_and(|layer| layer.close_above())
    }
}

/// What became of a callback.
pub(crate) enum Called {
    /// It was made.
    Made,
    /// It was made, and meanwhile calls came: whoever made the protocol busy has them made, see
    /// [`Held::take_late`].
    Late,
    /// It was made, and panicked with this message.
    Panicked(Box<Arc<str>>),
    /// It was not made: somebody else is calling the protocol.
    Busy,
}

/// A [`Holder`] whatever the type of its protocol, as a seat sees it.
pub(crate) trait Held {
    fn introduced(&self) -> &Cell<bool>;
    /// The protocol has been put in a seat, where this is its transport.
    fn seated(&self, transport: &TransportRef);
    /// Closes the protocol above the layer that this one is the lower face of; false if it is none.
    fn close_above(&self) -> bool;
    fn is_busy(&self) -> bool;
    fn call(&self, callback: &mut dyn FnMut(&mut dyn Protocol)) -> Called;
    /// `call` of `data_received_in_place`, without the way round: the one callback that comes all
    /// the time.
    fn deliver(&self, transport: &TransportRef, data: &mut [u8]) -> Called;
    /// The same, of `data_received`.
    fn deliver_shared(&self, transport: &TransportRef, data: &[u8]) -> Called;
    fn take_late(&self) -> LateCalls;
}

impl<P, S> Holder<P, S> {
    pub(crate) fn new(protocol: P, seated: S) -> Self {
        Holder {
            introduced: Cell::new(false),
            has_late: Cell::new(false),
            late: Cell::default(),
            seated,
            protocol: RefCell::new(protocol),
        }
    }

    pub(crate) fn is_introduced(&self) -> bool {
        self.introduced.get()
    }

    #[inline]
    fn within(&self, callback: impl FnOnce(&mut P)) -> Called {
        let Ok(mut protocol) = self.protocol.try_borrow_mut() else {
            return Called::Busy;
        };
        match catch_panic(|| callback(&mut protocol)) {
            Err(message) => Called::Panicked(Box::new(message)),
            Ok(()) if self.has_late.get() => Called::Late,
            Ok(()) => Called::Made,
        }
    }

    /// Calls the protocol for somebody who is not its seat; none, and no call, if it is busy.
    pub(crate) fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        let result = call(&mut *self.protocol.try_borrow_mut().ok()?);
        for late in self.late_calls() {
            late();
        }
        Some(result)
    }

    /// Has `call` made when the protocol is busy no longer.
    pub(crate) fn call_late(&self, call: Box<dyn FnOnce()>) {
        let mut late = self.late.take().unwrap_or_default();
        late.push(call);
        self.late.set(Some(late));
        self.has_late.set(true);
    }

    fn late_calls(&self) -> LateCalls {
        match self.has_late.replace(false) {
            true => self.late.take().map_or_else(Vec::new, |late| *late),
            false => Vec::new(),
        }
    }
}

impl<P: Protocol, S: Seated> Held for Holder<P, S> {
    fn introduced(&self) -> &Cell<bool> {
        &self.introduced
    }

    fn seated(&self, transport: &TransportRef) {
        self.seated.seated(transport);
    }

    fn close_above(&self) -> bool {
        self.seated.close_above()
    }

    fn is_busy(&self) -> bool {
        self.protocol.try_borrow_mut().is_err()
    }

    fn call(&self, callback: &mut dyn FnMut(&mut dyn Protocol)) -> Called {
        self.within(|protocol| callback(protocol))
    }

    fn deliver(&self, transport: &TransportRef, data: &mut [u8]) -> Called {
        self.within(|protocol| protocol.data_received_in_place(transport, data))
    }

    fn deliver_shared(&self, transport: &TransportRef, data: &[u8]) -> Called {
        self.within(|protocol| protocol.data_received(transport, data))
    }

    fn take_late(&self) -> LateCalls {
        self.late_calls()
    }
}
