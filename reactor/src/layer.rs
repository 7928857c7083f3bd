use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

use crate::channel::Channel;
use crate::holder::Seated;
use crate::panic::catch_panic;
use crate::{
    Address, Clock, Producer, ProducerKind, ProducerRegistered, Protocol, ProtocolRef, Reason,
    Seat, TransportRef, Turn,
};

/// Something that sits between a transport and a protocol: to the transport below it is a protocol,
/// to the protocol above it is a transport.
///
/// TLS is one, and so is a timeout, a throttle, a traffic log, a PROXY header. Layers stack on each
/// other in any order. Every method passes on what it is told: downwards what the protocol above
/// wants, upwards what the transport below reports. A layer overrides what it wants to change, and
/// keeps its state in cells: it is called from both sides, also from above while it is delivering
/// upwards.
///
/// Like any channel, a layer must not call the protocol above but by way of its [`Seat`], in what
/// comes from below or in a [`turn`](Layer::turn).
///
/// ```
/// use std::cell::Cell;
/// use std::rc::Rc;
/// use retwist_reactor::{Joint, Layer, ProtocolRef};
///
/// /// Counts what comes in.
/// struct Meter {
///     joint: Joint,
///     received: Cell<usize>,
/// }
///
/// impl Meter {
///     fn new(above: impl Into<ProtocolRef>) -> Rc<Self> {
///         Rc::new_cyclic(|me| Meter { joint: Joint::new(me, above.into()), received: Cell::new(0) })
///     }
/// }
///
/// impl Layer for Meter {
///     fn joint(&self) -> &Joint {
///         &self.joint
///     }
///
///     fn data_received(&self, data: &mut [u8]) {
///         self.received.set(self.received.get() + data.len());
///         self.joint.seat().deliver(data);
///     }
/// }
/// ```
///
/// `meter.below()` (see [`LayerExt`]) is then the protocol for the transport, or for a factory to
/// return.
#[doc(alias = "ProtocolWrapper")]
#[doc(alias = "WrappingFactory")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Layer: 'static {
    /// Where the layer touches its neighbours.
    fn joint(&self) -> &Joint;

    // From below.

    /// The transport below is established.
    fn connection_made(&self) {
        self.joint().seat.open();
    }

    /// Bytes came from below.
    fn data_received(&self, data: &mut [u8]) {
        self.joint().seat.deliver(data);
    }

    /// A layer below has negotiated.
    fn handshake_completed(&self) {
        self.joint().seat.handshake_completed();
    }

    /// The peer sends no more.
    fn read_connection_lost(&self) {
        self.joint().seat.read_connection_lost();
    }

    /// The write half below is closed.
    fn write_connection_lost(&self) {
        self.joint().seat.write_connection_lost();
    }

    /// The transport below has ended.
    fn connection_lost(&self, reason: &Reason) {
        self.joint().seat.lost(reason.clone());
    }

    // From above.

    /// The protocol above writes. Never empty, never after its close.
    fn write(&self, data: &[u8]) {
        self.joint().below(|below| below.write(data));
    }

    /// The protocol above writes several pieces that are one unit. A layer that passes writes on as
    /// they are can pass these on too, without the copy.
    fn write_sequence(&self, data: &[&[u8]]) {
        self.write(&data.concat());
    }

    /// A layer above writes bytes of its own, which count against no limit.
    fn write_control(&self, data: &[u8]) {
        self.joint().below(|below| below.write_control(data));
    }

    /// The protocol above closes. `reason` is [`Reason::Done`], or what the close is to be known
    /// for.
    fn lose_connection(&self, reason: Reason) {
        self.joint()
            .below(|below| below.lose_connection_because(reason));
    }

    /// The protocol above ends the connection uncleanly, after what it has written.
    fn fail_connection(&self, reason: Reason) {
        self.flush();
        self.joint().below(|below| below.fail_connection(reason));
    }

    /// The protocol above wants `call` made once all that it has written has been handed to the
    /// system. A layer that holds back more than a flush passes on keeps the call until that has
    /// gone.
    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.flush();
        self.joint().below(|below| below.when_sent(call));
    }

    /// The protocol above closes its write half.
    fn lose_write_connection(&self) {
        self.joint().below(|below| below.lose_write_connection());
    }

    /// The protocol above aborts, or has panicked: it is told that it has lost the connection with
    /// `reason`, whatever the transport below says.
    fn abort_connection(&self, reason: Reason) {
        self.joint().seat.fail(reason);
        self.joint().below(|below| below.abort_connection());
    }

    /// The protocol above has paused or resumed ([`Seat::is_paused`]).
    fn reading_changed(&self) {
        let paused = self.joint().seat.is_paused();
        self.joint().below(|below| match paused {
            true => below.pause_producing(),
            false => below.resume_producing(),
        });
    }

    /// The protocol above registers a producer.
    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.joint()
            .below(|below| below.register_producer(producer, kind))
            .unwrap_or(Ok(()))
    }

    /// The producer from above has finished, or is taken out.
    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.joint().below(|below| below.unregister_producer())?
    }

    /// Whether a producer from above is registered.
    fn has_producer(&self) -> bool {
        self.joint().below(|below| below.has_producer()) == Some(true)
    }

    /// The peer, as the protocol above is to see it.
    fn peer(&self) -> Address {
        self.joint()
            .below(|below| below.peer())
            .unwrap_or(Address::Unknown)
    }

    /// This end, as the protocol above is to see it.
    fn host(&self) -> Address {
        self.joint()
            .below(|below| below.host())
            .unwrap_or(Address::Unknown)
    }

    /// Bytes that wait in this layer and below.
    fn buffered(&self) -> usize {
        self.joint().below(|below| below.buffered()).unwrap_or(0)
    }

    /// This layer's own offer to the protocols above it, if it is of the type wanted: see
    /// [`Transport::extension`](crate::Transport::extension).
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        None
    }

    // Turns.

    /// What a turn does that somebody asked for through the seat: makes the callbacks that are
    /// owed.
    fn turn(&self) {
        self.joint().seat.settle();
    }

    /// Hands on what the layer holds back: called after every callback from below, and at the end
    /// of a turn for which [`Seat::wants_flush`] asked. Calls no protocol.
    fn flush(&self) {}
}

