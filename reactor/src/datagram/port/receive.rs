use std::io;
use std::time::Duration;

use super::send::is_refusal;
use super::{DatagramChannel, DatagramPort, State};
use crate::Address;
use crate::datagram::batch::SLOTS;
use crate::datagram::{Batch, DatagramWire};

/// How many datagrams a receive asks for when few come; each slot costs a little, filled or not.
pub(super) const FEW: usize = 4;

/// This many errors in one pass, and no datagram, are not those of earlier datagrams.
const FAULTS: usize = 16;

/// How long receiving rests then.
const REST: Duration = Duration::from_millis(100);

impl<W: DatagramWire> DatagramPort<W> {
    /// Something may be received, or sent.
    pub(crate) fn ready(&self, readable: bool, writable: bool) {
        if writable {
            self.unblock();
        }
        if !readable || self.state.get() != State::Open {
            return;
        }
        if !self.started.get() || self.turn_due.get() {
            self.settle();
        }
        if !self.may_deliver() {
            if !self.started.get() {
                // It was opened again, and its protocol hears of that in the next turn.
                self.wire.look_again();
            }
            return;
        }
        if self.is_busy() {
            return self.wire.look_again();
        }
        let Ok(mut batch) = self.commons.batch.try_borrow_mut() else {
            return self.wire.look_again();
        };
        let flush_was_due = self.flush_due.replace(true);
        self.receive(batch.get_or_insert_with(Batch::new));
        drop(batch);
        self.flush_output();
        self.flush_due.set(flush_was_due);
    }

    /// Whether the protocol gets datagrams now. What it has been kept from comes first.
    fn may_deliver(&self) -> bool {
        self.is_started() && !self.paused.get() && self.held.borrow().is_none()
    }

    /// Receives and delivers, up to the bound of a pass. The system reports datagrams once: whatever
    /// stops this early, something has to come back to it.
    ///
    /// A receive that has seen the end may be the last, since what comes later is reported anew. An
    /// error is no end: behind that of an earlier datagram, others may wait.
    fn receive(&self, batch: &mut Batch) {
        let mut left = self.settings.datagrams_per_pass;
        let mut faults = 0;
        while left > 0 && faults < FAULTS {
            let most = self.expected.get().min(left);
            match self.wire.receive(batch, most, self.settings.max_datagram) {
                Ok(more) => {
                    let count = batch.len();
                    self.expected.set((4 * count).clamp(FEW, SLOTS));
                    self.deliver(batch);
                    left -= count.min(left);
                    // When a paused protocol resumes, the port is looked at again.
                    if !more || !self.may_deliver() {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.expected.set(FEW);
                }
                Err(error) => {
                    faults += 1;
                    self.receive_failed(error);
                }
            }
        }
        if faults < FAULTS {
            self.wire.look_again();
        } else {
            self.rest();
        }
    }

    fn deliver(&self, batch: &Batch) {
        for index in 0..batch.len() {
            let (data, from) = batch.get(index);
            if self.may_deliver() {
                self.deliver_one(data, from);
            } else if self.is_started() {
                let mut held = self.held.borrow_mut();
                let queue = held.get_or_insert_with(|| self.commons.spares.borrow_mut().take());
                queue.push(data, Some(from.clone()));
            } else {
                return;
            }
        }
    }

    #[inline]
    fn deliver_one(&self, data: &[u8], from: &Address) {
        if self.is_from_stranger(from) {
            return;
        }
        match data.get(..self.settings.max_datagram) {
            Some(start) if start.len() < data.len() => {
                self.call("datagram_cut", |held, transport| {
                    held.cut(transport, start, from);
                });
            }
            _ => self.call("datagram_received", |held, transport| {
                held.received(transport, data, from);
            }),
        }
    }

    /// Whether the port is connected, and this came from elsewhere: before it was connected, and was
    /// not received until then.
    fn is_from_stranger(&self, from: &Address) -> bool {
        let addresses = self.addresses.borrow();
        let peer = addresses.peer.as_ref();
        peer.is_some_and(|peer| !self.wire.is_from_peer(peer, from))
    }

    /// Delivers what was received before the protocol paused, up to the bound of a pass.
    pub(super) fn deliver_held(&self) {
        if self.held.borrow().is_none() {
            return;
        }
        if self.is_busy() {
            return self.ask_for_turn();
        }
        let Some(mut held) = self.held.take() else {
            return;
        };
        let mut left = self.settings.datagrams_per_pass;
        while left > 0 && self.may_deliver() {
            match held.front() {
                Some((data, Some(from))) => self.deliver_one(data, from),
                _ => break,
            }
            held.advance(1);
            left -= 1;
        }
        if held.is_empty() || !self.is_started() {
            held.clear();
            self.commons.spares.borrow_mut().give(held);
            if self.is_started() {
                // What has come behind them was reported while they were in the way.
                self.wire.look_again();
            }
            return;
        }
        *self.held.borrow_mut() = Some(held);
        if !self.paused.get() {
            self.ask_for_turn();
        }
    }

    /// The error that a receive meets is usually ICMP's answer to something that was sent.
    fn receive_failed(&self, error: io::Error) {
        let peer = self.peer();
        if error.kind() == io::ErrorKind::Interrupted {
            return;
        }
        if is_refusal(&error) {
            self.refused();
        } else if peer.is_some() {
            self.fail(peer, self.wire.send_error(error, 0));
        } else {
            log::warn!("receiving on {} failed: {error}", self.host());
        }
    }

    fn rest(&self) {
        let me = self.me.clone();
        self.clock.call_later(REST, move || {
            if let Some(port) = me.upgrade()
                && port.is_open()
            {
                port.wire.look_again();
            }
        });
    }
}
