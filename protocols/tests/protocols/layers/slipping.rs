//! Protocols change above a layer, and layers slip under protocols.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{Policy, Tap, ThrottleWrites, Timeout};
use retwist_reactor::testing::{Pair, Side};
use retwist_reactor::{Producer, ProducerKind, TransportRef};

use super::stack::{HOUR, KINDS, expected, stack};
use super::witness::Witness;

#[test]
fn a_switch_inside_a_layer_leaves_it_in_place() {
    for kind in KINDS {
        let next = Witness::new().answer(|transport, _| transport.write(b"second"));
        let (log, received) = (next.log.clone(), next.received.clone());
        let mut next = Some(next);
        let server = Witness::new().answer(move |transport, data| {
            let next = next.take().expect("it is switched once");
            transport.unread(&data[1..]);
            transport.switch_protocol(next.into());
        });
        let client = Witness::new().begin(|transport| transport.write(b"12"));
        let answered = client.received.clone();
        let below = Rc::new(RefCell::new(None));
        let pair = stack(&[kind], client.into(), server.into());
        pair.run();
        *below.borrow_mut() = pair.server().protocol();
        pair.advance(Duration::from_secs(1));
        assert_eq!(*received.borrow(), b"2", "{kind:?}");
        assert_eq!(*answered.borrow(), b"second", "{kind:?}");
        let made = expected(&[kind], Side::Server, &[])[0].clone();
        assert_eq!(*log.borrow(), [made], "{kind:?}");
        let same = below
            .borrow()
            .as_ref()
            .zip(pair.server().protocol())
            .is_some_and(|(a, b)| a.ptr_eq(&b));
        assert!(same, "{kind:?}: the layer has gone");
    }
}

#[test]
fn a_layer_slips_under_a_connection_and_its_protocol_stays() {
    let received = Rc::new(RefCell::new(Vec::<u8>::new()));
    let heard = received.clone();
    let server = Witness::new().answer(|transport, data| {
        if data == b"x" {
            transport.unread(b"later");
            let timed = Timeout::new().idle(HOUR).insert_below(transport);
            timed.write(b"ok");
        } else {
            transport.write(data);
        }
    });
    let log = server.log.clone();
    let client = Witness::new()
        .begin(|transport| transport.write(b"x"))
        .answer(move |_, data| heard.borrow_mut().extend(data));
    let pair = Pair::new(client, server);
    pair.run();
    assert_eq!(*received.borrow(), b"oklater");
    assert_eq!(log.borrow()[1], "switched");
}

#[test]
fn a_paused_protocol_stays_paused_when_a_layer_slips_under_it() {
    let server = Witness::new().begin(|transport| transport.pause_producing());
    let received = server.received.clone();
    let client = Witness::new().begin(|transport| transport.write(b"x"));
    let pair = Pair::new(client, server);
    pair.run();
    let above = Tap::new().insert_below(&pair.server());
    pair.run();
    assert!(received.borrow().is_empty());
    above.resume_producing();
    pair.run();
    assert_eq!(*received.borrow(), b"x");
}

/// A pull producer that can be told where to write.
struct Moving(RefCell<TransportRef>);

impl Producer for Moving {
    fn resume_producing(&self) {
        self.0.borrow().write(&[7; 100]);
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {}
}

#[test]
fn a_throttle_that_slips_under_a_producer_holds_it_back() {
    let server = Witness::new().begin(|transport| {
        let producer = Rc::new(Moving(RefCell::new(transport.clone())));
        transport
            .register_producer(producer.clone(), ProducerKind::Pull)
            .expect("no producer");
        let above = ThrottleWrites::each(10_000, 1000).insert_below(transport);
        producer.0.replace(above);
    });
    let client = Witness::new();
    let received = client.received.clone();
    let pair = Pair::new(client, server);
    pair.advance(Duration::from_secs(1));
    let early = received.borrow().len();
    assert!((10_000..=11_000).contains(&early), "{early}");
}
