use std::fmt;
use std::rc::Rc;

use super::cell::ProtocolCell;
use crate::{Protocol, WeakProtocol};

/// A [`ProtocolRef`](crate::ProtocolRef) that still knows the type of its protocol, so that code
/// outside its callbacks can call it. It keeps the protocol alive; what a protocol hands out about
/// itself is a [`WeakProtocol`].
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Protocol, ProtocolHandle, TransportRef};
///
/// #[derive(Default)]
/// struct Counter { bytes: usize }
///
/// impl Protocol for Counter {
///     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
///         self.bytes += data.len();
///     }
/// }
///
/// let counter = ProtocolHandle::new(Counter::default());
/// counter.call(|counter| counter.bytes += 3);
/// assert_eq!(counter.try_call(|counter| counter.bytes), Some(3));
/// ```
pub struct ProtocolHandle<P>(pub(crate) Rc<ProtocolCell<P>>);

impl<P: Protocol> ProtocolHandle<P> {
    /// Takes the protocol into a shared place.
    pub fn new(protocol: P) -> Self {
        ProtocolHandle(Rc::new(ProtocolCell::new(protocol)))
    }

    /// Calls `call` with the protocol: now, or, if one of its callbacks is running, when that
    /// callback returns. A panic in `call` costs the connection of this protocol.
    pub fn call(&self, call: impl FnOnce(&mut P) + 'static) {
        self.downgrade()
            .call_now_or_late(move |protocol, _| call(protocol));
    }

    /// Calls `call` with the protocol now and returns what it returns; none, and no call, while the
    /// protocol is in a callback or in another call. A panic in `call` is the caller's.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.0.try_call(|protocol, _| call(protocol))
    }

    /// The same, without keeping the protocol alive.
    pub fn downgrade(&self) -> WeakProtocol<P> {
        WeakProtocol::new(Rc::downgrade(&self.0))
    }
}

impl<P> Clone for ProtocolHandle<P> {
    fn clone(&self) -> Self {
        ProtocolHandle(self.0.clone())
    }
}

impl<P> fmt::Debug for ProtocolHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolHandle")
            .field("connected_before", &self.0.is_connected_before())
            .finish_non_exhaustive()
    }
}
