use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;

use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
use rustix::cmsg_space;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// A copy of a descriptor that is known by its number alone, closed on exec.
///
/// Without `unsafe`, a number becomes an [`OwnedFd`] where the system itself makes the descriptor. So
/// this process passes it to itself; the system looks whether it is open.
pub(super) fn copy_of(number: RawFd) -> io::Result<OwnedFd> {
    let (sender, receiver) = UnixDatagram::pair()?;
    let passed = [number];
    sendmsg(
        sender.as_raw_fd(),
        &[IoSlice::new(&[0])],
        &[ControlMessage::ScmRights(&passed)],
        MsgFlags::empty(),
        None::<&()>,
    )?;
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        &receiver,
        &mut [IoSliceMut::new(&mut byte)],
        &mut control,
        CLOSED_ON_EXEC,
    )?;
    let mut received = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let copy = received.next().ok_or(io::ErrorKind::NotFound)?;
    #[cfg(target_vendor = "apple")]
    rustix::io::fcntl_setfd(&copy, rustix::io::FdFlags::CLOEXEC)?;
    Ok(copy)
}

#[cfg(not(target_vendor = "apple"))]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::CMSG_CLOEXEC;
#[cfg(target_vendor = "apple")]
const CLOSED_ON_EXEC: RecvFlags = RecvFlags::empty();
