//! How long a client may take.

use std::time::Duration;

use retwist::DelayedCall;
use retwist::protocols::LineTransport;

use super::Session;

/// From the connection, or from STARTTLS, to the client's greeting.
const GREETING_TIME: Duration = Duration::from_secs(60);
/// For a message, from DATA or the first BDAT on.
const MESSAGE_TIME: Duration = Duration::from_secs(30 * 60);
/// Without a word (RFC 5321 4.5.3.2.7).
const SILENCE: Duration = Duration::from_secs(5 * 60);

/// The times that run. A line has one of its own, which the framing keeps.
#[derive(Default)]
pub(super) struct Patience {
    /// For the greeting or the message that is due.
    whole: Option<DelayedCall>,
    silence: Option<DelayedCall>,
}

impl Patience {
    /// The client has said who it is.
    pub(super) fn greeted(&mut self) {
        self.stop_whole();
    }

    /// The message has come to its end.
    pub(super) fn stop_whole(&mut self) {
        if let Some(whole) = self.whole.take() {
            whole.cancel();
        }
    }
}

impl Session {
    pub(super) fn wait_for_greeting(&mut self, transport: &LineTransport) {
        self.heard(transport);
        self.patience.stop_whole();
        self.patience.whole = Some(transport.call_later(GREETING_TIME, self, Self::late));
    }

    pub(super) fn wait_for_message(&mut self, transport: &LineTransport) {
        self.patience.stop_whole();
        self.patience.whole = Some(transport.call_later(MESSAGE_TIME, self, Self::late));
    }

    /// Something has come.
    pub(super) fn heard(&mut self, transport: &LineTransport) {
        let silence = self.patience.silence.as_ref();
        if !silence.is_some_and(|silence| silence.reset(SILENCE)) {
            self.patience.silence = Some(transport.call_later(SILENCE, self, Self::late));
        }
    }

    fn late(&mut self, transport: &LineTransport) {
        if self.mode.is_storing() {
            // The client waits, and not the server.
            return self.heard(transport);
        }
        self.leave(transport, "4.4.2 that took too long");
    }
}
