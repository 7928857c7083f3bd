//! The protocol at an end, and what it has heard.

use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::{Protocol, Reason, TransportRef};

pub(crate) type Log = Rc<RefCell<Vec<String>>>;

type Begin = dyn FnOnce(&TransportRef);
type Answer = dyn FnMut(&TransportRef, &[u8]);

/// Writes down what it hears, does one thing when it is connected, and answers bytes.
pub(crate) struct Witness {
    pub(crate) log: Log,
    pub(crate) received: Rc<RefCell<Vec<u8>>>,
    begin: Option<Box<Begin>>,
    pub(crate) answer: Box<Answer>,
    pub(crate) end: fn(&TransportRef),
}

impl Witness {
    pub(crate) fn new() -> Self {
        Witness {
            log: Log::default(),
            received: Rc::default(),
            begin: None,
            answer: Box::new(|_, _| ()),
            end: |transport| transport.lose_connection(),
        }
    }

    pub(crate) fn begin(self, begin: impl FnOnce(&TransportRef) + 'static) -> Self {
        Witness {
            begin: Some(Box::new(begin)),
            ..self
        }
    }

    pub(crate) fn answer(self, answer: impl FnMut(&TransportRef, &[u8]) + 'static) -> Self {
        Witness {
            answer: Box::new(answer),
            ..self
        }
    }

    fn note(&self, what: impl Into<String>) {
        self.log.borrow_mut().push(what.into());
    }
}

impl Protocol for Witness {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.note(format!("made {} {}", transport.peer(), transport.host()));
        if let Some(begin) = self.begin.take() {
            begin(transport);
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.received.borrow_mut().extend(data);
        (self.answer)(transport, data);
    }

    fn transport_switched(&mut self, _: &TransportRef) {
        self.note("switched");
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.note("handshake");
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.note(format!(
            "end of input after {}",
            self.received.borrow().len()
        ));
        (self.end)(transport);
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.note("end of output");
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.note(format!("lost: {reason}"));
    }
}

pub(crate) fn heard(log: &Log) -> Vec<String> {
    let mut log = log.borrow().clone();
    log.dedup_by(|a, b| a == "handshake" && b == "handshake");
    log
}
