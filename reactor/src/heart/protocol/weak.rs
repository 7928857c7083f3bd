use std::fmt;
use std::rc::Weak;
use std::time::Duration;

use super::cell::{LateCall, ProtocolCell};
use crate::{DelayedCall, Protocol, ProtocolHandle, TransportRef};

/// A protocol as other code may keep it: weak, and of a known type. [`transport.me(self)`] gives a
/// protocol's own.
///
/// It keeps nothing alive, so a protocol that is kept in a list, a timer or the callback of a
/// Deferred still ends with its connection. What is called through it is called between the
/// protocol's callbacks, with the transport on which the protocol sits then: it may have moved since
/// (`start_tls`). Nothing is called before `connection_made` and after `connection_lost`.
///
/// A room in which each member hears the others, without `Rc<RefCell<…>>` around the members:
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, TransportRef, WeakProtocol};
///
/// type Room = Rc<RefCell<Vec<WeakProtocol<Member>>>>;
///
/// struct Member { room: Room, heard: usize }
///
/// impl Member {
///     fn hear(&mut self, transport: &TransportRef, what: &[u8]) {
///         self.heard += 1;
///         transport.write(what);
///     }
/// }
///
/// impl Protocol for Member {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         self.room.borrow_mut().push(transport.me(self));
///     }
///
///     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
///         for member in &*self.room.borrow() {
///             let what = data.to_vec();
///             member.call(move |member, transport| member.hear(transport, &what));
///         }
///     }
/// }
///
/// let room = Room::default();
/// let join = || RecordingTransport::connect(Member { room: room.clone(), heard: 0 });
/// let (one, other) = (join(), join());
/// one.receive(b"hello");
/// assert_eq!(one.take_written(), b"hello");
/// assert_eq!(other.take_written(), b"hello");
/// ```
///
/// A call to a protocol that is not busy runs at once, inside [`call`](WeakProtocol::call). So what
/// the loop borrows, here the room, is borrowed while the other members run. A method that changes the
/// room, for example to remove members that have gone, needs a loop over a clone of the list: with
/// `RefCell`, the second borrow panics and costs that member its connection.
///
/// [`transport.me(self)`]: crate::TransportRef::me
pub struct WeakProtocol<P>(Weak<ProtocolCell<P>>);

impl<P: Protocol> WeakProtocol<P> {
    pub(crate) fn new(cell: Weak<ProtocolCell<P>>) -> Self {
        WeakProtocol(cell)
    }

    /// Calls `call` with the protocol and its transport: now, or, if a callback of the protocol is
    /// running, when that callback returns and before anything else is delivered. Does nothing if
    /// the protocol is not connected.
    ///
    /// A call that such a delayed call asks for comes at the end of the pass. A panic in `call`
    /// costs the connection of this protocol, and nothing else.
    pub fn call(&self, call: impl FnOnce(&mut P, &TransportRef) + 'static) {
        if !self.is_connected() {
            return;
        }
        let me = self.clone();
        self.call_now_or_late(move |protocol, transport| {
            // It may have ended while the call waited.
            if let Some(transport) = transport
                && me.is_connected()
            {
                call(protocol, transport);
            }
        });
    }

