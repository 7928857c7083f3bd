use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use super::clock::ManualClock;
use crate::heart::channel::Channel;
use crate::machines::producer::Flow;
use crate::machines::sent_calls::SentCalls;
use crate::{
    Address, Clock, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason, Seat,
    StreamSettings, TransportRef,
};

/// One protocol on a transport that records what it does: for tests that look at one side alone.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, TransportRef};
///
/// struct Polite;
/// impl Protocol for Polite {
///     fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
///         transport.write(b"thank you");
///         transport.lose_connection();
///     }
/// }
///
/// let recording = RecordingTransport::connect(Polite);
/// recording.receive(b"here");
/// assert_eq!(recording.take_written(), b"thank you");
/// assert!(recording.is_closing());
/// ```
///
/// There is no peer and no system here, so an orderly close is recorded and goes no further:
/// `connection_lost` comes when the test calls [`lose`](RecordingTransport::lose). Only an abort ends
/// the connection at once. A recording that is dropped ends the connection as the end of a reactor
/// does, with [`Reason::ReactorStopped`]. What was written counts as sent once it is taken.
#[doc(alias = "StringTransport")]
pub struct RecordingTransport {
    clock: Rc<ManualClock>,
    channel: Rc<Recording>,
}

struct Recording {
    seat: Seat,
    clock: Clock,
    written: RefCell<Vec<u8>>,
    /// Calls to be made when what was written has been taken.
    sent: RefCell<SentCalls>,
    flow: RefCell<Flow>,
    ending: Cell<Ending>,
    is_draining: Cell<bool>,
}

/// How far the protocol has closed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    WriteHalf,
    Closed,
    Failed,
    Aborted,
}

impl RecordingTransport {
    /// Connects the protocol; it has heard `connection_made` when this returns. A receiver of lines or
    /// frames is put into a `Framed` first, as for a port.
    pub fn connect(protocol: impl Into<ProtocolRef>) -> Self {
        RecordingTransport::on(&Rc::new(ManualClock::new()), protocol)
    }

    /// Connects the protocol on this clock.
    pub fn on(clock: &Rc<ManualClock>, protocol: impl Into<ProtocolRef>) -> Self {
        let channel = Rc::new_cyclic(|me: &Weak<Recording>| Recording {
            seat: Seat::new(me, protocol),
            clock: Clock::clone(clock),
            written: RefCell::default(),
            sent: RefCell::default(),
            flow: RefCell::default(),
            ending: Cell::new(Ending::Open),
            is_draining: Cell::new(false),
        });
        channel.seat.open();
        channel.seat.wants_turn();
        clock.run();
        RecordingTransport {
            clock: clock.clone(),
            channel,
        }
    }

    /// The protocol receives these bytes, in one piece; all that follows has been done when this
    /// returns.
    pub fn receive(&self, data: &[u8]) {
        self.channel.seat.deliver(&mut data.to_vec());
        self.clock.run();
    }

    /// The peer sends no more.
    pub fn end_input(&self) {
        self.channel.seat.read_connection_lost();
        self.settle();
    }

    /// The connection ends for this reason, and the protocol hears `connection_lost`.
    pub fn lose(&self, reason: Reason) {
        self.channel.seat.lost(reason);
        self.settle();
    }

    /// The reactor drains: the protocol hears [`shutting_down`](crate::Protocol::shutting_down), and
    /// [`is_draining`](crate::Transport::is_draining) is true from now on.
    pub fn drain(&self) {
        self.channel.is_draining.set(true);
        self.channel.seat.shutting_down();
        self.settle();
    }

    /// The reactor stops: the protocol hears [`shutting_down`](crate::Protocol::shutting_down), perhaps
    /// after a [drain](RecordingTransport::drain).
    pub fn shut_down(&self) {
        self.channel.is_draining.set(false);
        self.channel.seat.shutting_down();
        self.settle();
    }

    /// Everything that was written and not taken yet.
    #[doc(alias = "value")]
    pub fn written(&self) -> Vec<u8> {
        self.channel.written.borrow().clone()
    }

    /// Everything that was written since the last time. It counts as sent: a producer is asked for
    /// more, and calls of [`when_sent`](crate::Transport::when_sent) are made.
    #[doc(alias = "clear")]
    pub fn take_written(&self) -> Vec<u8> {
        let written = self.channel.written.take();
        self.channel.sent.borrow_mut().advance(written.len());
        self.channel.seat.wants_turn();
        self.clock.run();
        written
    }

    /// Whether the protocol has closed the connection, in order or not.
    #[doc(alias = "disconnecting")]
    pub fn is_closing(&self) -> bool {
        matches!(
            self.channel.ending.get(),
            Ending::Closed | Ending::Failed | Ending::Aborted
        )
    }

    /// Whether the protocol ends the connection uncleanly, after what it has written
    /// ([`fail_connection`](crate::Transport::fail_connection)).
    pub fn is_failing(&self) -> bool {
        self.channel.ending.get() == Ending::Failed
    }

