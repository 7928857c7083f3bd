use std::any::{Any, TypeId};
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat, Transport};

use crate::Policy;
use crate::timer::Timer;

/// Ends connections that are idle for too long, or that last too long.
///
/// The connection is closed in order, which a peer that reads nothing can draw out; what is left of
/// it after the grace period is aborted. The protocol hears `connection_lost` with [`TimedOut`] as
/// the reason.
///
/// A protocol whose phases have limits of their own changes them as it goes: see
/// [`TimeoutLayer::of`].
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
    /// No limits yet, and a grace period of 10 s.
    pub fn new() -> Self {
        Timeout {
            idle: None,
            total: None,
            grace: Duration::from_secs(10),
        }
    }

    /// For how long nothing may come, and nothing be written.
    #[doc(alias = "timeoutPeriod")]
    #[must_use]
    pub fn idle(self, idle: Duration) -> Self {
        Timeout {
            idle: Some(idle),
            ..self
        }
    }

    /// How long the connection may last, from `connection_made`, whatever it does.
    #[must_use]
    pub fn total(self, total: Duration) -> Self {
        Timeout {
            total: Some(total),
            ..self
        }
    }

    /// How long the closing may take before it becomes an abort.
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
    pub fn of(transport: &dyn Transport) -> Option<Rc<TimeoutLayer>> {
        let layer = transport.extension(TypeId::of::<TimeoutLayer>())?;
        layer.downcast().ok()
    }

    /// Changes for how long nothing may happen, counted from now, and returns what was set before.
    /// None switches it off.
    #[doc(alias = "setTimeout")]
    pub fn set_idle(&self, idle: Option<Duration>) -> Option<Duration> {
        let before = self.idle.after.replace(idle);
        self.start(&self.idle, TimedOut::Idle);
        before
    }

    /// Changes how long the connection may last, counted from now, and returns what was set before.
    /// None switches it off.
    pub fn set_total(&self, total: Option<Duration>) -> Option<Duration> {
        let before = self.total.after.replace(total);
        self.start(&self.total, TimedOut::Total);
        before
    }

    fn start(&self, limit: &Limit, outcome: fn(Duration) -> TimedOut) {
        let Some(after) = limit.after.get() else {
            return limit.timer.stop();
        };
        let me = self.me.clone();
        self.seat.with_lower(|lower| {
            limit.timer.start(&lower.clock(), after, move || {
                if let Some(layer) = me.upgrade() {
                    layer.expired(outcome(after));
                }
            });
        });
    }

    fn expired(&self, outcome: TimedOut) {
        self.seat.fail(Reason::failed(outcome));
        self.transport().lose_connection();
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

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<TimeoutLayer>() {
            return None;
        }
        self.me.upgrade().map(|me| me as Rc<dyn Any>)
    }
}

impl Layer for TimeoutLayer {
    fn connection_made(&self) {
        self.start(&self.idle, TimedOut::Idle);
        self.start(&self.total, TimedOut::Total);
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
    /// For this long nothing came, and nothing was written.
    Idle(Duration),
    /// It lasted for this long.
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
