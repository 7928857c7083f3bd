//! The system call that a turn makes in each direction.
//!
//! rustix makes it in place. By way of mio and of the C library it is a function in a function, which
//! cost as much as a callback. It wakes nothing on mio's side, so the caller uses `try_io`, which is
//! for such calls.

use std::io;

#[cfg(unix)]
pub(crate) use self::in_place::{SEND, recv, send};

#[cfg(unix)]
mod in_place {
    use std::os::fd::AsFd;

    use rustix::net::{RecvFlags, SendFlags};

    use super::io;

    #[inline(always)]
    pub(crate) fn recv(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
        let (count, _) = rustix::net::recv(socket, buffer, RecvFlags::DONTWAIT)?;
        Ok(count)
    }

    #[inline(always)]
    pub(crate) fn send(socket: impl AsFd, data: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(socket, data, SEND)?)
    }

    /// A broken pipe is an error and no signal. macOS has no such flag: there, a socket is
    /// [told](crate::socket::silence) once.
    #[cfg(not(target_vendor = "apple"))]
    pub(crate) const SEND: SendFlags = SendFlags::DONTWAIT.union(SendFlags::NOSIGNAL);
    #[cfg(target_vendor = "apple")]
    pub(crate) const SEND: SendFlags = SendFlags::DONTWAIT;
}

#[cfg(not(unix))]
pub(crate) fn recv(mut socket: impl io::Read, buffer: &mut [u8]) -> io::Result<usize> {
    socket.read(buffer)
}

#[cfg(not(unix))]
pub(crate) fn send(mut socket: impl io::Write, data: &[u8]) -> io::Result<usize> {
    socket.write(data)
}
