//! One question for many, and what is left of one that is taken back: nothing.

use std::rc::Rc;

use retwist_deferred::Failure;
use retwist_deferred::names::{DnsResolver, DnsSettings, RecordType};
use retwist_reactor::{Reactor, ReactorSettings};

use crate::world::{ONE, TIMEOUT, TWO, World, a, now, reply, reply_with, settings};

#[test]
fn two_look_ups_of_one_name_make_one_query() {
    let world = World::new();
    let asked = world.serve_zone(ONE, vec![a("example.org", "192.0.2.1")]);
    let both = ["example.org", "EXAMPLE.org."].map(|host| world.names.lookup(host, RecordType::A));
    let other = world.names.lookup("example.org", RecordType::Aaaa);
    assert_eq!(world.asking(), 2);
    world.run();
    assert_eq!(asked.borrow().len(), 2);
    for found in both {
        assert_eq!(now(found).unwrap().records.len(), 1);
    }
    now(other).unwrap_err();
    world.assert_clean();
}

#[test]
fn a_failure_is_shared_too() {
    let world = World::new();
    let both = [0, 1].map(|_| world.names.lookup("example.org", RecordType::A));
    world.run();
    for found in both {
        now(found).unwrap_err();
    }
}

#[test]
fn the_question_is_taken_back_when_the_last_one_has_gone() {
    let world = World::new();
    world.serve_bytes(ONE, |_| Vec::new());
    let mut first = world.lookup("example.org", RecordType::A);
    let mut second = world.lookup("example.org", RecordType::A);
    assert_eq!(world.asking(), 1);
    first.cancel();
    world.run();
    assert!(matches!(first.take(), Some(Err(Failure::Cancelled))));
    assert_eq!((world.asking(), second.is_called()), (1, false));
    second.cancel();
    assert!(matches!(second.take(), Some(Err(Failure::Cancelled))));
    world.assert_clean();
}

#[test]
fn cancelled_at_any_moment_nothing_is_left() {
    for use_tcp in [false, true] {
        for moment in 0..4 {
            let world = World::with(DnsSettings {
                use_tcp,
                ..settings(&[ONE, TWO])
            });
            world.serve_bytes(ONE, |_| Vec::new());
            world.serve_bytes(TWO, |_| Vec::new());
            for kind in ["lookup", "addresses"] {
                if kind == "lookup" {
                    let found = world.names.lookup("example.org", RecordType::A);
                    world.advance(TIMEOUT / 2 * moment);
                    found.cancel();
                } else {
                    let found = world.names.addresses("example.org");
                    world.advance(TIMEOUT / 2 * moment);
                    found.cancel();
                }
                world.assert_clean();
            }
        }
    }
}

/// Over TCP: while it connects, and when it is connected.
#[test]
fn cancelled_over_tcp() {
    for connects in [false, true] {
        let world = World::new();
        world.serve(ONE, |query| {
            let mut reply = reply(query);
            reply.metadata.truncation = true;
            reply
        });
        world.serve_tcp(ONE, |_| b"\x01\x00half".to_vec());
        let found = world.lookup("example.org", RecordType::A);
        let pair = connects.then(|| world.connect().unwrap());
        world.run();
        assert!(!found.is_called());
        found.cancel();
        world.run();
        if let Some(pair) = &pair {
            assert!(!pair.client().is_connected() && !pair.server().is_connected());
        }
        world.assert_clean();
    }
}

#[test]
fn dropped_while_it_is_awaited() {
    let world = World::new();
    world.serve_bytes(ONE, |_| Vec::new());
    let executor = retwist_deferred::Executor::on_clock(world.reactor.clock());
    let found = world.names.lookup("example.org", RecordType::A);
    let task = executor.spawn(async move { found.await.map(drop).map_err(|_| "failed") });
    world.run();
    assert_eq!(world.asking(), 1);
    task.cancel();
    world.assert_clean();
}

/// A callback that asks again, and one that cancels what waits beside it.
#[test]
fn callbacks_that_do_more() {
    let world = World::new();
    let asked = world.serve_zone(ONE, vec![a("example.org", "192.0.2.1")]);
    let names = world.names.clone();
    let again = world
        .names
        .lookup("missing.example", RecordType::A)
        .add_errback(move |_| names.lookup("example.org", RecordType::A));
    let first = world.names.lookup("shared.example", RecordType::A);
    let second = world.names.lookup("shared.example", RecordType::A);
    let canceller = second.canceller();
    first.done(move |outcome| {
        outcome.unwrap_err();
        canceller.cancel();
    });
    world.run();
    assert_eq!(now(again).unwrap().records.len(), 1);
    now(second).unwrap_err();
    assert_eq!(asked.borrow().len(), 3);
    world.assert_clean();
}

#[test]
fn the_questions_at_once_have_a_limit() {
    let world = World::with(DnsSettings {
        max_questions: 3,
        ..settings(&[ONE])
    });
    let asked = world.serve(ONE, |query| {
        let owner = query.queries[0].name().to_string();
        reply_with(query, vec![a(&owner, "192.0.2.1")])
    });
    let mut all: Vec<_> = (0..20)
        .map(|number| {
            world
                .names
                .lookup(&format!("n{number}.example"), RecordType::A)
        })
        .collect();
    assert_eq!(world.asking(), 3);
    // One that waits for its turn, and one that has it.
    all.remove(10).cancel();
    all.remove(0).cancel();
    assert_eq!(world.asking(), 3);
    world.run();
    for found in all {
        now(found).unwrap();
    }
    assert_eq!(asked.borrow().len(), 18);
    world.assert_clean();
}

/// The resolver may go before the answer comes.
#[test]
fn a_resolver_that_is_dropped_still_answers() {
    let mut world = World::new();
    world.serve_zone(ONE, vec![a("example.org", "192.0.2.1")]);
    let found = world.names.lookup("example.org", RecordType::A);
    world.names = DnsResolver::new(world.reactor.clone(), DnsSettings::default());
    world.run();
    assert_eq!(now(found).unwrap().records.len(), 1);
    world.assert_clean();
}

/// On real sockets, with a server that never answers.
#[test]
fn the_end_of_the_reactor_ends_look_ups() {
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap();
    let servers = [&*silent.local_addr().unwrap().to_string()];
    let names = DnsResolver::new(Rc::new(reactor.handle()), settings(&servers));
    let mut waiting = [RecordType::A, RecordType::Mx].map(|kind| names.lookup("example", kind));
    let mut addresses = names.addresses("example.org");
    let handle = reactor.handle();
    reactor.clock().call_soon(move || handle.stop());
    reactor.run().unwrap();
    for found in &mut waiting {
        let ended = found.take();
        assert!(
            matches!(ended, Some(Err(Failure::ReactorEnded))),
            "{ended:?}"
        );
    }
    let ended = addresses.take();
    assert!(
        matches!(ended, Some(Err(Failure::ReactorEnded))),
        "{ended:?}"
    );
    let after = now(names.lookup("later.example", RecordType::A));
    assert!(matches!(after, Err(Failure::ReactorEnded)), "{after:?}");
    let after = now(names.addresses("later.example"));
    assert!(matches!(after, Err(Failure::ReactorEnded)), "{after:?}");
}
