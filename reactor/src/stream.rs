mod channel;
mod close;
mod cold;
mod examined;
#[cfg(unix)]
mod leaving;
mod options;
mod producing;
mod read;
mod ready;
mod send;
mod sent;
mod state;
mod watch;
mod wire;

use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use self::cold::Cold;
pub(crate) use self::examined::{Examined, Tally};
#[cfg(unix)]
pub(crate) use self::leaving::{Leaving, Parcel};
pub use self::options::StreamOptions;
pub(crate) use self::ready::Ready;
use self::state::{Facts, Phase};
pub(crate) use self::wire::{Owner, StreamContext, Wire};
use crate::heart::figures::count;
use crate::machines::output::ReadBuffer;
use crate::{ConnectionId, ProtocolRef, Reason, Seat, StreamSettings};

/// The channel of every byte stream: reading, writing, producers and the long way to an orderly
/// end, written once for all kinds.
///
/// What is evil here is the end. A close must flush, wait for producers, tell the peer, and then
/// not close at once: unread input would make the system send a reset, which destroys what the peer
/// has not taken yet. A peer may stop at any of these points, or be slow. So the end has phases, and
/// each that waits for the peer is under a [watch](watch::Watch), which asks for progress and not
/// for an end:
///
/// ```text
///                 lose write     lose           fail            all is sent     a send fails   input has ended
/// Open            ClosingWrite   Closing        Failing         -               Broken         -
/// ClosingWrite    -              Closing        Failing         WriteClosed     Broken         -
/// WriteClosed     -              Lingering      Acknowledging   -               -              Dead, clean
/// Closing         -              -              Failing         Lingering       Dead           -
/// Lingering       -              -              Acknowledging   -               -              Dead, clean
/// Failing         -              -              -               Acknowledging   Dead           -
/// Acknowledging   -              -              -               -               -              -
/// Broken          -              Dead           Dead            -               -              Dead
///
/// Lingering     --all acknowledged, and linger_timeout--> Dead, clean
/// Acknowledging --all acknowledged--> Dead, by a reset
/// Closing, Failing, Lingering, Acknowledging --no progress for close_timeout--> Dead, by a reset
/// any --abort, a read fails--> Dead, by a reset
/// Open, ClosingWrite, Closing --the peer takes nothing more, and this side would write--> Dead
/// Dead --a turn--> TornDown --connection_lost is made, a turn--> Reported
/// ```
///
/// "All is sent" means for a close, and not for a failure, that no producer has more to write.
///
/// A failed send does not end the connection at once: what the peer said before it broke off (a TLS
/// alert, a last line) is still read and delivered. In `Broken` each read is followed by another
/// until the system has no more, because no event comes for a connection that has failed already.
///
/// The fast path is one comparison: [`Facts`] that are exactly the usual ones imply `Phase::Open`,
/// no producer and an empty queue.
pub(crate) struct Stream<W: Wire> {
    pub(crate) wire: W,
    seat: Seat,
    context: Rc<StreamContext>,
    settings: Rc<StreamSettings>,
    cold: Cell<Option<Box<Cold>>>,
    facts: Cell<Facts>,
    phase: Cell<Phase>,
    /// When it was made, in whole seconds of the clock.
    opened: u32,
    id: ConnectionId,
    received: Cell<u64>,
    sent: Cell<u64>,
    deliveries: Cell<u64>,
}

impl<W: Wire> Stream<W> {
    /// A stream that is established. It tells its protocol in its first turn.
    pub(crate) fn new(
        wire: W,
        protocol: ProtocolRef,
        context: Rc<StreamContext>,
        settings: Rc<StreamSettings>,
        owner: Option<Rc<dyn Owner>>,
    ) -> Rc<Self> {
        let id = ConnectionId::next();
        Stream::numbered(wire, protocol, context, settings, owner, id)
    }

    fn numbered(
        wire: W,
        protocol: ProtocolRef,
        context: Rc<StreamContext>,
        settings: Rc<StreamSettings>,
        owner: Option<Rc<dyn Owner>>,
        id: ConnectionId,
    ) -> Rc<Self> {
        let cold = owner.map(|owner| {
            Box::new(Cold {
                owner: Some(owner),
                ..Cold::default()
            })
        });
        if wire.is_counted() {
            count(&context.clock.figures().totals.begun);
        }
        let opened = examined::whole_seconds(&context.clock);
        let stream = Rc::new_cyclic(|me: &Weak<Self>| Stream {
            wire,
            seat: Seat::new(me, protocol),
            context,
            settings,
            cold: Cell::new(cold),
            facts: Cell::new(Facts::WRITABLE),
            phase: Cell::new(Phase::Open),
            opened,
            id,
            received: Cell::new(0),
            sent: Cell::new(0),
            deliveries: Cell::new(0),
        });
        stream.seat.open();
        stream
    }

