//! After the end of the reactor, nothing waits: what is asked for fails, and says why.

use std::cell::RefCell;
use std::convert::Infallible;
use std::iter;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use retwist_deferred::{
    ClientService, Cooperator, Deferred, Failure, LoopingCall, Promise, Resolver, ServiceState,
    SystemResolver, ThreadPool, Value, defer_later, wait_from_thread,
};
use retwist_reactor::{FactoryRef, Protocol, Reactor, ReactorSettings, ReactorTcp, TcpConnect};

const SECOND: Duration = Duration::from_secs(1);

fn quiet() -> Reactor {
    let settings = ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    };
    Reactor::with_settings(settings).unwrap()
}

fn run_and_stop(reactor: &Reactor) {
    let handle = reactor.handle();
    reactor.clock().call_soon(move || handle.stop());
    reactor.run().unwrap();
}

#[test]
fn a_call_that_the_end_of_the_reactor_overtakes_fails() {
    let reactor = quiet();
    let mut later = defer_later(reactor.clock(), 1000 * SECOND, || Value(7));
    run_and_stop(&reactor);
    assert_eq!(later.take(), Some(Err(Failure::ReactorEnded)));
}

#[test]
fn a_call_after_the_end_fails() {
    let reactor = quiet();
    run_and_stop(&reactor);
    let mut later = defer_later(reactor.clock(), SECOND, || Value(7));
    assert_eq!(later.take(), Some(Err(Failure::ReactorEnded)));
    let looping = LoopingCall::new(reactor.clock(), || {});
    let mut ended = looping.start(SECOND).unwrap();
    assert_eq!(ended.take(), Some(Err(Failure::ReactorEnded)));
    assert!(!looping.is_running());
}

#[test]
fn what_repeats_or_has_a_time_limit_fails_at_the_end() {
    let reactor = quiet();
    let clock = reactor.clock().clone();
    let looping = LoopingCall::new(&clock, || {});
    let mut looped = looping.start(1000 * SECOND).unwrap();
    let (_promise, deferred) = Deferred::<u8, &str>::new();
    let mut limited = deferred.timeout(1000 * SECOND, &clock);
    let cooperator = Cooperator::new(&clock);
    let (_task, mut done) = cooperator.cooperate(iter::repeat_with(|| ()));
    run_and_stop(&reactor);
    assert_eq!(looped.take(), Some(Err(Failure::ReactorEnded)));
    assert!(!looping.is_running());
    assert_eq!(limited.take(), Some(Err(Failure::ReactorEnded)));
    assert_eq!(done.take(), Some(Err(Failure::ReactorEnded)));

    let (_promise, deferred) = Deferred::<u8, &str>::new();
    let mut limited = deferred.timeout(SECOND, &clock);
    assert_eq!(limited.take(), Some(Err(Failure::ReactorEnded)));
    let (_task, mut done) = cooperator.cooperate(iter::repeat_with(|| ()));
    assert_eq!(done.take(), Some(Err(Failure::ReactorEnded)));
}

/// Whether the end comes while it waits, or before it starts.
#[test]
fn a_service_that_waits_for_its_next_attempt_stops() {
    struct Client;
    impl Protocol for Client {}
    for starts_before in [true, false] {
        let reactor = quiet();
        let handle = reactor.handle();
        // No attempt succeeds: the port is that of no server.
        let dialer = move |factory: FactoryRef| {
            handle.connect(TcpConnect::address(([127, 0, 0, 1], 1).into()), factory)
        };
        let service = ClientService::new(reactor.clock(), dialer, || Client);
        let mut connected = service.when_connected(None);
        if starts_before {
            service.start();
            let (handle, at_failure) = (reactor.handle(), service.when_connected(Some(1)));
            at_failure.done(move |_| handle.stop());
            reactor.run().unwrap();
        } else {
            run_and_stop(&reactor);
            service.start();
        }
        let outcome = connected.take().expect("it is told");
        assert!(
            matches!(outcome, Err(Failure::ReactorEnded)),
            "{starts_before}"
        );
        assert_eq!(service.state(), ServiceState::Stopped);
    }
}

#[test]
fn a_name_after_the_end_says_that_the_reactor_has_ended() {
    let reactor = quiet();
    let pool = ThreadPool::new(&reactor);
    let resolver = SystemResolver::new(&pool, reactor.clock());
    let mut before = resolver.resolve("localhost", 7);
    before.cancel();
    drop(before.take());
    run_and_stop(&reactor);
    let failure = resolver
        .resolve("localhost", 7)
        .take()
        .unwrap()
        .unwrap_err();
    assert_eq!(failure.to_string(), "the reactor has ended");
    let failure = Failure::into_error(failure);
    assert_eq!(failure.to_string(), "the reactor has ended");
}

#[test]
fn a_thread_waits_for_a_deferred() {
    let reactor = quiet();
    let remote = reactor.remote();
    let thread = thread::spawn(move || {
        let value = wait_from_thread(&remote, |reactor| {
            defer_later(reactor.clock(), Duration::from_millis(1), || Value(42))
        });
        let error = wait_from_thread(&remote, |_| Deferred::<(), &'static str>::fail("no"));
        let plain = wait_from_thread(&remote, |reactor| Value(reactor.is_running()));
        let panicked = wait_from_thread(&remote, |_| -> Value<()> { panic!("oops") });
        remote.call_from_thread(|reactor| reactor.stop()).unwrap();
        (value, error, plain, panicked)
    });
    reactor.run().unwrap();
    let (value, error, plain, panicked) = thread.join().unwrap();
    assert_eq!(value, Ok(42));
    assert_eq!(error, Err(Failure::Error("no")));
    assert_eq!(plain, Ok(true));
    assert_eq!(panicked, Err(Failure::Panicked("oops".into())));
}

/// The promise outlives the reactor: in the place of an object that the program still has.
#[test]
fn a_thread_that_waits_is_told_of_the_end() {
    thread_local! {
        static KEPT: RefCell<Option<Promise<u8, Infallible>>> = const { RefCell::new(None) };
    }
    let reactor = quiet();
    let remote = reactor.remote();
    let (asked, asks) = mpsc::channel();
    let thread = thread::spawn(move || {
        let first = wait_from_thread(&remote, move |reactor| {
            let (promise, deferred) = Deferred::new();
            KEPT.set(Some(promise));
            reactor.stop();
            asked.send(()).unwrap();
            deferred
        });
        (first, wait_from_thread(&remote, |_| Value(1)))
    });
    reactor.run().unwrap();
    asks.recv().unwrap();
    let (first, after) = thread.join().unwrap();
    assert_eq!(first, Err(Failure::ReactorEnded));
    assert_eq!(after, Err(Failure::ReactorEnded));
    assert!(KEPT.take().is_some());
}

#[test]
fn a_cancelled_call_is_cancelled_and_not_ended() {
    let reactor = quiet();
    let called = Rc::new(RefCell::new(false));
    let note = called.clone();
    let mut later = defer_later(reactor.clock(), SECOND, move || Value(note.replace(true)));
    later.cancel();
    assert_eq!(later.take(), Some(Err(Failure::Cancelled)));
    assert_eq!(reactor.clock().pending_calls(), 0);
    assert!(!*called.borrow());
}
