mod budget;
mod callback;
mod dispatch;
mod holding;
#[cfg(unix)]
mod moving;
mod requests;
mod state;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use self::budget::Budget;
use self::callback::{Bytes, SharedBytes};
use self::state::{Facts, Phase, State};
use crate::heart::channel::Channel;
use crate::heart::handle::Handle;
use crate::heart::occupant::Occupant;
use crate::heart::protocol::cell::Dispatch;
use crate::values::panic::{catch_panic, log_panic};
use crate::{ProtocolRef, Reason, TransportRef};

/// Who listens to a channel: the occupant, which is an application's protocol or a layer, and all
/// that it has yet to be told.
///
/// The one place where a protocol is called. What is evil here: a callback may switch the protocol,
/// pause, close, give bytes back, write to a transport above or below, or panic, and after each of
/// these the next callback is another one. So nothing is called on the spot. The channel notes facts
/// (opened, bytes, end of input, lost), the handle notes requests (switch, pause, close), and
/// [`settle`](Seat::settle) looks at what is noted, makes the callback that comes first, and looks
/// again.
///
/// ```text
///              opened by the channel   closed by the occupant   lost by the channel   told
/// Unopened     Open                    Withdrawn                Lost
/// Open                                 Closing                  Lost
/// Withdrawn    Closing                                          Lost
/// Closing                                                       Lost
/// Lost                                                                                Over
/// ```
///
/// Invariants, on which every kind of transport relies:
/// - callbacks do not nest: none is made while the occupant is in one (`CALLING`);
/// - the order is introduction, handshake, shutting down, bytes, end of input, end of output, loss;
///   each is made once, and nothing follows loss;
/// - an occupant that is unopened or withdrawn hears of the loss alone;
/// - bytes that wait (given back, or come at a bad time) are in `unread`, in order, in front of
///   what comes later;
/// - in one pass of the loop a seat makes a bounded number of callbacks (`Budget`).
pub struct Seat {
    /// Borrowed while a callback runs, so that what is called is held in no other way.
    place: RefCell<Place>,
    cold: Cell<Option<Box<Cold>>>,
    /// The transport on which the layer sits that this is the seat of. None at the bottom.
    lower: Cell<Option<TransportRef>>,
    state: State,
    budget: Budget,
    /// Whether the layer that this is the seat of has heard `connection_made`.
    connected_before: Cell<bool>,
}

/// What most seats hold never, or only at their end.
#[derive(Default)]
struct Cold {
    /// Bytes that belong to the transport.
    unread: Vec<u8>,
    /// Who was switched in by the callback that is running, and sits down when it returns
    /// (`SUCCEEDED`).
    successor: Option<Place>,
    reason: Option<Reason>,
}

struct Place {
    /// None once it has heard `connection_lost`.
    occupant: Option<Occupant>,
    transport: TransportRef,
}

impl Place {
    fn new(ProtocolRef(occupant): ProtocolRef, transport: TransportRef) -> Self {
        occupant.attached(&transport);
        Place {
            occupant: Some(occupant),
            transport,
        }
    }

    fn share(&self) -> Option<(Occupant, TransportRef)> {
        let occupant = self.occupant.clone()?;
        Some((occupant, self.transport.clone()))
    }
}

impl Seat {
    /// The seat of a channel that is just being made (`Rc::new_cyclic`), with the protocol above.
    pub fn new<C: Channel>(channel: &Weak<C>, above: impl Into<ProtocolRef>) -> Self {
        Seat {
            place: RefCell::new(Place::new(
                above.into(),
                TransportRef::new(Handle::new(channel.clone())),
            )),
            cold: Cell::new(None),
            lower: Cell::new(None),
            state: State::new(),
            budget: Budget::default(),
            connected_before: Cell::new(false),
        }
    }

    /// The transport of the present occupant.
    pub fn transport(&self) -> TransportRef {
        self.present(|place| place.transport.clone())
    }

    /// The present occupant; none after `connection_lost`.
    pub fn protocol(&self) -> Option<ProtocolRef> {
        self.present(|place| place.occupant.clone().map(ProtocolRef))
    }

    /// The present occupant, for code outside that may call it.
    pub(crate) fn share(&self) -> Option<(Occupant, TransportRef)> {
        self.present(Place::share)
    }

