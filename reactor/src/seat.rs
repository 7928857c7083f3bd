mod tell;
mod wishes;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use crate::channel::Channel;
use crate::handle::Handle;
use crate::holder::{Called, Held};
use crate::{Protocol, ProtocolRef, Reason, TransportRef};
use tell::Made;

/// Who listens to a channel: the protocol that sits there, and all that it has yet to be told.
///
/// The one place where a protocol is called. What is evil here: a callback may switch the protocol,
/// pause, close, give bytes back, write to a transport above or below, or panic, and after each of
/// these the next callback must be a different one. So nothing is called on the spot. A channel
/// notes facts (opened, bytes, end of input, lost), a handle notes wishes (switch, pause, close),
/// and [`settle`](Seat::settle) looks at what is noted, makes the one callback that comes first,
/// and looks again.
///
/// Invariants, on which every kind of transport relies:
/// - callbacks do not nest: none is made while the protocol is in one (`CALLING`);
/// - the order is introduction, handshake, bytes, end of input, end of output, loss; each is made
///   once, and nothing follows loss;
/// - bytes that wait (given back, or come at a bad time) are in `unread`, in order, in front of
///   what comes later.
pub struct Seat {
    /// Borrowed while a callback runs, so that what is called need not be held any other way.
    occupant: RefCell<Occupant>,
    rare: RefCell<Option<Box<Rare>>>,
    state: Cell<u32>,
}

/// What most seats hold never, or only at their end.
#[derive(Default)]
struct Rare {
    /// Bytes that belong to the transport.
    unread: Vec<u8>,
    /// Who was switched in by the callback that is running, and sits down when it returns
    /// (`SUCCEEDED`).
    successor: Option<Occupant>,
    reason: Option<Reason>,
}

struct Occupant {
    protocol: Option<ProtocolRef>,
    transport: TransportRef,
}

/// The channel is not established yet: nothing is told but its loss.
const UNOPENED: u32 = 1 << 0;
/// The occupant has not heard yet that it sits here.
const UNTOLD: u32 = 1 << 1;
/// `handshake_completed` is owed.
const HANDSHAKE: u32 = 1 << 2;
/// `read_connection_lost` is owed.
const END_OF_INPUT: u32 = 1 << 3;
/// `write_connection_lost` is owed.
const END_OF_OUTPUT: u32 = 1 << 4;
/// `connection_lost` is owed, or made.
const LOST: u32 = 1 << 5;
/// `connection_lost` has been made.
const OVER: u32 = 1 << 6;
/// The protocol reads no more for now.
const PAUSED: u32 = 1 << 7;
/// The protocol has closed.
const CLOSING: u32 = 1 << 8;
/// The protocol has closed the write half.
const WRITE_CLOSING: u32 = 1 << 9;
/// A callback is running.
const CALLING: u32 = 1 << 10;
/// What is in `unread` may be delivered without waiting for more.
const FRESH: u32 = 1 << 11;
/// A turn has been asked for.
const TURN: u32 = 1 << 12;
/// A flush has been asked for.
const FLUSH: u32 = 1 << 13;
/// The peer has ended its side: whoever is switched in must hear of it too.
const INPUT_ENDED: u32 = 1 << 14;
/// There is something in `unread`.
const UNREAD: u32 = 1 << 15;
/// The protocol that is being called has been switched out.
const SUCCEEDED: u32 = 1 << 16;

/// Any of these, and bytes that come may not go straight to the protocol.
const NOT_STRAIGHT: u32 =
    UNOPENED | UNTOLD | HANDSHAKE | LOST | PAUSED | CLOSING | CALLING | UNREAD;
/// Any of these, and there is something to say.
const OWED: u32 = UNTOLD | HANDSHAKE | END_OF_INPUT | END_OF_OUTPUT | LOST | FRESH;
/// How many callbacks one call of `settle` makes at most, so that protocols that switch each other
/// in for ever do not stop the loop.
const CALLS_A_TURN: usize = 64;

impl Occupant {
    fn seated(protocol: ProtocolRef, transport: TransportRef) -> Self {
        protocol.0.seated(&transport);
        Occupant {
            protocol: Some(protocol),
            transport,
        }
    }
}

