use std::ops::ControlFlow;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{
    Channel, Layer, Producer, ProducerKind, ProducerRegistered, Protocol, Reason, TransportRef,
};

use crate::buffers::Ciphertext;
use crate::ending::Ending;
use crate::paced::Paced;
use crate::session::{Event, Failure, Session};
use crate::transport::*;
use crate::{TlsError, TlsInfo};

// What TLS does between its neighbours, all states in one place.
//
// ```text
// HANDSHAKING --completed--> open --our close_notify--> NOTIFIED --the peer's--> closed below, or left
//      |                      |                              |
//      | failed, deadline     | failed, truncated            | CLOSE: waits for nobody
//      v                      v                              v
//     OVER: alert, then closed below, in order              OVER: closed below, in order
// ```
//
// What is evil here:
// - While a record is delivered, the session is borrowed, and the protocol may call anything:
//   write, close, pause, start TLS in this TLS, leave it. All of these note a wish and return;
//   `encrypt`, which runs when the delivery is over and calls nobody, makes it come true.
// - A producer that is registered below may write after a close. So our close_notify comes when it
//   has finished, and only then the transport below hears that it has: until then it keeps its
//   write half open, under its own deadline.
// - Leaving moves the protocol to the transport below, from inside a callback of that transport.
//   Its seat sees the newcomer when the callback returns, and has the bytes behind the peer's
//   close_notify, which were given back to it.

impl TlsTransport {
    /// The transport below is there.
    pub(crate) fn begin(&self) {
        let seat = &self.seat;
        if seat
            .protocol()
            .is_some_and(|protocol| protocol.is_connected_before())
        {
            seat.open();
        }
        // One that was registered before TLS came writes through it from now on.
        let registered = self.seat.with_lower(|lower| lower.unregister_producer());
        if let Some((producer, kind)) = registered.flatten() {
            self.hold(producer, kind);
        }
        let limit = self.bounds.handshake_timeout;
        self.set_deadline(limit, |tls| {
            if tls.is(HANDSHAKING) {
                tls.abort(Reason::failed(TlsError::HandshakeTimeout(
                    tls.bounds.handshake_timeout,
                )));
            }
        });
        let started = self.sending(Own::Yes, |out| match &mut *self.session.borrow_mut() {
            Ok(session) => session.start(out),
            Err(error) => Err(error.clone().into()),
        });
        if let Err(error) = started {
            self.fail(*error);
        }
    }

    /// Ciphertext came.
    pub(crate) fn decrypt(&self, data: &mut [u8]) {
        if self.is(OVER) {
            return;
        }
        let received = self.sending(Own::Yes, |out| {
            match self.session.try_borrow_mut().as_deref_mut() {
                Ok(Ok(session)) => session.receive(data, out, |event| self.heard(event)),
                _ => Ok(data.len()),
            }
        });
        match received {
            Ok(used) if used < data.len() => {
                self.seat.with_lower(|lower| lower.unread(&data[used..]));
            }
            Ok(_) => {}
            Err(error) => self.fail(*error),
        }
    }

    fn heard(&self, event: Event<'_>) -> ControlFlow<()> {
        match event {
            Event::Completed(info) => self.completed(info),
            Event::Data(data) => self.seat.deliver_shared(data),
            Event::PeerClosed => self.peer_closed(),
        }
        // Whatever the protocol has done, paused, closed, aborted: the transport below knows.
        match self.seat.with_lower(|lower| lower.is_reading()) {
            Some(true) if !self.seat.is_closing() => ControlFlow::Continue(()),
            _ => ControlFlow::Break(()),
        }
    }

    fn completed(&self, info: TlsInfo) {
        self.clear(HANDSHAKING);
        self.forget_deadline();
        // Set once: a session completes once.
        let _ = self.info.set(Rc::new(info));
        let seat = &self.seat;
        seat.open();
        seat.handshake_completed();
        seat.settle();
        if seat.is_paused() {
            self.seat.with_lower(|lower| lower.pause_producing());
        }
        if let Some((producer, kind)) = self.held.take() {
            self.release(producer, kind);
        }
    }

    /// What comes now is not for TLS. It stays below, for whoever sits there next.
    fn peer_closed(&self) {
        self.set(PEER_CLOSED);
        if self.seat.with_lower(|lower| lower.buffered()) == Some(0) {
            // It may be the answer to our own, which has been sent then.
            self.half_closed();
            self.seat.settle();
        }
        self.seat.with_lower(|lower| lower.pause_producing());
        if !self.is(LEAVE) {
            self.seat.read_connection_lost();
        }
    }

    /// A producer waits until the handshake is over.
    pub(crate) fn hold(&self, producer: Rc<dyn Producer>, kind: ProducerKind) {
        *self.held.borrow_mut() = Some((producer.clone(), kind));
        if kind == ProducerKind::Push {
            producer.pause_producing();
        }
    }