    /// The occupant that the running callback has switched out.
    pub(crate) fn share_leaving(&self) -> Option<(Occupant, TransportRef)> {
        self.place.borrow().share()
    }

    /// Asks something of the transport below; none at the bottom, and before the layer sits on one.
    pub fn with_lower<R>(&self, ask: impl FnOnce(&TransportRef) -> R) -> Option<R> {
        let lower = self.lower.take();
        self.lower.set(lower.clone());
        lower.as_ref().map(ask)
    }

    /// Has the transport below pause or go on reading, as the occupant wants: what
    /// [`Channel::reading_changed`] does for a layer by default.
    pub fn pass_on_reading(&self) {
        let paused = self.holds_back_input();
        self.with_lower(|lower| {
            if paused {
                lower.pause_producing();
            } else {
                lower.resume_producing();
            }
        });
    }

    // Facts, noted by the channel.

    /// The channel is established: the occupant may be told.
    pub fn open(&self) {
        self.state.enter(self.state.phase().opened());
    }

    /// Bytes have come. They are delivered now if nothing is due before them, and wait otherwise.
    /// The channel flushes after it.
    pub fn deliver(&self, data: &mut [u8]) {
        self.deliver_fast(data);
    }

    /// [`deliver`](Seat::deliver). Returns true if the callback changed nothing in this seat and no
    /// further callback is due.
    #[inline(always)]
    pub(crate) fn deliver_fast(&self, data: &mut [u8]) -> bool {
        let made = self.dispatch_now(Bytes(data));
        matches!(made, Dispatch::Done) || self.delivered(made, data)
    }

    /// [`deliver`](Seat::deliver), for bytes in a buffer that is not the channel's own, so that a
    /// layer above may not change them.
    pub fn deliver_shared(&self, data: &[u8]) {
        let made = self.dispatch_now(SharedBytes(data));
        if !matches!(made, Dispatch::Done) {
            self.delivered(made, data);
        }
    }

    /// What follows from a delivery; false.
    #[inline(never)]
    fn delivered(&self, made: Dispatch, data: &[u8]) -> bool {
        if matches!(made, Dispatch::Deferred) {
            self.keep(data);
        }
        if self.state.may_be_due() {
            self.settle();
        }
        false
    }

    /// What cannot go straight to the occupant waits.
    #[cold]
    fn keep(&self, data: &[u8]) {
        match self.state.phase() {
            Phase::Unopened | Phase::Open => {
                self.cold(|cold| cold.unread.extend_from_slice(data));
                self.state.set(Facts::UNREAD | Facts::REDELIVER);
            }
            Phase::Closing => self.discard(data),
            Phase::Withdrawn | Phase::Lost | Phase::Over => {}
        }
    }

    /// Throws away what came after the close. A layer may look at it: see
    /// [`Layer::data_discarded`](crate::Layer::data_discarded).
    pub fn discard(&self, data: &[u8]) {
        if let Some(Occupant::Layer(layer)) = self.present(|place| place.occupant.clone()) {
            log_panic("data_discarded", || layer.data_discarded(data));
        }
    }

    /// A layer has negotiated what it had to.
    pub fn handshake_completed(&self) {
        self.state.set(Facts::HANDSHAKE);
    }

    /// The peer sends no more.
    pub fn read_connection_lost(&self) {
        self.state.set(Facts::END_OF_INPUT | Facts::INPUT_ENDED);
    }

    /// Whether the occupant has yet to hear that the input has ended.
    pub(crate) fn owes_end_of_input(&self) -> bool {
        self.state.is(Facts::END_OF_INPUT)
    }

    /// The write half is closed, as the occupant asked.
    pub fn write_connection_lost(&self) {
        self.state.set(Facts::END_OF_OUTPUT);
    }

    /// The reactor stops, or [drains](crate::Transport::is_draining). The occupant is told in a turn, for
    /// which the caller asks. One that has not heard of its connection yet is closed here if the reactor
    /// stops; if it drains, the occupant is told behind `connection_made`.
    pub fn shutting_down(&self) {
        self.state.set(Facts::STOPPING);
        let channel = self.channel();
        match (self.state.phase(), channel) {
            (Phase::Open, _) => self.state.set(Facts::SHUT_DOWN),
            (Phase::Unopened, Some(channel)) if channel.is_draining() => {
                self.state.set(Facts::SHUT_DOWN);
            }
            (Phase::Unopened, channel) => {
                self.begin_close();
                if let Some(channel) = channel {
                    channel.lose_connection(Reason::Done);
                }
            }
            _ => {}
        }
    }

