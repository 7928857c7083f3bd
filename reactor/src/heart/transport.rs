use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::time::Duration;

#[cfg(unix)]
use crate::heart::duplicate::{Duplicate, lend};
use crate::heart::handle::SeatHandle;
use crate::{
    Address, Clock, ConnectionId, DelayedCall, Producer, ProducerKind, ProducerRegistered,
    Protocol, ProtocolRef, Reason, WeakProtocol,
};

/// A protocol's hold on its transport: cheap to clone, safe to keep.
///
/// It is weak and it is personal. Weak: it keeps no connection alive, and once the connection has
/// gone every method is safe and does nothing. Personal: it serves the protocol to which it was
/// handed. Once [`switch_protocol`](Transport::switch_protocol) has put another protocol in the
/// seat it is revoked, and what is written through it is dropped with a warning in the log.
///
/// All methods of [`Transport`] are called on it: `transport.write(b"hello")`. Those of its own are for a
/// protocol and its own transport. There `protocol` is always `self`: it names the type, and the
/// transport knows the rest, since it was handed to that protocol.
#[derive(Clone)]
pub struct TransportRef(Rc<dyn Transport>);

/// Whether more data may be delivered to a protocol: see [`Transport::reading`].
#[derive(Debug)]
pub struct Reading(Cell<bool>);

impl Reading {
    pub(crate) fn new() -> Self {
        Reading(Cell::new(true))
    }

    /// Whether it may just now; any call on the transport can change it.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.0.get()
    }

    pub(crate) fn set(&self, on: bool) {
        self.0.set(on);
    }
}

/// A connection of any kind, as its protocol sees it.
///
/// No method calls a protocol: each notes what is wanted, and what follows from it happens in a
/// turn of the loop. Every method may be called at any time, from any callback, of this connection
/// or of another.
///
/// A transport is a [`Producer`] too, of what its peer sends:
/// [`pause_producing`](Producer::pause_producing) stops reading at once (no `data_received` after
/// it, not even of bytes that are already here), [`resume_producing`](Producer::resume_producing)
/// goes on, and [`stop_producing`](Producer::stop_producing) is
/// [`lose_connection`](Transport::lose_connection). So two transports that are joined register each
/// other: `a.register_producer(b.as_producer(), ProducerKind::Push)`.
///
/// There is one implementation. To make a kind of transport, write a [`Layer`](crate::Layer) or a
/// [`Channel`](crate::Channel), and have this on top of it.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, TransportRef};
///
/// /// Answers with the address of the peer, reads nothing more, and closes.
/// struct WhoAmI;
///
/// impl Protocol for WhoAmI {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.pause_producing();
///         let peer = transport.peer().to_string();
///         transport.write_sequence(&[b"you, ", peer.as_bytes(), b", said "]);
///         transport.write(data);
///         transport.lose_connection();
///     }
/// }
///
/// let recording = RecordingTransport::connect(WhoAmI);
/// recording.receive(b"hello");
/// assert!(recording.take_written().ends_with(b", said hello"));
/// assert!(recording.is_paused() && recording.is_closing());
/// ```
#[doc(alias = "ITransport")]
#[doc(alias = "IConsumer")]
pub trait Transport: Producer + fmt::Debug {
    /// Sends `data` after all that was written before. It never waits and never fails: bytes that
    /// cannot be sent now are kept, up to a limit
    /// ([`output_limit`](crate::StreamSettings::output_limit)), and what a turn has written goes
    /// out together at its end.
    ///
    /// Dropped, since the peer could not get it: after [`lose_connection`](Transport::lose_connection)
    /// (if a producer is registered, once it has finished), after
    /// [`lose_write_connection`](Transport::lose_write_connection), and when the connection has
    /// gone.
    fn write(&self, data: &[u8]);

    /// [`write`](Transport::write) for several pieces that are one unit: either all of them are
    /// taken, or, at the output limit, none is.
    #[doc(alias = "writeSequence")]
    fn write_sequence(&self, data: &[&[u8]]);