/// Where a layer touches its neighbours: the seat of the protocol above, and the transport below.
#[derive(Debug)]
pub struct Joint {
    seat: Seat,
    below: RefCell<Option<TransportRef>>,
}

impl Joint {
    /// For a layer that is just being made (`Rc::new_cyclic`), under the protocol `above`.
    pub fn new<L: Layer>(layer: &Weak<L>, above: ProtocolRef) -> Self {
        Joint {
            seat: Seat::new(layer.clone(), above),
            below: RefCell::new(None),
        }
    }

    /// The seat of the protocol above.
    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Asks something of the transport below; none before [`LayerExt::below`] sits on one.
    pub fn below<R>(&self, ask: impl FnOnce(&TransportRef) -> R) -> Option<R> {
        let below = self.below.borrow().clone();
        below.as_ref().map(ask)
    }
}

/// What every layer can do, ready made.
pub trait LayerExt: Layer + Sized {
    /// The layer as a protocol, for the transport below: to be given to `switch_protocol`, or
    /// returned by a factory. The layer lives as long as that transport keeps it.
    fn below(self: &Rc<Self>) -> ProtocolRef {
        ProtocolRef::layer(Below(self.clone()), Rc::downgrade(self))
    }

    /// The layer as a transport, for the protocol that sits above it just now.
    fn transport(&self) -> TransportRef {
        self.joint().seat.transport()
    }

