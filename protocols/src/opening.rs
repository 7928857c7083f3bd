use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{Address, Channel, Layer, ProtocolRef, Reason, Seat, TransportRef};

use crate::timer::Timer;

/// A conversation that comes before the protocol above hears of the connection: a header, or a
/// handshake with a proxy.
///
/// It does no I/O and reads no clock: it is shown bytes and returns what it makes of them.
/// [`OpeningLayer`] does the rest.
///
/// A client that sends a password, and goes on once the server says `OK`:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Opening, OpeningLayer, Step};
/// use retwist::{Channel, Layer, Protocol, ProtocolRef, TransportRef};
///
/// struct Password(Vec<u8>);
///
/// impl Opening for Password {
///     type Error = std::io::Error;
///
///     fn begin(&mut self, _: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, Self::Error> {
///         reply.append(&mut self.0);
///         reply.extend(b"\r\n");
///         Ok(Step::used(0))
///     }
///
///     fn advance(&mut self, bytes: &[u8], _: &mut Vec<u8>) -> Result<Step, Self::Error> {
///         match bytes {
///             b"" | b"O" => Ok(Step::used(0)),
///             [b'O', b'K', ..] => Ok(Step::done(2)),
///             _ => Err(std::io::Error::other("wrong password")),
///         }
///     }
/// }
///
/// fn behind_password(protocol: impl Protocol) -> ProtocolRef {
///     OpeningLayer::new(Password(b"sesame".to_vec()), protocol.into()).as_protocol()
/// }
/// ```
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Opening: 'static {
    /// What can go wrong. The error is the reason in `connection_lost`.
    type Error: Error + Send + Sync + 'static;

    /// The connection below is made. The layer sends what is put into `reply`.
    fn begin(&mut self, below: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, Self::Error> {
        Ok(Step::used(0))
    }

    /// Called with all `bytes` that no step has used yet, when more arrive, and again after a step
    /// that has used some. The layer sends what is put into `reply`, on an error too: it is the
    /// refusal.
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, Self::Error>;

    /// How many bytes may wait for one step. An opening that uses none of more than that has failed.
    fn limit(&self) -> usize {
        16 * 1024
    }

    /// How long the opening may take.
    fn deadline(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// The address of the peer, for the protocol above. `None` stands for what the layer below
    /// reports.
    fn peer(&self) -> Option<Address> {
        None
    }

    /// The address of this end, in the same way.
    fn host(&self) -> Option<Address> {
        None
    }

    /// See [`Channel::extension`](retwist_reactor::Channel::extension).
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}

/// The result of an [`Opening`] for the bytes that it was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    used: usize,
    done: bool,
}

impl Step {
    /// `used` bytes are done with, and the opening goes on. 0 waits for more.
    pub fn used(used: usize) -> Self {
        Step { used, done: false }
    }

    /// `used` bytes are done with, and so is the opening. The protocol above hears `connection_made`
    /// now, and gets what comes behind these bytes.
    pub fn done(used: usize) -> Self {
        Step { used, done: true }
    }
}

/// The layer that conducts an [`Opening`], and passes everything on once that is done.
///
/// Until then the protocol above hears nothing. If the opening fails, takes too long or too many
/// bytes, or the peer ends the connection, the connection is closed. The protocol above then hears
/// only `connection_lost`, with the opening's own error or an [`OpeningError`] as the reason.
#[derive(Debug)]
pub struct OpeningLayer<O> {
    seat: Seat,
    me: Weak<OpeningLayer<O>>,
    opening: RefCell<O>,
    state: Cell<State>,
    /// The bytes that no step has used yet.
    held: RefCell<Vec<u8>>,
    early: RefCell<Early>,
    deadline: Timer,
}

/// What the protocol above has asked for before the opening was done, in the order in which it is
/// passed on then.
#[derive(Default)]
struct Early {
    output: Vec<u8>,
    sent_calls: Vec<Box<dyn FnOnce()>>,
    ending: Ending,
}

impl fmt::Debug for Early {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Early")
            .field("output", &self.output.len())
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Ending {
    #[default]
    Open,
    CloseWrite,
    Close,
    Fail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Failed,
}

/// How many bytes the protocol above may write before the opening is done.
const EARLY: usize = 64 * 1024;

impl<O: Opening> OpeningLayer<O> {
    /// The layer under `above`, for one connection.
    pub fn new(opening: O, above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| OpeningLayer {
            seat: Seat::new(me, above),
            me: me.clone(),
            opening: RefCell::new(opening),
            state: Cell::new(State::Opening),
            held: RefCell::default(),
            early: RefCell::default(),
            deadline: Timer::default(),
        })
    }

    /// Takes one step. Returns true if another one may follow.
    fn step(
        &self,
        held: &mut Vec<u8>,
        step: impl FnOnce(&mut O, &[u8], &mut Vec<u8>) -> Result<Step, O::Error>,
    ) -> bool {
        let mut reply = Vec::new();
        let outcome = step(&mut self.opening.borrow_mut(), held, &mut reply);
        if !reply.is_empty() {
            self.seat.with_lower(|lower| lower.write_control(&reply));
        }
        match outcome {
            Ok(step) => {
                held.drain(..step.used.min(held.len()));
                if step.done {
                    self.open();
                } else if step.used == 0 && held.len() > self.opening.borrow().limit() {
                    let limit = self.opening.borrow().limit();
                    self.fail(Reason::failed(OpeningError::TooLong(limit)));
                }
                step.used > 0 && self.state.get() == State::Opening
            }
            Err(error) => {
                self.fail(Reason::failed(error));
                false
            }
        }
    }

