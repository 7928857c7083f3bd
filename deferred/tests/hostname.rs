//! Happy eyeballs, on a clock that is moved by hand.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{
    Deferred, DialError, DialerExt, Failure, HostnameEndpoint, Promise, ResolveError, Resolver,
    listen,
};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{ConnectError, Protocol, ProtocolHandle, TcpListen, TransportRef};

const A4: &str = "192.0.2.1:80";
const B4: &str = "192.0.2.2:80";
const A6: &str = "[2001:db8::1]:80";
const B6: &str = "[2001:db8::2]:80";
const STAGGER: Duration = Duration::from_millis(250);

struct Client;

impl Protocol for Client {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

struct World {
    reactor: Rc<MemoryReactor>,
    connecting: Deferred<ProtocolHandle<Client>, DialError>,
}

impl World {
    fn connect(addresses: &[&str]) -> Self {
        let addresses: Vec<SocketAddr> =
            addresses.iter().map(|text| text.parse().unwrap()).collect();
        World::with_resolver(move |_: &str, _: u16| Deferred::succeed(addresses.clone()))
    }

    fn with_resolver(resolver: impl Resolver) -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        let endpoint = HostnameEndpoint::new(reactor.clone(), Rc::new(resolver), "example.org", 80);
        let connecting = endpoint.connect_to(Client);
        World {
            reactor,
            connecting,
        }
    }

    /// The addresses that are being tried.
    fn trying(&self) -> Vec<String> {
        let pending = self.reactor.connecting();
        pending
            .iter()
            .map(|pending| pending.options().requested_addr().to_string())
            .collect()
    }

    fn refuse(&self, index: usize) {
        let error = io::Error::from(io::ErrorKind::ConnectionRefused);
        self.reactor.connecting()[index].fail(error.into());
        self.reactor.clock().run();
    }

    fn is_clean(&self) -> bool {
        self.reactor.clock().run();
        self.trying().is_empty() && self.reactor.clock().pending_calls() == 0
    }
}

#[test]
fn families_by_turns_each_with_a_head_start() {
    let world = World::connect(&[A6, B6, A4, B4]);
    let mut order = Vec::new();
    for expected in [A6, A4, B6, B4] {
        order.push(expected.to_owned());
        assert_eq!(world.trying(), order);
        world.reactor.clock().advance(STAGGER);
    }
    let only_one_family = World::connect(&[A4, B4]);
    only_one_family.reactor.clock().advance(STAGGER);
    assert_eq!(only_one_family.trying(), [A4, B4]);
}

#[test]
fn the_first_connection_is_taken_and_the_others_are_given_up() {
    let mut world = World::connect(&[A6, A4, B6]);
    let listen_here = TcpListen::address(A4.parse().unwrap());
    let _incoming = listen(&*world.reactor, listen_here).unwrap();
    world.reactor.clock().advance(STAGGER);
    let second = world.reactor.connecting().remove(1);
    let pair = world.reactor.complete(&second).unwrap();
    assert!(world.is_clean());
    let client = world.connecting.take().unwrap().unwrap();
    assert!(pair.client().protocol().unwrap().ptr_eq(&client.into()));
}

#[test]
fn a_failure_brings_the_next_one_forward() {
    let world = World::connect(&[A6, A4, B6]);
    world.refuse(0);
    assert_eq!(world.trying(), [A4]);
    world.reactor.clock().advance(STAGGER / 2);
    world.refuse(0);
    assert_eq!(world.trying(), [B6]);
    assert_eq!(
        world.reactor.clock().pending_calls(),
        1,
        "no more is to be tried: the attempt's own timer"
    );
}

#[test]
fn all_errors_are_reported() {
    let mut world = World::connect(&[A6, A4]);
    world.refuse(0);
    world.refuse(0);
    let failure = world.connecting.take().unwrap().unwrap_err();
    let Failure::Error(DialError::AllFailed(attempts)) = &failure else {
        panic!("{failure}");
    };
    assert_eq!(attempts.len(), 2);
    assert!(matches!(
        attempts[1].1,
        Failure::Error(ConnectError::ConnectionRefused(_))
    ));
    assert!(
        failure.to_string().contains(A6) && failure.to_string().contains(A4),
        "{failure}"
    );
    assert!(world.is_clean());
}

#[test]
fn an_address_is_tried_once() {
    let mut world = World::connect(&[A6, A6, A4, A6, A4]);
    world.reactor.clock().advance(STAGGER * 4);
    assert_eq!(world.trying(), [A6, A4]);
    world.refuse(0);
    assert!(!world.connecting.is_called());
    world.refuse(0);
    assert!(world.connecting.take().unwrap().is_err());
    assert!(world.is_clean());
}

#[test]
fn cancelled_at_any_point_nothing_is_left() {
    for point in 0..5 {
        let mut world = World::connect(&[A6, A4, B6, B4]);
        world.reactor.clock().advance(STAGGER * point);
        world.connecting.cancel();
        assert!(matches!(
            world.connecting.take(),
            Some(Err(Failure::Cancelled))
        ));
        assert!(world.is_clean(), "at {point}");
    }
}

#[test]
fn cancelling_reaches_the_resolver_and_its_errors_are_ours() {
    let mut waiting: Option<Promise<Vec<SocketAddr>, ResolveError>> = None;
    let (promise, looking_up) = Deferred::new();
    waiting.replace(promise);
    let looking_up = Rc::new(std::cell::RefCell::new(Some(looking_up)));
    let mut world = World::with_resolver(move |_: &str, _: u16| looking_up.take().unwrap());
    world.connecting.cancel();
    assert!(matches!(
        world.connecting.take(),
        Some(Err(Failure::Cancelled))
    ));
    assert!(waiting.unwrap().is_called());

    let mut world = World::with_resolver(|host: &str, _: u16| {
        Deferred::fail(ResolveError::NoAddress(host.into()))
    });
    let failure = world.connecting.take().unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "example.org has no address");

    let mut world = World::with_resolver(|_: &str, _: u16| Deferred::succeed(Vec::new()));
    let failure = world.connecting.take().unwrap().unwrap_err();
    assert_eq!(failure.to_string(), "there is no address to connect to");
}
