mod close;
mod send;

use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};

use crate::channel::Channel;
use crate::output::{Buffers, Output};
use crate::panic::caught;
use crate::producer::Flow;
use crate::{
    Address, Clock, DelayedCall, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason,
    Seat, StreamSettings, Turn,
};

/// What a kind of byte stream supplies: TCP, a UNIX socket, a pipe in memory.
///
/// `recv` and `send` never block: `WouldBlock` means that [`Stream::ready`] will be called when it is worth trying again.
/// `recv` returns 0 at the end of input. A short count means that there is nothing more just now.
pub(crate) trait Wire: 'static {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn send(&self, data: &[u8]) -> io::Result<usize>;
    /// The peer is to see the end of input, after all that was sent.
    fn shutdown_write(&self) -> io::Result<()>;
    /// Nothing is called after this. With `reset`, the peer is to see that the connection broke.
    fn close(&self, reset: bool);
    /// Call [`Stream::ready`] in the next turn: there may be more to read.
    fn read_again(&self);
    /// `send` would block: from now on, call [`Stream::ready`] when it would not.
    fn wants_writable(&self);
    /// Why the connection has broken.
    fn take_error(&self) -> io::Error;
    fn peer(&self) -> Address;
    fn host(&self) -> Address;
    /// What this kind of wire offers, for a stream whose weak reference is given.
    fn interface(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>>;
}

/// What a source has become ready for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Ready {
    pub(crate) readable: bool,
    pub(crate) writable: bool,
    /// The peer has closed or the connection has broken: a short read is not the last.
    pub(crate) hung_up: bool,
    /// The connection has broken.
    pub(crate) broken: bool,
}

/// Who wants to know when a connection has ended and its protocol has been told: the connector that made it.
pub(crate) trait Owner {
    fn stream_lost(&self, reason: &Reason);
}

/// What the streams of one reactor share.
pub(crate) struct Commons {
    pub(crate) clock: Clock,
    pub(crate) buffers: Buffers,
}

/// The channel of every byte stream: reading, writing, producers and the long way to an orderly end, written once for all kinds.
///
/// What is evil here is the end. A close must flush, wait for producers, tell the peer, and then not close at once: unread input would
/// make the system send a reset, which destroys what the peer has not read. A peer may stop at any of these points. So:
///
/// ```text
/// open --lose_connection--> flushing --empty, no producer--> draining --end of input--> over
///                              |  nothing moves: close_timeout    |  linger_timeout
///                              v                                  v
///                           aborted                             over
/// ```
///
/// In flushing and draining, what comes in is thrown away. An error of `send` does not end it at once: what the peer said before it
/// broke off (a TLS alert, a last line) is still read and delivered.
pub(crate) struct Stream<W: Wire> {
    pub(crate) wire: W,
    me: Weak<Self>,
    seat: Seat,
    output: RefCell<Output>,
    flow: RefCell<Flow>,
    commons: Rc<Commons>,
    settings: Rc<StreamSettings>,
    rare: Cell<Option<Box<Rare>>>,
    state: Cell<u16>,
}

/// What most connections never need at all, or only at their end.
#[derive(Default)]
struct Rare {
    deadline: Option<DelayedCall>,
    broken: Option<io::Error>,
    owner: Option<Rc<dyn Owner>>,
}

/// There may be something to read.
const READABLE: u16 = 1 << 0;
/// A send is worth trying.
const WRITABLE: u16 = 1 << 1;
/// See [`Ready::hung_up`].
const HUNG_UP: u16 = 1 << 2;
/// The peer sends no more.
const INPUT_ENDED: u16 = 1 << 3;
/// We send no more, and have said so.
const OUTPUT_ENDED: u16 = 1 << 4;
/// The write half is to be closed.
const CLOSE_WRITE: u16 = 1 << 5;
/// Both halves are to be closed.
const CLOSE: u16 = 1 << 6;
/// A send has failed: only what came before is of interest now.
const BROKEN: u16 = 1 << 7;
/// Too much is waiting for the peer; it is not read.
const CLOGGED: u16 = 1 << 8;
/// The wire is closed.
const DEAD: u16 = 1 << 9;
/// The owner, too, has been told.
const REPORTED: u16 = 1 << 10;
/// Nobody waits for the peer to close: the reactor ends, and nothing is under way.
const HASTE: u16 = 1 << 11;
/// It has asked to be looked at in the next turn.
const AGAIN: u16 = 1 << 12;
/// A producer is registered.
const PRODUCER: u16 = 1 << 13;
/// There is something in `output`.
const QUEUED: u16 = 1 << 14;
/// What is written goes into the buffer of the turn, see [`Buffers::lend`].
const LENT: u16 = 1 << 15;

