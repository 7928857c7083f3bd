use std::io;

use super::{DatagramPort, State};
use crate::datagram::{DatagramQueue, DatagramWire};
use crate::{Address, Reason, SendError};

/// So many datagrams are handed to the system at once: more that wait only grow cold.
const BATCH: usize = 64;

impl<W: DatagramWire> DatagramPort<W> {
    /// Takes a datagram to be sent at the end of the turn.
    pub(super) fn take(&self, data: &[u8], to: Option<&Address>) {
        let destination = match self.resolve(to, data.len()) {
            Ok(destination) => destination,
            Err(error) => return self.fail(to.cloned().or_else(|| self.peer_address()), error),
        };
        let cost = DatagramQueue::cost_of(data.len());
        let limit = self.settings.send_queue;
        let over = |queue: &DatagramQueue| !queue.is_empty() && queue.cost() + cost > limit;
        if over(&self.output.borrow()) {
            self.flush_output();
        }
        let mut output = self.output.borrow_mut();
        if over(&output) {
            drop(output);
            self.owed.borrow_mut().overflowed = true;
            return self.fail(
                destination.or_else(|| self.peer_address()),
                SendError::QueueFull(limit),
            );
        }
        if output.wants_buffer() {
            *output = self.commons.spares.borrow_mut().take();
        }
        output.push(data, destination);
        let full = output.len() >= BATCH;
        drop(output);
        if full {
            self.flush_output();
        } else if !self.flush_due.replace(true)
            && let Some(me) = self.me.upgrade()
        {
            self.clock.wants_datagram_flush(me);
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
                if to.socket() == peer.socket() {
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
        if self.blocked.get() || self.output.borrow().is_empty() {
            return;
        }
        // An error may be about an earlier datagram: then the one that met it is tried once more.
        let mut tried_again = false;
        loop {
            let (sent, error) = self.wire.send(&self.output.borrow());
            self.output.borrow_mut().advance(sent);
            tried_again &= sent == 0;
            if self.output.borrow().is_empty() {
                break;
            }
            match error {
                None => {}
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.wait_for_system();
                }
                Some(error) if error.kind() == io::ErrorKind::Interrupted => {}
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
        self.give_back_queue();
    }

    /// The first datagram that waits is not to be sent.
    fn fail_front(&self, error: io::Error) {
        let mut output = self.output.borrow_mut();
        let Some((data, to)) = output.front() else {
            return;
        };
        let length = data.len();
        let to = to.cloned().or_else(|| self.peer_address());
        output.advance(1);
        drop(output);
        self.fail(to, self.wire.send_error(error, length));
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
        if !self.blocked.replace(false) {
            return;
        }
        self.flush_output();
        if self.blocked.get() {
            return;
        }
        let _ = self.wire.watch_writable(false);
        if self.state.get() == State::Closing {
            self.close(Reason::Done);
        } else if self.owed.borrow().overflowed {
            self.ask_for_turn();
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
        for (_, to) in output.iter() {
            let to = to.cloned().or_else(|| peer.clone());
            self.owed.borrow_mut().failures.add(to, SendError::Stopped);
        }
        output.clear();
        drop(output);
        self.give_back_queue();
        self.ask_for_turn();
    }

    fn give_back_queue(&self) {
        let queue = self.output.take();
        self.commons.spares.borrow_mut().give(queue);
    }
}

/// Whether an error is ICMP's answer to an earlier datagram: nothing listens there. Windows calls it
/// a reset.
pub(super) fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset
    )
}