    fn open(&self) {
        self.state.set(State::Open);
        self.deadline.stop();
        self.seat.open();
        let early = self.early.take();
        self.seat.with_lower(|lower| {
            lower.write(&early.output);
            for call in early.sent_calls {
                lower.when_sent(call);
            }
        });
        match early.ending {
            Ending::Open => {}
            Ending::Close => return self.close_below(),
            Ending::Fail => return self.fail_below(),
            Ending::CloseWrite => {
                self.seat.with_lower(|lower| lower.lose_write_connection());
            }
        }
        if self.seat.is_paused() {
            self.reading_changed();
        }
    }

    /// Closes in order, so that a refusal still reaches the peer.
    fn fail(&self, reason: Reason) {
        self.state.set(State::Failed);
        self.deadline.stop();
        self.seat.fail(reason);
        self.transport().lose_connection();
        // The protocol above may have closed before, and that close waits for the opening.
        self.close_below();
    }

    fn close_below(&self) {
        let reason = self.seat.close_reason();
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    fn fail_below(&self) {
        let reason = self.seat.close_reason();
        self.seat.with_lower(|lower| lower.fail_connection(reason));
    }

    /// Notes an end that comes from above; false if the opening need not be waited for.
    fn ends_later(&self, ending: Ending) -> bool {
        let mut early = self.early.borrow_mut();
        let later = self.state.get() == State::Opening && !early.output.is_empty();
        if later {
            // What was written before it goes first.
            early.ending = ending;
        }
        later
    }

    fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }
}

impl<O: Opening> Channel for OpeningLayer<O> {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        if self.is_open() {
            self.seat.with_lower(|lower| lower.write(data));
        } else if self.early.borrow().output.len() > EARLY {
            self.seat.fail(Reason::OutputLimit(EARLY));
            self.transport().abort_connection();
        } else {
            self.early.borrow_mut().output.extend_from_slice(data);
        }
    }

    fn write_control(&self, data: &[u8]) {
        if self.is_open() {
            self.seat.with_lower(|lower| lower.write_control(data));
        } else {
            self.early.borrow_mut().output.extend_from_slice(data);
        }
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        if !self.ends_later(Ending::Close) {
            self.close_below();
        }
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        if !self.ends_later(Ending::Fail) {
            self.fail_below();
        }
    }

    fn lose_write_connection(&self) {
        if self.is_open() {
            self.seat.with_lower(|lower| lower.lose_write_connection());
        } else {
            self.early.borrow_mut().ending = Ending::CloseWrite;
        }
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        let mut early = self.early.borrow_mut();
        if early.output.is_empty() {
            drop(early);
            self.seat.with_lower(|lower| lower.when_sent(call));
        } else {
            early.sent_calls.push(call);
        }
    }

    fn reading_changed(&self) {
        if !self.is_open() {
            // A pause of the protocol above does not hold up the opening.
            return;
        }
        self.seat.pass_on_reading();
    }

    fn peer(&self) -> Address {
        let peer = self.opening.borrow().peer();
        peer.or_else(|| self.seat.with_lower(|lower| lower.peer()))
            .unwrap_or(Address::Unknown)
    }

    fn host(&self) -> Address {
        let host = self.opening.borrow().host();
        host.or_else(|| self.seat.with_lower(|lower| lower.host()))
            .unwrap_or(Address::Unknown)
    }

    fn buffered(&self) -> usize {
        let early = self.early.borrow().output.len();
        early + self.seat.with_lower(|lower| lower.buffered()).unwrap_or(0)
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        self.opening.borrow().extension(wanted)
    }
}

impl<O: Opening> Layer for OpeningLayer<O> {
    fn connection_made(&self) {
        let deadline = self.opening.borrow().deadline();
        let me = self.me.clone();
        self.seat.with_lower(|lower| {
            self.deadline.start(&lower.clock(), deadline, move || {
                if let Some(layer) = me.upgrade() {
                    layer.fail(Reason::failed(OpeningError::TimedOut(deadline)));
                }
            });
            self.step(&mut Vec::new(), |opening, _, reply| {
                opening.begin(lower, reply)
            });
        });
    }

    fn data_received(&self, data: &mut [u8]) {
        match self.state.get() {
            State::Open => return self.seat.deliver(data),
            State::Failed => return,
            State::Opening => {}
        }
        let mut held = self.held.take();
        held.extend_from_slice(data);
        while self.step(&mut held, |opening, bytes, reply| {
            opening.advance(bytes, reply)
        }) {}
        match self.state.get() {
            State::Opening => *self.held.borrow_mut() = held,
            State::Open if !held.is_empty() => self.seat.deliver(&mut held),
            State::Open | State::Failed => {}
        }
    }

    fn read_connection_lost(&self) {
        if self.is_open() {
            self.seat.read_connection_lost();
        } else {
            self.fail(Reason::failed(OpeningError::Ended));
        }
    }

    fn connection_lost(&self, reason: &Reason) {
        self.deadline.stop();
        drop(self.early.take());
        if reason.is_clean() && !self.is_open() {
            self.seat.lost(Reason::failed(OpeningError::Ended));
        } else {
            self.seat.lost(reason.clone());
        }
    }
}

/// An [`Opening`] of any kind came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpeningError {
    /// The opening was not complete after this time.
    TimedOut(Duration),
    /// More than this many bytes arrived, and still no step could use them.
    TooLong(usize),
    /// The connection ended before the opening was complete.
    Ended,
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpeningError::TimedOut(after) => write!(
                f,
                "the peer did not complete what opens the connection within {} s",
                after.as_secs_f64()
            ),
            OpeningError::TooLong(limit) => write!(
                f,
                "the peer did not complete what opens the connection within {limit} bytes"
            ),
            OpeningError::Ended => {
                f.write_str("the connection ended before what opens it was complete")
            }
        }
    }
}

impl Error for OpeningError {}
