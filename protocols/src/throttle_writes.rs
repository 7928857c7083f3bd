use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::time::Duration;

use retwist_reactor::{
    Channel, Flow, Layer, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason, Seat,
    SentCalls, StreamOptions, StreamSettings,
};

use crate::Policy;
use crate::bucket::Bucket;
use crate::timer::Timer;

/// Limits the average rate, in bytes a second, at which each connection is written to, or all
/// connections together.
///
/// Bytes that are written faster wait here, and hold back producers; where there is no producer, a peer
/// that asks for more than the rate allows is not read meanwhile, as
/// [`read_pauses`](StreamSettings::read_pauses) of the connection says. A close comes after the bytes
/// that were written before it. As on every transport a limit bounds what waits: 16 MiB by default.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Policy, ThrottleWrites};
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, TransportRef};
/// use std::time::Duration;
///
/// struct Eager;
/// impl Protocol for Eager {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(&[b'x'; 10_000]);
///     }
/// }
///
/// // 1000 bytes a second, with up to 500 at once after a pause.
/// let recording = RecordingTransport::connect(ThrottleWrites::each(1000, 500).wrap(Eager));
/// assert_eq!(recording.take_written().len(), 500);
/// recording.clock().advance(Duration::from_secs(2));
/// assert!((1900..=2100).contains(&recording.take_written().len()));
/// ```
#[doc(alias = "ThrottlingFactory")]
#[derive(Clone, Debug)]
pub struct ThrottleWrites {
    bucket: Bucket,
    shared: bool,
    limit: usize,
    close_timeout: Duration,
}

impl ThrottleWrites {
    /// Writes `rate` bytes a second to each connection, and at most `burst` bytes at once after a
    /// pause.
    pub fn each(rate: u32, burst: u32) -> Self {
        ThrottleWrites {
            bucket: Bucket::new(rate, burst),
            shared: false,
            limit: StreamSettings::default().output_limit,
            close_timeout: StreamSettings::default().close_timeout,
        }
    }

    /// Does the same for all connections of this policy and its clones together, such as those of a
    /// factory.
    #[doc(alias = "writeLimit")]
    pub fn together(rate: u32, burst: u32) -> Self {
        ThrottleWrites {
            shared: true,
            ..ThrottleWrites::each(rate, burst)
        }
    }

    /// Sets how many bytes may wait here. A write that finds more than that ends the connection with
    /// [`Reason::OutputLimit`].
    #[must_use]
    pub fn output_limit(self, limit: usize) -> Self {
        ThrottleWrites { limit, ..self }
    }

    /// Sets how long a close waits here while nothing moves, because the peer does not read or a
    /// producer does not finish; 30 s by default. Then the connection is aborted with
    /// [`Reason::CloseTimedOut`]. Waiting for the rate does not count.
    #[must_use]
    pub fn close_timeout(self, close_timeout: Duration) -> Self {
        ThrottleWrites {
            close_timeout,
            ..self
        }
    }
}

impl Policy for ThrottleWrites {
    type Layer = WriteThrottle;

    fn layer(&self, above: ProtocolRef) -> Rc<WriteThrottle> {
        Rc::new_cyclic(|me| WriteThrottle {
            seat: Seat::new(me, above),
            me: me.clone(),
            bucket: self.bucket.for_connection(self.shared),
            limit: self.limit,
            close_timeout: self.close_timeout,
            queue: RefCell::default(),
            exempt: Cell::new(0),
            sent: RefCell::default(),
            flow: RefCell::default(),
            holds: Cell::default(),
            valve: RefCell::default(),
            ending: Cell::new(Ending::Open),
            timer: Timer::default(),
            passed: Cell::new(0),
            deadline: Timer::default(),
        })
    }
}

/// The layer of [`ThrottleWrites`].
#[derive(Debug)]
pub struct WriteThrottle {
    seat: Seat,
    me: Weak<WriteThrottle>,
    bucket: Bucket,
    limit: usize,
    close_timeout: Duration,
    queue: RefCell<VecDeque<u8>>,
    /// How many bytes of the queue are from a layer above: no limit counts them.
    exempt: Cell<usize>,
    /// Calls that wait for what is in the queue.
    sent: RefCell<SentCalls>,
    /// The producer above, held back by the queue.
    flow: RefCell<Flow>,
    /// Whether the protocol above is held back by the queue.
    holds: Cell<bool>,
    /// The producer that is registered below, as long as there is something to send.
    valve: RefCell<Option<Rc<Valve>>>,
    ending: Cell<Ending>,
    timer: Timer,
    /// How many bytes have been handed on.
    passed: Cell<usize>,
    /// Of a close that waits here.
    deadline: Timer,
}

/// What follows once the queue is empty and no producer is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Open,
    CloseWrite,
    Close,
    Fail,
    /// The transport below has been told.
    Closed,
}