impl Seat {
    /// A seat of the channel that is just being made, with the protocol that will hear of it.
    pub fn new<C: Channel>(channel: Weak<C>, protocol: ProtocolRef) -> Self {
        Seat {
            occupant: RefCell::new(Occupant::seated(protocol, Handle::new(channel))),
            rare: RefCell::default(),
            state: Cell::new(UNOPENED | UNTOLD),
        }
    }

    /// The handle of the present occupant.
    pub fn transport(&self) -> TransportRef {
        self.ask(|occupant| occupant.transport.clone())
    }

    /// The present occupant; none after `connection_lost`.
    pub fn protocol(&self) -> Option<ProtocolRef> {
        self.ask(|occupant| occupant.protocol.clone())
    }

    // Facts, noted by the channel.

    /// The channel is established: the protocol may be told.
    pub fn open(&self) {
        self.clear(UNOPENED);
    }

    /// Bytes have come. They are delivered now if nothing stands before them, and wait otherwise.
    /// The channel flushes after it.
    pub fn deliver(&self, data: &mut [u8]) {
        self.deliver_quietly(data);
    }

    /// [`deliver`](Seat::deliver); true if that was all: the protocol has done nothing that this
    /// seat would know of, and is owed nothing.
    #[inline(always)]
    pub(crate) fn deliver_quietly(&self, data: &mut [u8]) -> bool {
        let made = self.make_straight(|protocol, transport| protocol.deliver(transport, data));
        made == Made::Quietly || self.delivered(made, data)
    }

    /// [`deliver`](Seat::deliver), for bytes that nobody may change: they are in a buffer that is
    /// not the channel's own.
    pub fn deliver_shared(&self, data: &[u8]) {
        let made =
            self.make_straight(|protocol, transport| protocol.deliver_shared(transport, data));
        if made != Made::Quietly {
            self.delivered(made, data);
        }
    }

    /// What follows from a delivery; false.
    #[inline(never)]
    fn delivered(&self, made: Made, data: &[u8]) -> bool {
        if made == Made::No {
            self.keep(data);
        }
        if self.is(OWED) {
            self.settle();
        }
        false
    }

    /// What cannot go straight to the protocol waits.
    #[cold]
    fn keep(&self, data: &[u8]) {
        if !self.is(CLOSING | LOST) {
            self.rare(|rare| rare.unread.extend_from_slice(data));
            self.set(UNREAD | FRESH);
        }
    }

    /// A layer has negotiated what it had to.
    pub fn handshake_completed(&self) {
        self.set(HANDSHAKE);
    }

    /// The peer sends no more.
    pub fn read_connection_lost(&self) {
        self.set(END_OF_INPUT | INPUT_ENDED);
    }

    /// The write half is closed, as the protocol asked.
    pub fn write_connection_lost(&self) {
        self.set(END_OF_OUTPUT);
    }

    /// The connection is about to end, and this is why, whatever [`lost`](Seat::lost) will be told.
    /// The first reason counts.
    pub fn fail(&self, reason: Reason) {
        self.rare(|rare| {
            rare.reason.get_or_insert(reason);
        });
    }

    /// The connection has ended. The protocol is told in the next turn; the channel asks for it, or
    /// is in it.
    pub fn lost(&self, reason: Reason) {
        if !self.is(LOST) {
            self.set(LOST);
            self.note_reading();
            self.fail(reason);
        }
    }

    // Questions.

    /// Whether the protocol wants no bytes for now.
    pub fn is_paused(&self) -> bool {
        self.is(PAUSED)
    }

    /// Whether the protocol, or a panic of its, has closed the connection: bytes that come are
    /// thrown away.
    pub fn is_closing(&self) -> bool {
        self.is(CLOSING)
    }

    /// Whether the channel has said that the connection has ended.
    pub fn is_lost(&self) -> bool {
        self.is(LOST)
    }

    /// Whether the protocol has been told that the connection has ended.
    pub fn is_over(&self) -> bool {
        self.is(OVER)
    }

    /// Whether a callback is owed that a turn would make.
    #[inline]
    pub fn is_owed(&self) -> bool {
        self.is(OWED) && self.owed() != 0
    }

    /// Why the connection has ended or is about to end, as far as it is known.
    pub fn reason(&self) -> Option<Reason> {
        self.rare.borrow().as_ref()?.reason.clone()
    }

