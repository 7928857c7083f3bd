//! Code that an application gives to a policy may panic: it costs the connection that it is for, and no
//! other.

use std::cell::Cell;
use std::rc::Rc;

use retwist_protocols::{FactoryPolicy, Limits, Policy, Tap, Timeout};
use retwist_reactor::testing::RecordingTransport;
use retwist_reactor::{Address, FactoryRef, ProtocolRef, Reason, factory};

use crate::common::{Ear, address};

/// A policy that panics once.
struct Fails(Cell<bool>);

impl Policy for Fails {
    type Layer = <Timeout as Policy>::Layer;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        assert!(!self.0.replace(false), "a bug in a policy");
        Timeout::new().layer(above)
    }
}

#[test]
fn a_policy_that_panics_refuses_the_connection() {
    let limits = Limits::new().total(1);
    let ears = Fails(Cell::new(true)).factory(factory(|_| Ear::default()));
    let served = FactoryRef::from(limits.clone().factory(ears));
    let peer = address("192.0.2.1:1");
    assert!(served.build_protocol(&peer).is_none());
    assert_eq!(limits.connections(), 0, "its place is free again");
    assert!(served.build_protocol(&peer).is_some());
}

#[test]
fn an_overflow_that_panics_refuses_the_connection() {
    let limits = Limits::new().total(0);
    let limits = limits.overflow(|_: &Address| -> Option<ProtocolRef> { panic!("a bug") });
    let served = FactoryRef::from(limits.factory(factory(|_| Ear::default())));
    assert!(served.build_protocol(&address("192.0.2.1:1")).is_none());
}

/// A write comes from any code, which another connection's callback may be.
#[test]
fn a_sink_of_a_tap_that_panics_costs_neither_its_connection_nor_the_caller() {
    let tap = Tap::new().to(|_, _| panic!("a bug in a sink"));
    let ear = Ear::default();
    let recording = RecordingTransport::connect(tap.wrap(ear.clone()));
    recording.receive(b"in");
    ear.transport().write(b"out");
    recording.clock().run();
    assert_eq!(*ear.heard.borrow(), b"in");
    assert_eq!(recording.take_written(), b"out");
    ear.transport().lose_connection();
    recording.lose(Reason::Done);
    assert!(ear.lost.borrow().as_ref().unwrap().is_clean());
}
