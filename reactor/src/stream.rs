mod close;
mod ready;
mod send;
mod sent;

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell, RefMut};
use std::io;
use std::rc::{Rc, Weak};

use self::close::Acknowledgement;
pub(crate) use self::ready::Ready;
use crate::channel::Channel;
use crate::output::{Buffers, LARGE, Output, Room};
use crate::panic::catch_panic;
use crate::producer::Flow;
use crate::sent_calls::SentCalls;
use crate::{
    Address, Clock, DelayedCall, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason,
    Seat, StreamSettings,
};

/// What a kind of byte stream supplies: TCP, a UNIX socket, a pipe in memory.
///
/// `recv` and `send` never block: `WouldBlock` means that [`Stream::ready`] will be called when it
/// is worth trying again. `recv` returns 0 at the end of input. A short count means that there is
/// nothing more just now.
pub(crate) trait Wire: 'static {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, data: &[u8]) -> io::Result<usize>;
    /// The peer is to see the end of input, after all that was sent.
    fn shutdown_write(&self) -> io::Result<()>;
    /// Nothing is called after this. With `reset`, the peer is to see that the connection broke.
    fn close(&self, reset: bool);
    /// Call [`Stream::ready`] in the next turn: there may be more to read.
    fn read_again(&self);
    /// `send` would block: from now on, call [`Stream::ready`] when it would not. An error ends the
    /// connection, which would wait for ever.
    fn wants_writable(&self) -> io::Result<()>;
    /// How many bytes were sent and not acknowledged by the peer; None where the system cannot tell.
    /// Only a connection that is ending asks, since this may be costly.
    fn unacknowledged(&self) -> Option<usize>;
    /// Why the connection has broken.
    fn take_error(&self) -> io::Error;
    fn peer(&self) -> Address;
    fn host(&self) -> Address;
    /// What this kind of wire offers, for a stream whose weak reference is given.
    fn extension(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>>;
}

/// Who wants to know when a connection has ended and its protocol has been told: the connector that
/// made it.
pub(crate) trait Owner {
    fn stream_lost(&self, reason: &Reason);
}

/// What the streams of one reactor share.
pub(crate) struct Commons {
    pub(crate) clock: Clock,
    pub(crate) buffers: Buffers,
}

/// The channel of every byte stream: reading, writing, producers and the long way to an orderly
/// end, written once for all kinds.
///
/// What is evil here is the end. A close must flush, wait for producers, tell the peer, and then
/// not close at once: unread input would make the system send a reset, which destroys what the peer
/// has not read. A peer may stop at any of these points. So:
///
/// ```text
/// open --lose_connection--> flushing --empty, no producer--> draining --end of input--> over
///                              |  nothing moves: close_timeout    |  linger_timeout
///                              v                                  v
///                           aborted                             over
/// ```
///
/// In flushing and draining, what comes in is thrown away. An error of `send` does not end it at
/// once: what the peer said before it broke off (a TLS alert, a last line) is still read and
/// delivered.
pub(crate) struct Stream<W: Wire> {
    pub(crate) wire: W,
    me: Weak<Self>,
    seat: Seat,
    commons: Rc<Commons>,
    settings: Rc<StreamSettings>,
    rare: RefCell<Option<Box<Rare>>>,
    state: Cell<u32>,
}

/// What a connection that is idle, or answers at once, does not need.
#[derive(Default)]
struct Rare {
    output: Output,
    flow: Flow,
    deadline: Option<DelayedCall>,
    broken: Option<io::Error>,
    sent: SentCalls,
    acknowledgement: Option<Acknowledgement>,
    owner: Option<Rc<dyn Owner>>,
}

/// There may be something to read.
const READABLE: u32 = 1 << 0;
/// A send is worth trying.
const WRITABLE: u32 = 1 << 1;
/// The peer has closed or the connection has broken: a short read is not the last.
const HUNG_UP: u32 = 1 << 2;
/// The peer sends no more.
const INPUT_ENDED: u32 = 1 << 3;
/// We send no more, and have said so.
const OUTPUT_ENDED: u32 = 1 << 4;
/// The write half is to be closed.
const CLOSE_WRITE: u32 = 1 << 5;
/// Both halves are to be closed.
const CLOSE: u32 = 1 << 6;
/// A send has failed: only what came before is of interest now.
const BROKEN: u32 = 1 << 7;
/// Too much is waiting for the peer; it is not read.
const CLOGGED: u32 = 1 << 8;
/// The wire is closed.
const DEAD: u32 = 1 << 9;
/// The owner, too, has been told.
const REPORTED: u32 = 1 << 10;
/// Nobody waits for the peer to close: the reactor ends, and nothing is under way.
const HASTE: u32 = 1 << 11;
/// It has asked to be looked at in the next turn.
const AGAIN: u32 = 1 << 12;
/// A producer is registered.
const PRODUCER: u32 = 1 << 13;
/// There is something in `output`.
const QUEUED: u32 = 1 << 14;
/// What is written goes into the buffer of the turn, see [`Buffers::turn`], unless something is
/// `QUEUED` before it.
const LENT: u32 = 1 << 15;
/// Only of what a wire is ready for: the connection has broken.
const FAULT: u32 = 1 << 16;

