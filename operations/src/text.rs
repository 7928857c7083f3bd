//! What a reactor tells of itself, as lines that people read.

use std::fmt;
use std::time::{Duration, Instant};

use retwist_reactor::{ConnectionStats, Histogram, PortStats, Stats};

/// A line for each thing that is worth one.
pub(crate) fn stats(stats: &Stats) -> Vec<String> {
    let by_state: Vec<_> = stats
        .connections
        .each()
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let mut lines = vec![
        format!("uptime       {}", Seconds(stats.uptime)),
        format!(
            "connections  {} ({}); {} of them not by a port",
            stats.connections.total(),
            if by_state.is_empty() {
                "none".to_owned()
            } else {
                by_state.join(", ")
            },
            stats.outgoing
        ),
        format!("accepted     {}", stats.accepted),
        format!("refused      {}", refused(&stats.refused)),
        format!(
            "ended        {}, {} of them broken",
            stats.ended, stats.broken
        ),
        format!("received     {} bytes", stats.received),
        format!("sent         {} bytes", stats.sent),
        format!("callbacks    {}", stats.callbacks),
        format!(
            "timers       {} pending, {} called",
            stats.timers, stats.timers_called
        ),
        format!("lag          {}", times(&stats.lag)),
    ];
    match &stats.work {
        Some(work) => {
            lines.push(format!("pass         {}", times(&work.passes)));
            lines.push(format!("piece        {}", times(&work.pieces)));
            if let Some(longest) = work.longest {
                let ago = Instant::now().saturating_duration_since(longest.at);
                lines.push(format!(
                    "longest      {:?} for {}, {} ago",
                    longest.time,
                    longest.work,
                    Seconds(ago)
                ));
            }
        }
        None => lines.push("work         not measured: say `watch on`".to_owned()),
    }
    lines.extend(
        stats
            .figures
            .iter()
            .map(|figure| format!("{}  {}", figure.name, figure.value)),
    );
    lines
}

fn refused(refused: &retwist_reactor::Refused) -> String {
    let by_reason = refused
        .by_reason()
        .into_iter()
        .filter(|(_, count)| *count > 0);
    let by_reason: Vec<_> = by_reason
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    if by_reason.is_empty() {
        return "0".to_owned();
    }
    format!("{} ({})", refused.total(), by_reason.join(", "))
}

pub(crate) fn times(histogram: &Histogram) -> String {
    if histogram.count() == 0 {
        return "not measured yet".to_owned();
    }
    format!(
        "median below {:?}, 99 % below {:?}, longest {:?}, of {}",
        histogram.quantile(0.5),
        histogram.quantile(0.99),
        histogram.longest(),
        histogram.count()
    )
}

pub(crate) const PORTS: &str =
    "ADDRESS                                   STATE       OPEN   ACCEPTED  REFUSED";

pub(crate) fn port(port: &PortStats) -> String {
    let state = match (port.listening, port.paused) {
        (false, _) => "stopped",
        (true, true) => "paused",
        (true, false) => "listening",
    };
    format!(
        "{:<40}  {state:<9} {:>6} {:>10}  {}",
        port.address.to_string(),
        port.connections,
        port.accepted,
        refused(&port.refused)
    )
}

pub(crate) const CONNECTIONS: &str =
    "      ID  STATE              AGE     RECEIVED         SENT      WAITING  PEER -> PORT";

pub(crate) fn connection(connection: &ConnectionStats) -> String {
    let state = if connection.paused {
        format!("{}, paused", connection.state)
    } else {
        connection.state.to_string()
    };
    let port = connection.port.as_ref();
    let port = port.map_or_else(String::new, |port| format!(" -> {port}"));
    format!(
        "{:>8}  {state:<12} {:>9} {:>12} {:>12} {:>12}  {}{port}",
        connection.id,
        Seconds(connection.age).to_string(),
        connection.received,
        connection.sent,
        connection.buffered,
        connection.peer,
    )
}

/// A time in the unit that says most: `42 s`, `7 min`, `3 h 20 min`.
pub(crate) struct Seconds(pub(crate) Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, minutes) => write!(f, "{minutes} min"),
            (0, hours, minutes) => write!(f, "{hours} h {minutes} min"),
            (days, hours, _) => write!(f, "{days} d {hours} h"),
        }
    }
}
