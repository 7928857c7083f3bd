//! In place of the thread pool: endpoints, networks and services.

use std::rc::Rc;

use retwist_deferred::names::{DnsResolver, DnsSettings};
use retwist_deferred::{
    ClientService, DialError, DialerExt, Failure, HostnameEndpoint, Network, ResolveError, Resolver,
};
use retwist_reactor::{Protocol, TransportRef};

use crate::world::{ONE, SECOND, World, a, aaaa, now, settings};

struct Client;

impl Protocol for Client {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

fn world() -> World {
    let world = World::new();
    world.serve_zone(
        ONE,
        vec![
            aaaa("example.org", "2001:db8::1"),
            a("example.org", "192.0.2.1"),
            a("example.org", "192.0.2.2"),
        ],
    );
    world
}

fn trying(world: &World) -> Vec<String> {
    let pending = world.reactor.connecting();
    let addresses = pending
        .iter()
        .map(|pending| pending.options().requested_addr().to_string());
    addresses.collect()
}

#[test]
fn it_resolves() {
    let world = world();
    let found = world.names.resolve("example.org", 25);
    let text = world.names.resolve("fe80::1%3", 7);
    let missing = world.names.resolve("missing.org", 25);
    let invalid = world.names.resolve("two..dots", 25);
    world.run();
    let found: Vec<_> = now(found)
        .unwrap()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(found, ["[2001:db8::1]:25", "192.0.2.1:25", "192.0.2.2:25"]);
    assert_eq!(now(text).unwrap()[0].to_string(), "[fe80::1%3]:7");
    let missing = now(missing).unwrap_err();
    assert!(
        matches!(missing, Failure::Error(ResolveError::NoAddress(_))),
        "{missing}"
    );
    let invalid = now(invalid).unwrap_err();
    assert!(
        matches!(invalid, Failure::Error(ResolveError::InvalidName(_))),
        "{invalid}"
    );
    let deaf = World::with(settings(&["192.0.2.99:53"]));
    let failed = deaf.names.resolve("example.org", 25);
    deaf.run();
    let failed = now(failed).unwrap_err();
    assert_eq!(
        retwist_reactor::error_chain(&failed),
        "the address of example.org was not found: no name server answers for example.org: 192.0.2.99:53 is not a name server: nothing listens there"
    );
}

#[test]
fn happy_eyeballs_by_name() {
    let world = world();
    let names = Rc::new(world.names.clone());
    let endpoint = HostnameEndpoint::new(world.reactor.clone(), names, "example.org", 80);
    let mut connecting = endpoint.connect_to(Client);
    world.run();
    assert_eq!(trying(&world), ["[2001:db8::1]:80"]);
    world.advance(SECOND / 4);
    assert_eq!(trying(&world), ["[2001:db8::1]:80", "192.0.2.1:80"]);
    connecting.cancel();
    assert!(matches!(connecting.take(), Some(Err(Failure::Cancelled))));
    world.assert_clean();

    let names = Rc::new(world.names.clone());
    let endpoint = HostnameEndpoint::new(world.reactor.clone(), names, "missing.org", 80);
    let connecting = endpoint.connect_to(Client);
    world.run();
    let failure = now(connecting.map(drop)).unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DialError::Resolve(_))),
        "{failure}"
    );
    // Cancelled while the name is looked up.
    let names = DnsResolver::new(world.reactor.clone(), DnsSettings::default());
    let endpoint = HostnameEndpoint::new(world.reactor.clone(), Rc::new(names), "slow.org", 80);
    endpoint.connect_to(Client).cancel();
    world.assert_clean();
}

#[test]
fn a_network_and_a_service() {
    let world = world();
    let network = Network::with(world.reactor.clone(), Rc::new(world.names.clone()));
    let connector = network.connect_tcp("example.org:25", |_| Client).unwrap();
    world.run();
    assert_eq!(trying(&world), ["[2001:db8::1]:25"]);
    connector.disconnect();
    world.run();

    let dialer = network.host("example.org:143").unwrap();
    let service = ClientService::new(world.reactor.clock(), dialer, || Client);
    service.start();
    world.run();
    assert_eq!(trying(&world), ["[2001:db8::1]:143"]);
    drop(service.stop());
    world.assert_clean();
}

/// Over TCP from the beginning.
#[test]
fn of_a_reactor_that_has_ended() {
    let reactor = retwist_reactor::Reactor::new().unwrap();
    let use_tcp = DnsSettings {
        use_tcp: true,
        ..settings(&[ONE])
    };
    let names = DnsResolver::new(Rc::new(reactor.handle()), use_tcp);
    drop(reactor);
    let failure = now(names.addresses("example.org")).unwrap_err();
    assert!(matches!(failure, Failure::ReactorEnded), "{failure}");
}