    /// The wire is ready for something. One read into `buffer`, its delivery, one send.
    #[inline]
    pub(crate) fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        // Nearly always this is all that is going on, and then nothing else is looked at.
        const USUAL: Facts = Facts::READABLE.union(Facts::WRITABLE);
        if self.facts.get() | ready.0 == USUAL && !self.seat.may_hold_back_input() {
            self.exchange(buffer);
        } else {
            self.ready_further(ready, buffer);
        }
    }

    /// The usual turn: what has come is less than there is room for, and what the protocol answers
    /// is sent at once.
    #[inline(always)]
    fn exchange(&self, buffer: &mut ReadBuffer) {
        match self.wire.recv(buffer) {
            // From 1 to less than there is room for, in one comparison.
            Ok(count) if count.wrapping_sub(1) < buffer.len() - 1 => {
                self.facts.set(Facts::USUAL);
                self.count_received(count);
                let quiet = self.seat.deliver_fast(&mut buffer[..count]);
                if quiet && self.facts.get() == Facts::USUAL && self.flush_shared() {
                    return;
                }
            }
            received => {
                self.set(Facts::READABLE);
                self.received(received, buffer);
            }
        }
        self.advance();
    }

    #[inline(never)]
    fn ready_further(&self, ready: Ready, buffer: &mut ReadBuffer) {
        self.clear(Facts::REVISIT);
        self.set(ready.0 - Facts::FAULT);
        if self.may_read() {
            self.received(self.wire.recv(buffer), buffer);
        } else if ready.0.contains(Facts::FAULT) {
            self.fault();
        }
        if ready.0.contains(Facts::WRITABLE) && self.phase.get() == Phase::Acknowledging {
            self.look();
        }
        self.advance();
    }

    /// [`ready`](Stream::ready), for a wire that is not a source of a reactor.
    pub(crate) fn ready_alone(&self, ready: Ready) {
        match self.context.buffers.read_buffer() {
            Some(mut buffer) => self.ready(ready, &mut buffer),
            // A callback that runs a turn by hand has it.
            None => {
                self.set(ready.0 - Facts::FAULT);
                self.look_again();
            }
        }
    }

    /// The reactor ends: close in order, without waiting for the peer where nothing is under way.
    pub(crate) fn stop(&self) {
        if !self.seat.is_closing() && !self.is(Facts::QUEUED | Facts::READABLE) {
            self.set(Facts::SKIP_LINGER);
        }
        self.seat.shutting_down();
        self.seat.wants_turn();
    }

    /// The reactor drains: the protocol is asked to finish.
    pub(crate) fn drain(&self) {
        self.seat.shutting_down();
        self.seat.wants_turn();
    }

    /// Ends at once; the protocol is told in the turn that follows.
    pub(crate) fn end(&self, reason: Reason) {
        self.finish(reason, true);
    }

    /// Brings everything forward that can go forward: callbacks that are owed, the output, the
    /// producer, the close.
    fn advance(&self) {
        self.send();
        if self.is(Facts::UNUSUAL) || self.seat.is_owed() {
            self.advance_further();
        }
    }

    #[cold]
    fn advance_further(&self) {
        for _ in 0..ROUNDS_A_TURN {
            if self.phase.get() == Phase::Dead {
                self.tear_down();
            }
            if self.seat.is_owed() {
                self.seat.settle();
            }
            self.send();
            self.make_sent_calls();
            self.progress();
            self.ask_producer();
            if !self.seat.is_owed() && self.phase.get() != Phase::Dead {
                break;
            }
        }
        if self.seat.is_owed() {
            self.seat.wants_turn();
        }
        if self.seat.is_over() && self.phase.get() == Phase::TornDown {
            self.report();
        }
    }

    /// Asks for a visit in the next pass, once.
    #[cold]
    fn look_again(&self) {
        if !self.is(Facts::REVISIT) {
            self.set(Facts::REVISIT);
            self.wire.read_again();
        }
    }

    /// The stream itself, for what is called later. Its seat knows it already.
    fn me(&self) -> Weak<Self> {
        let me = self.seat.weak_channel().upgrade();
        let me = me.and_then(|me| me.downcast::<Self>().ok());
        me.map_or_else(Weak::new, |me| Rc::downgrade(&me))
    }
}

/// How often a turn looks again at what its own callbacks have set going.
const ROUNDS_A_TURN: usize = 16;

impl<W: Wire> fmt::Debug for Stream<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream")
            .field("id", &self.id)
            .field("peer", &self.wire.peer())
            .field("phase", &self.phase.get())
            .field("facts", &self.facts.get())
            .field("seat", &self.seat)
            .finish_non_exhaustive()
    }
}
