use std::io;

use super::DatagramPort;
use crate::datagram::wire::is_same_place;
use crate::datagram::{DatagramQueue, DatagramWire};
use crate::{Address, SendError};

/// This many datagrams are handed to the system at once: more that wait only grow cold.
const BATCH: usize = 64;

impl<W: DatagramWire> DatagramPort<W> {
    /// Takes a datagram to be sent at the end of the turn.
    pub(super) fn take(&self, data: &[u8], to: Option<&Address>) {
        let destination = match self.resolve(to, data.len()) {
            Ok(destination) => destination,
            Err(error) => return self.fail(to.cloned().or_else(|| self.peer_address()), error),
        };
        if W::RECEIVERS_FILL && self.park_behind(data, destination.as_ref()) {
            return;
        }
        let cost = DatagramQueue::cost_of(data.len());
        let limit = self.settings.send_queue;
        let is_full = || {
            let output = self.output.borrow();
            output
                .as_ref()
                .is_some_and(|queue| queue.cost() + cost > limit)
        };
        if is_full() {
            self.flush_output();
        }
        if is_full() {
            self.owed.borrow_mut().overflowed = true;
            return self.fail(
                destination.or_else(|| self.peer_address()),
                SendError::QueueFull(limit),
            );
        }
        let enough = {
            let mut output = self.output.borrow_mut();
            let queue = output.get_or_insert_with(|| self.commons.spares.borrow_mut().take());
            queue.push(data, destination);
            queue.len() >= BATCH
        };
        if enough {
            self.flush_output();
        } else if !self.flush_due.replace(true)
            && let Some(me) = self.me.upgrade()
        {
            self.clock.turns().wants_datagram_flush(me);
        }
    }

    /// The destination as the wire wants it; None is the peer.
    fn resolve(&self, to: Option<&Address>, length: usize) -> Result<Option<Address>, SendError> {
        let addresses = self.addresses.borrow();
        match (to, &addresses.peer) {
            (None, None) => Err(SendError::NotConnected),
            (None, Some(peer)) => self.wire.destination(peer, length).map(|_| None),
            (Some(to), None) => self.wire.destination(to, length).map(Some),
            (Some(to), Some(peer)) => {
                let to = self.wire.destination(to, length)?;
                if is_same_place(&to, peer) {
                    Ok(None)
                } else {
                    Err(SendError::Connected)
                }
            }
        }
    }

    fn peer_address(&self) -> Option<Address> {
        self.addresses.borrow().peer.clone()
    }

    pub(super) fn fail(&self, to: Option<Address>, error: SendError) {
        self.owed.borrow_mut().failures.add(to, error);
        self.ask_for_turn();
    }

    /// Hands to the system what waits, as far as it takes it.
    pub(super) fn flush_output(&self) {
        if self.blocked.get() {
            return;
        }
        // An error may be about an earlier datagram: then the one that met it is tried once more.
        let mut tried_again = false;
        while let Some((sent, error)) = self.send_some() {
            tried_again &= sent == 0;
            match error {
                None => {}
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if W::RECEIVERS_FILL && self.peer_address().is_none() {
                        return self.park_output();
                    }
                    return self.wait_for_system();
                }
                Some(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Some(error) if is_refusal(&error) && W::REFUSES_AT_ONCE => {
                    if self.peer_address().is_some() {
                        self.take_front();
                        self.refused();
                    } else {
                        self.fail_front(error);
                    }
                }
                Some(error) if is_refusal(&error) && !tried_again => {
                    tried_again = true;
                    self.refused();
                }
                Some(error) => {
                    tried_again = false;
                    self.fail_front(error);
                }
            }
        }
    }

    /// Hands some of what waits to the system: how many it took, and the error of the next. `None` if
    /// nothing waits.
    #[inline]
    fn send_some(&self) -> Option<(usize, Option<io::Error>)> {
        let mut output = self.output.borrow_mut();
        let queue = output.as_mut()?;
        let (sent, error) = self.wire.send(queue);
        queue.advance(sent);
        if queue.is_empty() {
            self.give_back(&mut output);
            return None;
        }
        Some((sent, error))
    }

    /// Nothing is pending.
    fn give_back(&self, output: &mut Option<Box<DatagramQueue>>) {
        if let Some(queue) = output.take() {
            self.commons.spares.borrow_mut().give(queue);
        }
    }

    /// The first datagram that waits is not to be sent.
    fn fail_front(&self, error: io::Error) {
        if let Some((length, to)) = self.take_front() {
            self.fail(to, self.wire.send_error(error, length));
        }
    }

    /// Drops the first datagram that waits; returns its length, and where it was to go.
    fn take_front(&self) -> Option<(usize, Option<Address>)> {
        let mut output = self.output.borrow_mut();
        let queue = output.as_mut()?;
        let (data, to) = queue.front()?;
        let front = (data.len(), to.cloned().or_else(|| self.peer_address()));
        queue.advance(1);
        if queue.is_empty() {
            self.give_back(&mut output);
        }
        Some(front)
    }

    fn wait_for_system(&self) {
        match self.wire.watch_writable(true) {
            Ok(()) => self.blocked.set(true),
            // Nothing would ever send it.
            Err(error) => {
                log::error!(
                    "sending on {} cannot be watched: {error}",
                    self.transport.host()
                );
                self.drop_output();
            }
        }
    }

    /// The system takes datagrams again.
    pub(super) fn unblock(&self) {
        self.retry_parked();
        if !self.blocked.replace(false) {
            return;
        }
        self.flush_output();
        if !self.blocked.get() {
            let _ = self.wire.watch_writable(false);
            self.all_may_be_sent();
        }
    }

    /// The peer does not listen.
    pub(super) fn refused(&self) {
        let connected = self.addresses.borrow().peer.is_some();
        if connected && self.is_open() {
            self.owed.borrow_mut().refused = true;
            self.ask_for_turn();
        }
    }

    /// What waits will not be sent: the port is closed.
    pub(super) fn drop_output(&self) {
        let peer = self.peer_address();
        let mut output = self.output.borrow_mut();
        let parked = self.parked.take();
        let waiting = output.iter().flat_map(|queue| queue.iter());
        let parked = parked.iter().flat_map(|parked| parked.queue().iter());
        let mut any = false;
        for (_, to) in parked.chain(waiting) {
            let to = to.cloned().or_else(|| peer.clone());
            self.owed.borrow_mut().failures.add(to, SendError::Stopped);
            any = true;
        }
        if let Some(queue) = output.as_mut() {
            queue.clear();
            self.give_back(&mut output);
        }
        if any {
            self.ask_for_turn();
        }
    }
}

/// Whether an error says that nothing listens there. Windows calls it a reset, and of a UNIX socket
/// the file may have gone.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset | io::ErrorKind::NotFound
    )
}
