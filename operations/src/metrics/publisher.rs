use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use metrics::{counter, gauge, histogram};
use retwist_reactor::{FigureKind, Histogram, Stats};

use crate::Operated;

/// Hands the figures of a reactor to the recorder of the crate [`metrics`](::metrics) that the program has
/// installed, whatever shows them.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_operations as operations; }
/// use std::rc::Rc;
/// use std::time::Duration;
/// use retwist::operations::metrics::Publisher;
/// use retwist::testing::MemoryReactor;
///
/// let reactor = Rc::new(MemoryReactor::new());
/// Publisher::new(reactor.clone()).every(Duration::from_secs(10));
/// reactor.clock().advance(Duration::from_secs(60));
/// ```
///
/// A clone is the same publisher.
#[derive(Clone)]
pub struct Publisher {
    reactor: Rc<dyn Operated>,
    /// The histograms, as they were published last.
    published: Rc<RefCell<Published>>,
}

#[derive(Default)]
struct Published {
    lag: Histogram,
    passes: Histogram,
    pieces: Histogram,
}

impl Publisher {
    /// Publishes what this reactor tells of itself.
    pub fn new(reactor: Rc<dyn Operated>) -> Self {
        Publisher {
            reactor,
            published: Rc::default(),
        }
    }

    /// Publishes all figures as they are now.
    pub fn publish(&self) {
        let stats = self.reactor.stats();
        connections(&stats);
        ports(&stats);
        work(&stats);
        for figure in &stats.figures {
            by_name(figure);
        }
        let mut published = self.published.borrow_mut();
        grown("retwist_lag_seconds", &mut published.lag, stats.lag);
        if let Some(work) = stats.work {
            grown("retwist_pass_seconds", &mut published.passes, work.passes);
            grown("retwist_piece_seconds", &mut published.pieces, work.pieces);
        }
    }

    /// Publishes now, and again and again after this time, as long as the reactor runs.
    pub fn every(&self, period: Duration) {
        self.publish();
        let again = self.clone();
        let clock = self.reactor.time();
        clock.call_later(period, move || again.every(period));
    }
}

fn connections(stats: &Stats) {
    gauge!("retwist_uptime_seconds").set(stats.uptime.as_secs_f64());
    for (state, count) in stats.connections.each() {
        gauge!("retwist_connections", "state" => state.name()).set(count as f64);
    }
    counter!("retwist_connections_begun_total").absolute(stats.begun);
    counter!("retwist_connections_ended_total").absolute(stats.ended);
    counter!("retwist_connections_broken_total").absolute(stats.broken);
    counter!("retwist_received_bytes_total").absolute(stats.received);
    counter!("retwist_sent_bytes_total").absolute(stats.sent);
}

fn ports(stats: &Stats) {
    for port in &stats.ports {
        let address = port.address.to_string();
        gauge!("retwist_port_connections", "port" => address.clone()).set(port.connections as f64);
        counter!("retwist_port_accepted_total", "port" => address).absolute(port.accepted);
    }
    counter!("retwist_accepted_total").absolute(stats.accepted);
    for (reason, count) in stats.refused.by_reason() {
        counter!("retwist_refused_total", "reason" => reason).absolute(count);
    }
}

fn work(stats: &Stats) {
    counter!("retwist_callbacks_total").absolute(stats.callbacks);
    gauge!("retwist_timers").set(stats.timers as f64);
    counter!("retwist_timers_called_total").absolute(stats.timers_called);
}

fn by_name(figure: &retwist_reactor::Figure) {
    let name = figure.name.name();
    let label = figure.name.the_label();
    let labels: Vec<(String, String)> = label
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    match figure.kind {
        FigureKind::Counter => {
            counter!(format!("retwist_{name}_total"), &labels).absolute(figure.value);
        }
        FigureKind::Gauge => gauge!(format!("retwist_{name}"), &labels).set(figure.value as f64),
    }
}

/// What was recorded since the last time, each at the end of its bucket: the facade takes no buckets.
fn grown(name: &'static str, before: &mut Histogram, now: Histogram) {
    let recorded = histogram!(name);
    for (end, count) in now.since(before).buckets() {
        let value = end.unwrap_or(now.longest()).as_secs_f64();
        if let Ok(count) = usize::try_from(count)
            && count > 0
        {
            recorded.record_many(value, count);
        }
    }
    *before = now;
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Publisher")
    }
}
