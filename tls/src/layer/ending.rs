use retwist_reactor::{Channel, Layer, Protocol, Reason};

use super::TlsTransport;
use super::state::{Facts, Phase, Then};
use crate::TlsError;
use crate::buffers::Ciphertext;
use crate::ending::Ending;
use crate::session::{Failure, Session, Surroundings};
use crate::stats;

// The ways out: a close, a half-close, a failure, and leaving TLS.
//
// What is evil here: leaving moves the protocol to the transport below, from inside a callback of
// that transport. Its seat sees the newcomer when the callback returns, and has the bytes behind the
// peer's close_notify, which were given back to it.

impl TlsTransport {
    /// Sends what was written, and does what was asked for meanwhile. Calls no protocol.
    #[cold]
    pub(super) fn bring_forward(&self) {
        match self.state.phase() {
            Phase::Over => return,
            Phase::Handshaking(then) => {
                // Nothing to wait for, and nothing that the peer could have made of it.
                let nothing = self.queue.borrow().is_empty() && !self.has_any_producer();
                if then == Then::Close && nothing {
                    self.close_below();
                }
                return;
            }
            Phase::Failing if self.info.get().is_none() => return self.fail_below(),
            _ => {}
        }
        // Asked now, since it may do anything, and the session is not to be borrowed then.
        let paced = self.paced.borrow().clone();
        let says = match &paced {
            Some(paced) if self.awaits_notify() => paced.says(),
            _ => None,
        };
        let sealed = self.with_session(|session| {
            self.seal_queue(session)?;
            self.send_key_update(session)?;
            let waits = paced.is_some_and(|paced| self.close_waits_for(&paced, says));
            self.notify(session, waits)
        });
        match sealed {
            None => {}
            Some(Ok(())) => self.advance(),
            Some(Err(error)) => self.fail(*error),
        }
    }

    /// Whether our close_notify is to come, perhaps after a producer has finished.
    fn awaits_notify(&self) -> bool {
        let closes = self.state.is_closing() || self.state.phase() == Phase::Leaving;
        let fails = matches!(self.state.phase(), Phase::Failing | Phase::Over);
        closes && !fails && !self.state.is(Facts::NOTIFIED)
    }

    /// Our close_notify, once it is time for it: a close `waits` for a producer.
    fn notify(&self, session: &mut Session, waits: bool) -> Result<(), Failure> {
        let leaving = self.state.phase() == Phase::Leaving;
        if self.awaits_notify() && (leaving || !waits) {
            self.state.set(Facts::NOTIFIED);
            Ciphertext::lend(|out| {
                let notified = session.close_notify(out);
                self.send_own(out.bytes());
                notified
            })?;
            self.unregister_finished();
            if self.state.is(Facts::HALF_CLOSE) {
                self.tell_when_sent();
            }
        }
        if leaving && !self.state.is(Facts::PEER_CLOSED) && !self.deadline.is_running() {
            self.await_close_notify();
        }
        if self.state.is(Facts::CLEAR_ENDS) {
            session.let_clear_end();
        }
        Ok(())
    }

    /// The protocol hears of its half-close when all that it wrote is handed over.
    fn tell_when_sent(&self) {
        self.state.set(Facts::HALF_CLOSE_PENDING);
        let me = self.me.clone();
        let tell = move || {
            if let Some(tls) = me.upgrade() {
                tls.half_closed();
            }
        };
        self.seat
            .with_lower(|lower| lower.when_sent(Box::new(tell)));
    }

    /// The half-close has been handed over, if one is under way.
    pub(super) fn half_closed(&self) {
        if self.state.is(Facts::HALF_CLOSE_PENDING) {
            self.state.clear(Facts::HALF_CLOSE_PENDING);
            self.seat.write_connection_lost();
            self.seat.wants_turn();
        }
    }

    /// All is sealed: what follows from it.
    fn advance(&self) {
        let notified = self.state.is(Facts::NOTIFIED);
        let both_closed = notified
            && self.state.is(Facts::PEER_CLOSED)
            && !self.state.is(Facts::HALF_CLOSE_PENDING)
            && !self.seat.is_owed();
        match self.state.phase() {
            Phase::Failing => self.fail_below(),
            Phase::Closing if notified => self.close_below(),
            // It waits for the producer, as we do, and takes what that one writes.
            Phase::Closing => self.lose_below(),
            Phase::Leaving if both_closed && !self.seat.is_paused() => self.leave(),
            Phase::Open if both_closed => self.close_below(),
            _ => {}
        }
    }

    /// The protocol above goes to the transport below, and this layer goes.
    fn leave(&self) {
        self.over();
        let protocol = self.transport().switch_protocol(Vacant.into());
        self.seat
            .with_lower(|lower| lower.switch_protocol(protocol));
    }

    fn close_below(&self) {
        self.over();
        self.lose_below();
    }

    fn fail_below(&self) {
        self.over();
        let reason = self.seat.close_reason();
        self.seat.with_lower(|lower| lower.fail_connection(reason));
    }

    fn lose_below(&self) {
        let reason = self.seat.close_reason();
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    /// TLS has failed: the peer gets the alert, which is on its way already, and the protocol the
    /// reason.
    #[cold]
    pub(super) fn fail(&self, error: TlsError) {
        self.over();
        self.seat.fail(Reason::failed(error));
        self.stop_producer();
        self.seat.transport().lose_connection();
        self.lose_below();
    }

    /// Ends at once.
    pub(super) fn abort(&self, reason: Reason) {
        self.over();
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }

    /// The transport below has ended.
    pub(super) fn lost(&self, reason: &Reason) {
        let ours = matches!(
            self.state.phase(),
            Phase::Over | Phase::Closing | Phase::Handshaking(Then::Close)
        );
        let cut_off = reason.is_clean() && !ours && !self.state.is(Facts::PEER_CLOSED);
        let reason = if !cut_off {
            reason.clone()
        } else if self.state.is_handshaking() {
            Reason::failed(TlsError::ClosedInHandshake)
        } else {
            Reason::failed(TlsError::Truncated)
        };
        self.over();
        self.stop_producer();
        let has_completed = self.info.get().is_some();
        let clock = (!has_completed).then(|| self.clock());
        self.seat.lost(reason);
        if let Some(clock) = clock {
            stats::failed(self.seat.reason().as_ref(), clock.figures());
        }
        if let (Some(last), Some(reason)) = (&self.last_ending, self.seat.reason()) {
            let completed = self.info.get().is_some();
            last.set(Ending { completed, reason });
        }
    }

    fn over(&self) {
        self.state.end();
        self.deadline.stop();
        self.queue.take();
        self.calls.take();
    }

    fn await_close_notify(&self) {
        self.start_deadline(self.bounds.close_timeout, |tls| {
            if tls.seat.is_paused() {
                // It cannot come past a protocol that does not read.
                tls.await_close_notify();
            } else if !tls.state.is_over() && !tls.state.is(Facts::PEER_CLOSED) {
                let limit = tls.bounds.close_timeout;
                tls.abort(Reason::failed(TlsError::NoCloseNotify(limit)));
            }
        });
    }
}

/// The occupant of a layer that has been left.
struct Vacant;

impl Protocol for Vacant {}