    /// The connection is about to end, and this is why, whatever [`lost`](Seat::lost) is told later.
    /// The first reason counts.
    pub fn fail(&self, reason: Reason) {
        self.cold(|cold| {
            cold.reason.get_or_insert(reason);
        });
    }

    /// The connection has ended. The occupant is told in the next turn; the channel asks for it, or
    /// is in it.
    pub fn lost(&self, reason: Reason) {
        match self.state.phase() {
            Phase::Unopened | Phase::Withdrawn => self.state.clear(Facts::DUE),
            Phase::Closing => self.state.clear(Facts::END_OF_INPUT),
            Phase::Open => self.state.clear(Facts::SHUT_DOWN),
            Phase::Lost | Phase::Over => return,
        }
        self.state.enter(Phase::Lost);
        self.note_reading();
        self.fail(reason);
    }

    // Questions.

    /// Whether the occupant wants no bytes for now.
    pub fn is_paused(&self) -> bool {
        self.state.is(Facts::PAUSED)
    }

    /// Whether the occupant takes nothing more for now: it wants no bytes, is [held back](Seat::hold), or
    /// some that wait here come first. When these have been delivered, the channel hears
    /// [`reading_changed`](Channel::reading_changed).
    ///
    /// A channel that read on would add to what waits, each time that the occupant takes a little and
    /// resumes.
    pub fn holds_back_input(&self) -> bool {
        self.state.is(Facts::PAUSED | Facts::HELD)
            || self.state.phase() == Phase::Open && self.state.owes_bytes()
    }

    /// Whether [`holds_back_input`](Seat::holds_back_input) is worth asking.
    #[inline]
    pub(crate) fn may_hold_back_input(&self) -> bool {
        self.state
            .is(Facts::PAUSED | Facts::HELD | Facts::REDELIVER)
    }

    /// Whether the occupant, or a panic of its, has closed the connection: bytes that come are
    /// thrown away.
    pub fn is_closing(&self) -> bool {
        matches!(self.state.phase(), Phase::Withdrawn | Phase::Closing)
    }

    /// Whether the channel has said that the connection has ended.
    #[inline]
    pub fn is_lost(&self) -> bool {
        matches!(self.state.phase(), Phase::Lost | Phase::Over)
    }

    /// Whether the occupant has been told that the connection has ended.
    pub fn is_over(&self) -> bool {
        self.state.phase() == Phase::Over
    }

    /// Returns why the connection has ended or is about to end, as far as it is known.
    pub fn reason(&self) -> Option<Reason> {
        let cold = self.cold.take();
        let reason = cold.as_ref().and_then(|cold| cold.reason.clone());
        self.cold.set(cold);
        reason
    }

    /// Returns the reason for a close of the transport below: the reason that was noted, if there is one,
    /// and [`Reason::Done`] otherwise.
    pub fn close_reason(&self) -> Reason {
        self.reason().unwrap_or(Reason::Done)
    }

    /// Notes the reason of a close, if it has one of its own.
    pub fn note_close(&self, reason: Reason) {
        if !reason.is_clean() {
            self.fail(reason);
        }
    }

    /// Whether a callback of this seat is running: the channel flushes what is written meanwhile
    /// when it returns.
    pub fn is_calling(&self) -> bool {
        self.state.is(Facts::CALLING)
    }

    /// The handle knows whether more may be delivered.
    fn note_reading(&self) {
        let reading = matches!(self.state.phase(), Phase::Unopened | Phase::Open)
            && !self.state.is(Facts::PAUSED | Facts::HELD);
        self.present(|place| place.transport.of_seat().set_reading(reading));
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.state.phase() == Phase::Open
    }

    pub(crate) fn connected_before(&self) -> &Cell<bool> {
        &self.connected_before
    }

    pub(crate) fn set_lower(&self, lower: TransportRef) {
        self.lower.set(Some(lower));
    }