    /// Returns why the connection has ended or is about to end, if the protocol, a layer below it or the test
    /// has said so: with [`lose_connection_because`](crate::Transport::lose_connection_because), for
    /// example. It is the reason that `connection_lost` gets.
    pub fn reason(&self) -> Option<Reason> {
        self.channel.seat.reason_at_the_top()
    }

    /// Whether the protocol has aborted the connection.
    pub fn is_aborted(&self) -> bool {
        self.channel.ending.get() == Ending::Aborted
    }

    /// Whether the protocol has closed its write half, or all.
    pub fn is_write_closed(&self) -> bool {
        self.channel.ending.get() != Ending::Open
    }

    /// Whether the protocol wants no more input for now.
    #[doc(alias = "producerState")]
    pub fn is_paused(&self) -> bool {
        self.channel.seat.is_paused()
    }

    /// Whether a producer is registered.
    pub fn has_producer(&self) -> bool {
        self.channel.has_producer()
    }

    /// The transport that the protocol in the seat holds.
    pub fn transport(&self) -> TransportRef {
        self.channel.seat.transport()
    }

    /// The clock.
    pub fn clock(&self) -> &Rc<ManualClock> {
        &self.clock
    }

    fn settle(&self) {
        self.channel.seat.settle();
        self.clock.run();
    }
}

impl Recording {
    /// A close is complete once no producer is registered.
    fn progress(&self) {
        if self.ending.get() == Ending::WriteHalf && !self.has_producer() && !self.seat.is_lost() {
            self.seat.write_connection_lost();
        }
    }
}

/// Bytes that may wait before a push producer is paused, as on a real connection.
const HIGH_WATER: usize = 64 * 1024;

impl Channel for Recording {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn turn(&self) {
        self.seat.settle();
        let due = self.sent.borrow_mut().take_due();
        for call in due {
            self.seat.guard(call);
        }
        let waiting = self.written.borrow().len();
        let producer = self.flow.borrow_mut().next(waiting);
        if let Some(producer) = producer {
            self.seat.guard(|| producer.resume_producing());
        }
    }

    fn write(&self, data: &[u8]) {
        let waiting = {
            let mut written = self.written.borrow_mut();
            written.extend_from_slice(data);
            written.len()
        };
        let full = self.flow.borrow_mut().written(waiting, HIGH_WATER);
        if let Some(producer) = full {
            self.seat.guard(|| producer.pause_producing());
        }
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.write(&data.concat());
    }

    fn write_control(&self, data: &[u8]) {
        self.write(data);
    }

    fn lose_connection(&self, reason: Reason) {
        self.ending.set(Ending::Closed);
        self.seat.note_close(reason);
    }

    fn fail_connection(&self, reason: Reason) {
        self.ending.set(Ending::Failed);
        self.seat.fail(reason);
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        let pending = self.written.borrow().len();
        self.sent.borrow_mut().push(pending, call);
        self.seat.wants_turn();
    }

    fn lose_write_connection(&self) {
        self.ending.set(Ending::WriteHalf);
        self.progress();
        self.seat.wants_turn();
    }

    fn abort_connection(&self, reason: Reason) {
        self.ending.set(Ending::Aborted);
        self.sent.take();
        self.seat.lost(reason);
        self.seat.wants_turn();
    }

    fn reading_changed(&self) {}

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.flow.borrow_mut().register(producer, kind)?;
        self.seat.wants_turn();
        Ok(())
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let producer = self.flow.borrow_mut().unregister();
        self.progress();
        self.seat.wants_turn();
        producer
    }

    fn has_producer(&self) -> bool {
        self.flow.borrow().is_registered()
    }

    fn waits_for_producer(&self) -> bool {
        let asked = self.flow.borrow().awaited();
        asked.is_some_and(|asked| self.seat.guard(|| asked.holds_close()) == Some(true))
    }

    fn peer(&self) -> Address {
        Address::Memory("peer".into())
    }

    fn host(&self) -> Address {
        Address::Memory("host".into())
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn is_draining(&self) -> bool {
        self.is_draining.get()
    }

    fn buffered(&self) -> usize {
        self.written.borrow().len()
    }

    fn unread_limit(&self) -> usize {
        StreamSettings::default().unread_limit
    }

    fn unacknowledged(&self) -> usize {
        self.buffered()
    }
}

impl Drop for RecordingTransport {
    /// As at the end of a reactor: a protocol that is still connected hears `connection_lost`.
    fn drop(&mut self) {
        self.channel.seat.lost(Reason::ReactorStopped);
        self.channel.seat.settle();
        self.clock.turn();
    }
}

impl fmt::Debug for RecordingTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingTransport")
            .field("written", &self.channel.written.borrow().len())
            .field("closing", &self.is_closing())
            .finish_non_exhaustive()
    }
}
