use std::collections::HashMap;

use serde_json::Value;

/// What a console has said at one time.
pub(crate) struct Sample {
    pub(crate) stats: Value,
    pub(crate) connections: Vec<Value>,
}

/// The lines of a picture: what has changed between two samples, and how many there are. None is longer
/// than `columns`, and none has anything in it that a terminal would obey.
pub(crate) fn picture(before: &Sample, now: &Sample, columns: usize) -> Vec<String> {
    let mut lines = facts(&before.stats, &now.stats);
    lines.push(String::new());
    lines.push("ADDRESS                         STATE       OPEN   ACCEPTED   REFUSED".to_owned());
    lines.extend(array(&now.stats, "ports").map(port));
    lines.push(String::new());
    lines.push(
        "      ID  STATE         AGE    RECEIVED        SENT  A SECOND  PEER -> PORT".to_owned(),
    );
    lines.extend(busiest(before, now));
    lines.into_iter().map(|line| fit(&line, columns)).collect()
}

fn fit(line: &str, columns: usize) -> String {
    let shown = line
        .chars()
        .map(|letter| if letter.is_control() { '?' } else { letter });
    shown.take(columns).collect()
}

fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or(0.0)
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or("")
}

fn array<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// All that an object adds up to.
fn sum(value: &Value) -> f64 {
    let parts = value
        .as_object()
        .into_iter()
        .flat_map(|parts| parts.values());
    parts.filter_map(Value::as_f64).sum()
}

fn seconds_between(before: &Value, now: &Value) -> f64 {
    (number(now, "uptime") - number(before, "uptime")).max(0.001)
}

fn facts(before: &Value, now: &Value) -> Vec<String> {
    let seconds = seconds_between(before, now);
    let rate = |name: &str| (number(now, name) - number(before, name)).max(0.0) / seconds;
    let refused = (sum(&now["refused"]) - sum(&before["refused"])).max(0.0) / seconds;
    let states = now["by_state"].as_object().into_iter().flatten();
    let states: Vec<_> = states
        .filter(|(_, count)| count.as_u64() > Some(0))
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let lag = &now["lag"];
    let mut lines = vec![
        format!("up {}    q ends this", time(number(now, "uptime"))),
        format!(
            "connections  {:>9}   {}",
            number(now, "connections"),
            states.join(", ")
        ),
        format!("accepted     {:>9.0} a second", rate("accepted")),
        format!(
            "throughput   {:>9} a second in, {} out",
            bytes(rate("received")),
            bytes(rate("sent"))
        ),
        format!("callbacks    {:>9.0} a second", rate("callbacks")),
        format!(
            "errors       {:>9.0} a second: {:.0} broken, {refused:.0} refused",
            rate("broken") + refused,
            rate("broken")
        ),
        format!(
            "lag          {:>9} for 99 % of timers, longest {}; {} pending",
            time(number(lag, "p99")),
            time(number(lag, "longest")),
            number(now, "timers")
        ),
    ];
    if let longest @ Value::Object(_) = &now["work"]["longest"] {
        let (took, ago) = (time(number(longest, "time")), time(number(longest, "ago")));
        lines.push(format!(
            "longest work {took:>9} for {}, {ago} ago",
            text(longest, "work")
        ));
    }
    lines
}

fn port(port: &Value) -> String {
    let state = match (port["listening"].as_bool(), port["paused"].as_bool()) {
        (Some(true), Some(true)) => "paused",
        (Some(true), _) => "listening",
        _ => "stopped",
    };
    format!(
        "{:<30}  {state:<9} {:>6} {:>10} {:>9}",
        text(port, "address"),
        number(port, "connections"),
        number(port, "accepted"),
        sum(&port["refused"])
    )
}

fn busiest(before: &Sample, now: &Sample) -> Vec<String> {
    let total = |one: &Value| number(one, "received") + number(one, "sent");
    let known: HashMap<_, _> = before
        .connections
        .iter()
        .map(|one| (one["id"].as_u64(), total(one)))
        .collect();
    let seconds = seconds_between(&before.stats, &now.stats);
    let mut all: Vec<_> = now
        .connections
        .iter()
        .map(|one| {
            let earlier = known.get(&one["id"].as_u64());
            let speed = earlier.map_or(0.0, |earlier| (total(one) - earlier).max(0.0) / seconds);
            (speed, one)
        })
        .collect();
    all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    all.into_iter()
        .map(|(speed, one)| connection(one, speed))
        .collect()
}

fn connection(one: &Value, speed: f64) -> String {
    let port = one["port"]
        .as_str()
        .map_or(String::new(), |port| format!(" -> {port}"));
    format!(
        "{:>8}  {:<11} {:>5} {:>11} {:>11} {:>9}  {}{port}",
        number(one, "id"),
        text(one, "state"),
        time(number(one, "age")),
        bytes(number(one, "received")),
        bytes(number(one, "sent")),
        bytes(speed),
        text(one, "peer")
    )
}

fn bytes(count: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let (mut count, mut unit) = (count, 0);
    while count >= 1000.0 && unit + 1 < units.len() {
        count /= 1000.0;
        unit += 1;
    }
    match (unit, count < 100.0) {
        (0, _) | (_, false) => format!("{count:.0} {}", units[unit]),
        _ => format!("{count:.1} {}", units[unit]),
    }
}

fn time(seconds: f64) -> String {
    match seconds {
        small if small < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        small if small < 1.0 => format!("{:.1} ms", seconds * 1e3),
        _ if seconds < 60.0 => format!("{seconds:.0} s"),
        _ if seconds < 3600.0 => format!("{:.0} min", (seconds / 60.0).floor()),
        _ if seconds < 86_400.0 => format!("{:.0} h", (seconds / 3600.0).floor()),
        _ => format!("{:.0} d", (seconds / 86_400.0).floor()),
    }
}
