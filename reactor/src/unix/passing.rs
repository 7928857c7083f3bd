//! The descriptors that go with the bytes of one connection.
//!
//! What is evil here. The system takes descriptors with a byte or not at all, and up to [`MOST`] of
//! them with one. It ends a read behind bytes that came with descriptors, so a short read is not the
//! last. It bounds the descriptors that a user has under way, and tells nothing when there is room.
//! Where this process has no descriptor left, or the control buffer no room, it drops some and sets a
//! flag: then no one can say which of those that follow belongs to what. And a descriptor that is not
//! closed leaks, so each is an `OwnedFd` from the moment when the system hands it over.
//!
//! Invariants: descriptors leave with the byte at which they were queued, in order. Those that have
//! arrived are here before their bytes are delivered. Neither queue is longer than its bound.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::time::Duration;

use mio::net::UnixStream;
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use super::wire::UnixSocket;
use crate::heart::channel::Channel;
use crate::socket::SocketWire;
use crate::stream::{Ready, Stream};
use crate::{DescriptorError, Reason};

/// How many descriptors go with one byte at most (Linux: `SCM_MAX_FD`).
pub(super) const MOST: usize = 253;
/// How many may come with one: other systems take more than Linux.
const MOST_RECEIVED: usize = 512;
/// How many descriptors wait for the system at most.
pub(super) const MOST_QUEUED: usize = 256;
/// How long a connection waits before it offers descriptors again that the system would not take.
const PAUSE: Duration = Duration::from_millis(20);

/// The stream of a UNIX socket.
pub(crate) type UnixStreamChannel = Stream<SocketWire<UnixSocket>>;

#[derive(Default)]
pub(super) struct Passing {
    stream: Weak<UnixStreamChannel>,
    /// How many bytes the system has taken since this was made.
    sent: u64,
    outgoing: VecDeque<Group>,
    /// How many descriptors are in `outgoing`.
    queued: usize,
    /// What has arrived and was not taken, and how many that may be. `None`: the descriptors that a
    /// peer passes are not received, and the system closes them.
    incoming: VecDeque<OwnedFd>,
    limit: Option<usize>,
    stopped_early: bool,
    stalled: bool,
}

/// Descriptors that go with the byte at this position.
struct Group {
    at: u64,
    descriptors: Vec<OwnedFd>,
}

impl Passing {
    pub(super) fn accepting(limit: usize) -> Self {
        Passing {
            limit: Some(limit),
            ..Passing::default()
        }
    }

    /// How many may wait, if any are accepted.
    pub(super) fn limit(&self) -> Option<usize> {
        self.limit
    }

    pub(super) fn set_stream(&mut self, stream: &Rc<UnixStreamChannel>) {
        self.stream = Rc::downgrade(stream);
    }

