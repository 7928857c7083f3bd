use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use async_tungstenite::tungstenite::Utf8Bytes;
use retwist_deferred::{Executor, Spawner};
use retwist_reactor::Clock;
use serde_json::json;

use crate::{Operated, json};

/// How many connections a page lists.
const LISTED: usize = 200;

/// How often a page is fed.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// What all pages of a reactor are fed with.
pub(super) struct Live {
    reactor: Rc<dyn Operated>,
    executor: Executor,
    /// The last sample, and when it was taken.
    last: RefCell<Option<(Instant, Utf8Bytes)>>,
}

impl Live {
    pub(super) fn new(reactor: Rc<dyn Operated>) -> Self {
        let executor = Executor::on_clock(&reactor.time());
        Live {
            reactor,
            executor,
            last: RefCell::default(),
        }
    }

    pub(super) fn tasks(&self) -> Spawner {
        self.executor.spawner()
    }

    pub(super) fn clock(&self) -> Clock {
        self.reactor.time()
    }

    /// What the reactor does now, as JSON. It is at most half a [`PERIOD`] old, so that many pages cost
    /// little more than one.
    pub(super) fn sample(&self) -> Utf8Bytes {
        let now = self.clock().now();
        let last = self.last.borrow().clone();
        if let Some((at, text)) = last
            && now.saturating_duration_since(at) < PERIOD / 2
        {
            return text;
        }
        let connections = self.reactor.connections().take(LISTED);
        let connections: Vec<_> = connections.map(|one| json::connection(&one)).collect();
        let sample = json!({
            "stats": json::stats(&self.reactor.stats()),
            "connections": connections,
        });
        let text = Utf8Bytes::from(sample.to_string());
        *self.last.borrow_mut() = Some((now, text.clone()));
        text
    }
}
