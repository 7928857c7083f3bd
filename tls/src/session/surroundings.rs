use crate::TlsInfo;
use crate::buffers::{Ciphertext, Plaintext};
use crate::exporter::Exporter;

/// What comes of received bytes, in order.
pub(crate) enum Event<'a> {
    /// Both sides know each other; application data may follow. What exporters begin with is there
    /// in all handshakes that rustls makes.
    Completed(TlsInfo, Option<Box<Exporter>>),
    /// Application data, of one record at most.
    Data(&'a [u8]),
    /// The peer's close_notify: it is the last event.
    PeerClosed,
}

/// What a session talks to while it receives.
pub(crate) trait Surroundings {
    /// What came of the input.
    fn hear(&self, event: Event<'_>);
    /// Whether what lies behind an event may be looked at. Asked only if there is anything.
    fn wants_more(&self) -> bool;
    /// What was written in answer to an event, if anything was.
    fn take_written(&self) -> Option<Plaintext>;
    /// Sends the records that this plaintext has become.
    fn send_sealed(&self, records: &[u8], plaintext: Plaintext);
    /// Sends records of TLS's own.
    fn send_own(&self, records: &[u8]);
}

/// Surroundings that hear nothing.
pub(crate) struct Nothing;

impl Surroundings for Nothing {
    fn hear(&self, _: Event<'_>) {}

    fn wants_more(&self) -> bool {
        true
    }

    fn take_written(&self) -> Option<Plaintext> {
        None
    }

    fn send_sealed(&self, _: &[u8], _: Plaintext) {}

    fn send_own(&self, _: &[u8]) {}
}

impl Ciphertext {
    /// Hands on what is in here, in front of what an event may have sent.
    pub(super) fn send_to(&mut self, around: &impl Surroundings) {
        if !self.is_empty() {
            around.send_own(self.bytes());
            self.clear();
        }
    }
}
