use std::fmt;
use std::rc::Rc;

use crate::holder::{Held, Holder, Seated};
use crate::{Reason, TransportRef};

/// What an application says in response to what happens on one connection.
///
/// The methods are callbacks. They are called by a turn of the loop, one at a time, and never from
/// inside a transport's method, so that a protocol may call anything on any transport at any moment
/// without being called back in the middle of it.
///
/// The order is fixed: [`connection_made`](Protocol::connection_made) or, for a protocol that has
/// been connected before, [`transport_switched`](Protocol::transport_switched); then anything; then
/// [`connection_lost`](Protocol::connection_lost), exactly once, as the last. A connection that
/// fails before it is established (a TLS handshake, a PROXY header) ends in `connection_lost`
/// alone.
///
/// The transport is handed to every callback but the last one. It may be cloned and kept: see
/// [`TransportRef`].
///
/// ```
/// use retwist_reactor::{Protocol, Reason, TransportRef};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// ```
#[doc(alias = "IProtocol")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Protocol: 'static {
    /// The connection is established; called once in the life of a protocol, before anything else.
    #[doc(alias = "connectionMade")]
    #[doc(alias = "makeConnection")]
    fn connection_made(&mut self, transport: &TransportRef) {}

    /// Bytes have come, never none. How they are cut means nothing: test with one byte at a time,
    /// see [`testing`](crate::testing). What is not used now can be given back with
    /// [`unread`](crate::Transport::unread).
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]);

    /// The same, for a layer that works on the bytes where they are, such as one that decrypts.
    /// This is the one the seat calls; it calls [`data_received`](Protocol::data_received) unless
    /// it is overridden. What it leaves in `data` nobody looks at.
    fn data_received_in_place(&mut self, transport: &TransportRef, data: &mut [u8]) {
        self.data_received(transport, data);
    }

    /// This protocol, connected before, now sits on another transport: a layer was put under it or
    /// taken away, or it was switched in where another one sat. The handles that it kept are
    /// revoked; `transport` is the one to keep from now on.
    fn transport_switched(&mut self, transport: &TransportRef) {}

    /// A layer below that negotiates has finished, and can be asked for the outcome. Comes before
    /// the first bytes that depend on it.
    #[doc(alias = "handshakeCompleted")]
    fn handshake_completed(&mut self, transport: &TransportRef) {}

    /// The peer sends no more (it can still be written to). Unless overridden, the connection is
    /// closed once all that was written has been sent.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &TransportRef) {
        transport.lose_connection();
    }

    /// The write half has been closed, as
    /// [`lose_write_connection`](crate::Transport::lose_write_connection) asked for; all that was
    /// written before it has been handed over.
    #[doc(alias = "writeConnectionLost")]
    fn write_connection_lost(&mut self, transport: &TransportRef) {}

    /// The connection has ended, whatever the way. Nothing is called after it. Transports that were
    /// kept still answer, and do nothing.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reason: &Reason) {}
}

/// A protocol that somebody holds, with the memory of whether it has ever been connected.
///
/// Made from any [`Protocol`] with `into()`. Clones are the same protocol.
#[derive(Clone)]
pub struct ProtocolRef(pub(crate) Rc<dyn Held>);

/// A [`ProtocolRef`] that still knows the type of its protocol, so that it can be called from
/// elsewhere.
///
/// ```
/// use retwist_reactor::{Protocol, ProtocolHandle, TransportRef};
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
pub struct ProtocolHandle<P>(Rc<Holder<P>>);

impl<P: Protocol> ProtocolHandle<P> {
    /// Takes the protocol into a shared place.
    pub fn new(protocol: P) -> Self {
        ProtocolHandle(Rc::new(Holder::new(protocol, ())))
    }

    /// Calls `call` with the protocol: now, or, if the protocol is in one of its callbacks just
    /// then, in the turn that follows.
    pub fn call(&self, call: impl FnOnce(&mut P) + 'static) {
        let mut call = Some(call);
        let made = self.0.try_call(|protocol| {
            if let Some(call) = call.take() {
                call(protocol);
            }
        });
        if made.is_none()
            && let Some(call) = call
        {
            let this = self.clone();
            self.0.call_late(Box::new(move || this.call(call)));
        }
    }

    /// Calls `call` with the protocol now and returns what it returns; none, and no call, while the
    /// protocol is in a callback.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.0.try_call(call)
    }
}

impl ProtocolRef {
    /// The lower face of a layer.
    pub(crate) fn layer(protocol: impl Protocol, layer: impl Seated + 'static) -> Self {
        ProtocolRef(Rc::new(Holder::new(protocol, layer)))
    }

    /// Whether both are the same protocol.
    pub fn ptr_eq(&self, other: &ProtocolRef) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it has been connected already, so that it would hear `transport_switched` from a new
    /// seat.
    pub fn is_introduced(&self) -> bool {
        self.0.introduced().get()
    }
}

impl<P: Protocol> From<P> for ProtocolRef {
    fn from(protocol: P) -> Self {
        ProtocolHandle::new(protocol).into()
    }
}

impl<P: Protocol> From<ProtocolHandle<P>> for ProtocolRef {
    fn from(handle: ProtocolHandle<P>) -> Self {
        ProtocolRef(handle.0)
    }
}

impl<P: Protocol> From<&ProtocolHandle<P>> for ProtocolRef {
    fn from(handle: &ProtocolHandle<P>) -> Self {
        handle.clone().into()
    }
}

impl<P> Clone for ProtocolHandle<P> {
    fn clone(&self) -> Self {
        ProtocolHandle(self.0.clone())
    }
}

impl fmt::Debug for ProtocolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolRef")
            .field("introduced", &self.is_introduced())
            .finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for ProtocolHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProtocolHandle")
            .field("introduced", &self.0.is_introduced())
            .finish_non_exhaustive()
    }
}