    /// Puts the layer between `transport` and its protocol, and returns the transport that is that
    /// protocol's from now on.
    fn insert_below(self: &Rc<Self>, transport: &TransportRef) -> TransportRef {
        let paused = transport.is_connected() && !transport.is_reading();
        transport.switch_protocol(self.below());
        let above = self.transport();
        if paused {
            // The protocol is the same, and wants no bytes yet.
            above.pause_producing();
        }
        above
    }
}

impl<L: Layer> LayerExt for L {}

/// The layer, as the transport below sees it.
struct Below<L: Layer>(Rc<L>);

impl<L: Layer> Below<L> {
    /// Lets the layer note a fact, tells the protocol above, and hands on what that one wrote.
    fn note(&self, fact: impl FnOnce(&L)) {
        fact(&self.0);
        Turn::turn(&*self.0);
    }
}

impl<L: Layer> Protocol for Below<L> {
    fn connection_made(&mut self, _: &TransportRef) {
        self.note(Layer::connection_made);
    }

    fn transport_switched(&mut self, _: &TransportRef) {
        self.note(|_| ());
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.data_received_in_place(transport, &mut data.to_vec());
    }

    fn data_received_in_place(&mut self, _: &TransportRef, data: &mut [u8]) {
        self.note(|layer| layer.data_received(data));
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.note(Layer::handshake_completed);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.note(Layer::read_connection_lost);
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.note(Layer::write_connection_lost);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.note(|layer| layer.connection_lost(reason));
    }
}

impl<L: Layer> Seated for L {
    fn seated(&self, transport: &TransportRef) {
        *self.joint().below.borrow_mut() = Some(transport.clone());
    }

    fn close_above(&self) -> bool {
        self.joint().seat.close();
        true
    }
}

impl<L: Layer> Turn for L {
    fn turn(&self) {
        guarded(self, || {
            Layer::turn(self);
            Layer::flush(self);
        });
    }

    fn flush(&self) {
        self.joint().seat.begin_flush();
        guarded(self, || Layer::flush(self));
    }
}

/// A panic in what a layer does of its own accord costs its connection, as one in a callback does.
fn guarded(layer: &impl Layer, work: impl FnOnce()) {
    if let Err(message) = catch_panic(work) {
        layer.joint().seat.panicked(&message);
    }
}

impl<L: Layer> Channel for L {
    fn seat(&self) -> &Seat {
        &self.joint().seat
    }

    fn write(&self, data: &[u8]) {
        Layer::write(self, data);
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        Layer::write_sequence(self, data);
    }

    fn write_control(&self, data: &[u8]) {
        Layer::write_control(self, data);
    }

    fn lose_connection(&self, reason: Reason) {
        Layer::lose_connection(self, reason);
    }

    fn fail_connection(&self, reason: Reason) {
        Layer::fail_connection(self, reason);
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        Layer::when_sent(self, call);
    }

    fn lose_write_connection(&self) {
        Layer::lose_write_connection(self);
    }

    fn abort_connection(&self, reason: Reason) {
        Layer::abort_connection(self, reason);
    }

    fn reading_changed(&self) {
        Layer::reading_changed(self);
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        Layer::register_producer(self, producer, kind)
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        Layer::unregister_producer(self)
    }

    fn has_producer(&self) -> bool {
        Layer::has_producer(self)
    }

    fn has_finished(&self) -> bool {
        self.joint().below(|below| below.has_finished()) == Some(true)
    }

    fn peer(&self) -> Address {
        Layer::peer(self)
    }

    fn host(&self) -> Address {
        Layer::host(self)
    }

    fn clock(&self) -> Clock {
        self.joint()
            .below(|below| below.clock())
            .unwrap_or_else(Clock::new)
    }

    fn buffered(&self) -> usize {
        Layer::buffered(self)
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        Layer::extension(self, wanted)
            .or_else(|| self.joint().below(|below| below.extension(wanted))?)
    }
}