    pub(crate) fn register_below(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Option<Result<(), ProducerRegistered>> {
        let paced = Rc::new(Paced::new(self.me.clone(), producer, kind));
        let registered = self
            .seat
            .with_lower(|lower| lower.register_producer(paced.clone(), kind));
        if let Some(Ok(())) = registered {
            self.paced.replace(Some(paced));
        }
        registered
    }

    fn release(&self, producer: Rc<dyn Producer>, kind: ProducerKind) {
        match self.register_below(producer.clone(), kind) {
            Some(Ok(())) if kind == ProducerKind::Push => producer.resume_producing(),
            Some(Ok(())) => {}
            _ => producer.stop_producing(),
        }
    }

    /// Encrypts the queue, and `data` from where it is. False if that has to wait.
    pub(crate) fn write_through(&self, data: &[u8]) -> bool {
        if self.is(HANDSHAKING) {
            return false;
        }
        let sealed = {
            let Ok(mut session) = self.session.try_borrow_mut() else {
                return false;
            };
            match &mut *session {
                Ok(session) => self
                    .seal_queue(session)
                    .and_then(|()| self.seal(session, data, Own::No)),
                Err(_) => return false,
            }
        };
        if let Err(error) = sealed {
            self.fail(*error);
        }
        true
    }

    /// Sends what was written, and does what was wished for meanwhile. Calls no protocol.
    pub(crate) fn encrypt(&self) {
        let idle = self.queue.borrow().is_empty() && !self.is(CLOSE | CLOSE_WRITE | LEAVE | FAIL);
        if idle || self.is(OVER) {
            return;
        }
        if self.is(HANDSHAKING) {
            if self.is(FAIL) {
                return self.fail_below();
            }
            // Nothing to wait for, and nothing that the peer could have made of it.
            if self.is(CLOSE) && self.queue.borrow().is_empty() && !self.has_producer() {
                self.close_below();
            }
            return;
        }
        // Asked now, since it may do anything, and the session is not to be borrowed then.
        let paced = self.paced.borrow().clone();
        let says = match &paced {
            Some(paced) if self.is(CLOSE | CLOSE_WRITE) && !self.is(NOTIFIED) => paced.says(),
            _ => None,
        };
        let sealed = {
            let Ok(mut session) = self.session.try_borrow_mut() else {
                return;
            };
            match &mut *session {
                Ok(session) if self.is(FAIL) || !self.is(CLOSE | CLOSE_WRITE | LEAVE) => {
                    self.seal_queue(session)
                }
                Ok(session) => self.seal_queue(session).and_then(|()| {
                    let waits = paced.is_some_and(|paced| paced.holds_close(says));
                    self.notify(session, waits && !self.is(RELEASE))
                }),
                Err(_) => return,
            }
        };
        match sealed {
            Ok(()) if self.is(FAIL) => self.fail_below(),
            Ok(()) if self.is(CLOSE | CLOSE_WRITE | LEAVE) => self.advance(),
            Ok(()) => {}
            Err(error) => self.fail(*error),
        }
    }

    fn seal_queue(&self, session: &mut Session) -> Result<(), Failure> {
        let queue = self.queue.take();
        let own = if queue.is_control() {
            Own::Yes
        } else {
            Own::No
        };
        self.seal(session, queue.bytes(), own)?;
        for call in self.calls.take() {
            self.seat.with_lower(|lower| lower.when_sent(call));
        }
        Ok(())
    }

    /// However large it is, it is one write below too, which the limit there takes as a whole.
    fn seal(&self, session: &mut Session, data: &[u8], own: Own) -> Result<(), Failure> {
        if data.is_empty() {
            return Ok(());
        }
        self.sending(own, |out| session.encrypt(data, out))
    }

    /// Our close_notify, once it is time for it: a close `waits` for a producer.
    fn notify(&self, session: &mut Session, waits: bool) -> Result<(), Failure> {
        let wished = self.is(LEAVE) || self.is(CLOSE | CLOSE_WRITE) && !waits;
        if wished && !self.is(NOTIFIED) {
            self.set(NOTIFIED);
            self.sending(Own::Yes, |out| session.close_notify(out))?;
            if self.is(RELEASE) {
                self.clear(RELEASE);
                self.take_producer();
            }
            if self.is(CLOSE_WRITE) {
                self.tell_when_sent();
            }
        }
        if self.is(LEAVE) && !self.is(PEER_CLOSED) && !self.has_deadline() {
            self.await_close_notify();
        }
        if self.is(CLEAR_ENDS) {
            session.let_clear_end();
        }
        Ok(())
    }

    /// The protocol hears of its half-close when all that it wrote is handed over.
    fn tell_when_sent(&self) {
        self.set(SENDING);
        let me = self.me.clone();
        let tell = move || {
            if let Some(tls) = me.upgrade() {
                tls.half_closed();
            }
        };
        self.seat
            .with_lower(|lower| lower.when_sent(Box::new(tell)));
    }

    /// A half-close has been handed over, if one is under way.
    fn half_closed(&self) {
        if self.is(SENDING) {
            self.clear(SENDING);
            self.seat.write_connection_lost();
            self.seat.wants_turn();
        }
    }

    /// All is sent: what follows from it.
    fn advance(&self) {
        let seat = &self.seat;
        let both_closed =
            self.is(NOTIFIED) && self.is(PEER_CLOSED) && !self.is(SENDING) && !seat.is_owed();
        if self.is(CLOSE) {
            match self.is(NOTIFIED) {
                true => self.close_below(),
                // It waits for the producer, as we do, and takes what that one writes.
                false => self.lose_below(),
            }
        } else if self.is(LEAVE) {
            if both_closed && !seat.is_paused() {
                self.leave();
            }
        } else if both_closed {
            self.close_below();
        }
    }

    /// The protocol above goes to the transport below, and this layer goes.
    fn leave(&self) {
        self.over();
        let above: TransportRef = self.transport();
        let protocol = above.switch_protocol(Nobody.into());
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
    pub(crate) fn fail(&self, error: TlsError) {
        self.over();
        self.seat.fail(Reason::failed(error));
        self.stop_producer();
        self.seat.transport().lose_connection();
        self.lose_below();
    }

    /// Ends at once.
    pub(crate) fn abort(&self, reason: Reason) {
        self.over();
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }

    /// The transport below has ended.
    pub(crate) fn end(&self, reason: &Reason) {
        let cut_off = reason.is_clean() && !self.is(OVER | CLOSE | PEER_CLOSED);
        let reason = match self.is(HANDSHAKING) {
            true if cut_off => Reason::failed(TlsError::ClosedInHandshake),
            false if cut_off => Reason::failed(TlsError::Truncated),
            _ => reason.clone(),
        };
        self.over();
        self.stop_producer();
        let seat = &self.seat;
        seat.lost(reason);
        if let (Some(last), Some(reason)) = (&self.last_ending, seat.reason()) {
            let completed = self.info.get().is_some();
            last.set(Ending { completed, reason });
        }
    }

    fn over(&self) {
        self.set(OVER);
        self.forget_deadline();
        self.queue.take();
        self.calls.take();
    }

    pub(crate) fn take_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let held = self.held.take();
        held.or_else(|| {
            let (producer, kind) = self
                .seat
                .with_lower(|lower| lower.unregister_producer())??;
            // Unless it was there before this layer was.
            let paced = self.paced.take().map(|paced| paced.producer());
            Some((paced.unwrap_or(producer), kind))
        })
    }

    pub(crate) fn stop_producer(&self) {
        let finished = self.is(RELEASE);
        if let Some((producer, _)) = self.take_producer()
            && !finished
        {
            producer.stop_producing();
        }
    }

    pub(crate) fn has_producer_below(&self) -> bool {
        !self.is(RELEASE) && self.seat.with_lower(|lower| lower.has_producer()) == Some(true)
    }

    /// Hands what `work` puts out to the transport below.
    fn sending<R>(&self, own: Own, work: impl FnOnce(&mut Ciphertext) -> R) -> R {
        Ciphertext::lend(|out| {
            let result = work(out);
            if !out.is_empty() {
                self.seat.with_lower(|lower| match own {
                    Own::Yes => lower.write_control(out.bytes()),
                    Own::No => lower.write(out.bytes()),
                });
            }
            result
        })
    }

    fn await_close_notify(&self) {
        let limit = self.bounds.close_timeout;
        self.set_deadline(limit, |tls| {
            if tls.seat.is_paused() {
                // It cannot come past a protocol that does not read.
                tls.await_close_notify();
            } else if !tls.is(OVER | PEER_CLOSED) {
                tls.abort(Reason::failed(TlsError::NoCloseNotify(
                    tls.bounds.close_timeout,
                )));
            }
        });
    }

    fn set_deadline(&self, limit: Duration, passed: fn(&Self)) {
        let me = self.me.clone();
        let call = self.seat.with_lower(|lower| {
            lower.clock().call_later(limit, move || {
                if let Some(tls) = me.upgrade() {
                    passed(&tls);
                }
            })
        });
        self.forget_deadline();
        self.deadline.set(call);
    }

    fn has_deadline(&self) -> bool {
        let deadline = self.deadline.take();
        let has = deadline.is_some();
        self.deadline.set(deadline);
        has
    }

    pub(crate) fn forget_deadline(&self) {
        if let Some(deadline) = self.deadline.take() {
            // It is over if it is being made just now.
            deadline.cancel();
        }
    }
}

/// Who sits above a layer that has been left.
struct Nobody;

impl Protocol for Nobody {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

/// Whether records are TLS's own, or a layer's above, which count against no limit below.
#[derive(Clone, Copy)]
enum Own {
    Yes,
    No,
}