/// None of these, and a turn is reading, a callback and a send.
const UNUSUAL: u16 = INPUT_ENDED | OUTPUT_ENDED | CLOSE_WRITE | CLOSE | BROKEN | DEAD | PRODUCER;

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
            seat: Seat::new(me.clone(), protocol),
            output: RefCell::default(),
            flow: RefCell::default(),
            commons,
            settings,
            rare: Cell::new(rare),
            state: Cell::new(WRITABLE),
        });
        stream.seat.open();
        stream
    }

    /// The wire is ready for something. One read, its delivery, one send.
    pub(crate) fn ready(&self, ready: Ready) {
        let mut state = self.state.get() & !AGAIN;
        if ready.writable {
            state |= WRITABLE;
        }
        if ready.readable {
            state |= READABLE;
        }
        if ready.hung_up {
            state |= HUNG_UP | READABLE;
        }
        self.state.set(state);
        self.borrow_buffer();
        if self.is(READABLE) && self.may_read() {
            self.read();
        } else if ready.broken && !self.is(DEAD) {
            // Nobody reads, so nobody would ever see it.
            self.finish(self.wire.take_error().into(), true);
        }
        self.advance();
    }

    /// The reactor ends: close in order, without waiting for the peer where nothing is under way.
    pub(crate) fn stop(&self) {
        if self.seat.begin_close() {
            if !self.is(QUEUED | READABLE) {
                self.set(HASTE);
            }
            self.lose_connection();
        }
    }

    /// Ends at once; the protocol is told in the turn that follows.
    pub(crate) fn end(&self, reason: Reason) {
        self.finish(reason, true);
    }

    fn may_read(&self) -> bool {
        if self.is(DEAD | INPUT_ENDED) {
            return false;
        }
        // What a closed connection is sent is read to be thrown away.
        self.is(CLOSE) || !(self.seat.is_paused() || self.is(CLOGGED))
    }

    fn read(&self) {
        self.commons
            .buffers
            .with_read(|buffer| match retry(|| self.wire.recv(buffer)) {
                Ok(0) => self.input_ended(),
                Ok(count) => {
                    if count == buffer.len() || self.is(HUNG_UP) {
                        self.look_again();
                    } else {
                        self.clear(READABLE);
                    }
                    self.seat.deliver(&mut buffer[..count]);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.clear(READABLE);
                    self.end_if_broken();
                }
                Err(error) => {
                    let error = self.take_broken().unwrap_or(error);
                    self.finish(error.into(), true);
                }
            });
    }

    fn input_ended(&self) {
        self.set(INPUT_ENDED);
        self.clear(READABLE);
        self.seat.read_connection_lost();
        self.end_if_broken();
    }

    /// All that came before a failed send has been read.
    fn end_if_broken(&self) {
        if let Some(error) = self.take_broken() {
            self.finish(error.into(), true);
        }
    }

    /// Brings everything forward that can go forward: callbacks that are owed, the output, the producer, the close.
    #[inline]
    fn advance(&self) {
        self.send();
        if self.is(UNUSUAL) || self.seat.is_owed() {
            self.advance_further();
        }
    }

    fn advance_further(&self) {
        for _ in 0..ROUNDS_A_TURN {
            if self.is(DEAD) && !self.seat.is_lost() {
                self.bury();
            }
            if self.seat.is_owed() {
                self.seat.settle();
            }
            self.send();
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
        if self.is(READABLE) && self.may_read() {
            self.look_again();
        }
    }

    /// Asks to be looked at in the next turn, once.
    fn look_again(&self) {
        if !self.is(AGAIN) {
            self.set(AGAIN);
            self.wire.read_again();
        }
    }

    fn rare<R>(&self, look: impl FnOnce(&mut Rare) -> R) -> R {
        let mut rare = self.rare.take().unwrap_or_default();
        let result = look(&mut rare);
        self.rare.set(Some(rare));
        result
    }

    fn is(&self, any: u16) -> bool {
        self.state.get() & any != 0
    }

    fn set(&self, flags: u16) {
        self.state.set(self.state.get() | flags);
    }

    fn clear(&self, flags: u16) {
        self.state.set(self.state.get() & !flags);
    }
}

/// How often a turn looks again at what its own callbacks have set going.
const ROUNDS_A_TURN: usize = 16;

/// The system was interrupted by a signal: the lowest layer tries again, so that nobody above sends anything twice.
fn retry<R>(mut call: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

impl<W: Wire> Turn for Stream<W> {
    fn turn(&self) {
        self.borrow_buffer();
        self.seat.settle();
        self.advance();
    }

    fn flush(&self) {
        self.seat.begin_flush();
        self.send();
        // What follows may call somebody.
        if !self.is(QUEUED) && self.is(PRODUCER | CLOSE | CLOSE_WRITE) {
            self.seat.wants_turn();
        }
    }
}

impl<W: Wire> Channel for Stream<W> {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    #[inline]
    fn write(&self, data: &[u8]) {
        self.take(data);
    }

    fn lose_connection(&self) {
        self.set(CLOSE);
        self.read_if_ready();
        self.seat.wants_turn();
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
        self.flow.borrow_mut().register(producer, kind)?;
        self.set(PRODUCER);
        self.seat.wants_turn();
        Ok(())
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let producer = self.flow.borrow_mut().unregister();
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

    fn interface(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        self.wire.interface(self.me.clone(), wanted)
    }
}
