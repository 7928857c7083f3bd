use std::any::{Any, TypeId};
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat, TransportRef};

use crate::timer::Timer;
use crate::{Policy, ReadThrottle};

/// Ends connections that are idle for too long, or that last too long.
///
/// The connection is closed in order. A peer that reads nothing can draw this out, so what is left
/// of it after the grace period is aborted. `connection_lost` gets [`TimedOut`] as the reason.
///
/// The peer gets no word about it. A protocol that has last words, such as a mail server with its 421,
/// sets a timer of its own with `transport.call_later`.
///
/// A protocol whose phases have limits of their own changes them as it goes: see
/// [`TimeoutLayer::of`].
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Policy, Timeout};
/// use retwist::testing::RecordingTransport;
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
/// # }
/// use std::time::Duration;
///
/// // Under one protocol; `factory` puts it under all protocols of a factory.
/// let timeout = Timeout::new().idle(Duration::from_secs(60));
/// let recording = RecordingTransport::connect(timeout.wrap(Echo));
/// recording.clock().advance(Duration::from_secs(59));
/// recording.receive(b"still here");
/// recording.take_written();
/// recording.clock().advance(Duration::from_secs(59));
/// assert!(!recording.is_closing());
/// recording.clock().advance(Duration::from_secs(60));
/// assert!(recording.is_closing());
/// ```
#[doc(alias = "TimeoutFactory")]
#[doc(alias = "TimeoutProtocol")]
#[doc(alias = "TimeoutMixin")]
#[derive(Clone, Debug)]
pub struct Timeout {
    idle: Option<Duration>,
    total: Option<Duration>,
    grace: Duration,
}

impl Timeout {
    /// Sets no limits.
    pub fn new() -> Self {
        Timeout {
            idle: None,
            total: None,
            grace: Duration::from_secs(10),
        }
    }

    /// Maximum idle time: closes the connection if nothing moves on it for this long. No bytes are
    /// received, none are written, and the peer takes none of those that were written before.
    ///
    /// A connection that this side holds back is not idle: the protocol has paused reading and has
    /// no output pending, or a [`ThrottleReads`](crate::ThrottleReads) waits for its rate.
    ///
    /// While output is pending, the layer asks the transport after each idle time whether some of it
    /// has gone ([`unacknowledged`](retwist_reactor::Transport::unacknowledged)). So a peer that stops taking output
    /// is noticed after at most twice this time.
    #[doc(alias = "timeoutPeriod")]
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        Timeout {
            idle: Some(idle),
            ..self
        }
    }

    /// Sets how long the connection may last, counted from `connection_made`.
    #[must_use]
    pub fn total(self, total: Duration) -> Self {
        Timeout {
            total: Some(total),
            ..self
        }
    }

    /// Sets how long the close may take before the connection is aborted; 10 s by default.
    #[must_use]
    pub fn grace(self, grace: Duration) -> Self {
        Timeout { grace, ..self }
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Timeout::new()
    }
}

impl Policy for Timeout {
    type Layer = TimeoutLayer;

    fn layer(&self, above: ProtocolRef) -> Rc<TimeoutLayer> {
        Rc::new_cyclic(|me| TimeoutLayer {
            seat: Seat::new(me, above),
            me: me.clone(),
            idle: Limit::new(self.idle),
            pending: Cell::new(0),
            total: Limit::new(self.total),
            grace: self.grace,
            aborting: Timer::default(),
        })
    }
}

/// The layer of a [`Timeout`].
#[derive(Debug)]
pub struct TimeoutLayer {
    seat: Seat,
    me: Weak<TimeoutLayer>,
    idle: Limit,
    /// How many bytes the peer had not taken when the idle time passed before. 0 if bytes were
    /// received or written since.
    pending: Cell<usize>,
    total: Limit,
    grace: Duration,
    aborting: Timer,
}

#[derive(Debug)]
struct Limit {
    after: Cell<Option<Duration>>,
    timer: Timer,
}

impl Limit {
    fn new(after: Option<Duration>) -> Self {
        Limit {
            after: Cell::new(after),
            timer: Timer::default(),
        }
    }
}