    /// Calls `call` now and returns what it returns. `None`, and no call, if the protocol is not
    /// connected, or if one of its callbacks is running. A panic in `call` is the caller's.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P, &TransportRef) -> R) -> Option<R> {
        let cell = self.0.upgrade().filter(|cell| is_connected(cell))?;
        cell.try_call(|protocol, transport| transport.map(|transport| call(protocol, transport)))?
    }

    /// Whether calls reach it: it has heard `connection_made`, and not yet `connection_lost`.
    pub fn is_connected(&self) -> bool {
        self.0.upgrade().is_some_and(|cell| is_connected(&cell))
    }

    /// The transport on which the protocol sits now; `None` if it is not connected.
    pub fn transport(&self) -> Option<TransportRef> {
        let cell = self.0.upgrade().filter(|cell| is_connected(cell))?;
        cell.transport()
    }

    /// The protocol, kept alive; none once it has gone.
    pub fn upgrade(&self) -> Option<ProtocolHandle<P>> {
        self.0.upgrade().map(ProtocolHandle)
    }

    /// Whether both are the same protocol.
    pub fn ptr_eq(&self, other: &WeakProtocol<P>) -> bool {
        self.0.ptr_eq(&other.0)
    }

    /// Calls `call` as [`WeakProtocol::call`] does, `delay` from now. The timer ends with the
    /// connection. A protocol's own is
    /// [`transport.call_later`](crate::TransportRef::call_later).
    #[doc(alias = "callLater")]
    pub fn call_later(
        &self,
        delay: Duration,
        call: impl FnOnce(&mut P, &TransportRef) + 'static,
    ) -> DelayedCall {
        let cell = self.0.upgrade().filter(|cell| !cell.is_over());
        let place = cell.and_then(|cell| Some((cell.transport()?, cell)));
        let Some((transport, cell)) = place else {
            return DelayedCall::none();
        };
        let me = self.clone();
        let timer = transport.clock().call_later(delay, move || me.call(call));
        cell.keep_timer(timer.clone());
        timer
    }

    pub(crate) fn call_now_or_late(
        &self,
        call: impl FnOnce(&mut P, Option<&TransportRef>) + 'static,
    ) {
        let Some(cell) = self.0.upgrade() else {
            return;
        };
        let Err(call) = cell.call(call) else {
            return;
        };
        let call: LateCall<P> = Box::new(call);
        if let Err(call) = cell.call_late(call)
            && let Some(transport) = cell.transport()
        {
            let me = self.clone();
            transport
                .clock()
                .call_soon(move || me.call_now_or_late(call));
        }
    }
}

/// Something through which other code calls a protocol between its callbacks: a [`WeakProtocol`], a
/// [`ProtocolHandle`], or the weak reference to what a framing calls. Where a chain of callbacks
/// ends in a protocol, it takes one of these.
pub trait CallTarget: 'static {
    /// The type of the protocol, or of what a framing calls.
    type Protocol: 'static;
    /// The transport that its callbacks are handed.
    type Transport;

    /// See [`WeakProtocol::call`].
    fn call(&self, call: impl FnOnce(&mut Self::Protocol, &Self::Transport) + 'static);

    /// The plain transport in that of the callbacks.
    fn plain(transport: &Self::Transport) -> &TransportRef;
}

impl<P: Protocol> CallTarget for WeakProtocol<P> {
    type Protocol = P;
    type Transport = TransportRef;

    fn call(&self, call: impl FnOnce(&mut P, &TransportRef) + 'static) {
        self.call(call);
    }

    fn plain(transport: &TransportRef) -> &TransportRef {
        transport
    }
}

impl<P: Protocol> CallTarget for ProtocolHandle<P> {
    type Protocol = P;
    type Transport = TransportRef;

    fn call(&self, call: impl FnOnce(&mut P, &TransportRef) + 'static) {
        self.downgrade().call(call);
    }

    fn plain(transport: &TransportRef) -> &TransportRef {
        transport
    }
}

fn is_connected<P>(cell: &ProtocolCell<P>) -> bool {
    cell.is_connected_before() && !cell.is_over()
}

impl<P> Clone for WeakProtocol<P> {
    fn clone(&self) -> Self {
        WeakProtocol(self.0.clone())
    }
}

impl<P> Default for WeakProtocol<P> {
    /// Refers to no protocol: nothing is ever called.
    fn default() -> Self {
        WeakProtocol(Weak::new())
    }
}

impl<P> fmt::Debug for WeakProtocol<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakProtocol")
            .field("gone", &(self.0.strong_count() == 0))
            .finish()
    }
}