/// With more than this waiting a push producer is paused, or the peer is not read.
const HIGH_WATER: usize = 64 * 1024;

/// How many bytes pass at once while the rate is the limit: few, but more than a packet's header is
/// worth.
const PIECE: usize = 1024;

impl WriteThrottle {
    fn queued(&self) -> usize {
        self.queue.borrow().len()
    }

    /// Passes on what the rate allows. A timer passes on the rest, and then the close follows.
    fn drain(&self) {
        if self.is_held() || self.timer.is_running() {
            return;
        }
        self.seat.with_lower(|lower| {
            let clock = lower.clock();
            let now = clock.now();
            let piece = self.bucket.available(now).min(self.queued());
            self.bucket.take(piece, now);
            self.pass(piece);
            let left = self.queued();
            if left > 0 {
                // Paid for in advance, so that all connections that share the bucket get a turn.
                let (piece, wait) = self.bucket.reserve(left.min(PIECE), now);
                let me = self.me.clone();
                self.timer.start(&clock, wait, move || {
                    if let Some(layer) = me.upgrade() {
                        layer.pass(piece);
                        layer.drain();
                    }
                });
            }
        });
        if self.queued() == 0 {
            self.rest();
        }
    }

    /// Passes on this many bytes of the queue.
    fn pass(&self, bytes: usize) {
        // Where the exempt bytes lie is not known: they are taken to be the last.
        let counted = self.queued() - self.exempt.get();
        let passing: Vec<u8> = {
            let mut queue = self.queue.borrow_mut();
            let bytes = bytes.min(queue.len());
            queue.drain(..bytes).collect()
        };
        let (counted, exempt) = passing.split_at(counted.min(passing.len()));
        self.exempt.set(self.exempt.get() - exempt.len());
        self.passed
            .set(self.passed.get().wrapping_add(passing.len()));
        self.seat.with_lower(|lower| {
            lower.write(counted);
            lower.write_control(exempt);
        });
        let due = {
            let mut sent = self.sent.borrow_mut();
            sent.advance(passing.len());
            sent.take_due()
        };
        for call in due {
            self.seat.with_lower(|lower| lower.when_sent(call));
        }
    }

    /// The queue is empty: a producer is asked in a turn, and without one a close goes on.
    fn rest(&self) {
        if self.holds.replace(false) {
            self.seat.release();
        }
        if self.flow.borrow().is_registered() && self.ending.get() != Ending::Fail {
            self.seat.wants_turn();
        } else {
            self.follow();
        }
    }

    /// Nothing is left to send: the end that was asked for goes on below.
    fn follow(&self) {
        self.deadline.stop();
        let ending = match self.ending.get() {
            Ending::Open => Ending::Open,
            _ => self.ending.replace(Ending::Closed),
        };
        self.seat.with_lower(|lower| {
            if self.valve.take().is_some() {
                lower.unregister_producer();
            }
            match ending {
                Ending::CloseWrite => lower.lose_write_connection(),
                Ending::Close => lower.lose_connection_because(self.seat.close_reason()),
                Ending::Fail => lower.fail_connection(self.seat.close_reason()),
                Ending::Open | Ending::Closed => {}
            }
        });
    }

    /// Registers a producer below: the transport below pauses it when it has enough, and waits with a
    /// close until it has finished.
    fn engage(&self) {
        if self.valve.borrow().is_some() {
            return;
        }
        let valve = Rc::new(Valve {
            layer: self.me.clone(),
            closed: Cell::new(false),
        });
        self.valve.replace(Some(valve.clone()));
        let registered = self
            .seat
            .with_lower(|lower| lower.register_producer(valve, ProducerKind::Push));
        if let Some(Err(error)) = registered {
            log::warn!("a throttle cannot hold back what it writes: {error}");
        }
    }

    /// Whether the transport below has had enough for now.
    fn is_held(&self) -> bool {
        let valve = self.valve.borrow();
        valve.as_ref().is_some_and(|valve| valve.closed.get())
    }

    /// How many bytes have left the transport below; what matters is whether it changes.
    fn gone(&self) -> usize {
        let waiting = self.seat.with_lower(|lower| lower.buffered()).unwrap_or(0);
        self.passed.get().wrapping_sub(waiting)
    }

    /// Aborts a close that waits here while nothing moves. The transport below cannot, since it
    /// does not hear of the close before.
    fn watch_close(&self) {
        let gone = self.gone();
        let me = self.me.clone();
        let passed = move || {
            let Some(layer) = me.upgrade() else { return };
            if layer.timer.is_running() || layer.gone() != gone {
                layer.watch_close();
            } else {
                layer.abort_connection(Reason::CloseTimedOut(layer.close_timeout));
            }
        };
        self.seat.with_lower(|lower| {
            self.deadline
                .start(&lower.clock(), self.close_timeout, passed);
        });
    }