    /// From now on this many may wait.
    pub(super) fn set_limit(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    pub(super) fn take(&mut self) -> Option<OwnedFd> {
        self.incoming.pop_front()
    }

    pub(super) fn queued(&self) -> usize {
        self.queued
    }

    /// Takes descriptors that go with the next byte, which is written behind `pending` others.
    pub(super) fn queue(&mut self, pending: usize, mut descriptors: Vec<OwnedFd>) {
        let mut at = self.sent + pending as u64;
        self.queued += descriptors.len();
        if let Some(last) = self.outgoing.back_mut() {
            // A layer above has not passed on the bytes of the last ones yet.
            let is_same = at <= last.at;
            if is_same && last.descriptors.len() + descriptors.len() <= MOST {
                return last.descriptors.append(&mut descriptors);
            }
            at = at.max(last.at + 1);
        }
        self.outgoing.push_back(Group { at, descriptors });
    }

    /// Sends as much of `data` as the system takes, and the descriptors that go with it.
    pub(super) fn send(&mut self, stream: &UnixStream, data: &[u8]) -> io::Result<usize> {
        self.stalled = false;
        let mut sent = 0;
        while sent < data.len() {
            let (mut end, with) = (data.len(), self.leaving());
            if let Some(next) = self.outgoing.get(usize::from(with)) {
                let room = usize::try_from(next.at - self.sent).unwrap_or(usize::MAX);
                end = end.min(sent.saturating_add(room));
            }
            let outcome = if with {
                self.send_group(stream, &data[sent..end])
            } else {
                let mut stream = stream;
                stream.write(&data[sent..end])
            };
            match outcome {
                Ok(count) => {
                    self.sent += count as u64;
                    sent += count;
                    if sent < end {
                        break;
                    }
                }
                // It comes again when the rest is offered.
                Err(_) if sent > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }

    /// Whether descriptors go with the very next byte.
    fn leaving(&self) -> bool {
        let first = self.outgoing.front();
        first.is_some_and(|group| group.at == self.sent)
    }

    fn send_group(&mut self, stream: &UnixStream, data: &[u8]) -> io::Result<usize> {
        let Some(group) = self.outgoing.front() else {
            return Ok(0);
        };
        let borrowed: Vec<_> = group.descriptors.iter().map(AsFd::as_fd).collect();
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(&borrowed));
        match sendmsg(stream, &[IoSlice::new(data)], &mut control, send_flags()) {
            Ok(count) => {
                let group = self.outgoing.pop_front();
                self.queued -= group.map_or(0, |group| group.descriptors.len());
                Ok(count)
            }
            // Too many are under way, and peers have to take some first.
            Err(Errno::TOOMANYREFS) => {
                self.wait_for_room();
                Err(io::ErrorKind::WouldBlock.into())
            }
            // It is a descriptor of a kind that cannot be passed.
            Err(error @ (Errno::INVAL | Errno::OPNOTSUPP | Errno::BADF)) => {
                Err(because(DescriptorError::Refused(error.into())))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn wait_for_room(&mut self) {
        self.stalled = true;
        let me = self.stream.clone();
        if let Some(stream) = me.upgrade() {
            stream.clock().call_later(PAUSE, move || {
                if let Some(stream) = me.upgrade() {
                    stream.ready_alone(Ready::WRITABLE);
                }
            });
        }
    }

    /// The system does not tell when to send again; a timer does.
    pub(super) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Reads once. The descriptors that came with the bytes can be taken when this returns.
    pub(super) fn receive(&mut self, stream: &UnixStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.stopped_early = false;
        let Some(limit) = self.limit else {
            let mut stream = stream;
            return stream.read(buffer);
        };
        let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(MOST_RECEIVED))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut pieces = [IoSliceMut::new(buffer)];
        let received = recvmsg(stream, &mut pieces, &mut control, receive_flags())?;
        let before = self.incoming.len();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(descriptors) = message {
                self.incoming.extend(descriptors);
            }
        }
        let has_come = self.incoming.len() > before;
        self.stopped_early = has_come || STOPS_BEFORE;
        if received.flags.contains(ReturnFlags::CTRUNC) {
            return self.break_off(DescriptorError::Lost);
        }
        if has_come {
            close_on_exec(self.incoming.range(before..))?;
        }
        if self.incoming.len() > limit {
            let stream = self.stream.upgrade();
            if stream.is_none_or(|stream| stream.seat().is_closing()) {
                // They come too late for anyone to take them, like the bytes.
                self.incoming.clear();
            } else {
                return self.break_off(DescriptorError::TooManyWaiting(limit));
            }
        }
        Ok(received.bytes)
    }

    fn break_off(&mut self, error: DescriptorError) -> io::Result<usize> {
        self.incoming.clear();
        Err(because(error))
    }

    /// Whether there may be more to read though the last read was short.
    pub(super) fn stopped_early(&self) -> bool {
        self.stopped_early
    }
}

/// An error that ends the connection for this reason.
fn because(error: DescriptorError) -> io::Error {
    io::Error::other(Reason::failed(error))
}

/// Whether a read may end before bytes that have descriptors, too, and not behind them alone.
const STOPS_BEFORE: bool = cfg!(not(target_os = "linux"));

/// No SIGPIPE: a program may have given it back its default.
#[cfg(not(target_vendor = "apple"))]
pub(super) fn send_flags() -> SendFlags {
    SendFlags::NOSIGNAL
}

#[cfg(target_vendor = "apple")]
pub(super) fn send_flags() -> SendFlags {
    SendFlags::empty()
}

#[cfg(not(target_vendor = "apple"))]
fn receive_flags() -> RecvFlags {
    RecvFlags::CMSG_CLOEXEC
}

#[cfg(target_vendor = "apple")]
fn receive_flags() -> RecvFlags {
    RecvFlags::empty()
}

#[cfg(not(target_vendor = "apple"))]
fn close_on_exec<'a>(_: impl Iterator<Item = &'a OwnedFd>) -> io::Result<()> {
    Ok(())
}

/// The system cannot do it as it hands them over.
#[cfg(target_vendor = "apple")]
fn close_on_exec<'a>(descriptors: impl Iterator<Item = &'a OwnedFd>) -> io::Result<()> {
    for descriptor in descriptors {
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::CLOEXEC)?;
    }
    Ok(())
}