    /// What a close that goes on below is to be known for: the reason that was noted, if there is
    /// one, and [`Reason::Done`] otherwise.
    pub fn close_reason(&self) -> Reason {
        self.reason().unwrap_or(Reason::Done)
    }

    /// The reason of a close, if it has one of its own.
    pub fn note_close(&self, reason: Reason) {
        if !reason.is_clean() {
            self.fail(reason);
        }
    }

    /// Whether a callback of this seat is running: what is written meanwhile is flushed by the
    /// channel when it returns.
    pub fn is_calling(&self) -> bool {
        self.is(CALLING)
    }

    /// Has the handle know whether more may be delivered.
    fn note_reading(&self) {
        let reading = !self.is(PAUSED | CLOSING | LOST);
        self.ask(|occupant| occupant.transport.set_reading(reading));
    }

    pub(crate) fn is_connected(&self) -> bool {
        !self.is(UNOPENED | CLOSING | LOST)
    }

    /// Whether a write has any meaning: after a close only as long as a producer is waited for.
    #[inline]
    pub(crate) fn takes_writes(&self, has_producer: impl FnOnce() -> bool) -> bool {
        !self.is(CLOSING | WRITE_CLOSING | LOST) || !self.is(LOST) && has_producer()
    }

    // Turns.

    /// Asks for a turn of the channel, unless one has been asked for or is running.
    pub fn wants_turn(&self) {
        if !self.is(TURN | CALLING)
            && let Some(channel) = self.channel()
        {
            self.set(TURN);
            channel.clock().wants_turn(channel);
        }
    }

    /// Asks for a flush of the channel at the end of this pass of the loop, unless one has been
    /// asked for.
    pub fn wants_flush(&self) {
        if !self.is(FLUSH)
            && let Some(channel) = self.channel()
        {
            self.set(FLUSH);
            channel.clock().wants_flush(channel);
        }
    }

    /// The flush that was asked for is here.
    pub fn begin_flush(&self) {
        self.clear(FLUSH);
    }

    /// Rule 7: a panic costs this connection, and nothing else.
    #[cold]
    pub(crate) fn panicked(&self, message: &Arc<str>) {
        let Some(channel) = self.channel() else {
            return;
        };
        log::error!(
            "a callback panicked, connection with {} is aborted: {message}",
            channel.peer()
        );
        if !self.is(LOST) {
            self.begin_close();
            channel.abort_connection(Reason::Panicked(message.clone()));
        }
    }

    /// Whether the protocol is being called by somebody else, through a typed handle.
    fn is_busy(&self) -> bool {
        let occupant = self.occupant.borrow();
        occupant
            .protocol
            .as_ref()
            .is_some_and(|protocol| protocol.0.is_busy())
    }

    /// Asks who sits here, or sits down when the callback that is running returns.
    fn ask<R>(&self, question: impl FnOnce(&Occupant) -> R) -> R {
        let rare = self.rare.borrow();
        match rare.as_ref().and_then(|rare| rare.successor.as_ref()) {
            Some(successor) => question(successor),
            None => question(&self.occupant.borrow()),
        }
    }

    fn rare<R>(&self, look: impl FnOnce(&mut Rare) -> R) -> R {
        look(self.rare.borrow_mut().get_or_insert_default())
    }

    fn channel(&self) -> Option<Rc<dyn Channel>> {
        self.occupant.borrow().transport.channel()
    }

    fn take_unread(&self) -> Vec<u8> {
        self.clear(UNREAD);
        match self.rare.borrow_mut().as_mut() {
            Some(rare) => std::mem::take(&mut rare.unread),
            None => Vec::new(),
        }
    }

    #[inline]
    fn is(&self, any: u32) -> bool {
        self.state.get() & any != 0
    }

    fn set(&self, flags: u32) {
        self.state.set(self.state.get() | flags);
    }

    fn clear(&self, flags: u32) {
        self.state.set(self.state.get() & !flags);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.occupant.get_mut().transport.set_reading(false);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat")
            .field("paused", &self.is_paused())
            .field("closing", &self.is_closing())
            .field("lost", &self.is_lost())
            .finish_non_exhaustive()
    }
}
