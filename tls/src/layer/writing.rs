use retwist_reactor::Reason;

use super::TlsTransport;
use super::state::{Facts, Phase};
use crate::buffers::Ciphertext;
use crate::session::{Failure, Session, Surroundings};

/// From this size on, what is written is encrypted from where it is.
const LARGE: usize = 1 << 14;
/// How much is encrypted at once: the records go to the transport below as one write.
const PIECE: usize = 4 << 14;

// What goes down.

impl TlsTransport {
    /// Takes a small write in the usual state; false if this is neither.
    #[inline]
    pub(super) fn write_small(&self, data: &[u8]) -> bool {
        let mut queue = self.queue.borrow_mut();
        let small = self.state.is_plain() && queue.len() + data.len() < LARGE;
        if small {
            queue.push(data);
            drop(queue);
            self.wants_flush();
        }
        small
    }

    /// Takes pieces that are one unit.
    pub(super) fn write_unit(&self, data: &[&[u8]]) {
        if self.state.phase() == Phase::Leaving {
            log::warn!(
                "what is written after stop_tls is dropped, until the protocol hears transport_switched"
            );
            return;
        }
        if self.is_write_closed() {
            return;
        }
        if self.state.is_closing()
            && let Some(paced) = &*self.paced.borrow()
        {
            paced.written();
        }
        if let [data] = data
            && data.len() >= LARGE
            && self.write_through(data)
        {
            return;
        }
        let limit = self.bounds.output_limit;
        if self.queue.borrow().len() >= limit {
            return self.abort(Reason::OutputLimit(limit));
        }
        let waiting = {
            let mut queue = self.queue.borrow_mut();
            data.iter().for_each(|piece| queue.push(piece));
            queue.len()
        };
        // Now, so that the transport below can hold a producer back, or the protocol above.
        if waiting >= PIECE {
            if self.write_through(&[]) {
                return;
            }
            if !self.state.is_handshaking() {
                // It answers what a record has brought, and nothing is sealed before it returns.
                self.state.set(Facts::HOLDS);
                self.seat.hold();
            }
        }
        self.wants_flush();
    }

    pub(super) fn write_own(&self, data: &[u8]) {
        if !self.is_write_closed() {
            self.queue.borrow_mut().push_control(data);
            self.wants_flush();
        }
    }

    fn is_write_closed(&self) -> bool {
        matches!(self.state.phase(), Phase::Leaving | Phase::Over) || self.state.is(Facts::NOTIFIED)
    }

    /// Makes `call` once the queue has been sealed, and then sent below.
    pub(super) fn call_when_sent(&self, call: Box<dyn FnOnce()>) {
        if self.queue.borrow().is_empty() {
            self.seat.with_lower(|lower| lower.when_sent(call));
        } else {
            let mut calls = self.calls.borrow_mut();
            calls.get_or_insert_default().0.push(call);
        }
    }

    /// Has a flush made: at the end of the pass, or when the callback that runs
    /// returns.
    #[inline]
    pub(super) fn wants_flush(&self) {
        if !self.seat.is_calling() && self.seat.with_lower(|_| ()).is_some() {
            self.seat.wants_flush();
        }
    }

    /// Encrypts the queue, and `data` from where it is. False if that has to wait.
    fn write_through(&self, data: &[u8]) -> bool {
        if self.state.is_handshaking() {
            return false;
        }
        let sealed = self.with_session(|session| {
            self.seal_queue(session)?;
            if data.is_empty() {
                return Ok(());
            }
            Ciphertext::lend(|out| {
                let sealed = session.encrypt(data, out);
                self.send(out.bytes(), sealed.is_err());
                sealed
            })
        });
        match sealed {
            None => return false,
            Some(Ok(())) => {}
            Some(Err(error)) => self.fail(*error),
        }
        true
    }

    /// Lets `work` have the session; `None` while that is receiving.
    pub(super) fn with_session(
        &self,
        work: impl FnOnce(&mut Session) -> Result<(), Failure>,
    ) -> Option<Result<(), Failure>> {
        let mut session = self.session.try_borrow_mut().ok()?;
        Some(work(session.as_mut().ok()?))
    }

    /// However large it is, it is one write below too, which the limit there takes as a whole.
    pub(super) fn seal_queue(&self, session: &mut Session) -> Result<(), Failure> {
        let queue = self.queue.take();
        if queue.is_empty() {
            return Ok(());
        }
        Ciphertext::lend(|out| {
            let sealed = session.encrypt(queue.bytes(), out);
            match sealed {
                Ok(()) => self.send_sealed(out.bytes(), queue),
                Err(_) => self.send_own(out.bytes()),
            }
            sealed
        })
    }

    /// The protocol above is no longer held back on account of the queue; the transport below decides.
    pub(super) fn release(&self) {
        if self.state.is(Facts::HOLDS) {
            self.state.clear(Facts::HOLDS);
            self.seat.release();
        }
    }

    /// Those that have waited for the queue wait for the transport below now.
    #[cold]
    pub(super) fn pass_on_calls(&self) {
        let calls = self.calls.take();
        for call in calls.map(|calls| calls.0).unwrap_or_default() {
            self.seat.with_lower(|lower| lower.when_sent(call));
        }
    }

    /// Hands records to the transport below. Those that are TLS's own, or carry what a layer above
    /// wrote of its own, count against no limit there.
    #[inline]
    pub(super) fn send(&self, records: &[u8], control: bool) {
        if records.is_empty() {
            return;
        }
        self.seat.with_lower(|lower| {
            if control {
                lower.write_control(records);
            } else {
                lower.write(records);
            }
        });
    }
}
