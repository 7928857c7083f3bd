//! A layer whose methods panic, called by code of another connection: that costs the connection of the
//! layer, and not the caller's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use retwist::testing::{ManualClock, Pair};
use retwist::{
    Address, Channel, Layer, Producer, ProducerKind, Protocol, ProtocolRef, Reason, Seat,
    TransportRef,
};

/// What is called on the transport above the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Write,
    WriteSequence,
    WriteControl,
    Lose,
    Fail,
    WhenSent,
    LoseWrite,
    Abort,
    RegisterProducer,
    Pause,
    Peer,
    Buffered,
}

const ALL: [Method; 12] = [
    Method::Write,
    Method::WriteSequence,
    Method::WriteControl,
    Method::Lose,
    Method::Fail,
    Method::WhenSent,
    Method::LoseWrite,
    Method::Abort,
    Method::RegisterProducer,
    Method::Pause,
    Method::Peer,
    Method::Buffered,
];

/// Panics in one method, once it is armed.
struct Fragile {
    seat: Seat,
    bug: Method,
    armed: Rc<Cell<bool>>,
}

impl Fragile {
    fn over(bug: Method, armed: &Rc<Cell<bool>>, above: impl Into<ProtocolRef>) -> ProtocolRef {
        let armed = armed.clone();
        Rc::new_cyclic(|me| Fragile {
            seat: Seat::new(me, above),
            bug,
            armed,
        })
        .into()
    }

    fn passes(&self, method: Method) {
        assert!(!(self.armed.get() && self.bug == method), "a bug");
    }
}

impl Channel for Fragile {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.passes(Method::Write);
        self.seat.with_lower(|lower| lower.write(data));
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.passes(Method::WriteSequence);
        self.seat.with_lower(|lower| lower.write_sequence(data));
    }

    fn write_control(&self, data: &[u8]) {
        self.passes(Method::WriteControl);
        self.seat.with_lower(|lower| lower.write_control(data));
    }

    fn lose_connection(&self, reason: Reason) {
        self.passes(Method::Lose);
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    fn fail_connection(&self, reason: Reason) {
        self.passes(Method::Fail);
        self.seat.with_lower(|lower| lower.fail_connection(reason));
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.passes(Method::WhenSent);
        self.seat.with_lower(|lower| lower.when_sent(call));
    }

    fn lose_write_connection(&self) {
        self.passes(Method::LoseWrite);
        self.seat.with_lower(|lower| lower.lose_write_connection());
    }

    fn abort_connection(&self, reason: Reason) {
        self.passes(Method::Abort);
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), retwist::ProducerRegistered> {
        self.passes(Method::RegisterProducer);
        let lower = self
            .seat
            .with_lower(|lower| lower.register_producer(producer, kind));
        lower.unwrap_or(Ok(()))
    }

    fn reading_changed(&self) {
        self.passes(Method::Pause);
        self.seat.pass_on_reading();
    }

    fn peer(&self) -> Address {
        self.passes(Method::Peer);
        Address::Unknown
    }

    fn buffered(&self) -> usize {
        self.passes(Method::Buffered);
        0
    }
}

impl Layer for Fragile {}

struct Never;

impl Producer for Never {
    fn resume_producing(&self) {}
    fn pause_producing(&self) {}
    fn stop_producing(&self) {}
}

fn call(method: Method, transport: &TransportRef) {
    match method {
        Method::Write => transport.write(b"x"),
        Method::WriteSequence => transport.write_sequence(&[b"x", b"y"]),
        Method::WriteControl => transport.write_control(b"x"),
        Method::Lose => transport.lose_connection(),
        Method::Fail => transport.fail_connection(Reason::Done),
        Method::WhenSent => transport.when_sent(Box::new(|| ())),
        Method::LoseWrite => transport.lose_write_connection(),
        Method::Abort => transport.abort_connection(),
        Method::RegisterProducer => {
            let registered = transport.register_producer(Rc::new(Never), ProducerKind::Push);
            assert!(registered.is_ok());
        }
        Method::Pause => transport.pause_producing(),
        Method::Peer => assert_eq!(transport.peer(), Address::Unknown),
        Method::Buffered => assert_eq!(transport.buffered(), 0),
    }
}

/// Notes its transport, and how its connection ends.
#[derive(Clone, Default)]
struct Victim {
    transport: Rc<RefCell<Option<TransportRef>>>,
    ended: Rc<RefCell<Option<Reason>>>,
}

impl Protocol for Victim {
    fn connection_made(&mut self, transport: &TransportRef) {
        *self.transport.borrow_mut() = Some(transport.clone());
    }

    fn connection_lost(&mut self, reason: &Reason) {
        *self.ended.borrow_mut() = Some(reason.clone());
    }
}

/// Calls the transport of another connection, and answers then.
struct Caller {
    method: Method,
    other: TransportRef,
}

impl Protocol for Caller {
    fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
        call(self.method, &self.other);
        transport.write(b"answer");
    }
}

/// Writes and counts.
#[derive(Default)]
struct Asks(Rc<Cell<usize>>);

impl Protocol for Asks {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"?");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0.set(self.0.get() + data.len());
    }
}

#[test]
fn a_panic_below_costs_the_connection_of_the_layer_alone() {
    for method in ALL {
        let clock = Rc::new(ManualClock::new());
        let (victim, armed) = (Victim::default(), Rc::new(Cell::new(false)));
        let fragile = Fragile::over(method, &armed, victim.clone());
        let pair = Pair::on(&clock, Victim::default(), fragile);
        pair.run();
        let other = victim.transport.take().unwrap();
        armed.set(true);
        let answered = Rc::new(Cell::new(0));
        let caller = Pair::on(&clock, Asks(answered.clone()), Caller { method, other });
        caller.run();
        assert_eq!(answered.get(), 6, "{method:?}: the caller went on");
        assert!(caller.server().is_connected(), "{method:?}");
        let reason = victim.ended.borrow();
        assert!(
            matches!(&*reason, Some(Reason::Panicked(_))),
            "{method:?}: {reason:?}"
        );
    }
}
