use std::rc::Rc;

use retwist_reactor::{Channel, Reason};

use super::TlsTransport;
use super::state::{Facts, Phase};
use crate::buffers::{Ciphertext, Plaintext};
use crate::exporter::Exporter;
use crate::session::{Event, Nothing, Surroundings};
use crate::{TlsError, TlsInfo, stats};

// What comes from below.
//
// What is evil here: while a record is delivered, the session is borrowed, and the protocol may call
// anything: write, close, pause, start TLS in this TLS, leave it. All of these note a wish and
// return. The session seals what was written when the callback has returned; the flush that follows
// does the rest.

impl TlsTransport {
    /// The transport below is there.
    pub(super) fn begin(&self) {
        let above = self.seat.protocol();
        if above.is_some_and(|protocol| protocol.is_connected_before()) {
            self.seat.open();
        }
        self.take_over_producer();
        self.start_deadline(self.bounds.handshake_timeout, |tls| {
            if tls.state.is_handshaking() {
                let limit = tls.bounds.handshake_timeout;
                tls.abort(Reason::failed(TlsError::HandshakeTimeout(limit)));
            }
        });
        let started = Ciphertext::lend(|out| {
            let started = match &mut *self.session.borrow_mut() {
                Ok(session) => session.start(out),
                Err(error) => Err(error.clone().into()),
            };
            self.send_own(out.bytes());
            started
        });
        if let Err(error) = started {
            self.fail(*error);
        }
    }

    /// Ciphertext came.
    #[inline]
    pub(super) fn decrypt(&self, data: &mut [u8]) {
        if self.state.is_over() {
            return;
        }
        let received = Ciphertext::lend(|out| {
            let received = match self.session.try_borrow_mut().as_deref_mut() {
                Ok(Ok(session)) => session.receive(data, out, self),
                _ => Ok(data.len()),
            };
            self.send_own(out.bytes());
            received
        });
        match received {
            Ok(used) if used < data.len() => {
                self.seat.with_lower(|lower| lower.unread(&data[used..]));
            }
            Ok(_) => {}
            Err(error) => self.fail(*error),
        }
    }

    /// Ciphertext came after the close. No protocol hears of it, but an alert in it says why the peer
    /// did not take what was sent.
    pub(super) fn look_for_alert(&self, data: &[u8]) {
        let received = Ciphertext::lend(|out| {
            self.with_session(|session| {
                let looked = session.receive(&mut data.to_vec(), out, &Nothing);
                looked.map(|_| ())
            })
        });
        if let Some(Err(error)) = received
            && matches!(*error, TlsError::PeerAlert(_))
        {
            self.seat.fail(Reason::failed(*error));
        }
    }

    fn completed(&self, info: TlsInfo, exporter: Option<Box<Exporter>>) {
        self.state.complete();
        self.deadline.stop();
        stats::completed(&info, self.clock().figures());
        // Set once: a session completes once.
        let _ = self.info.set(Rc::new(info));
        if let Some(exporter) = exporter {
            let _ = self.exporter.set(exporter);
        }
        self.seat.open();
        self.seat.handshake_completed();
        self.seat.settle();
        if self.seat.is_paused() {
            self.seat.with_lower(|lower| lower.pause_producing());
        }
        self.release_producer();
    }

    /// What comes now is not for TLS. It stays below, for the protocol that sits there next.
    fn peer_closed(&self) {
        self.state.set(Facts::PEER_CLOSED);
        if self.seat.with_lower(|lower| lower.buffered()) == Some(0) {
            // It may be the answer to our own, which has been sent then.
            self.half_closed();
            self.seat.settle();
        }
        self.seat.with_lower(|lower| lower.pause_producing());
        if self.state.phase() != Phase::Leaving {
            self.seat.read_connection_lost();
        }
    }

    /// The transport below has ended its input.
    pub(super) fn input_ended(&self) {
        if self.state.is_over() || self.state.is(Facts::PEER_CLOSED) {
            return;
        }
        if self.state.is_handshaking() {
            return self.fail(TlsError::ClosedInHandshake);
        }
        // What was written still goes out, as after any close. A producer is not waited for: the
        // connection has failed, and the protocol is to hear of it.
        let reason = Reason::failed(TlsError::Truncated);
        let unfinished = self.has_any_producer();
        self.seat.fail(reason.clone());
        self.stop_producer();
        // A producer has more to write, and stops here: what has been sent of it must not look whole.
        if unfinished {
            self.seat.transport().fail_connection(reason);
        } else {
            self.seat.transport().lose_connection();
        }
    }
}

impl Surroundings for TlsTransport {
    #[inline]
    fn hear(&self, event: Event<'_>) {
        match event {
            Event::Data(data) => self.seat.deliver_shared(data),
            Event::Completed(info, exporter) => self.completed(info, exporter),
            Event::PeerClosed => self.peer_closed(),
        }
    }

    /// Whatever the protocol has done, paused, closed, aborted: the transport below knows.
    fn wants_more(&self) -> bool {
        self.seat.with_lower(|lower| lower.is_reading()) == Some(true) && !self.seat.is_closing()
    }

    #[inline]
    fn take_written(&self) -> Option<Plaintext> {
        if self.queue.borrow().is_empty() || self.state.is_handshaking() {
            return None;
        }
        Some(self.queue.take())
    }

    #[inline]
    fn send_sealed(&self, records: &[u8], plaintext: Plaintext) {
        self.release();
        self.send(records, plaintext.is_control());
        plaintext.recycle();
        if self.calls.borrow().is_some() {
            self.pass_on_calls();
        }
    }

    #[inline]
    fn send_own(&self, records: &[u8]) {
        self.send(records, true);
    }
}
