use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use retwist::{DescriptorStream, Protocol, Reactor, ReactorSettings, Reason, TransportRef};

/// A reactor that a test turns by hand.
pub fn reactor() -> Reactor {
    Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
    .unwrap()
}

/// What a protocol has heard. Bytes that came one after the other are one entry.
#[derive(Clone, Default)]
pub struct Story {
    told: Rc<RefCell<Vec<String>>>,
    received: Rc<RefCell<Vec<u8>>>,
    reason: Rc<RefCell<Option<Reason>>>,
}

/// The protocol that writes a [`Story`]. It goes on when its peer sends no more, if it is told to.
pub struct Teller {
    story: Story,
    keeps_open: bool,
}

impl Story {
    pub fn protocol(&self) -> Teller {
        Teller {
            story: self.clone(),
            keeps_open: false,
        }
    }

    pub fn keeping_open(&self) -> Teller {
        Teller {
            keeps_open: true,
            ..self.protocol()
        }
    }

    pub fn told(&self) -> String {
        self.told.borrow().join(" ")
    }

    pub fn received(&self) -> Vec<u8> {
        self.received.borrow().clone()
    }

    pub fn count(&self) -> usize {
        self.received.borrow().len()
    }

    pub fn is_over(&self) -> bool {
        self.reason.borrow().is_some()
    }

    pub fn reason(&self) -> Reason {
        self.reason
            .borrow()
            .clone()
            .expect("a stream that has ended")
    }

    /// The error of the system with which the stream ended.
    pub fn error(&self) -> std::io::ErrorKind {
        match self.reason() {
            Reason::Lost(error) => error.kind(),
            other => panic!("it ended with {other:?}"),
        }
    }

    fn tell(&self, what: &str) {
        let mut told = self.told.borrow_mut();
        if what != "data" || told.last().is_none_or(|last| last != "data") {
            told.push(what.to_owned());
        }
    }
}

impl Protocol for Teller {
    fn connection_made(&mut self, _: &TransportRef) {
        self.story.tell("made");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.story.tell("data");
        self.story.received.borrow_mut().extend(data);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.story.tell("read-lost");
        if !self.keeps_open {
            transport.lose_connection();
        }
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.story.tell("write-lost");
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.story.tell("lost");
        assert!(!self.story.is_over(), "connection_lost came twice");
        *self.story.reason.borrow_mut() = Some(reason.clone());
    }
}

/// Opens a stream and has it made, whose protocol tells this story.
pub fn open(reactor: &Reactor, stream: DescriptorStream, story: &Story) -> TransportRef {
    let transport = reactor.open_descriptors(stream, story.protocol()).unwrap();
    pass(reactor);
    assert!(story.told().starts_with("made"));
    transport
}

/// One pass that does not wait.
pub fn pass(reactor: &Reactor) {
    reactor.iterate(Duration::ZERO).unwrap();
}

/// Passes until it is so.
pub fn until(reactor: &Reactor, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "it never comes");
        reactor.iterate(Duration::from_millis(20)).unwrap();
    }
}

/// How many descriptors this process has.
pub fn open_files() -> usize {
    let folder = if cfg!(target_os = "linux") {
        "/proc/self/fd"
    } else {
        "/dev/fd"
    };
    std::fs::read_dir(folder).unwrap().count()
}
