use std::os::fd::OwnedFd;
use std::rc::Weak;

use super::*;
use crate::{Address, PassError};

/// A stream that can leave its reactor, whatever its wire: what an extension of it answers with.
pub(crate) struct Leaving(pub(super) Weak<dyn Leaves>);

pub(super) trait Leaves {
    fn prepare(&self) -> Result<(), PassError>;
    fn leave(&self, unread: &[u8]) -> Result<Parcel, PassError>;
}

/// A connection on its way from one reactor to another.
pub(crate) struct Parcel {
    pub(crate) socket: OwnedFd,
    pub(crate) peer: Address,
    pub(crate) id: ConnectionId,
    /// What has been received, and not been used.
    pub(crate) unread: Vec<u8>,
    /// What has been written, and not been sent.
    pub(crate) unsent: Vec<u8>,
}

impl Leaving {
    /// Sends what can be sent, and checks whether the stream can leave.
    pub(crate) fn prepare(&self) -> Result<(), PassError> {
        let stream = self.0.upgrade().ok_or(PassError::NotConnected)?;
        stream.prepare()
    }

    /// Takes the connection out of its stream, which has ended then.
    pub(crate) fn leave(&self, unread: &[u8]) -> Result<Parcel, PassError> {
        let stream = self.0.upgrade().ok_or(PassError::NotConnected)?;
        stream.leave(unread)
    }
}

impl<W: Wire> Leaves for Stream<W> {
    fn prepare(&self) -> Result<(), PassError> {
        if self.phase.get() == Phase::Open {
            self.send();
        }
        match self.phase.get() {
            Phase::Open if self.is(Facts::PRODUCER) => Err(PassError::Producer),
            Phase::Open => Ok(()),
            Phase::ClosingWrite | Phase::WriteClosed => Err(PassError::WriteClosed),
            _ => Err(PassError::NotConnected),
        }
    }

    fn leave(&self, unread: &[u8]) -> Result<Parcel, PassError> {
        let peer = self.wire.peer();
        let socket = self.wire.detach()?;
        let mut unread = unread.to_vec();
        unread.append(&mut self.seat.leave());
        let unsent = self.take_unsent();
        self.finish(Reason::Passed, false);
        Ok(Parcel {
            socket,
            peer,
            id: self.id,
            unread,
            unsent,
        })
    }
}

impl<W: Wire> Stream<W> {
    /// What the system has not taken.
    fn take_unsent(&self) -> Vec<u8> {
        let mut unsent = Vec::with_capacity(self.waiting());
        if self.is(Facts::QUEUED) {
            self.cold(|cold| {
                while !cold.output.is_empty() {
                    let front = cold.output.front();
                    let count = front.len();
                    unsent.extend_from_slice(front);
                    cold.output.advance(count, &self.context.buffers);
                }
            });
            self.clear(Facts::QUEUED);
        }
        unsent
    }

    /// A stream whose connection comes from another reactor, with what that one has left: it keeps its
    /// number.
    pub(crate) fn arrived(
        wire: W,
        protocol: ProtocolRef,
        context: Rc<StreamContext>,
        settings: Rc<StreamSettings>,
        (id, unread, unsent): (ConnectionId, Vec<u8>, Vec<u8>),
    ) -> Rc<Self> {
        let stream = Stream::numbered(wire, protocol, context, settings, None, id);
        stream.seat.begin_with(unread);
        if !unsent.is_empty() {
            stream.queue(&unsent);
            // The limit is for what its own protocol writes.
            stream.cold(|cold| cold.output.exempt(unsent.len()));
        }
        stream
    }
}
