use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use metrics::SetRecorderError;
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use retwist_reactor::{FactoryRef, Histogram, TransportRef};

use super::Publisher;
use crate::http::{self, Answer, Request, Site};
use crate::{Health, Operated};

/// How often what is recorded is put in order, whether it is asked for or not: it would pile up.
const UPKEEP: Duration = Duration::from_secs(5);

/// The figures of a reactor as text that Prometheus reads, at `/metrics` of an HTTP endpoint that turns in
/// the reactor.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_operations as operations; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::rc::Rc;
/// use retwist::operations::metrics::Exposition;
/// use retwist::Reactor;
///
/// let reactor = Reactor::new()?;
/// let metrics = Exposition::install(Rc::new(reactor.handle()))?;
/// reactor.listen_tcp_factory(([127, 0, 0, 1], 9100), metrics.factory())?;
/// metrics::counter!("cakes_baked_total").increment(1);
/// # reactor.run()?;
/// # Ok(()) }
/// ```
///
/// At `/health` it says what [`Health`] says.
///
/// An endpoint tells every peer that asks: it is to listen where the collector alone gets to.
#[derive(Clone)]
pub struct Exposition {
    shared: Rc<Shared>,
}

struct Shared {
    publisher: Publisher,
    health: Health,
    handle: PrometheusHandle,
    /// `None` if it is the one of the process.
    recorder: Option<PrometheusRecorder>,
}

impl Exposition {
    /// Shows the figures of this reactor, and what the program counts with the macros of the crate
    /// `metrics`. One in a process can be installed.
    pub fn install(reactor: Rc<dyn Operated>) -> Result<Self, ExpositionError> {
        let recorder = build()?;
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder)
            .map_err(|_: SetRecorderError<_>| ExpositionError::Installed)?;
        Ok(Exposition::with(reactor, handle, None))
    }

    /// Shows the figures of this reactor alone, whatever recorder the process has.
    pub fn new(reactor: Rc<dyn Operated>) -> Result<Self, ExpositionError> {
        let recorder = build()?;
        let handle = recorder.handle();
        Ok(Exposition::with(reactor, handle, Some(recorder)))
    }

    fn with(
        reactor: Rc<dyn Operated>,
        handle: PrometheusHandle,
        recorder: Option<PrometheusRecorder>,
    ) -> Self {
        let clock = reactor.time();
        let exposition = Exposition {
            shared: Rc::new(Shared {
                publisher: Publisher::new(reactor.clone()),
                health: Health::new(reactor),
                handle,
                recorder,
            }),
        };
        describe(exposition.shared.recorder.as_ref());
        keep_up(&clock, Rc::downgrade(&exposition.shared));
        exposition
    }

    /// The text, as it is now.
    pub fn render(&self) -> String {
        self.shared.render()
    }

    /// Returns the factory of the connections to the endpoint.
    pub fn factory(&self) -> FactoryRef {
        http::site(self.shared.clone())
    }
}

impl Shared {
    fn render(&self) -> String {
        match &self.recorder {
            Some(recorder) => metrics::with_local_recorder(recorder, || self.publisher.publish()),
            None => self.publisher.publish(),
        }
        self.handle.render()
    }
}

impl Site for Shared {
    fn answer(&self, request: &Request<'_>, _: &TransportRef) -> Option<Answer> {
        Some(match request.path {
            "/metrics" => Answer::found("text/plain; version=0.0.4; charset=utf-8", self.render()),
            "/health" => self.health.answer_to_health(),
            _ => Answer::refusal("404 Not Found"),
        })
    }
}

fn build() -> Result<PrometheusRecorder, ExpositionError> {
    let buckets = Histogram::default();
    let ends: Vec<f64> = buckets
        .buckets()
        .filter_map(|(end, _)| Some(end?.as_secs_f64()))
        .collect();
    let mut builder = PrometheusBuilder::new();
    for name in [
        "retwist_lag_seconds",
        "retwist_pass_seconds",
        "retwist_piece_seconds",
    ] {
        let exact = Matcher::Full(name.to_owned());
        builder = builder
            .set_buckets_for_metric(exact, &ends)
            .map_err(ExpositionError::Build)?;
    }
    Ok(builder.build_recorder())
}

