use std::collections::HashSet;
use std::io;
use std::mem;

use super::{DatagramPort, State};
use crate::datagram::{DatagramQueue, DatagramWire};
use crate::{Address, SendError};

/// Datagrams for receivers that are full, apart from all others, which they do not hold up.
///
/// Invariant: as long as datagrams for a receiver wait here, all for the same receiver do, so that they
/// keep their order.
#[derive(Default)]
pub(super) struct Parked {
    queue: Box<DatagramQueue>,
    /// The receivers that these are for.
    full: HashSet<Address>,
    /// The wire has been asked to say when to try again.
    asked: bool,
}

impl Parked {
    pub(super) fn queue(&self) -> &DatagramQueue {
        &self.queue
    }
}

impl<W: DatagramWire> DatagramPort<W> {
    /// Keeps a datagram whose receiver is full already. False if that is not so.
    pub(super) fn park_behind(&self, data: &[u8], to: Option<&Address>) -> bool {
        let mut parked = self.parked.borrow_mut();
        match (parked.as_mut(), to) {
            (Some(parked), Some(to)) if parked.full.contains(to) => {
                self.park(parked, data, to);
                true
            }
            _ => false,
        }
    }

    /// The receiver of the first datagram that waits is full: all that wait are sent one by one, and
    /// those for full receivers are kept.
    pub(super) fn park_output(&self) {
        if let Some(mut waiting) = self.output.take() {
            let mut parked = self.parked.take().unwrap_or_default();
            self.send_each(&waiting, &mut parked);
            waiting.clear();
            self.commons.spares.borrow_mut().give(waiting);
            self.keep_parked(parked);
        }
    }

    /// Receivers that were full may have room.
    pub(super) fn retry_parked(&self) {
        let Some(mut parked) = self.parked.take() else {
            return;
        };
        let waiting = mem::take(&mut parked.queue);
        parked.full.clear();
        parked.asked = false;
        self.send_each(&waiting, &mut parked);
        if parked.queue.len() < waiting.len() {
            // Some has gone, and more may go soon.
            let _ = self.wire.watch_writable(false);
        }
        self.keep_parked(parked);
    }

    fn keep_parked(&self, mut parked: Box<Parked>) {
        if parked.queue.is_empty() {
            return self.all_may_be_sent();
        }
        if !mem::replace(&mut parked.asked, true)
            && let Err(error) = self.wire.watch_writable(true)
        {
            log::error!(
                "sending on {} cannot be watched: {error}",
                self.transport.host()
            );
            parked.asked = false;
        }
        *self.parked.borrow_mut() = Some(parked);
    }

    fn send_each(&self, waiting: &DatagramQueue, parked: &mut Parked) {
        let mut single = self.commons.spares.borrow_mut().take();
        for (data, to) in waiting.iter() {
            let Some(to) = to.filter(|to| !parked.full.contains(to)) else {
                if let Some(to) = to {
                    self.park(parked, data, to);
                }
                continue;
            };
            single.push(data, Some(to.clone()));
            let error = loop {
                match self.wire.send(&single) {
                    (0, Some(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                    (_, error) => break error,
                }
            };
            single.clear();
            match error {
                None => {}
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    parked.full.insert(to.clone());
                    self.park(parked, data, to);
                }
                Some(error) => {
                    let error = self.wire.send_error(error, data.len());
                    self.fail(Some(to.clone()), error);
                }
            }
        }
        self.commons.spares.borrow_mut().give(single);
    }

    fn park(&self, parked: &mut Parked, data: &[u8], to: &Address) {
        let limit = self.settings.send_queue;
        if parked.queue.cost() + DatagramQueue::cost_of(data.len()) <= limit {
            parked.queue.push(data, Some(to.clone()));
        } else {
            self.owed.borrow_mut().overflowed = true;
            self.fail(Some(to.clone()), SendError::QueueFull(limit));
        }
    }

    /// Whether datagrams wait for the system.
    pub(super) fn has_output(&self) -> bool {
        self.output.borrow().is_some() || self.parked.borrow().is_some()
    }

    /// What follows when the last has gone.
    pub(super) fn all_may_be_sent(&self) {
        if self.has_output() {
            return;
        }
        if self.state.get() == State::Closing {
            self.close(crate::Reason::Done);
        } else if self.owed.borrow().overflowed {
            self.ask_for_turn();
        }
    }
}