/// Once all is sent, the peer is to see that the connection broke.
const BREAK: u32 = 1 << 17;
/// A call waits until what was written before it is sent.
const WHEN_SENT: u32 = 1 << 18;

/// None of these, and a turn is reading, a callback and a send.
const UNUSUAL: u32 =
    INPUT_ENDED | OUTPUT_ENDED | CLOSE_WRITE | CLOSE | BROKEN | DEAD | PRODUCER | WHEN_SENT;

impl<W: Wire> Stream<W> {
    /// A stream that is established. It tells its protocol in its first turn.
    pub(crate) fn new(
        wire: W,
        protocol: ProtocolRef,
        commons: Rc<Commons>,
        settings: Rc<StreamSettings>,
        owner: Option<Rc<dyn Owner>>,
    ) -> Rc<Self> {
        let rare = owner.map(|owner| {
            Box::new(Rare {
                owner: Some(owner),
                ..Rare::default()
            })
        });
        let stream = Rc::new_cyclic(|me: &Weak<Self>| Stream {
            wire,
            me: me.clone(),
            seat: Seat::new(me, protocol),
            commons,
            settings,
            rare: RefCell::new(rare),
            state: Cell::new(WRITABLE),
        });
        stream.seat.open();
        stream
    }

    /// The wire is ready for something. One read into `room`, its delivery, one send.
    #[inline]
    pub(crate) fn ready(&self, ready: Ready, room: &mut Room) {
        // Nearly always this is all that is going on, and then nothing else is looked at.
        match self.state.get() | ready.0 == READABLE | WRITABLE && !self.seat.is_paused() {
            true => self.exchange(room),
            false => self.ready_further(ready, room),
        }
    }

    /// The usual turn: what has come is less than there is room for, and what the protocol answers
    /// is sent at once.
    #[inline(always)]
    fn exchange(&self, room: &mut Room) {
        match self.wire.recv(room) {
            Ok(count) if (1..room.len()).contains(&count) => {
                self.state.set(WRITABLE | LENT);
                let quiet = self.seat.deliver_fast(&mut room[..count]);
                if quiet && self.state.get() == WRITABLE | LENT && self.send_lent() {
                    return;
                }
            }
            received => {
                self.set(READABLE);
                self.received(received, room);
            }
        }
        self.advance();
    }

    #[inline(never)]
    fn ready_further(&self, ready: Ready, room: &mut Room) {
        self.state.set(self.state.get() & !AGAIN | ready.0 & !FAULT);
        if self.may_read() {
            self.received(self.wire.recv(room), room);
        } else if ready.0 & FAULT != 0 {
            self.fault();
        }
        self.advance();
    }

    /// [`ready`](Stream::ready), for a wire that is no source of a reactor.
    pub(crate) fn ready_alone(&self, ready: Ready) {
        match self.commons.buffers.room() {
            Some(mut room) => self.ready(ready, &mut room),
            // Whoever has it is in a callback that makes a turn by hand.
            None => {
                self.set(ready.0 & !FAULT);
                self.look_again();
            }
        }
    }

    /// The connection has broken, and nobody reads, so nobody would ever see it.
    #[cold]
    fn fault(&self) {
        if !self.is(DEAD) {
            self.break_off(self.wire.take_error());
        }
    }

    /// The reactor ends: close in order, without waiting for the peer where nothing is under way.
    pub(crate) fn stop(&self) {
        if !self.seat.is_closing() && !self.is(QUEUED | READABLE) {
            self.set(HASTE);
        }
        self.seat.shutting_down();
        self.seat.wants_turn();
    }

    /// Ends at once; the protocol is told in the turn that follows.
    pub(crate) fn end(&self, reason: Reason) {
        self.finish(reason, true);
    }

    /// Whether there may be something to read, and somebody wants it.
    fn may_read(&self) -> bool {
        self.is(READABLE) && self.wants_input()
    }

    fn wants_input(&self) -> bool {
        // What a closed connection is sent is read to be thrown away. Before a reset, only a peer
        // that has not taken all is read.
        !self.is(DEAD | INPUT_ENDED)
            && (self.is(QUEUED) || !self.is(BREAK))
            && (self.is(CLOSE) || !(self.seat.is_paused() || self.is(CLOGGED)))
    }

    fn received(&self, received: io::Result<usize>, room: &mut Room) {
        match received {
            Ok(count) if count > 0 => {
                // Nobody else has the buffer of the turn: it goes with the room.
                self.set(LENT);
                if count < room.len() && !self.is(HUNG_UP) {
                    self.clear(READABLE);
                } else {
                    self.look_again();
                }
                self.seat.deliver(&mut room[..count]);
            }
            Ok(_) => self.input_ended(),
            Err(error) => self.read_failed(error),
        }
    }

