use std::cell::RefCell;
use std::rc::Rc;

use retwist::{Protocol, Reason, TransportRef};

/// What a protocol has heard, in order. Data is as it came, in one run with what came before it.
#[derive(Clone, Default)]
pub struct Log(Rc<RefCell<Vec<u8>>>);

impl Log {
    /// An entry of its own.
    pub fn note(&self, what: &str, data: &[u8]) {
        let mut log = self.0.borrow_mut();
        log.extend(format!("\n{what} {}:", data.len()).as_bytes());
        log.extend(data);
    }

    /// More of what comes in a stream.
    pub fn stream(&self, data: &[u8]) {
        self.0.borrow_mut().extend(data);
    }

    pub fn take(&self) -> Vec<u8> {
        self.0.take()
    }
}

/// Says hello, and notes what it hears.
#[derive(Clone, Default)]
pub struct Ear {
    pub log: Log,
}

impl Protocol for Ear {
    fn connection_made(&mut self, transport: &TransportRef) {
        let ends = format!("{} {}", transport.peer(), transport.host());
        self.log.note("made", ends.as_bytes());
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.log.stream(data);
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.log.note("handshake", b"");
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.log.note("end of input", b"");
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log.note("lost", reason.to_string().as_bytes());
    }
}
