//! What a reactor tells of itself, as JSON. Times are in seconds.

use std::time::Instant;

use retwist_reactor::{
    ConnectionStats, Figure, FigureKind, Histogram, LoopTimes, PortStats, Refused, Stats,
};
use serde_json::{Map, Value, json};

pub(crate) fn stats(stats: &Stats) -> Value {
    let by_state = stats.connections.each();
    let by_state: Map<_, _> = by_state
        .map(|(state, count)| (state.name().into(), count.into()))
        .collect();
    let ports: Vec<_> = stats.ports.iter().map(port).collect();
    let figures: Vec<_> = stats.figures.iter().map(figure).collect();
    json!({
        "uptime": stats.uptime.as_secs_f64(),
        "connections": stats.connections.total(),
        "by_state": by_state,
        "outgoing": stats.outgoing,
        "ports": ports,
        "accepted": stats.accepted,
        "refused": refused(&stats.refused),
        "begun": stats.begun,
        "ended": stats.ended,
        "broken": stats.broken,
        "received": stats.received,
        "sent": stats.sent,
        "callbacks": stats.callbacks,
        "timers": stats.timers,
        "timers_called": stats.timers_called,
        "lag": histogram(&stats.lag),
        "work": stats.work.as_ref().map(work),
        "figures": figures,
    })
}

pub(crate) fn port(port: &PortStats) -> Value {
    json!({
        "address": port.address.to_string(),
        "listening": port.listening,
        "paused": port.paused,
        "connections": port.connections,
        "accepted": port.accepted,
        "refused": refused(&port.refused),
    })
}

fn refused(refused: &Refused) -> Value {
    let by_reason = refused.by_reason().into_iter();
    by_reason
        .map(|(reason, count)| (reason.to_owned(), count.into()))
        .collect::<Map<_, _>>()
        .into()
}

pub(crate) fn connection(connection: &ConnectionStats) -> Value {
    json!({
        "id": connection.id.number(),
        "peer": connection.peer.to_string(),
        "port": connection.port.as_ref().map(ToString::to_string),
        "state": connection.state.name(),
        "age": connection.age.as_secs(),
        "received": connection.received,
        "sent": connection.sent,
        "buffered": connection.buffered,
        "paused": connection.paused,
    })
}

pub(crate) fn figure(figure: &Figure) -> Value {
    let label = figure.name.the_label();
    json!({
        "name": figure.name.name(),
        "label": label.map(|(key, value)| json!({ key: value })),
        "kind": match figure.kind {
            FigureKind::Counter => "counter",
            FigureKind::Gauge => "gauge",
        },
        "value": figure.value,
    })
}

pub(crate) fn histogram(histogram: &Histogram) -> Value {
    let buckets = histogram.buckets();
    let buckets: Vec<_> = buckets
        .map(|(end, count)| json!([end.map(|end| end.as_secs_f64()), count]))
        .collect();
    json!({
        "count": histogram.count(),
        "sum": histogram.sum().as_secs_f64(),
        "median": histogram.quantile(0.5).as_secs_f64(),
        "p99": histogram.quantile(0.99).as_secs_f64(),
        "longest": histogram.longest().as_secs_f64(),
        "buckets": buckets,
    })
}

fn work(work: &LoopTimes) -> Value {
    let longest = work.longest.map(|longest| {
        json!({
            "time": longest.time.as_secs_f64(),
            "work": longest.work.to_string(),
            "ago": Instant::now().saturating_duration_since(longest.at).as_secs_f64(),
        })
    });
    json!({
        "passes": histogram(&work.passes),
        "pieces": histogram(&work.pieces),
        "longest": longest,
    })
}
