//! The whole state machine of a service that keeps a connection.

mod backoff;
mod world;

use std::cell::RefCell;
use std::rc::Rc;

use retwist_deferred::{
    AttemptError, ClientService, Deferred, Failure, ServiceState, gather_results,
};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{FactoryRef, ReactorTcp, TcpConnect};

use world::{ADDRESS, Client, Preparing, SECOND, World, undecided};

#[test]
fn it_connects_and_connects_again() {
    let world = World::new();
    assert_eq!(world.state(), ServiceState::Init);
    let mut early = world.service.when_connected(None);
    world.service.start();
    world.service.start();
    assert_eq!(
        (world.state(), world.reactor.connecting().len()),
        (ServiceState::Connecting, 1)
    );
    let pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connected);
    assert!(early.take().unwrap().is_ok());
    assert!(
        world
            .service
            .when_connected(Some(1))
            .take()
            .unwrap()
            .is_ok(),
        "at once"
    );

    world.pass(SECOND * 30);
    pair.server().lose_connection();
    pair.run();
    assert_eq!(*world.log.borrow(), ["made", "connection closed cleanly"]);
    assert_eq!(world.state(), ServiceState::Waiting);
    world.pass(SECOND);
    assert_eq!(world.state(), ServiceState::Connecting);
    let _pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connected);
}

#[test]
fn patience_ends_after_this_many_failures() {
    let world = World::new();
    world.service.start();
    let mut one = world.service.when_connected(Some(1));
    let mut two = world.service.when_connected(Some(2));
    let mut all = world.service.when_connected(None);
    world.refuse();
    let failure = one.take().unwrap().unwrap_err();
    assert!(matches!(
        failure.error().unwrap().last(),
        Failure::Error(AttemptError::Dial(_))
    ));
    assert!(!two.is_called());
    world.pass(SECOND * 2);
    world.refuse();
    assert!(two.take().unwrap().is_err());
    world.pass(SECOND * 4);
    let _pair = world.succeed();
    assert!(all.take().unwrap().is_ok());
}

#[test]
fn stopped_in_each_state_it_stops_and_leaves_nothing() {
    // Init.
    let world = World::new();
    assert!(world.service.stop().is_called());
    assert!(world.is_over());
    assert!(matches!(
        world.service.when_connected(None).take(),
        Some(Err(Failure::Cancelled))
    ));

    // Connecting.
    let world = World::new();
    world.service.start();
    let mut waiting = world.service.when_connected(None);
    assert!(world.service.stop().is_called());
    assert!(matches!(waiting.take(), Some(Err(Failure::Cancelled))));
    assert!(world.is_over());

    // Waiting.
    let world = World::new();
    world.service.start();
    world.refuse();
    assert!(world.service.stop().is_called());
    assert!(world.is_over());

    // Connected: it waits for the close.
    let world = World::new();
    world.service.start();
    let pair = world.succeed();
    let stopped = world.service.stop();
    let again = world.service.stop();
    pair.run();
    assert_eq!(
        (world.state(), stopped.is_called()),
        (ServiceState::Disconnecting, false)
    );
    pair.server().lose_connection();
    pair.run();
    assert!(gather_results(vec![stopped, again]).is_called());
    assert!(world.is_over());
    assert_eq!(world.log.borrow().len(), 2);

    // And from the end, anew.
    world.service.start();
    let _pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connected);
}

#[test]
fn started_while_it_stops_it_connects_again_after_the_close() {
    for stopped_again in [false, true] {
        let world = World::new();
        world.service.start();
        let pair = world.succeed();
        let stopping = world.service.stop();
        world.service.start();
        assert_eq!(world.state(), ServiceState::Restarting);
        if stopped_again {
            drop(world.service.stop());
            assert_eq!(world.state(), ServiceState::Disconnecting);
        }
        pair.server().lose_connection();
        pair.run();
        let expected = if stopped_again {
            ServiceState::Stopped
        } else {
            ServiceState::Connecting
        };
        assert_eq!(world.state(), expected);
        assert!(stopping.is_called());
    }
}

#[test]
fn a_connection_counts_once_it_is_prepared() {
    let world = World::new();
    let promises: Rc<RefCell<Vec<Preparing>>> = Rc::default();
    let place = promises.clone();
    world.service.prepare_connection(move |_| {
        let (promise, prepared) = Deferred::new();
        place.borrow_mut().push(promise);
        prepared
    });
    world.service.start();
    let mut connected = world.service.when_connected(Some(4));

    // It fails: the connection is closed.
    let pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connecting);
    promises.borrow_mut().pop().unwrap().errback("no".into());
    pair.server().lose_connection();
    pair.run();
    assert_eq!(world.state(), ServiceState::Waiting);
    assert!(!pair.client().is_connected());

    // The connection is lost meanwhile.
    world.pass(SECOND * 2);
    let pair = world.succeed();
    pair.server().abort_connection();
    pair.run();
    assert_eq!(world.state(), ServiceState::Waiting);

    // It is stopped meanwhile.
    world.pass(SECOND * 4);
    let pair = world.succeed();
    let stopped = world.service.stop();
    assert!(matches!(connected.take(), Some(Err(Failure::Cancelled))));
    assert_eq!(world.state(), ServiceState::Disconnecting);
    pair.server().lose_connection();
    pair.run();
    assert!(stopped.is_called());

    // It succeeds.
    promises.borrow_mut().clear();
    world.service.start();
    let _pair = world.succeed();
    let promise = promises.borrow_mut().pop().unwrap();
    promise.callback(());
    assert_eq!(world.state(), ServiceState::Connected);
}