    /// [`write`](Transport::write) for a layer's own bytes: a close_notify, an alert, a header. They
    /// are sent in order with all else. No output limit counts them, because the limits are meant
    /// for what the application writes.
    fn write_control(&self, data: &[u8]);

    /// Closes the connection in order: nothing more is delivered, what was written is sent, a
    /// registered producer finishes, and then both sides are closed. If nothing can be sent for
    /// [`close_timeout`](crate::StreamSettings::close_timeout), the connection is aborted.
    #[doc(alias = "loseConnection")]
    fn lose_connection(&self);

    /// [`lose_connection`](Transport::lose_connection) with a reason of the caller's own. The peer
    /// sees an orderly close. [`connection_lost`](crate::Protocol::connection_lost) and the
    /// [`Connector`](crate::Connector) hear `reason`.
    fn lose_connection_because(&self, reason: Reason);

    /// Sends what was written, and then ends the connection *uncleanly*: the peer sees a reset on
    /// TCP, and no close_notify under TLS. A relay calls this when its other side has broken off,
    /// so that what it passes on never looks complete.
    ///
    /// Nothing more is delivered. Sending is under the deadlines of a close.
    /// [`connection_lost`](crate::Protocol::connection_lost) and the
    /// [`Connector`](crate::Connector) hear `reason`.
    fn fail_connection(&self, reason: Reason);

    /// Makes `call` once all that was written so far has been handed to the system, through all
    /// layers. Calls are made in order, in a turn of the loop, and never from inside this method.
    /// If the connection ends first, `call` is dropped.
    fn when_sent(&self, call: Box<dyn FnOnce()>);

    /// Tells the peer that nothing more will come, once all that was written is sent and a
    /// registered producer has finished, and goes on reading. The protocol hears
    /// [`write_connection_lost`](crate::Protocol::write_connection_lost).
    #[doc(alias = "loseWriteConnection")]
    fn lose_write_connection(&self);

    /// Ends the connection now: what was not sent is thrown away, and the peer sees a reset where
    /// there is such a thing.
    #[doc(alias = "abortConnection")]
    fn abort_connection(&self);

    /// Gives back bytes that this protocol did not use, in front of all that has not been delivered
    /// yet.
    ///
    /// They belong to the transport again. A protocol that is switched in gets them first. A
    /// protocol that is paused gets them when it resumes. A protocol that stays, and reads on, gets
    /// them in one piece with the next bytes that come. So each arrival costs a copy of all that was
    /// given back: keep a long unit in the protocol, and give back what belongs to another one. More
    /// than [`unread_limit`](crate::StreamSettings::unread_limit) bytes that wait so end the
    /// connection with [`Reason::UnreadLimit`](crate::Reason::UnreadLimit).
    ///
    /// As the one exception to the rule on revoked handles, it works until the callback that has
    /// made the switch returns.
    fn unread(&self, data: &[u8]);

    /// Whether more data may be delivered to this protocol: false once it is paused or switched
    /// out, has closed the connection, or the connection has gone; and as long as more than
    /// [`high_water`](crate::StreamSettings::high_water) is waiting for a peer that is
    /// [not read](crate::StreamSettings::read_pauses) meanwhile. What a loop over units in one delivery asks
    /// before each, and then it gives back the rest with [`unread`](Transport::unread): small requests can
    /// have large answers.
    fn is_reading(&self) -> bool {
        self.reading().is_on()
    }

    /// What [`is_reading`](Transport::is_reading) answers, as a flag: a loop over many small units
    /// gets it once, and then looks at it before each.
    fn reading(&self) -> &Reading;

    /// Registers `producer`: the transport pauses it while much output is pending, and asks it for more
    /// when none is. One at a time. On a connection that has gone it is told to stop.
    #[doc(alias = "registerProducer")]
    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered>;

