use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_operations::{Health, HealthStatus};
use retwist_reactor::{Hold, Phase, ReactorLifecycle, SystemEvent};

use crate::world::World;

fn get(world: &World, request: &str) -> String {
    let client = world.connect();
    let answer = client.ask(request);
    assert!(client.has_ended());
    answer
}

fn status_and_body(world: &World) -> (String, String) {
    let answer = get(world, "GET /health HTTP/1.1\r\nHost: here\r\n\r\n");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

fn says(world: &World, status: &str, word: &str) {
    let expected = (format!("HTTP/1.1 {status}"), format!("{word}\n"));
    assert_eq!(status_and_body(world), expected);
}

const NOT_NOW: &str = "503 Service Unavailable";

/// Asks an endpoint at each step of the life of its reactor. A trigger holds the ports open, as a notice
/// does.
fn tells_of_each_step(world: &World) {
    says(world, NOT_NOW, "starting");
    world.reactor.start();
    says(world, "200 OK", "serving");
    let held = Rc::new(RefCell::new(None::<Hold>));
    let kept = held.clone();
    let call = move |hold| drop(kept.replace(Some(hold)));
    world
        .reactor
        .add_trigger(Phase::Before, SystemEvent::Drain, Box::new(call));
    world.reactor.drain(Duration::from_secs(3600));
    assert!(!world.reactor.shut_down(), "the trigger holds it");
    says(world, NOT_NOW, "draining");
}

#[test]
fn each_endpoint_tells_of_each_step() {
    tells_of_each_step(&World::new(|reactor| {
        Health::new(reactor.clone()).factory()
    }));
    #[cfg(feature = "metrics")]
    tells_of_each_step(&World::new(|reactor| {
        let metrics = retwist_operations::metrics::Exposition::new(reactor.clone());
        metrics.unwrap().factory()
    }));
    #[cfg(feature = "page")]
    tells_of_each_step(&World::new(|reactor| {
        retwist_operations::Page::new(reactor.clone()).factory()
    }));
}

#[test]
fn a_reactor_that_stops_says_so() {
    let world = World::new(|reactor| Health::new(reactor.clone()).factory());
    let health = Health::new(world.reactor.clone());
    world.reactor.start();
    assert_eq!(health.status(), HealthStatus::Serving);
    world.reactor.fire_event(SystemEvent::Shutdown);
    assert!(world.reactor.shut_down());
    assert_eq!(health.status(), HealthStatus::Stopping);
}

#[test]
fn simple_checks_speak_the_old_version_without_a_host() {
    let world = World::new(|reactor| Health::new(reactor.clone()).factory());
    world.reactor.start();
    let old = get(&world, "GET /health HTTP/1.0\r\n\r\n");
    assert!(old.starts_with("HTTP/1.1 200 OK\r\n"), "{old}");
    let head = get(&world, "HEAD /health HTTP/1.0\r\n\r\n");
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    let new = get(&world, "GET /health HTTP/1.1\r\n\r\n");
    assert!(new.starts_with("HTTP/1.1 400 "), "{new}");
    let elsewhere = get(&world, "GET / HTTP/1.0\r\n\r\n");
    assert!(elsewhere.starts_with("HTTP/1.1 404 "), "{elsewhere}");
}