#[test]
fn stopped_while_a_layer_negotiates_it_waits_for_the_close() {
    let world = World::over(undecided);
    world.service.start();
    let pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connecting);
    let stopped = world.service.stop();
    assert_eq!(world.state(), ServiceState::Disconnecting);
    pair.clock().turn();
    assert!(!stopped.is_called());
    pair.server().lose_connection();
    pair.run();
    assert!(stopped.is_called());
    assert!(world.is_over());

    // Started again meanwhile, it connects once the old connection has gone.
    world.service.start();
    let pair = world.succeed();
    let stopped = world.service.stop();
    world.service.start();
    assert_eq!(world.state(), ServiceState::Restarting);
    assert!(world.reactor.connecting().is_empty());
    pair.server().lose_connection();
    pair.run();
    assert!(stopped.is_called());
    assert_eq!(world.reactor.connecting().len(), 1);
}

#[test]
fn what_it_does_already_is_not_begun_again() {
    let world = World::new();
    world.service.start();
    world.refuse();
    world.service.start();
    assert_eq!(world.state(), ServiceState::Waiting);
    assert_eq!(world.reactor.clock().pending_calls(), 1);
    world.pass(SECOND * 2);
    let pair = world.succeed();
    world.service.start();
    assert_eq!(world.state(), ServiceState::Connected);
    assert!(world.reactor.connecting().is_empty());

    let first = world.service.stop();
    world.service.start();
    world.service.start();
    assert_eq!(world.state(), ServiceState::Restarting);
    let mut waiting = world.service.when_connected(Some(1));
    pair.server().lose_connection();
    pair.run();
    assert!(first.is_called() && !waiting.is_called());
    assert_eq!(world.reactor.connecting().len(), 1);
    world.refuse();
    assert!(waiting.take().unwrap().is_err());

    drop(world.service.stop());
    assert!(world.service.stop().is_called());
    assert!(world.is_over());
}

/// The server is away for an hour: there is one attempt a minute, and one timer.
#[test]
fn a_service_that_is_away_for_an_hour() {
    let world = World::new();
    world.service.start();
    let mut attempts = 0;
    for _ in 0..3600 {
        if !world.reactor.connecting().is_empty() {
            attempts += 1;
            world.refuse();
        }
        assert_eq!(world.reactor.clock().pending_calls(), 1);
        world.pass(SECOND);
    }
    assert!((55..70).contains(&attempts), "{attempts}");
    while world.reactor.connecting().is_empty() {
        world.pass(SECOND);
    }
    let _pair = world.succeed();
    assert_eq!(world.state(), ServiceState::Connected);
}

#[test]
fn a_request_that_is_pending_while_it_stops_fails() {
    let world = World::new();
    world.service.start();
    let pair = world.succeed();
    let _stopped = world.service.stop();
    let mut waiting = world.service.when_connected(None);
    assert!(!waiting.is_called(), "it may yet be started");
    pair.server().lose_connection();
    pair.run();
    assert_eq!(world.state(), ServiceState::Stopped);
    assert!(matches!(waiting.take(), Some(Err(Failure::Cancelled))));
}

#[test]
fn stopped_by_one_who_waits_it_tells_the_others() {
    let world = World::new();
    world.service.start();
    let service = world.service.clone();
    let first = world.service.when_connected(Some(1));
    first.done(move |_| drop(service.stop()));
    let mut others = [Some(9), None].map(|patience| world.service.when_connected(patience));
    world.refuse();
    assert_eq!(world.state(), ServiceState::Stopped);
    for other in &mut others {
        assert!(matches!(other.take(), Some(Err(Failure::Cancelled))));
    }
    assert!(world.is_over());
}

#[test]
fn those_who_wait_no_more_are_forgotten() {
    let world = World::new();
    world.service.start();
    let held = Rc::new(());
    for _ in 0..10_000 {
        let held = held.clone();
        let waiting = world.service.when_connected(None);
        waiting.map(move |_| drop(held)).cancel();
    }
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(format!("{:?}", world.service).contains("waiting: 0"));
}

#[test]
fn a_panic_is_a_failed_attempt() {
    let reactor = Rc::new(MemoryReactor::new());
    let network = reactor.clone();
    let mut left = 2;
    let make = RefCell::new(move || {
        left -= 1;
        match left {
            1 => panic!("oops"),
            _ => Client { log: Rc::default() },
        }
    });
    let connect = TcpConnect::address(ADDRESS.parse().unwrap());
    let dialer = move |factory: FactoryRef| network.connect(connect.clone(), factory);
    let service = ClientService::new(reactor.clock(), dialer, move || make.borrow_mut()());
    let mut waiting = service.when_connected(Some(1));
    service.start();
    assert_eq!(service.state(), ServiceState::Waiting);
    let failure = waiting.take().unwrap().unwrap_err();
    assert!(matches!(
        failure.error().unwrap().last(),
        Failure::Panicked(_)
    ));
    reactor.clock().advance(SECOND * 3);
    assert_eq!(reactor.connecting().len(), 1, "and it tries again");
    drop(service.stop());
}
