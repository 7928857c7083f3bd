use std::time::Duration;

use retwist_operations::metrics::Exposition;
use retwist_reactor::FigureName;

use crate::world::World;

fn world() -> World {
    World::new(|reactor| Exposition::new(reactor.clone()).unwrap().factory())
}

fn get(world: &World, request: &str) -> String {
    let client = world.connect();
    let answer = client.ask(request);
    assert!(client.has_ended());
    answer
}

const REQUEST: &str = "GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n";

#[test]
fn what_the_reactor_counts_is_exposed() {
    let world = world();
    let echo = world.echo();
    echo.client().write(b"hello");
    echo.run();
    let figures = world.reactor.clock().figures();
    figures
        .counter(FigureName::from("tls_failures").label("alert", "unknown_ca"))
        .add(3);
    figures.gauge("threads", || Some(4));
    world.reactor.clock().call_later(Duration::ZERO, || {});
    world.reactor.clock().run();
    let answer = get(&world, REQUEST);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in [
        "retwist_connections{state=\"open\"} 2",
        "retwist_port_connections{port=\"127.0.0.1:7\"} 1",
        "retwist_port_accepted_total{port=\"127.0.0.1:7\"} 1",
        "retwist_refused_total{reason=\"factory\"} 0",
        "retwist_tls_failures_total{alert=\"unknown_ca\"} 3",
        "retwist_threads 4",
        "retwist_lag_seconds_count 1",
        "retwist_lag_seconds_bucket{le=\"+Inf\"} 1",
        "# TYPE retwist_lag_seconds histogram",
        "# TYPE retwist_received_bytes_total counter",
    ] {
        assert!(
            body.lines().any(|found| found == line),
            "{line} is not in\n{body}"
        );
    }
    // What was exposed once is not added again.
    let again = get(&world, REQUEST);
    let counted = again
        .lines()
        .find_map(|line| line.strip_prefix("retwist_lag_seconds_count "));
    let counted: u64 = counted.unwrap().parse().unwrap();
    assert!(
        (1..=world.reactor.stats().lag.count()).contains(&counted),
        "{again}"
    );
}

#[test]
fn requests_by_hand() {
    let world = world();
    let status = |request: &str| get(&world, request)[9..12].to_owned();
    assert_eq!(
        status("GET /metrics?x=1 HTTP/1.1\r\nHost: here\r\n\r\n"),
        "200"
    );
    assert_eq!(status("GET / HTTP/1.1\r\nHost: here\r\n\r\n"), "404");
    assert_eq!(status("GET /metrics HTTP/1.1\r\n\r\n"), "400");
    assert_eq!(
        status("POST /metrics HTTP/1.1\r\nHost: here\r\n\r\n"),
        "405"
    );
    assert_eq!(status("nonsense\r\n\r\n"), "400");
    assert_eq!(status("\0\0\0\0\r\n\r\n"), "400");
    assert_eq!(status(&"x".repeat(20_000)), "431");
    let fields = "X: y\r\n".repeat(200);
    assert_eq!(
        status(&format!(
            "GET /metrics HTTP/1.1\r\nHost: here\r\n{fields}\r\n"
        )),
        "400"
    );
    let head = get(&world, "HEAD /metrics HTTP/1.1\r\nHost: here\r\n\r\n");
    assert!(
        head.ends_with("\r\n\r\n") && head.starts_with("HTTP/1.1 200"),
        "{head}"
    );
}

#[test]
fn a_request_in_pieces_and_one_that_never_ends() {
    let world = world();
    for cut in [1, 2, 3, 7, 64, 1000] {
        let client = world.connect();
        for piece in REQUEST.as_bytes().chunks(cut) {
            client.pair.client().write(piece);
            client.pair.run();
        }
        assert!(client.take().starts_with("HTTP/1.1 200 OK"), "cut at {cut}");
    }
    let client = world.connect();
    client
        .pair
        .client()
        .write(b"GET /metrics HTTP/1.1\r\nHost:");
    client.pair.advance(Duration::from_secs(60));
    assert!(client.has_ended());
}
