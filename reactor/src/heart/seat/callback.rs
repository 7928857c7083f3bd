use super::Dispatch;
use crate::TransportRef;
use crate::heart::occupant::{Event, Occupant};

/// One callback of an occupant, with what it is told. A type and not a closure, because a method can
/// ask to be inlined: a delivery must not cost a call more than it has to.
pub(super) trait Callback {
    fn make(self, occupant: &Occupant, transport: &TransportRef) -> Dispatch;
}

/// Bytes, which a layer may change.
pub(super) struct Bytes<'a>(pub(super) &'a mut [u8]);

impl Callback for Bytes<'_> {
    #[inline(always)]
    fn make(self, occupant: &Occupant, transport: &TransportRef) -> Dispatch {
        occupant.deliver(self.0, transport)
    }
}

/// Bytes in a buffer that is not the channel's own.
pub(super) struct SharedBytes<'a>(pub(super) &'a [u8]);

impl Callback for SharedBytes<'_> {
    #[inline(always)]
    fn make(self, occupant: &Occupant, transport: &TransportRef) -> Dispatch {
        occupant.deliver_shared(self.0, transport)
    }
}

impl Callback for Event<'_> {
    fn make(self, occupant: &Occupant, transport: &TransportRef) -> Dispatch {
        occupant.tell(self, transport)
    }
}

/// That the occupant sits here.
pub(super) struct Introduction;

impl Callback for Introduction {
    fn make(self, occupant: &Occupant, transport: &TransportRef) -> Dispatch {
        occupant.tell(occupant.introduction(), transport)
    }
}