    /// The producer has finished; a close that waited for it goes on. Returns it, so that a layer
    /// which comes between the two can register it elsewhere; `None` if there was none.
    #[doc(alias = "unregisterProducer")]
    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)>;

    /// Whether a producer is registered.
    fn has_producer(&self) -> bool;

    /// Whether a close that came now would wait for the producer: see
    /// [`Producer::has_finished`], which this may call. A layer that sends last words of its own
    /// asks before it sends them.
    fn waits_for_producer(&self) -> bool;

    /// The protocol in the seat; `None` once the connection has ended.
    fn protocol(&self) -> Option<ProtocolRef>;

    /// Puts `next` in the seat and returns the protocol that was there, which hears nothing of it.
    /// From here on all callbacks go to `next`, first among them `connection_made` if it has never
    /// been connected and `transport_switched` if it has; then the bytes that were given back.
    ///
    /// Returns `next` itself, and changes nothing, where the connection has ended or this handle is
    /// revoked.
    fn switch_protocol(&self, next: ProtocolRef) -> ProtocolRef;

    /// The number of the connection, which log lines, [`Stats`](crate::Stats) and consoles call it by.
    /// `None` when the connection has gone (it is still known in `connection_lost`), and on a transport of
    /// a kind that has no numbers.
    fn connection_id(&self) -> Option<ConnectionId>;

    /// The address of the other end; [`Address::Unknown`] when the connection has gone (it is still known
    /// in `connection_lost`).
    #[doc(alias = "getPeer")]
    fn peer(&self) -> Address;

    /// The address of this end.
    #[doc(alias = "getHost")]
    fn host(&self) -> Address;

    /// The clock of the reactor that this connection lives in.
    fn clock(&self) -> Clock;

    /// Whether the reactor drains: it accepts nothing new, and its connections have until the time is up
    /// to finish what they do. A server that says in each answer whether the connection goes on, as HTTP
    /// does, says no from now on. See [`ReactorHandle::drain`](crate::ReactorHandle::drain).
    fn is_draining(&self) -> bool;

    /// How many bytes were accepted and not yet handed to the system, in all layers from here down.
    fn buffered(&self) -> usize;

    /// How many bytes were accepted and not yet acknowledged by the peer: [`buffered`], and what the
    /// system still holds, where it can tell (TCP on Linux). If it gets less, bytes are moving, even
    /// while nothing is written and the system takes nothing more.
    ///
    /// It may cost several system calls: a question for a timer, not for every write.
    ///
    /// [`buffered`]: Transport::buffered
    fn unacknowledged(&self) -> usize;

    /// True from `connection_made` until `lose_connection`, `abort_connection` or the end: whether
    /// it makes sense to write.
    fn is_connected(&self) -> bool;

    /// What a layer, or the kind of transport at the bottom, offers beyond this trait. For authors
    /// of such an offer: users call a function like [`TcpOptions::of`](crate::TcpOptions::of),
    /// which asks with the type that it wants; the nearest layer that has one answers.
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>>;

    /// What the seats of this crate know of the transport.
    #[doc(hidden)]
    fn seat_handle(&self) -> &dyn SeatHandle;
}

impl Deref for TransportRef {
    type Target = dyn Transport;

    #[inline(always)]
    fn deref(&self) -> &Self::Target {
        &*self.0
    }
}

impl fmt::Debug for TransportRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TransportRef {
    pub(crate) fn new(transport: Rc<dyn Transport>) -> Self {
        TransportRef(transport)
    }

    /// The same as the seat sees it.
    #[inline]
    pub(crate) fn of_seat(&self) -> &dyn SeatHandle {
        self.0.seat_handle()
    }

    /// The transport as a producer, of what its peer sends: what joins two connections.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::{ProducerKind, ProducerRegistered, TransportRef};
    ///
    /// /// Reads each only as fast as the other one takes the bytes.
    /// fn join(one: &TransportRef, other: &TransportRef) -> Result<(), ProducerRegistered> {
    ///     one.register_producer(other.as_producer(), ProducerKind::Push)?;
    ///     other.register_producer(one.as_producer(), ProducerKind::Push)
    /// }
    /// ```
    pub fn as_producer(&self) -> Rc<dyn Producer> {
        self.0.clone()
    }

