//! Every layer passes on what holds a producer back.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{FileSender, Policy, Tap, ThrottleReads, ThrottleWrites};
use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, Producer, ProducerKind, ProtocolHandle, ProtocolRef, TransportRef};

use super::stack::{KINDS, stack};
use super::witness::Witness;

/// A push producer that counts.
struct Source {
    transport: TransportRef,
    left: Cell<usize>,
    paused: Cell<bool>,
    pauses: Rc<Cell<usize>>,
}

impl Producer for Source {
    fn resume_producing(&self) {
        self.paused.set(false);
        while !self.paused.get() && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            self.transport.write(&[7; 1000]);
        }
        if self.left.get() == 0 {
            self.transport.unregister_producer();
            self.transport.lose_connection();
        }
    }

    fn pause_producing(&self) {
        self.pauses.set(self.pauses.get() + 1);
        self.paused.set(true);
    }

    fn stop_producing(&self) {
        self.left.set(0);
        self.paused.set(true);
    }
}

#[test]
fn a_producer_is_held_back_by_a_slow_reader() {
    for kind in KINDS {
        let pauses = Rc::new(Cell::new(0));
        let counted = pauses.clone();
        let server = Witness::new().answer(move |transport, _| {
            let source = Rc::new(Source {
                transport: transport.clone(),
                left: Cell::new(500),
                paused: Cell::new(false),
                pauses: counted.clone(),
            });
            transport
                .register_producer(source.clone(), ProducerKind::Push)
                .expect("no producer");
            source.resume_producing();
        });
        let held = Rc::new(RefCell::new(None));
        let kept = held.clone();
        let client = Witness::new().begin(move |transport| {
            transport.write(b"go");
            transport.pause_producing();
            *kept.borrow_mut() = Some(transport.clone());
        });
        let received = client.received.clone();
        let server = ProtocolHandle::new(server);
        let pair = stack(&[kind], client.into(), (&server).into());
        pair.advance(Duration::from_secs(10));
        assert!(
            received.borrow().is_empty(),
            "{kind:?}: a paused protocol received something"
        );
        assert!(pauses.get() > 0, "{kind:?}: the producer was not held back");
        assert!(
            pair.server().buffered() < 300_000,
            "{kind:?}: {}",
            pair.server().buffered()
        );
        let client = held.borrow().clone().expect("it is connected");
        client.resume_producing();
        pair.advance(Duration::from_secs(10));
        assert_eq!(received.borrow().len(), 500_000, "{kind:?}");
        assert_eq!(pair.clock().pending_calls(), 0, "{kind:?}: a timer is left");
    }
}

#[test]
fn a_close_waits_for_a_pull_producer() {
    for kind in KINDS {
        let server = Witness::new().begin(|transport| {
            let file = std::io::Cursor::new(vec![9; 100_000]);
            FileSender::new(file, |_| ())
                .begin(transport)
                .expect("no producer");
            transport.lose_connection();
        });
        let client = Witness::new();
        let received = client.received.clone();
        let pair = stack(&[kind], client.into(), server.into());
        pair.advance(Duration::from_secs(10));
        assert_eq!(received.borrow().len(), 100_000, "{kind:?}");
    }
}

/// Puts a layer between a transport and its protocol.
type Slip = fn(ProtocolRef, &TransportRef) -> TransportRef;

/// A push producer whose transport is replaced by the one above a new layer.
struct Moved {
    transport: RefCell<TransportRef>,
    left: Cell<usize>,
    paused: Cell<bool>,
}

impl Producer for Moved {
    fn resume_producing(&self) {
        self.paused.set(false);
        while !self.paused.get() && self.left.get() > 0 {
            self.left.set(self.left.get() - 1);
            self.transport.borrow().write(&[7; 1000]);
        }
    }

    fn pause_producing(&self) {
        self.paused.set(true);
    }

    fn stop_producing(&self) {}
}

#[test]
fn a_paused_producer_goes_on_when_a_layer_slips_under_it() {
    let slips: [Slip; 3] = [
        |above, transport| Tap::new().layer(above).insert_below(transport),
        |above, transport| {
            let throttle = ThrottleReads::each(100_000, 10_000);
            throttle.layer(above).insert_below(transport)
        },
        |above, transport| {
            let throttle = ThrottleWrites::each(100_000, 10_000);
            throttle.layer(above).insert_below(transport)
        },
    ];
    for (index, slip) in slips.into_iter().enumerate() {
        let client = Witness::new();
        let received = client.received.clone();
        let pair = Pair::new(client, Witness::new());
        pair.run();
        let transport = pair.server();
        let producer = Rc::new(Moved {
            transport: RefCell::new(transport.clone()),
            left: Cell::new(500),
            paused: Cell::new(false),
        });
        transport
            .register_producer(producer.clone(), ProducerKind::Push)
            .expect("no producer");
        producer.resume_producing();
        assert!(producer.paused.get(), "more is written than fits");
        let protocol = transport.protocol().expect("it is connected");
        producer.transport.replace(slip(protocol, &transport));
        pair.advance(Duration::from_secs(10));
        assert_eq!(received.borrow().len(), 500_000, "layer {index}");
    }
}