    #[cold]
    fn read_failed(&self, error: io::Error) {
        match error.kind() {
            io::ErrorKind::WouldBlock => {
                self.clear(READABLE);
                self.end_if_broken();
            }
            io::ErrorKind::Interrupted => self.look_again(),
            _ => {
                let error = self.take_broken().unwrap_or(error);
                self.finish(error.into(), true);
            }
        }
    }

    #[cold]
    fn input_ended(&self) {
        self.set(INPUT_ENDED);
        self.clear(READABLE);
        match self.take_broken() {
            // The system tells of a reset once, and of an end of input after it, but the peer has
            // not said that this was all.
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                self.finish(error.into(), true);
            }
            broken => {
                self.seat.read_connection_lost();
                if let Some(error) = broken {
                    self.finish(error.into(), true);
                }
            }
        }
    }

    /// All that came before a failed send has been read.
    fn end_if_broken(&self) {
        if let Some(error) = self.take_broken() {
            self.finish(error.into(), true);
        }
    }

    /// Brings everything forward that can go forward: callbacks that are owed, the output, the
    /// producer, the close.
    fn advance(&self) {
        self.send();
        if self.is(UNUSUAL) || self.seat.is_owed() {
            self.advance_further();
        }
    }

    #[cold]
    fn advance_further(&self) {
        for _ in 0..ROUNDS_A_TURN {
            if self.is(DEAD) && !self.seat.is_lost() {
                self.bury();
            }
            if self.seat.is_owed() {
                self.seat.settle();
            }
            self.send();
            self.make_sent_calls();
            self.progress();
            self.ask_producer();
            if !self.seat.is_owed() && (!self.is(DEAD) || self.seat.is_lost()) {
                break;
            }
        }
        if self.seat.is_owed() {
            self.seat.wants_turn();
        }
        if self.seat.is_over() && !self.is(REPORTED) {
            self.report();
        }
    }

    fn read_if_ready(&self) {
        if self.may_read() {
            self.look_again();
        }
    }

    /// Asks to be looked at in the next turn, once.
    #[cold]
    fn look_again(&self) {
        if !self.is(AGAIN) {
            self.set(AGAIN);
            self.wire.read_again();
        }
    }

    /// What is rare, if there was ever any of it.
    fn owned(&self) -> Option<RefMut<'_, Box<Rare>>> {
        RefMut::filter_map(self.rare.borrow_mut(), Option::as_mut).ok()
    }

    /// Looks at what is rare, and makes a place for it if there was none.
    fn rare<R>(&self, look: impl FnOnce(&mut Rare) -> R) -> R {
        look(self.rare.borrow_mut().get_or_insert_default())
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

/// How often a turn looks again at what its own callbacks have set going.
const ROUNDS_A_TURN: usize = 16;

impl<W: Wire> Channel for Stream<W> {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn turn(&self) {
        self.seat.settle();
        self.advance();
    }

    fn flush(&self) {
        self.send();
        // What follows may be a callback.
        if !self.is(QUEUED) && self.is(PRODUCER | CLOSE | CLOSE_WRITE) || self.is_call_due() {
            self.seat.wants_turn();
        }
    }

    fn write(&self, data: &[u8]) {
        self.take(data);
    }

    #[inline]
    fn write_if_open(&self, data: &[u8]) {
        if !self.gather(data) && !data.is_empty() && self.seat.takes_writes(|| self.is(PRODUCER)) {
            self.take(data);
        }
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.take_all(data);
    }

    fn write_control(&self, data: &[u8]) {
        self.take_control(data);
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        self.set(CLOSE);
        self.read_if_ready();
        self.seat.wants_turn();
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        self.set(CLOSE | BREAK);
        self.read_if_ready();
        self.seat.wants_turn();
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.call_when_sent(call);
    }

    fn lose_write_connection(&self) {
        self.set(CLOSE_WRITE);
        self.seat.wants_turn();
    }

    fn abort_connection(&self, reason: Reason) {
        self.finish(reason, true);
    }

    fn reading_changed(&self) {
        self.read_if_ready();
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.rare(|rare| rare.flow.register(producer, kind))?;
        self.set(PRODUCER);
        self.seat.wants_turn();
        Ok(())
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let producer = self.rare(|rare| rare.flow.unregister());
        self.clear(PRODUCER);
        self.seat.wants_turn();
        producer
    }

    fn has_producer(&self) -> bool {
        self.is(PRODUCER)
    }

    fn peer(&self) -> Address {
        self.wire.peer()
    }

    fn host(&self) -> Address {
        self.wire.host()
    }

    fn clock(&self) -> Clock {
        self.commons.clock.clone()
    }

    fn buffered(&self) -> usize {
        self.waiting()
    }

    fn unread_limit(&self) -> usize {
        self.settings.unread_limit
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        self.wire.extension(self.me.clone(), wanted)
    }
}
