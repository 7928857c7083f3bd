use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{
    Address, Channel, Layer, ProtocolRef, Reason, Seat, SentCalls, TransportRef,
};

use crate::timer::Timer;

/// What is said on a connection before the protocol above hears of it: a header, or a handshake
/// with a proxy.
///
/// No I/O and no clock: it is shown bytes and says what it makes of them, and [`OpeningLayer`] does
/// the rest.
///
/// A client that sends a password, and goes on once the server says `OK`:
///
/// ```
/// use retwist_protocols::{Opening, OpeningLayer, Step};
/// use retwist_reactor::{Channel, Layer, Protocol, ProtocolRef, TransportRef};
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
    /// What can go wrong; the reason in `connection_lost` if it does.
    type Error: Error + Send + Sync + 'static;

    /// The connection below is made. What is put into `reply` is sent.
    fn begin(&mut self, below: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, Self::Error> {
        Ok(Step::used(0))
    }

    /// `bytes` are here, those that no step has used yet. Asked again at once after a step that has
    /// used some. What is put into `reply` is sent, also on an error: the refusal.
    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, Self::Error>;

    /// The most that may wait for one step, in bytes. An opening that uses nothing of so many has
    /// failed.
    fn limit(&self) -> usize {
        16 * 1024
    }

    /// How long all of it may take.
    fn deadline(&self) -> Duration {
        Duration::from_secs(10)
    }

    /// Who the peer is for everybody above; none for the address that the layer below reports.
    fn peer(&self) -> Option<Address> {
        None
    }

    /// Who this end is for everybody above.
    fn host(&self) -> Option<Address> {
        None
    }

    /// See [`Channel::extension`](retwist_reactor::Channel::extension).
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}

/// What an [`Opening`] has made of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    used: usize,
    done: bool,
}

impl Step {
    /// So many bytes are done with. 0 waits for more.
    pub fn used(used: usize) -> Self {
        Step { used, done: false }
    }

    /// So many bytes are done with, and the opening with them: what is behind is for the protocol
    /// above, which hears `connection_made` now.
    pub fn done(used: usize) -> Self {
        Step { used, done: true }
    }
}

/// The layer that conducts an [`Opening`] and is then out of the way.
///
/// Until it is done the protocol above hears nothing. If it fails, is too late or too long, or the
/// peer goes away, the connection is closed, and the protocol above hears `connection_lost` alone,
/// with the reason: the opening's own error or an [`OpeningError`].
#[derive(Debug)]
pub struct OpeningLayer<O> {
    seat: Seat,
    me: Weak<OpeningLayer<O>>,
    opening: RefCell<O>,
    state: Cell<State>,
    /// What no step has used yet.
    held: RefCell<Vec<u8>>,
    /// What was written above before it was open.
    early: RefCell<Vec<u8>>,
    /// Calls that wait for what is in `early`.
    sent: RefCell<SentCalls>,
    closes_write: Cell<bool>,
    closes: Cell<bool>,
    deadline: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    Failed,
}

/// The most that may be written above before it is open, in bytes.
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
            sent: RefCell::default(),
            closes_write: Cell::new(false),
            closes: Cell::new(false),
            deadline: Timer::default(),
        })
    }

    /// Takes one step; true if it may be followed by another one.
    fn step(
        &self,
        held: &mut Vec<u8>,
        step: impl FnOnce(&mut O, &[u8], &mut Vec<u8>) -> Result<Step, O::Error>,
    ) -> bool {
        let mut reply = Vec::new();
        let outcome = step(&mut self.opening.borrow_mut(), held, &mut reply);
        self.seat.with_lower(|lower| lower.write(&reply));
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
        self.seat.with_lower(|lower| lower.write(&early));
        let due = {
            let mut sent = self.sent.borrow_mut();
            sent.advance(early.len());
            sent.take_due()
        };
        for call in due {
            self.seat.with_lower(|lower| lower.when_sent(call));
        }
        if self.closes.get() {
            self.close_below();
            return;
        }
        if self.closes_write.get() {
            self.seat.with_lower(|lower| lower.lose_write_connection());
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
        // Also if the protocol above has closed before, and that close has waited for us.
        self.close_below();
    }

    fn close_below(&self) {
        let reason = self.seat.close_reason();
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
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
        } else if self.early.borrow().len() > EARLY {
            self.seat.fail(Reason::OutputLimit(EARLY));
            self.transport().abort_connection();
        } else {
            self.early.borrow_mut().extend_from_slice(data);
        }
    }

    fn write_control(&self, data: &[u8]) {
        if self.is_open() {
            self.seat.with_lower(|lower| lower.write_control(data));
        } else {
            self.early.borrow_mut().extend_from_slice(data);
        }
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        match self.early.borrow().len() {
            0 => drop(self.seat.with_lower(|lower| lower.when_sent(call))),
            early => self.sent.borrow_mut().push(early, call),
        }
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        if self.state.get() == State::Opening && !self.early.borrow().is_empty() {
            // What was written before the close goes first: it waits for the opening to be done.
            self.closes.set(true);
        } else {
            self.close_below();
        }
    }

    fn lose_write_connection(&self) {
        match self.is_open() {
            true => {
                self.seat.with_lower(|lower| lower.lose_write_connection());
            }
            false => self.closes_write.set(true),
        }
    }

    fn reading_changed(&self) {
        if !self.is_open() {
            // The opening does not wait for the protocol above.
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
        let early = self.early.borrow().len();
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
        match self.is_open() {
            true => self.seat.read_connection_lost(),
            false => self.fail(Reason::failed(OpeningError::Ended)),
        }
    }

    fn connection_lost(&self, reason: &Reason) {
        self.deadline.stop();
        self.seat.lost(match reason.is_clean() && !self.is_open() {
            true => Reason::failed(OpeningError::Ended),
            false => reason.clone(),
        });
    }
}

/// An [`Opening`] came to nothing, whatever it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpeningError {
    /// It was not complete after this time.
    TimedOut(Duration),
    /// More than this many bytes came, and made no sense yet.
    TooLong(usize),
    /// The connection ended before it was complete.
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