    fn take(&self, data: &[u8]) {
        self.queue.borrow_mut().extend(data);
        self.engage();
        self.drain();
        // While the transport below holds back this throttle, the throttle holds back its producer.
        let waiting = if self.is_held() {
            usize::MAX
        } else {
            self.queued()
        };
        if waiting > HIGH_WATER && !self.has_producer() {
            self.hold_back();
        }
        let full = self.flow.borrow_mut().written(waiting, HIGH_WATER);
        if let Some(producer) = full {
            self.seat.guard(|| producer.pause_producing());
        }
    }

    /// The transport below does not: it has a producer, which this throttle is.
    fn hold_back(&self) {
        let options = self.seat.with_lower(StreamOptions::of).flatten();
        let settings = options.and_then(|options| options.settings());
        if !self.holds.get() && settings.is_some_and(|settings| settings.read_pauses) {
            self.holds.set(true);
            self.seat.hold();
            self.reading_changed();
        }
    }

    fn end(&self, ending: Ending) {
        self.ending.set(ending);
        self.flow.borrow_mut().close_begins();
        if matches!(ending, Ending::Close | Ending::Fail) {
            self.watch_close();
        }
        if self.queued() == 0 {
            self.rest();
        }
    }
}

impl Channel for WriteThrottle {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        if self.queued() - self.exempt.get() > self.limit {
            self.seat.fail(Reason::OutputLimit(self.limit));
            return self.transport().abort_connection();
        }
        self.take(data);
    }

    fn write_control(&self, data: &[u8]) {
        self.exempt.set(self.exempt.get() + data.len());
        self.take(data);
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        self.end(Ending::Close);
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        self.end(Ending::Fail);
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        match self.queued() {
            0 => drop(self.seat.with_lower(|lower| lower.when_sent(call))),
            queued => self.sent.borrow_mut().push(queued, call),
        }
    }

    fn lose_write_connection(&self) {
        self.end(Ending::CloseWrite);
    }

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
        if producer.is_some() && self.queued() == 0 {
            self.rest();
        }
        producer
    }

    fn has_producer(&self) -> bool {
        self.flow.borrow().is_registered()
    }

    fn waits_for_producer(&self) -> bool {
        let asked = self.flow.borrow().awaited();
        asked.is_some_and(|asked| self.seat.guard(|| asked.holds_close()) == Some(true))
    }

    fn buffered(&self) -> usize {
        self.queued() + self.seat.with_lower(|lower| lower.buffered()).unwrap_or(0)
    }

    fn turn(&self) {
        self.seat.settle();
        if self.seat.is_lost() {
            // The protocol has heard of the end, so a panic of the producer cannot prevent that.
            let producer = self.flow.borrow_mut().unregister();
            if let Some((producer, _)) = producer {
                self.seat.guard(move || producer.stop_producing());
            }
            return;
        }
        if self.is_held() {
            return;
        }
        let next = self.flow.borrow_mut().next(self.queued());
        if let Some(producer) = next {
            self.seat.guard(|| producer.resume_producing());
        }
        // The producer may write when it is asked.
        let is_ending = matches!(self.ending.get(), Ending::Close | Ending::CloseWrite);
        if is_ending && self.queued() == 0 && !self.waits_for_producer() && self.queued() == 0 {
            self.follow();
        }
    }
}

impl Layer for WriteThrottle {
    fn connection_made(&self) {
        // From now on this throttle holds back a producer that was registered below.
        let found = self.seat.with_lower(|lower| lower.unregister_producer());
        if let Some((producer, kind)) = found.flatten() {
            let mut flow = self.flow.borrow_mut();
            // It cannot fail: this flow has no producer yet.
            let _ = flow.register(producer, kind);
            // The transport below may have paused it, and will not resume it.
            let paused = flow.written(usize::MAX, HIGH_WATER);
            drop(flow);
            if let Some(producer) = paused {
                producer.pause_producing();
            }
        }
        self.seat.open();
    }

    fn connection_lost(&self, reason: &Reason) {
        self.timer.stop();
        self.deadline.stop();
        self.queue.take();
        self.exempt.set(0);
        drop(self.sent.take());
        self.valve.take();
        self.seat.lost(reason.clone());
    }
}

/// The throttle as the producer of the transport below.
#[derive(Debug)]
struct Valve {
    layer: Weak<WriteThrottle>,
    closed: Cell<bool>,
}

impl Producer for Valve {
    fn resume_producing(&self) {
        self.closed.set(false);
        if let Some(layer) = self.layer.upgrade() {
            layer.drain();
        }
    }

    fn pause_producing(&self) {
        self.closed.set(true);
    }

    fn stop_producing(&self) {}

    fn has_finished(&self) -> Option<bool> {
        // A close below comes from a layer there, and what waits here was written before it.
        self.layer.upgrade().map(|layer| layer.queued() == 0)
    }
}
