//! Who produces is held back through every layer.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::FileSender;
use retwist_reactor::{Producer, ProducerKind, ProtocolHandle, TransportRef};

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
        assert!(pauses.get() > 0, "{kind:?}: nobody held the producer back");
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
fn a_pull_producer_is_waited_for() {
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
