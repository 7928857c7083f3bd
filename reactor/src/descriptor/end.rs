use std::any::Any;
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Token};
use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, sockopt};
use socket2::SockRef;

use super::OpenError;
use super::kind::{Kind, check_access};
use super::nonblocking::NonBlocking;
use crate::core::sources::{Source, Sources};
use crate::socket::transfer;

/// One open descriptor of a stream.
pub(super) struct End {
    held: NonBlocking,
    pub(super) kind: Kind,
    /// Whether the system reports events for it. It reports none for what never has to wait: there,
    /// another try is always worth while.
    is_watched: Cell<bool>,
    /// Whether a read takes all that there is, as far as it has room: it does for a stream socket and a
    /// pipe. A terminal gives one line, a tun interface one packet, and no event tells of the next.
    reads_all: bool,
    /// Dropped behind the descriptor. An end that has one is shared with other processes.
    guard: Option<Box<dyn Any>>,
}

/// How much is written to a file in one turn.
const PIECE: usize = 256 * 1024;

impl End {
    pub(super) fn new(
        descriptor: OwnedFd,
        reading: bool,
        writing: bool,
        guard: Option<Box<dyn Any>>,
    ) -> Result<Rc<Self>, OpenError> {
        check_access(descriptor.as_fd(), reading, writing)?;
        let kind = Kind::of(descriptor.as_fd())?;
        Ok(Rc::new(End {
            reads_all: kind.reads_all(descriptor.as_fd())?,
            held: NonBlocking::new(descriptor, kind)?,
            kind,
            is_watched: Cell::new(false),
            guard,
        }))
    }

    /// Registers the descriptor on behalf of the source. One that the system cannot watch gets a token
    /// all the same.
    pub(super) fn register(
        &self,
        sources: &Sources,
        source: Rc<dyn Source>,
        interest: Interest,
    ) -> Result<Token, OpenError> {
        if self.kind != Kind::File {
            let number = self.as_fd().as_raw_fd();
            match sources.add(source.clone(), &mut SourceFd(&number), interest) {
                Ok(token) => {
                    self.is_watched.set(true);
                    return Ok(token);
                }
                Err(error) if self.never_waits(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(sources.add_unwatched(source)?)
    }

    /// Whether the refusal to watch it means that it never has to wait.
    fn never_waits(&self, refusal: &io::Error) -> bool {
        let refusal = Errno::from_io_error(refusal);
        // Linux says EPERM. Other systems have each their own word for a device.
        refusal == Some(Errno::PERM)
            || cfg!(not(target_os = "linux"))
                && self.kind == Kind::Device
                && matches!(
                    refusal,
                    Some(Errno::INVAL | Errno::NODEV | Errno::OPNOTSUPP)
                )
    }

    pub(super) fn is_watched(&self) -> bool {
        self.is_watched.get()
    }

    pub(super) fn reregister(
        &self,
        sources: &Sources,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let number = self.as_fd().as_raw_fd();
        sources.reregister(token, &mut SourceFd(&number), interest)
    }

    /// Has the system watch it no more. The description may live on elsewhere, and its events with
    /// it, so closing the descriptor is not enough.
    pub(super) fn remove(&self, sources: &Sources, token: Token) {
        if self.is_watched.get() {
            let number = self.as_fd().as_raw_fd();
            sources.remove(token, &mut SourceFd(&number));
        } else {
            sources.forget(token);
        }
    }

    /// Whether it may have been at its end when it was opened, and no event will say so.
    pub(super) fn needs_a_first_look(&self) -> bool {
        !self.is_watched() || self.held.is_reopened()
    }

    /// Whether a read that was shorter than it might have been says that there is nothing more just
    /// now, and that an event will tell.
    #[inline]
    pub(super) fn short_is_last(&self) -> bool {
        self.reads_all && self.is_watched()
    }

    #[inline]
    pub(super) fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let received = if self.kind == Kind::Socket {
            rustix::net::recv(&self.held, buffer, RecvFlags::DONTWAIT).map(|(count, _)| count)
        } else {
            rustix::io::read(&self.held, buffer)
        };
        match received {
            // The last program at the other end of the terminal has gone, or it has hung up.
            Err(Errno::IO) if self.kind == Kind::Terminal => Ok(0),
            Err(error) => Err(self.failed(error)),
            Ok(count) => Ok(count),
        }
    }

    #[inline]
    pub(super) fn send(&self, data: &[u8]) -> io::Result<usize> {
        let sent = if self.kind == Kind::Socket {
            rustix::net::send(&self.held, data, transfer::SEND)
        } else if self.is_watched() {
            rustix::io::write(&self.held, data)
        } else {
            rustix::io::write(&self.held, &data[..data.len().min(PIECE)])
        };
        sent.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: Errno) -> io::Error {
        if error == Errno::WOULDBLOCK && !self.is_watched() {
            // Nothing would ever tell of room, or of bytes.
            return io::Error::new(
                io::ErrorKind::Unsupported,
                "the device has to wait, and the system reports no events for it",
            );
        }
        error.into()
    }

    /// Shows the peer the end of input, where that takes more than closing the descriptor.
    pub(super) fn shutdown_write(&self) -> io::Result<()> {
        if self.kind == Kind::Socket && (self.guard.is_none() || self.is_tcp()) {
            rustix::net::shutdown(&self.held, Shutdown::Write)?;
        }
        Ok(())
    }

    /// Whether the peer can be expected to answer a close with its own. A UNIX socket that is shared
    /// may be the standard output of a whole script: it is not shut down, and no answer comes.
    pub(super) fn can_answer(&self, has_other: bool) -> bool {
        match self.kind {
            Kind::Socket => self.guard.is_none() || self.is_tcp(),
            Kind::Pipe => self.guard.is_none() && has_other,
            _ => false,
        }
    }

    fn is_tcp(&self) -> bool {
        let address = SockRef::from(&self.held).local_addr();
        address.is_ok_and(|address| address.as_socket().is_some())
    }

    /// It is closed next, and the peer is to see that the connection broke: TCP can show it.
    pub(super) fn prepare_reset(&self) {
        if self.kind == Kind::Socket && self.is_tcp() {
            let _ = SockRef::from(&self.held).set_linger(Some(Duration::ZERO));
        }
    }

    pub(super) fn take_error(&self) -> Option<io::Error> {
        match self.kind {
            Kind::Socket => sockopt::socket_error(&self.held).map_or_else(
                |error| Some(error.into()),
                |error| error.err().map(Into::into),
            ),
            _ => None,
        }
    }

    /// How many bytes wait to be read, or have been written and not been read; `None` where the
    /// system cannot tell.
    pub(super) fn waiting(&self) -> Option<usize> {
        match self.kind {
            Kind::File => Some(0),
            _ => usize::try_from(rustix::io::ioctl_fionread(&self.held).ok()?).ok(),
        }
    }
}

impl AsFd for End {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.held.as_fd()
    }
}