impl TimeoutLayer {
    /// The nearest timeout layer below the protocol that holds `transport`.
    pub fn of(transport: &TransportRef) -> Option<Rc<TimeoutLayer>> {
        let layer = transport.extension(TypeId::of::<TimeoutLayer>())?;
        layer.downcast().ok()
    }

    /// Changes the maximum idle time, counted from now, and returns what was set before. `None`
    /// switches the limit off.
    #[doc(alias = "setTimeout")]
    pub fn set_idle(&self, idle: Option<Duration>) -> Option<Duration> {
        let before = self.idle.after.replace(idle);
        self.start(&self.idle, Self::idle_time_passed);
        before
    }

    /// Changes how long the connection may last, counted from now, and returns what was set before.
    /// `None` switches the limit off.
    pub fn set_total(&self, total: Option<Duration>) -> Option<Duration> {
        let before = self.total.after.replace(total);
        self.start(&self.total, Self::total_time_passed);
        before
    }

    fn start(&self, limit: &Limit, passed: fn(&Self, Duration)) {
        let Some(after) = limit.after.get() else {
            return limit.timer.stop();
        };
        let me = self.me.clone();
        self.seat.with_lower(|lower| {
            limit.timer.start(&lower.clock(), after, move || {
                if let Some(layer) = me.upgrade() {
                    passed(&layer, after);
                }
            });
        });
    }

    fn total_time_passed(&self, after: Duration) {
        self.expired(TimedOut::Total(after));
    }

    /// Nothing was received and nothing was written. What was written before may still move.
    fn idle_time_passed(&self, after: Duration) {
        let pending = self.seat.with_lower(|lower| lower.unacknowledged());
        let pending = pending.unwrap_or(0);
        let before = self.pending.replace(pending);
        let held = if pending > 0 {
            // The first time there is nothing to compare with.
            before == 0 || pending < before
        } else {
            before > 0 || self.holds_back_input()
        };
        if held {
            self.start(&self.idle, Self::idle_time_passed);
        } else {
            self.expired(TimedOut::Idle(after));
        }
    }

    /// Whether the peer could not be heard, because this side does not read.
    fn holds_back_input(&self) -> bool {
        let throttled = self.seat.with_lower(ReadThrottle::holds_back);
        self.seat.is_paused() || throttled == Some(true)
    }

    fn expired(&self, outcome: TimedOut) {
        let reason = Reason::failed(outcome);
        self.seat.fail(reason.clone());
        self.transport().lose_connection_because(reason);
        self.idle.timer.stop();
        self.total.timer.stop();
        let me = self.me.clone();
        self.seat.with_lower(|lower| {
            self.aborting.start(&lower.clock(), self.grace, move || {
                if let Some(layer) = me.upgrade() {
                    layer.seat.with_lower(|lower| lower.abort_connection());
                }
            });
        });
    }

    #[inline]
    fn touch(&self) {
        if let Some(idle) = self.idle.after.get() {
            self.idle.timer.postpone(idle);
            self.pending.set(0);
        }
    }
}

impl Channel for TimeoutLayer {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.touch();
        self.seat.with_lower(|lower| lower.write(data));
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.touch();
        self.seat.with_lower(|lower| lower.write_sequence(data));
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<TimeoutLayer>() {
            return None;
        }
        self.me.upgrade().map(|me| me as Rc<dyn Any>)
    }
}

impl Layer for TimeoutLayer {
    fn connection_made(&self) {
        self.start(&self.idle, Self::idle_time_passed);
        self.start(&self.total, Self::total_time_passed);
        self.seat.open();
    }

    fn data_received(&self, data: &mut [u8]) {
        self.touch();
        self.seat.deliver(data);
    }

    fn connection_lost(&self, reason: &Reason) {
        self.idle.timer.stop();
        self.total.timer.stop();
        self.aborting.stop();
        self.seat.lost(reason.clone());
    }
}

/// A [`Timeout`] has ended the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimedOut {
    /// Nothing moved for this long.
    Idle(Duration),
    /// The connection lasted for this long.
    Total(Duration),
}

impl fmt::Display for TimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TimedOut::Idle(after) => {
                write!(f, "the connection was idle for {} s", after.as_secs_f64())
            }
            TimedOut::Total(after) => {
                write!(f, "the connection lasted for {} s", after.as_secs_f64())
            }
        }
    }
}

impl Error for TimedOut {}
