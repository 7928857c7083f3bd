//! Values of the application that panic when the reactor drops them: they end no loop, and spoil nothing
//! else that is dropped with them.

use std::cell::Cell;
use std::net::{Ipv4Addr, TcpListener};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use retwist::{
    Address, ConnectAttempt, ConnectError, Connector, ConnectorState, Phase, ProtocolRef, Reactor,
    SystemEvent,
};

use crate::lifecycle::{reactor, until};
use retwist_conformance::streams::Peer;

/// Counts its drop, and panics in it.
struct Fragile(Rc<Cell<u32>>);

impl Drop for Fragile {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        if !std::thread::panicking() {
            panic!("a bug in a drop");
        }
    }
}

#[derive(Default)]
struct Drops(Rc<Cell<u32>>);

impl Drops {
    fn fragile(&self) -> Fragile {
        Fragile(self.0.clone())
    }

    fn count(&self) -> u32 {
        self.0.get()
    }
}

/// A factory that refuses all, and holds a value whose drop panics.
fn refusing(fragile: Fragile) -> impl Fn(&Address) -> Option<ProtocolRef> + 'static {
    move |_| {
        let _ = &fragile;
        None
    }
}

/// An echo that still answers.
fn serves(reactor: &Reactor) -> impl FnMut() + use<'_> {
    let (client, server) = (Peer::new(), Peer::new());
    let echo = Cell::new(Some(server.echoing()));
    let port = reactor
        .listen_tcp((Ipv4Addr::LOCALHOST, 0), move |_| echo.take())
        .unwrap();
    let quiet = Cell::new(Some(client.quiet()));
    let address = port.address().socket().unwrap();
    reactor.connect_tcp(address, move |_| quiet.take());
    until(reactor, || client.is_made());
    move || {
        let before = client.count();
        client.transport().write(b"!");
        until(reactor, || client.count() > before);
    }
}

#[test]
fn a_factory_may_panic_when_its_port_has_gone() {
    let (reactor, drops) = (reactor(), Drops::default());
    let mut answers = serves(&reactor);
    let port = reactor
        .listen_tcp((Ipv4Addr::LOCALHOST, 0), refusing(drops.fragile()))
        .unwrap();
    port.stop_listening();
    drop(port);
    until(&reactor, || drops.count() == 1);
    answers();
}

#[test]
fn a_factory_may_panic_when_its_connector_has_ended() {
    let (reactor, drops) = (reactor(), Drops::default());
    let mut answers = serves(&reactor);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // One is refused by its factory; for the other there is no listener.
    reactor.connect_tcp(address, refusing(drops.fragile()));
    until(&reactor, || drops.count() == 1);
    drop(listener);
    reactor.connect_tcp(address, refusing(drops.fragile()));
    until(&reactor, || drops.count() == 2);
    answers();
}

#[test]
fn what_is_dropped_with_the_reactor_may_panic() {
    let (reactor, drops) = (reactor(), Drops::default());
    for _ in 0..2 {
        let fragile = drops.fragile();
        reactor.call_later(Duration::from_secs(3600), move || drop(fragile));
        let fragile = drops.fragile();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, move |_| {
            drop(fragile);
        });
        reactor
            .listen_tcp((Ipv4Addr::LOCALHOST, 0), refusing(drops.fragile()))
            .unwrap();
        let fragile = drops.fragile();
        let handle = reactor.handle();
        reactor.add_system_event_trigger(Phase::During, SystemEvent::Shutdown, move |_| {
            // Too late: these are dropped at once, here.
            handle.call_soon(move || drop(fragile));
        });
    }
    let handle = reactor.handle();
    reactor.call_when_running(move || handle.stop());
    reactor.run().unwrap();
    assert_eq!(drops.count(), 8);
}

#[test]
fn a_reactor_that_never_ran_drops_what_panics() {
    let (reactor, drops) = (reactor(), Drops::default());
    for _ in 0..2 {
        let fragile = drops.fragile();
        reactor.call_later(Duration::ZERO, move || drop(fragile));
        let fragile = drops.fragile();
        reactor.call_soon(move || drop(fragile));
        let fragile = drops.fragile();
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Startup, move |_| {
            drop(fragile);
        });
        reactor
            .listen_tcp((Ipv4Addr::LOCALHOST, 0), refusing(drops.fragile()))
            .unwrap();
    }
    drop(reactor);
    assert_eq!(drops.count(), 8);
}

#[test]
fn calls_from_threads_that_are_never_made_may_panic_in_their_drop() {
    /// Says that it is dropped, and panics in it.
    struct Sent(mpsc::Sender<()>);

    impl Drop for Sent {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
            panic!("a bug in a drop");
        }
    }

    let reactor = reactor();
    let (sender, receiver) = mpsc::channel();
    for _ in 0..2 {
        let sent = Sent(sender.clone());
        let call = move |_: &retwist::ReactorHandle| drop(sent);
        reactor.remote().call_from_thread(call).unwrap();
    }
    drop((reactor, sender));
    assert_eq!(receiver.iter().count(), 2);
}

#[test]
fn a_connector_of_its_own_kind_may_report_from_inside() {
    let reactor = reactor();
    let attempt: Rc<Cell<Option<ConnectAttempt>>> = Rc::default();
    let started = attempt.clone();
    let start = move |begun: ConnectAttempt| {
        started.set(Some(begun));
        let started = started.clone();
        let cancel: Box<dyn Fn()> = Box::new(move || {
            if let Some(attempt) = started.take() {
                attempt.failed(&ConnectError::Cancelled);
            }
        });
        Some(cancel)
    };
    let factory = retwist::factory(|_: &Address| None::<ProtocolRef>);
    let connector = Connector::custom(Address::Unknown, reactor.clock(), factory, start);
    assert!(connector.stop_connecting());
    assert_eq!(connector.state(), ConnectorState::Disconnected);
}
