use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use crate::{Reason, TransportRef};

/// What an application says in response to what happens on one connection.
///
/// The methods are callbacks. They are called by a turn of the loop, one at a time, and never from inside a transport's
/// method, so that a protocol may call anything on any transport at any moment without being called back in the middle of it.
///
/// The order is fixed: [`connection_made`](Protocol::connection_made) or, for a protocol that has been connected before,
/// [`transport_switched`](Protocol::transport_switched); then anything; then
/// [`connection_lost`](Protocol::connection_lost), exactly once, as the last. A connection that fails before it is established (a TLS
/// handshake, a PROXY header) ends in `connection_lost` alone.
///
/// The transport is handed to every callback but the last one. It may be cloned and kept: see [`TransportRef`].
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

    /// Bytes have come, never none. How they are cut means nothing: test with one byte at a time, see
    /// [`testing`](crate::testing). What is not used now can be given back with [`unread`](crate::Transport::unread).
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]);

    /// The same, for a layer that works on the bytes where they are, such as one that decrypts. This is the one the seat
    /// calls; it calls [`data_received`](Protocol::data_received) unless it is overridden. What it leaves in `data` nobody looks at.
    fn data_received_in_place(&mut self, transport: &TransportRef, data: &mut [u8]) {
        self.data_received(transport, data);
    }

    /// This protocol, connected before, now sits on another transport: a layer was put under it or taken away, or it was
    /// switched in where another one sat. The handles that it kept are revoked; `transport` is the one to keep from now on.
    fn transport_switched(&mut self, transport: &TransportRef) {}

    /// A layer below that negotiates has finished, and can be asked for the outcome. Comes before the first bytes that
    /// depend on it.
    #[doc(alias = "handshakeCompleted")]
    fn handshake_completed(&mut self, transport: &TransportRef) {}

    /// The peer sends no more (it can still be written to). Unless overridden, the connection is closed once all that was
    /// written has been sent.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &TransportRef) {
        transport.lose_connection();
    }

    /// The write half has been closed, as [`lose_write_connection`](crate::Transport::lose_write_connection) asked for; all that was written
    /// before it has been handed over.
    #[doc(alias = "writeConnectionLost")]
    fn write_connection_lost(&mut self, transport: &TransportRef) {}

    /// The connection has ended, whatever the way. Nothing is called after it. Transports that were kept still answer, and do
    /// nothing.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reason: &Reason) {}
}

/// A protocol that somebody holds, with the memory of whether it has ever been connected.
///
/// Made from any [`Protocol`] with `into()`. Clones are the same protocol.
#[derive(Clone)]
pub struct ProtocolRef(pub(crate) Rc<Holder<dyn Protocol>>);

/// A [`ProtocolRef`] that still knows the type of its protocol, so that it can be called from elsewhere.
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

/// Who wants to know at once where a protocol has been seated: a layer, whose protocol above may write before the next turn.
pub(crate) trait Attach {
    fn attach(&self, transport: &TransportRef);
}

pub(crate) struct Holder<P: ?Sized> {
    /// Whether it has heard `connection_made`: what decides what it hears when it is seated.
    pub(crate) introduced: Cell<bool>,
    has_late: Cell<bool>,
    /// Calls that came while it was in a callback.
    late: Cell<Vec<Box<dyn FnOnce()>>>,
    attach: Option<Weak<dyn Attach>>,
    pub(crate) protocol: RefCell<P>,
}

impl<P> Holder<P> {
    fn new(protocol: P, attach: Option<Weak<dyn Attach>>) -> Self {
        Holder {
            introduced: Cell::new(false),
            has_late: Cell::new(false),
            late: Cell::default(),
            attach,
            protocol: RefCell::new(protocol),
        }
    }
}

impl<P: ?Sized> Holder<P> {
    /// The protocol has been put in a seat, where this is its transport.
    pub(crate) fn seated(&self, transport: &TransportRef) {
        if let Some(layer) = self.attach.as_ref().and_then(Weak::upgrade) {
            layer.attach(transport);
        }
    }

    pub(crate) fn has_late(&self) -> bool {
        self.has_late.get()
    }

    /// The calls that came while the protocol was busy; whoever made it busy makes them.
    pub(crate) fn take_late(&self) -> Vec<Box<dyn FnOnce()>> {
        self.has_late.set(false);
        self.late.take()
    }
}

impl<P: Protocol> ProtocolHandle<P> {
    /// Takes the protocol into a shared place.
    pub fn new(protocol: P) -> Self {
        ProtocolHandle(Rc::new(Holder::new(protocol, None)))
    }

    /// Calls `call` with the protocol: now, or, if the protocol is in one of its callbacks just then, in the turn that follows.
    pub fn call(&self, call: impl FnOnce(&mut P) + 'static) {
        let Ok(mut protocol) = self.0.protocol.try_borrow_mut() else {
            let this = self.clone();
            let mut late = self.0.late.take();
            late.push(Box::new(move || this.call(call)));
            self.0.late.set(late);
            self.0.has_late.set(true);
            return;
        };
        call(&mut protocol);
        drop(protocol);
        for late in self.0.take_late() {
            late();
        }
    }

    /// Calls `call` with the protocol now and returns what it returns; none, and no call, while the protocol is in a callback.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        let mut protocol = self.0.protocol.try_borrow_mut().ok()?;
        let result = call(&mut protocol);
        drop(protocol);
        for late in self.0.take_late() {
            late();
        }
        Some(result)
    }
}

impl ProtocolRef {
    /// The lower face of a layer.
    pub(crate) fn layer(protocol: impl Protocol, attach: Weak<dyn Attach>) -> Self {
        ProtocolRef(Rc::new(Holder::new(protocol, Some(attach))))
    }

    /// Whether both are the same protocol.
    pub fn ptr_eq(&self, other: &ProtocolRef) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether it has been connected already, so that it would hear `transport_switched` from a new seat.
    pub fn is_introduced(&self) -> bool {
        self.0.introduced.get()
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
            .field("introduced", &self.0.introduced.get())
            .finish_non_exhaustive()
    }
}
