//! Chains that end in a protocol, and protocols that are asked from outside.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use retwist_deferred::{Ask, Deferred, Failure, Outcome, Promise, Value};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Protocol, ProtocolHandle, TransportRef, WeakProtocol};

type Answer = Deferred<u8, io::Error>;

/// Counts, and asks itself in the middle of a callback.
#[derive(Default)]
struct Counter {
    count: u8,
    promise: Option<Promise<u8, io::Error>>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Counter {
    fn counted(&mut self, _: &TransportRef) -> Value<u8> {
        self.count += 1;
        Value(self.count)
    }

    fn slowly(&mut self, _: &TransportRef) -> Answer {
        let (promise, answer) = Deferred::new();
        self.promise = Some(promise);
        answer
    }

    fn heard(&mut self, transport: &TransportRef, outcome: Outcome<u8, io::Error>) {
        self.log
            .borrow_mut()
            .push(format!("heard {:?}", outcome.map_err(|f| f.to_string())));
        transport.write(b"heard");
    }
}

impl Protocol for Counter {
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        let me: WeakProtocol<Counter> = transport.me(self);
        let (log, again) = (self.log.clone(), me.clone());
        let asked = me.ask(Counter::counted);
        assert!(!asked.is_called(), "the protocol is busy");
        asked.done(move |count| {
            log.borrow_mut().push(format!("counted {}", count.unwrap()));
            // It is free by now.
            let mut second = again.ask(Counter::counted);
            log.borrow_mut().push(format!("then {:?}", second.take()));
        });
        Answer::succeed(7).done_in(me, Self::heard);
        self.log.borrow_mut().push("callback ends".into());
    }
}

#[test]
fn a_protocol_is_asked_at_once_or_when_it_is_free() {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let counter = ProtocolHandle::new(Counter {
        log: log.clone(),
        ..Counter::default()
    });
    let recording = RecordingTransport::connect(&counter);
    assert_eq!(counter.ask(Counter::counted).take(), Some(Ok(1)));
    recording.receive(b"x");
    recording.clock().run();
    assert_eq!(
        *log.borrow(),
        [
            "callback ends",
            "heard Ok(7)",
            "counted 2",
            "then Some(Ok(3))"
        ]
    );
    assert_eq!(recording.take_written(), b"heard");
}

#[test]
fn the_call_waits_for_a_deferred_that_it_returns() {
    let counter = ProtocolHandle::new(Counter::default());
    let _recording = RecordingTransport::connect(&counter);
    let mut answer = counter.ask(Counter::slowly);
    assert!(!answer.is_called());
    let promise = counter.try_call(|counter| counter.promise.take()).unwrap();
    promise.unwrap().callback(5);
    assert_eq!(answer.take().unwrap().unwrap(), 5);
}

#[test]
fn a_protocol_without_a_connection_breaks_the_promise() {
    let counter = ProtocolHandle::new(Counter::default());
    let weak = counter.downgrade();
    let mut before = weak.ask(Counter::counted);
    assert_eq!(before.take(), Some(Err(Failure::BrokenPromise)));
    let recording = RecordingTransport::connect(&counter);
    recording.lose(retwist_reactor::Reason::Done);
    let mut after = weak.ask(Counter::counted);
    assert_eq!(after.take(), Some(Err(Failure::BrokenPromise)));
    drop(counter);
    let mut gone = weak.ask(Counter::counted);
    assert_eq!(gone.take(), Some(Err(Failure::BrokenPromise)));
}

#[test]
fn an_outcome_for_a_connection_that_has_ended_is_dropped() {
    let log: Rc<RefCell<Vec<String>>> = Rc::default();
    let counter = ProtocolHandle::new(Counter {
        log: log.clone(),
        ..Counter::default()
    });
    let recording = RecordingTransport::connect(&counter);
    let (promise, answer) = Answer::new();
    answer.done_in(counter.downgrade(), Counter::heard);
    recording.lose(retwist_reactor::Reason::Done);
    promise.callback(1);
    assert!(log.borrow().is_empty());
}

#[test]
fn a_panic_costs_the_connection_and_breaks_the_promise() {
    let counter = ProtocolHandle::new(Counter::default());
    let recording = RecordingTransport::connect(&counter);
    let mut asked = counter.ask(|_, _| -> Value<u8> { panic!("oops") });
    assert_eq!(asked.take(), Some(Err(Failure::BrokenPromise)));
    recording.clock().run();
    assert!(!counter.downgrade().is_connected());
}
