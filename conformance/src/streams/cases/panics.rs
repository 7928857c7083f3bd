//! A panic costs the connection in whose callback it was, and nothing else.

use retwist_reactor::{Layer, ProducerKind, Reason};

use super::faulty::{Bug, Faulty};
use crate::streams::{Ability, Event, How, Kind, Peer, PeerProducer, Told, World};

/// Two who talk while others fail, and go on after that.
fn with_bystanders(kind: Kind, how: How, case: impl FnOnce(&mut World)) {
    let (client, server) = (Peer::new(), Peer::new());
    let mut world = World::connected(
        kind,
        how,
        (&client, client.quiet()),
        (&server, server.echoing()),
    );
    case(&mut world);
    client.transport().write(b"still here");
    world.until(|| client.count() == 10);
}

pub(crate) fn a_panic_in_each_callback_costs_that_connection_alone(kind: Kind, how: How) {
    let is_it: [fn(&Event<'_>) -> bool; 4] = [
        |event| matches!(event, Event::Made),
        |event| matches!(event, Event::Data(_)),
        |event| matches!(event, Event::ReadLost),
        |event| matches!(event, Event::WriteLost),
    ];
    for is_it in is_it {
        with_bystanders(kind, how.clone(), |world| {
            let (client, server) = (Peer::new(), Peer::new());
            let panics = server.keeping_open(move |transport, event| {
                assert!(!is_it(event), "a bug in the application");
                if let Event::ReadLost = event {
                    transport.lose_write_connection();
                }
            });
            let talks = client.keeping_open(|transport, event| {
                if let Event::Made = event {
                    transport.write(b"hello");
                    transport.lose_write_connection();
                }
            });
            world.connect((&client, talks), (&server, panics));
            world.until(|| server.is_over());
        });
    }
}

pub(crate) fn a_panic_of_one_who_is_switched_in_costs_its_connection(kind: Kind, how: How) {
    with_bystanders(kind, how, |world| {
        let (client, server, guest) = (Peer::new(), Peer::new(), Peer::new());
        let panics = server.reacting(|_, event| {
            assert!(
                !matches!(event, Event::Switched),
                "a bug in the application"
            );
        });
        world.connect((&client, client.quiet()), (&server, panics));
        world.until(|| client.is_made() && server.is_made());
        let host = server.transport().switch_protocol(guest.quiet());
        world.until(|| guest.is_made());
        guest.transport().switch_protocol(host);
        world.until(|| server.is_over());
        assert_eq!(server.story(), "made switched lost");
    });
}

pub(crate) fn a_panic_in_connection_lost_costs_nothing_more(kind: Kind, how: How) {
    with_bystanders(kind, how, |world| {
        let (client, server) = (Peer::new(), Peer::new());
        let panics = server.reacting(|_, event| {
            assert!(!matches!(event, Event::Lost), "a bug in the application");
        });
        world.connect((&client, client.quiet()), (&server, panics));
        world.until(|| client.is_made() && server.is_made());
        client.transport().lose_connection();
        world.until(|| client.is_over() && server.is_over());
        assert!(server.is_dropped());
    });
}

pub(crate) fn a_panic_of_a_producer_costs_its_connection(kind: Kind, how: How) {
    for panics_at in [Told::Resume, Told::Stop] {
        with_bystanders(kind, how.clone(), |world| {
            let (client, server) = (Peer::new(), Peer::new());
            world.connect((&client, client.quiet()), (&server, server.quiet()));
            world.until(|| client.is_made() && server.is_made());
            let transport = server.transport();
            let aborts = transport.clone();
            let producer = PeerProducer::new(move |told| {
                assert!(told != panics_at, "a bug in the application");
                aborts.abort_connection();
            });
            transport
                .register_producer(producer.clone(), ProducerKind::Pull)
                .unwrap();
            world.until(|| server.is_over());
            assert_eq!(producer.told(), [Told::Resume, Told::Stop]);
            assert!(!server.reason().is_clean());
        });
    }
}

pub(crate) fn a_panic_in_a_call_costs_nothing(kind: Kind, how: How) {
    with_bystanders(kind, how, |world| {
        world
            .clock()
            .call_soon(|| panic!("a bug in the application"));
        world.clock().call_later(std::time::Duration::ZERO, || {
            panic!("a bug in the application")
        });
        world.settle();
    });
}

pub(crate) fn a_panic_of_a_layer_costs_its_connection(kind: Kind, how: How) {
    for bug in Bug::ALL {
        with_bystanders(kind, how.clone(), |world| {
            let (client, server) = (Peer::new(), Peer::new());
            let inner = Faulty::new(bug, server.quiet());
            let middle = Faulty::new(bug, inner.as_protocol());
            let outer = Faulty::new(bug, middle.as_protocol());
            world.connect((&client, client.quiet()), (&server, outer.as_protocol()));
            world.until(|| client.is_made() && server.is_made());
            middle.arm();
            client.transport().write(b"hello");
            if bug == Bug::Lost {
                client.transport().lose_connection();
            }
            world.until(|| client.is_over() && server.is_over());
            if bug != Bug::Lost {
                assert!(matches!(server.reason(), Reason::Panicked(_)), "{bug:?}");
                assert!(
                    !client.reason().is_clean() || !kind.can(Ability::ShowBreak),
                    "{bug:?}"
                );
            }
        });
    }
}

pub(crate) fn the_reason_is_the_message_of_the_panic(kind: Kind, how: How) {
    let (client, server) = (Peer::new(), Peer::new());
    let panics = server.reacting(|_, event| {
        if let Event::Data(_) = event {
            panic!("the message");
        }
    });
    let world = World::connected(kind, how, (&client, client.quiet()), (&server, panics));
    client.transport().write(b"hello");
    world.until_over();
    let reason = server.reason();
    assert!(
        matches!(&reason, Reason::Panicked(message) if &**message == "the message"),
        "{reason}"
    );
}
