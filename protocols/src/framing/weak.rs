use std::any::Any;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{CallTarget, DelayedCall, ProtocolHandle, TransportRef, WeakProtocol};

use super::decoder::FrameDecoder;
use crate::{FrameReceiver, FrameTransport, Framed, Framing};

/// A receiver as other code may keep it: weak, and of a known type. What
/// [`WeakProtocol`] is for a protocol, this is for what a framing calls.
/// [`transport.me(self)`](FrameTransport::me) gives a receiver's own.
///
/// It keeps nothing alive. Calls through it come between two units, with the transport of the
/// receiver. Before `connection_made` and after `connection_lost` there are none.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use std::cell::RefCell;
/// use std::rc::Rc;
/// use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines, WeakReceiver};
/// use retwist::testing::RecordingTransport;
///
/// /// The members of a room, each of which counts what it has heard.
/// type Room = Rc<RefCell<Vec<WeakReceiver<Lines, Member>>>>;
///
/// struct Member { room: Room, heard: usize }
///
/// impl Member {
///     fn hear(&mut self, transport: &LineTransport, what: &str) {
///         self.heard += 1;
///         transport.send_line(format!("{}: {what}", self.heard));
///     }
/// }
///
/// impl LineReceiver for Member {
///     fn connection_made(&mut self, transport: &LineTransport) {
///         self.room.borrow_mut().push(transport.me(self));
///     }
///
///     fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
///         for member in &*self.room.borrow() {
///             let what = String::from_utf8_lossy(line).into_owned();
///             member.call(move |member, transport| member.hear(transport, &what));
///         }
///     }
/// }
///
/// let room = Room::default();
/// let join = || RecordingTransport::connect(Framed::lines(Member { room: room.clone(), heard: 0 }));
/// let (one, other) = (join(), join());
/// one.receive(b"hello\r\nyou\r\n");
/// assert_eq!(one.take_written(), b"1: hello\r\n2: you\r\n");
/// assert_eq!(other.take_written(), b"1: hello\r\n2: you\r\n");
/// ```
///
/// A call to a receiver that is not busy runs at once, inside [`call`](WeakReceiver::call), while the
/// loop still borrows the room. If what is called changes the room, loop over a clone of the list.
pub struct WeakReceiver<F: Framing, R> {
    protocol: WeakProtocol<Framed<F, R>>,
    /// Keeps the calls that come in the middle of a delivery. Dangling if the receiver was busy when
    /// this was made of a handle: then a call waits for the end of the delivery.
    decoder: Weak<FrameDecoder<F>>,
}

impl<F: Framing, R: FrameReceiver<F>> WeakReceiver<F, R> {
    pub(crate) fn new(transport: &TransportRef, decoder: &Rc<FrameDecoder<F>>) -> Self {
        WeakReceiver {
            protocol: transport.own(),
            decoder: Rc::downgrade(decoder),
        }
    }

    /// Calls `call` with the receiver and its transport: now, or, if a callback of the receiver is
    /// running, when that callback returns and before the next unit. Does nothing if the receiver is
    /// not connected.
    ///
    /// A call that such a delayed call asks for comes after the delivery. A panic in `call` costs the
    /// connection of this receiver, and nothing else.
    pub fn call(&self, call: impl FnOnce(&mut R, &FrameTransport<F>) + 'static) {
        if !self.is_connected() {
            return;
        }
        match self.decoder.upgrade() {
            Some(decoder) if decoder.keeps_calls() => {
                let me = self.clone();
                decoder.keep_call(Box::new(move |receiver| {
                    // A callback may have moved the protocol to another transport.
                    if let Some(transport) = me.transport()
                        && let Some(receiver) = receiver.downcast_mut()
                    {
                        call(receiver, &transport);
                    }
                }));
            }
            _ => self.protocol.call(Framed::calling(call)),
        }
    }

    /// Calls `call` now and returns what it returns. `None`, and no call, if the receiver is not
    /// connected, or if one of its callbacks is running. A panic in `call` is the caller's.
    pub fn try_call<T>(&self, call: impl FnOnce(&mut R, &FrameTransport<F>) -> T) -> Option<T> {
        self.protocol.try_call(Framed::calling(call))
    }

    /// Calls `call` as [`call`](WeakReceiver::call) does, `delay` from now. The timer ends with the
    /// connection. A receiver's own is [`transport.call_later`](FrameTransport::call_later).
    #[doc(alias = "callLater")]
    pub fn call_later(
        &self,
        delay: Duration,
        call: impl FnOnce(&mut R, &FrameTransport<F>) + 'static,
    ) -> DelayedCall {
        self.protocol.call_later(delay, Framed::calling(call))
    }

    /// Whether calls reach it: it has heard `connection_made`, and not yet `connection_lost`.
    pub fn is_connected(&self) -> bool {
        self.protocol.is_connected()
    }

    /// The transport of the receiver; `None` if it is not connected.
    pub fn transport(&self) -> Option<FrameTransport<F>> {
        let (transport, decoder) = (self.protocol.transport()?, self.decoder.upgrade()?);
        Some(FrameTransport::new(&transport, &decoder))
    }

    /// Whether both are the same receiver.
    pub fn ptr_eq(&self, other: &WeakReceiver<F, R>) -> bool {
        self.protocol.ptr_eq(&other.protocol)
    }
}

/// A call that waits in a [`FrameDecoder`], which does not know the type of the receiver.
pub(crate) type ReceiverCall = Box<dyn FnOnce(&mut dyn Any)>;

impl<F: Framing, R: FrameReceiver<F>> CallTarget for WeakReceiver<F, R> {
    type Protocol = R;
    type Transport = FrameTransport<F>;

    fn call(&self, call: impl FnOnce(&mut R, &FrameTransport<F>) + 'static) {
        self.call(call);
    }

    fn plain(transport: &FrameTransport<F>) -> &TransportRef {
        transport
    }
}

/// For a receiver that other code has connected, and holds by the handle of its [`Framed`].
impl<F: Framing, R: FrameReceiver<F>> From<&ProtocolHandle<Framed<F, R>>> for WeakReceiver<F, R> {
    fn from(handle: &ProtocolHandle<Framed<F, R>>) -> Self {
        let decoder = handle.try_call(|framed| Rc::downgrade(framed.decoder()));
        WeakReceiver {
            protocol: handle.downgrade(),
            decoder: decoder.unwrap_or_default(),
        }
    }
}

impl<F: Framing, R> Clone for WeakReceiver<F, R> {
    fn clone(&self) -> Self {
        WeakReceiver {
            protocol: self.protocol.clone(),
            decoder: self.decoder.clone(),
        }
    }
}

impl<F: Framing, R> Default for WeakReceiver<F, R> {
    /// Refers to no receiver: nothing is ever called.
    fn default() -> Self {
        WeakReceiver {
            protocol: WeakProtocol::default(),
            decoder: Weak::new(),
        }
    }
}

impl<F: Framing, R> fmt::Debug for WeakReceiver<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakReceiver")
            .field("gone", &(self.decoder.strong_count() == 0))
            .finish()
    }
}
