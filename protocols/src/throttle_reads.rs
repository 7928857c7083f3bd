use std::any::{Any, TypeId};
use std::cell::Cell;
use std::rc::{Rc, Weak};

use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat, TransportRef};

use crate::Policy;
use crate::bucket::Bucket;
use crate::timer::Timer;

/// Limits the average rate, in bytes a second, at which each connection is read, or all connections
/// together.
///
/// Bytes that were read are delivered at once. Then reading pauses until the rate allows for more,
/// and the back-pressure of the transport holds up the peer. So the rate is exact over time, but a
/// single read can exceed it.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Policy, ThrottleReads};
/// use retwist::testing::RecordingTransport;
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
/// # }
/// use std::time::Duration;
///
/// // 1000 bytes a second, with up to 500 at once after a pause.
/// let recording = RecordingTransport::connect(ThrottleReads::each(1000, 500).wrap(Echo));
/// recording.receive(&[b'x'; 600]);
/// assert!(recording.is_paused());
/// recording.clock().advance(Duration::from_secs(1));
/// assert!(!recording.is_paused());
/// ```
#[doc(alias = "ThrottlingFactory")]
#[doc(alias = "ThrottlingProtocol")]
#[derive(Clone, Debug)]
pub struct ThrottleReads {
    bucket: Bucket,
    shared: bool,
}

impl ThrottleReads {
    /// Reads `rate` bytes a second from each connection, and at most `burst` bytes at once after a
    /// pause.
    pub fn each(rate: u32, burst: u32) -> Self {
        ThrottleReads {
            bucket: Bucket::new(rate, burst),
            shared: false,
        }
    }

    /// Does the same for all connections of this policy and its clones together, such as those of a
    /// factory.
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
            bucket: self.bucket.for_connection(self.shared),
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
    /// Reading pauses until the rate allows for more.
    waiting: Cell<bool>,
    timer: Timer,
}

impl ReadThrottle {
    /// Whether a read throttle at or below `transport` holds back input just now.
    pub(crate) fn holds_back(transport: &TransportRef) -> bool {
        let nearest = transport.extension(TypeId::of::<ReadThrottle>());
        let nearest = nearest.and_then(|layer| layer.downcast::<ReadThrottle>().ok());
        nearest.is_some_and(|layer| {
            let below = || layer.seat.with_lower(Self::holds_back);
            layer.waiting.get() || below() == Some(true)
        })
    }

    /// Pauses the transport below while the bucket is empty.
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
        let paused = self.waiting.get() || self.seat.holds_back_input();
        self.seat.with_lower(|lower| {
            if paused {
                lower.pause_producing();
            } else {
                lower.resume_producing();
            }
        });
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<ReadThrottle>() {
            return None;
        }
        self.me.upgrade().map(|me| me as Rc<dyn Any>)
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