    /// Whether a write has any meaning: after a close only while a producer is registered.
    #[inline]
    pub(crate) fn takes_writes(&self, has_producer: impl FnOnce() -> bool) -> bool {
        let is_open = matches!(self.state.phase(), Phase::Open | Phase::Unopened);
        is_open && !self.state.is(Facts::WRITE_CLOSING) || !self.is_lost() && has_producer()
    }

    // Turns.

    /// Asks for a turn of the channel, unless one has been asked for or is running.
    pub fn wants_turn(&self) {
        if !self.state.is(Facts::TURN_REQUESTED | Facts::CALLING)
            && let Some(channel) = self.channel()
        {
            self.state.set(Facts::TURN_REQUESTED);
            channel.clock().turns().wants_turn(channel);
        }
    }

    /// Asks for a flush of the channel at the end of this pass of the loop, unless one has been
    /// asked for.
    pub fn wants_flush(&self) {
        if !self.state.is(Facts::FLUSH_REQUESTED)
            && let Some(channel) = self.channel()
        {
            self.state.set(Facts::FLUSH_REQUESTED);
            channel.clock().turns().wants_flush(channel);
        }
    }

    /// The turn that was asked for is here.
    pub(crate) fn begin_turn(&self) {
        self.state.clear(Facts::TURN_REQUESTED);
    }

    /// The flush that was asked for is here.
    pub(crate) fn begin_flush(&self) {
        self.state.clear(Facts::FLUSH_REQUESTED);
    }

    /// Runs code of the application that is not a callback of the protocol above: a producer, a call
    /// that was asked for. A panic costs this connection; then None is returned.
    pub fn guard<R>(&self, call: impl FnOnce() -> R) -> Option<R> {
        match catch_panic(call) {
            Ok(answer) => Some(answer),
            Err(message) => {
                self.panicked(&message);
                None
            }
        }
    }

    /// Rule 7: a panic costs this connection, and nothing else; even if the layer that is to end it
    /// panics once more.
    #[cold]
    pub(crate) fn panicked(&self, message: &Arc<str>) {
        let Some(channel) = self.channel() else {
            return;
        };
        let name = catch_panic(|| name_of(&*channel)).unwrap_or_default();
        log::error!("a callback panicked, {name} is aborted: {message}");
        if self.is_lost() {
            return;
        }
        self.begin_close();
        let reason = Reason::Panicked(message.clone());
        if catch_panic(|| channel.abort_connection(reason.clone())).is_err() {
            self.fail(reason);
            self.with_lower(|lower| lower.abort_connection());
        }
    }

    /// Asks who sits here, or sits down when the callback that is running returns.
    fn present<R>(&self, question: impl FnOnce(&Place) -> R) -> R {
        let cold = self.cold.take();
        let answer = match cold.as_ref().and_then(|cold| cold.successor.as_ref()) {
            Some(successor) => question(successor),
            None => question(&self.place.borrow()),
        };
        self.cold.set(cold);
        answer
    }

    fn cold<R>(&self, look: impl FnOnce(&mut Cold) -> R) -> R {
        let mut cold = self.cold.take().unwrap_or_default();
        let result = look(&mut cold);
        self.cold.set(Some(cold));
        result
    }

    /// The channel that this is the seat of.
    pub(crate) fn weak_channel(&self) -> Weak<dyn Any> {
        self.place.borrow().transport.of_seat().weak_channel()
    }

    fn channel(&self) -> Option<Rc<dyn Channel>> {
        self.place.borrow().transport.of_seat().channel()
    }

    fn take_unread(&self) -> Vec<u8> {
        self.state.clear(Facts::UNREAD);
        let mut cold = self.cold.take();
        let unread = cold
            .as_mut()
            .map_or_else(Vec::new, |cold| std::mem::take(&mut cold.unread));
        self.cold.set(cold);
        unread
    }
}

/// A connection as lines of the log call it.
fn name_of(channel: &dyn Channel) -> String {
    match channel.connection_id() {
        Some(id) => format!("connection {id} with {}", channel.peer()),
        None => format!("the connection with {}", channel.peer()),
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let place = self.place.get_mut();
        place.transport.of_seat().set_reading(false);
        let occupant = place.occupant.take();
        log_panic("dropping a protocol", || drop(occupant));
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seat({:?})", self.state)
    }
}