/// What is what, for those who look at the text.
const GAUGES: [(&str, &str); 4] = [
    (
        "retwist_connections",
        "Connections that there are, by state",
    ),
    (
        "retwist_port_connections",
        "Connections that a port has accepted and that have not ended",
    ),
    ("retwist_timers", "Timers that are pending"),
    (
        "retwist_uptime_seconds",
        "How long the reactor has been there",
    ),
];

const COUNTERS: [(&str, &str); 14] = [
    ("retwist_accepted_total", "Connections that were accepted"),
    (
        "retwist_callbacks_total",
        "Callbacks of protocols that were made",
    ),
    (
        "retwist_connections_begun_total",
        "Connections that have begun",
    ),
    (
        "retwist_connections_broken_total",
        "Connections that have ended uncleanly",
    ),
    (
        "retwist_connections_ended_total",
        "Connections that have ended",
    ),
    (
        "retwist_port_accepted_total",
        "Connections that a port has accepted",
    ),
    (
        "retwist_received_bytes_total",
        "Bytes received, under all layers",
    ),
    (
        "retwist_refused_total",
        "Connections that were refused, by reason",
    ),
    (
        "retwist_sent_bytes_total",
        "Bytes that the system has taken, under all layers",
    ),
    ("retwist_timers_called_total", "Timers that were called"),
    (
        "retwist_tls_failures_total",
        "TLS handshakes that have failed, by kind",
    ),
    (
        "retwist_tls_handshakes_total",
        "TLS handshakes that have succeeded",
    ),
    (
        "retwist_tls_peer_alerts_total",
        "TLS handshakes that an alert of the peer has ended",
    ),
    (
        "retwist_tls_resumptions_total",
        "TLS handshakes that have resumed a session",
    ),
];

const HISTOGRAMS: [(&str, &str); 3] = [
    ("retwist_lag_seconds", "How late timers were called"),
    (
        "retwist_pass_seconds",
        "How long a pass of the loop works, while it is watched",
    ),
    (
        "retwist_piece_seconds",
        "How long a piece of work takes, while the loop is watched",
    ),
];

fn describe(recorder: Option<&PrometheusRecorder>) {
    let all = || {
        for (name, what) in GAUGES {
            metrics::describe_gauge!(name, what);
        }
        for (name, what) in COUNTERS {
            metrics::describe_counter!(name, what);
        }
        for (name, what) in HISTOGRAMS {
            metrics::describe_histogram!(name, what);
        }
    };
    match recorder {
        Some(recorder) => metrics::with_local_recorder(recorder, all),
        None => all(),
    }
}

fn keep_up(clock: &retwist_reactor::Clock, shared: std::rc::Weak<Shared>) {
    let again = clock.clone();
    clock.call_later(UPKEEP, move || {
        if let Some(kept) = shared.upgrade() {
            kept.handle.run_upkeep();
            keep_up(&again, shared);
        }
    });
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exposition")
    }
}

/// The reason why figures cannot be shown.
#[derive(Debug)]
#[non_exhaustive]
pub enum ExpositionError {
    /// The process has a recorder already.
    Installed,
    /// The exporter cannot be made.
    Build(BuildError),
}

impl fmt::Display for ExpositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExpositionError::Installed => f.write_str(
                "the process has a recorder of metrics already: use Exposition::new, or a Publisher for that one",
            ),
            ExpositionError::Build(_) => f.write_str("the exporter of metrics cannot be made"),
        }
    }
}

impl Error for ExpositionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ExpositionError::Installed => None,
            ExpositionError::Build(error) => Some(error),
        }
    }
}
