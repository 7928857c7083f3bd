use std::cell::Cell;
use std::rc::{Rc, Weak};

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat};

use crate::Policy;
use crate::bucket::Bucket;
use crate::timer::Timer;

/// Reads so many bytes a second, on average, from each connection, or from all connections
/// together.
///
/// What has been read is delivered at once; then reading pauses until the rate allows for it, and
/// the peer waits as the transport makes it wait. So the rate is exact over time, and one read may
/// exceed it.
#[doc(alias = "ThrottlingFactory")]
#[doc(alias = "ThrottlingProtocol")]
#[derive(Clone, Debug)]
pub struct ThrottleReads {
    bucket: Bucket,
    shared: bool,
}

impl ThrottleReads {
    /// For each connection `rate` bytes a second, and up to `burst` bytes at once after a pause.
    pub fn each(rate: u32, burst: u32) -> Self {
        ThrottleReads {
            bucket: Bucket::new(rate, burst),
            shared: false,
        }
    }

    /// The same for all connections of this policy and its clones together, which is to say of a
    /// whole factory.
    #[doc(alias = "readLimit")]
    pub fn together(rate: u32, burst: u32) -> Self {
        ThrottleReads {
            bucket: Bucket::new(rate, burst),
            shared: true,
        }
    }
}

impl Policy for ThrottleReads {
    type Layer = ReadThrottle;

    fn layer(&self, above: ProtocolRef) -> Rc<ReadThrottle> {
        Rc::new_cyclic(|me| ReadThrottle {
            seat: Seat::new(me, above),
            me: me.clone(),
            bucket: match self.shared {
                true => self.bucket.clone(),
                false => self.bucket.another(),
            },
            waiting: Cell::new(false),
            timer: Timer::default(),
        })
    }
}

/// The layer of [`ThrottleReads`].
#[derive(Debug)]
pub struct ReadThrottle {
    seat: Seat,
    me: Weak<ReadThrottle>,
    bucket: Bucket,
    /// Until the rate allows for more.
    waiting: Cell<bool>,
    timer: Timer,
}

impl ReadThrottle {
    /// Pauses the transport below until there is something in the bucket; goes on if there is.
    fn pace(&self) {
        self.seat.with_lower(|lower| {
            let clock = lower.clock();
            let wait = self.bucket.wait_for(1, clock.now());
            if wait.is_zero() {
                self.waiting.set(false);
            } else {
                self.waiting.set(true);
                let me = self.me.clone();
                self.timer.start(&clock, wait, move || {
                    if let Some(layer) = me.upgrade() {
                        layer.pace();
                    }
                });
            }
        });
        self.reading_changed();
    }
}

impl Channel for ReadThrottle {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn reading_changed(&self) {
        let paused = self.waiting.get() || self.seat.is_paused();
        self.seat.with_lower(|lower| match paused {
            true => lower.pause_producing(),
            false => lower.resume_producing(),
        });
    }
}

impl Layer for ReadThrottle {
    fn data_received(&self, data: &mut [u8]) {
        self.seat.with_lower(|lower| {
            self.bucket.take(data.len(), lower.clock().now());
        });
        self.pace();
        self.seat.deliver(data);
    }

    fn connection_lost(&self, reason: &Reason) {
        self.timer.stop();
        self.seat.lost(reason.clone());
    }
}