    /// The protocol that this transport was handed to, as a weak reference that other code may
    /// keep: `transport.me(self)`.
    ///
    /// Refers to nothing if the protocol on this transport is of another type than `protocol` (which
    /// is a part of it, say), or if the connection has gone; the log says so. Only the type of
    /// `protocol` counts: another object of the same type is not noticed.
    pub fn me<P: Protocol>(&self, protocol: &P) -> WeakProtocol<P> {
        let _ = protocol;
        self.own()
    }

    /// [`me`](TransportRef::me), for code that is a part of the protocol `P` and has no
    /// reference to the whole: what a framing calls.
    pub fn own<P: Protocol>(&self) -> WeakProtocol<P> {
        let own = self.of_seat().own_protocol();
        match own.and_then(|own| own.downcast::<P>()) {
            Some(own) => own.downgrade(),
            None => {
                log::warn!(
                    "me, call_later or after_sent was given a {}, but that is not the protocol on this transport, or its connection has ended: nothing will be called",
                    std::any::type_name::<P>()
                );
                WeakProtocol::default()
            }
        }
    }

    /// Lends the descriptor at the bottom of all layers to `act`: for options of a socket that this
    /// crate does not offer, by way of `socket2` or `rustix`. What is lent is a duplicate, which lives
    /// as long as the call. Of a stream with a descriptor for each direction it is the one that is read
    /// from, if there is one.
    ///
    /// Reading and writing by it, and changing whether it blocks, breaks the connection.
    ///
    /// [`NotConnected`](std::io::ErrorKind::NotConnected): the connection has gone, or has no
    /// descriptor, as one in memory.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use retwist::{Protocol, TransportRef};
    ///
    /// struct Urgent;
    /// impl Protocol for Urgent {
    ///     fn connection_made(&mut self, transport: &TransportRef) {
    ///         let set = transport.with_descriptor(|fd| {
    ///             // Here: socket2::SockRef::from(&fd).set_tos_v4(0x10)
    /// #           let _ = fd;
    ///         });
    ///         if let Err(error) = set {
    ///             log::warn!("{}: {error}", transport.peer());
    ///         }
    ///     }
    /// }
    /// ```
    #[cfg(unix)]
    #[doc(alias = "getHandle")]
    #[doc(alias = "fileno")]
    pub fn with_descriptor<R>(
        &self,
        act: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> R,
    ) -> std::io::Result<R> {
        let found = self.extension(TypeId::of::<Duplicate>());
        let made = found.and_then(|found| found.downcast_ref::<Duplicate>()?.take());
        lend(made, act)
    }

    /// Calls a method of the protocol, `delay` from now, with the transport on which it sits then.
    /// The timer ends with the connection: after `lose_connection` it still runs, until
    /// `connection_lost`.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// use std::time::Duration;
    /// use retwist::testing::RecordingTransport;
    /// use retwist::{Protocol, TransportRef};
    ///
    /// struct Patient;
    ///
    /// impl Patient {
    ///     fn remind(&mut self, transport: &TransportRef) {
    ///         transport.write(b"are you still there?");
    ///     }
    /// }
    ///
    /// impl Protocol for Patient {
    ///     fn connection_made(&mut self, transport: &TransportRef) {
    ///         transport.call_later(Duration::from_secs(60), self, Self::remind);
    ///     }
    /// }
    ///
    /// let recording = RecordingTransport::connect(Patient);
    /// recording.clock().advance(Duration::from_secs(60));
    /// assert_eq!(recording.take_written(), b"are you still there?");
    /// ```
    #[doc(alias = "callLater")]
    pub fn call_later<P: Protocol>(
        &self,
        delay: Duration,
        protocol: &P,
        call: impl FnOnce(&mut P, &TransportRef) + 'static,
    ) -> DelayedCall {
        self.me(protocol).call_later(delay, call)
    }

    /// Calls a method of the protocol once all that was written so far has been handed to the
    /// system: [`when_sent`](Transport::when_sent), in the words of a protocol.
    pub fn after_sent<P: Protocol>(
        &self,
        protocol: &P,
        call: impl FnOnce(&mut P, &TransportRef) + 'static,
    ) {
        let me = self.me(protocol);
        self.when_sent(Box::new(move || me.call(call)));
    }
}
