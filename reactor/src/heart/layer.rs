use std::rc::Rc;

use crate::{Channel, ProtocolRef, Reason, TransportRef};

/// A layer between a transport and a protocol: the events that come up. The transport below sees
/// it as its protocol, the protocol above as its transport.
///
/// TLS is one, and so is a timeout, a throttle, a traffic log, a PROXY header. Layers stack on each
/// other in any order. Every method has a default that passes on what it is told: those of
/// [`Channel`] hand down what the protocol above wants, those of `Layer` hand up what the transport
/// below reports. A layer overrides what it changes, and keeps its state in cells: both sides call
/// it, and the side above also while the layer is delivering upwards.
///
/// After each of the callbacks here the transport below gives the layer a
/// [`turn`](Channel::turn), which calls the protocol above. Like any channel, a layer calls that
/// protocol only by way of its [`Seat`](crate::Seat).
///
/// A panic in a layer costs its connection. The protocol above hears
/// [`connection_lost`](crate::Protocol::connection_lost) all the same.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use retwist::{Channel, Layer, ProtocolRef, Seat};
///
/// /// Counts what comes in.
/// struct Meter {
///     seat: Seat,
///     received: Cell<usize>,
/// }
///
/// impl Meter {
///     fn new(above: impl Into<ProtocolRef>) -> Rc<Self> {
///         Rc::new_cyclic(|me| Meter { seat: Seat::new(me, above), received: Cell::new(0) })
///     }
/// }
///
/// impl Channel for Meter {
///     fn seat(&self) -> &Seat {
///         &self.seat
///     }
/// }
///
/// impl Layer for Meter {
///     fn data_received(&self, data: &mut [u8]) {
///         self.received.set(self.received.get() + data.len());
///         self.seat.deliver(data);
///     }
/// }
/// ```
///
/// `meter.into()`, or [`meter.as_protocol()`](Layer::as_protocol), is then the protocol for the
/// transport below, or for a factory to return.
#[doc(alias = "ProtocolWrapper")]
#[doc(alias = "WrappingFactory")]
pub trait Layer: Channel {
    /// The transport below is established.
    fn connection_made(&self) {
        self.seat().open();
    }

    /// Bytes came from below. The layer may change them in place.
    fn data_received(&self, data: &mut [u8]) {
        self.seat().deliver(data);
    }

    /// Bytes came from below after the close, and are thrown away. A layer that finds in them why
    /// the peer broke off, as TLS does in an alert, notes that with
    /// [`Seat::fail`](crate::Seat::fail).
    fn data_discarded(&self, data: &[u8]) {
        self.seat().discard(data);
    }

    /// A layer below has negotiated.
    fn handshake_completed(&self) {
        self.seat().handshake_completed();
    }

    /// The peer sends no more.
    fn read_connection_lost(&self) {
        self.seat().read_connection_lost();
    }

    /// The write half below is closed.
    fn write_connection_lost(&self) {
        self.seat().write_connection_lost();
    }

    /// The reactor stops or drains.
    fn shutting_down(&self) {
        self.seat().shutting_down();
    }

    /// The transport below has ended. When this returns, the protocol above is told, whatever the
    /// layer has done: with the reason that the layer gave to its seat first, else with `reason`.
    fn connection_lost(&self, reason: &Reason) {
        self.seat().lost(reason.clone());
    }

    /// The layer as a protocol, for the transport below: to be given to
    /// [`switch_protocol`](crate::Transport::switch_protocol), or returned by a factory. The layer lives
    /// as long as that transport keeps it.
    fn as_protocol(self: &Rc<Self>) -> ProtocolRef
    where
        Self: Sized,
    {
        self.clone().into()
    }

    /// The layer as a transport, for the protocol that sits above it now.
    fn transport(&self) -> TransportRef {
        self.seat().transport()
    }

    /// Puts the layer between `transport` and its protocol. Returns the transport that is that
    /// protocol's from now on. A pause of the protocol stays.
    fn insert_below(self: &Rc<Self>, transport: &TransportRef) -> TransportRef
    where
        Self: Sized,
    {
        let channel = transport.of_seat().channel();
        let paused = channel.is_some_and(|channel| channel.seat().is_paused());
        transport.switch_protocol(self.as_protocol());
        let above = self.transport();
        if paused {
            above.pause_producing();
        }
        above
    }
}
