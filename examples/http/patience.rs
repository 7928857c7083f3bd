use std::cell::Cell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::Clock;
use retwist::deferred::sleep;

/// How long a connection is kept on which no request is under way. A peer that sends its headers a byte
/// at a time has no request, however busy it looks.
///
/// hyper has a time limit for headers, and wants a timer of several threads for it.
pub(crate) struct Patience {
    clock: Clock,
    limit: Duration,
    under_way: Cell<usize>,
    /// Since when there is none.
    since: Cell<Instant>,
}

/// A request is under way while this lives.
pub(crate) struct UnderWay(Rc<Patience>);

impl Patience {
    pub(crate) fn new(clock: &Clock, limit: Duration) -> Rc<Self> {
        Rc::new(Patience {
            clock: clock.clone(),
            limit,
            under_way: Cell::new(0),
            since: Cell::new(clock.now()),
        })
    }

    /// A request has come, with all its headers.
    pub(crate) fn request(self: &Rc<Self>) -> UnderWay {
        self.under_way.set(self.under_way.get() + 1);
        UnderWay(self.clone())
    }

    /// Waits until none has been under way for the whole time.
    pub(crate) async fn is_lost(&self) {
        loop {
            let idle = match self.under_way.get() {
                0 => self.clock.now().duration_since(self.since.get()),
                _ => Duration::ZERO,
            };
            if idle >= self.limit {
                return;
            }
            sleep(&self.clock, self.limit - idle).await;
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        let patience = &self.0;
        patience.under_way.set(patience.under_way.get() - 1);
        patience.since.set(patience.clock.now());
    }
}
