use std::any::{Any, TypeId};
use std::fmt;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};

use super::passing::{MOST, MOST_QUEUED, Passing, UnixStreamChannel};
use crate::heart::channel::Channel;
use crate::{DescriptorError, NotPassed, TransportRef};

/// Open descriptors (files, sockets, pipes) that are passed over a UNIX stream, together with bytes.
///
/// They are in order with the bytes: when a protocol hears of the first byte that was written with a
/// descriptor, the descriptor can be [taken](UnixDescriptors::take). A layer between the two (TLS,
/// compression) may make a descriptor arrive earlier, and never later.
///
/// A connection receives none unless its protocol [accepts](UnixDescriptors::accept) some, or its port
/// does: the system then closes those that a peer passes, and reading costs nothing more. What was accepted and not
/// taken belongs to the connection, as bytes that were given back do: a protocol that is switched in
/// may take it, and it is closed at the end of the connection. As long as the end of a peer itself
/// waits there, the peer's close goes unseen: a server that accepts descriptors from strangers takes
/// them at once, or has a deadline.
///
/// Good for one seating, like the [`TransportRef`] that it was made from.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Protocol, TransportRef, UnixDescriptors};
/// use std::fs::File;
/// use std::io::Read;
///
/// /// Answers with the content of each file that a client passes.
/// struct Reader;
///
/// impl Protocol for Reader {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         match UnixDescriptors::of(transport) {
///             Some(descriptors) => descriptors.accept(4),
///             None => transport.lose_connection(),
///         }
///     }
///
///     fn data_received(&mut self, transport: &TransportRef, _: &[u8]) {
///         let descriptors = UnixDescriptors::of(transport);
///         while let Some(descriptor) = descriptors.as_ref().and_then(UnixDescriptors::take) {
///             let mut content = Vec::new();
///             if File::from(descriptor).take(4096).read_to_end(&mut content).is_ok() {
///                 transport.write(&content);
///             }
///         }
///     }
/// }
/// ```
#[doc(alias = "IUNIXTransport")]
#[doc(alias = "IFileDescriptorReceiver")]
#[doc(alias = "SCM_RIGHTS")]
#[derive(Clone)]
pub struct UnixDescriptors {
    transport: TransportRef,
    stream: Weak<UnixStreamChannel>,
}

/// The stream, as the socket's extension.
pub(super) struct Found(pub(super) Weak<dyn Any>);

impl UnixDescriptors {
    /// The descriptors of the connection that `transport` ends in; `None` if that is not a UNIX socket.
    pub fn of(transport: &TransportRef) -> Option<UnixDescriptors> {
        let found = transport.extension(TypeId::of::<UnixDescriptors>())?;
        let stream = found.downcast_ref::<Found>()?.0.upgrade()?;
        let stream: Rc<UnixStreamChannel> = stream.downcast().ok()?;
        Some(UnixDescriptors {
            transport: transport.clone(),
            stream: Rc::downgrade(&stream),
        })
    }

    /// Receives, from now on, the descriptors that the peer passes, of which at most `limit` may wait
    /// to be taken. A peer that passes more ends the connection with
    /// [`DescriptorError::TooManyWaiting`], and what came together with them is not delivered: dropping
    /// some in silence would give the next ones to the wrong bytes. Called again, it changes the limit.
    ///
    /// In `connection_made` this is early enough for a protocol on the socket itself. Where a layer
    /// comes first, as TLS does, a peer may pass some before: then the port or the client accepts them
    /// ([`UnixListen::accept_descriptors`](crate::UnixListen::accept_descriptors)). Each descriptor is
    /// closed on exec.
    pub fn accept(&self, limit: usize) {
        if self.transport.is_connected() {
            self.with(|_, passing| passing.set_limit(limit));
        }
    }

    /// The descriptor that came first of those that were not taken. `None` if none waits, and after
    /// the connection was closed.
    ///
    /// It is of whatever kind the peer chose: a file that blocks, a socket, a device.
    #[doc(alias = "fileDescriptorReceived")]
    pub fn take(&self) -> Option<OwnedFd> {
        let stream = self.stream.upgrade();
        let stream = stream.filter(|_| self.transport.is_connected())?;
        let taken = stream
            .wire
            .with(|socket| Ok(socket.existing_passing().and_then(Passing::take)));
        taken.ok()?
    }

    /// Writes `data` as [`write`](crate::Transport::write) does, and passes the descriptors together
    /// with its first byte. Once the system has taken them, or the connection has ended, they are
    /// closed here.
    ///
    /// It is all or nothing: in case of an error nothing was written, and the descriptors are given
    /// back. Descriptors need a byte to go with, up to 253 go with one write, and up to 256 wait for the
    /// system; [`when_sent`](crate::Transport::when_sent) tells when to go on. A descriptor that the
    /// system cannot pass ends the connection with [`DescriptorError::Refused`].
    #[doc(alias = "sendFileDescriptor")]
    pub fn write(
        &self,
        data: &[u8],
        descriptors: impl IntoIterator<Item = OwnedFd>,
    ) -> Result<(), NotPassed> {
        let descriptors: Vec<_> = descriptors.into_iter().collect();
        if let Err(error) = self.may_pass(data, descriptors.len()) {
            return Err(NotPassed { descriptors, error });
        }
        if !descriptors.is_empty() {
            self.with(|pending, passing| passing.queue(pending, descriptors));
        }
        self.transport.write(data);
        Ok(())
    }

    /// Returns how many descriptors were written and not taken by the system yet.
    pub fn pending(&self) -> usize {
        let stream = self.stream.upgrade();
        let pending = stream.map(|stream| {
            stream.wire.with(|socket| {
                let passing = socket.existing_passing();
                Ok(passing.map_or(0, |passing| passing.queued()))
            })
        });
        pending.and_then(Result::ok).unwrap_or(0)
    }

    fn may_pass(&self, data: &[u8], count: usize) -> Result<(), DescriptorError> {
        if !self.transport.of_seat().takes_writes() {
            Err(DescriptorError::Closed)
        } else if data.is_empty() && count > 0 {
            Err(DescriptorError::NoBytes)
        } else if count > MOST {
            Err(DescriptorError::TooManyAtOnce(MOST))
        } else if self.pending() + count > MOST_QUEUED {
            Err(DescriptorError::QueueFull(MOST_QUEUED))
        } else {
            Ok(())
        }
    }

    /// Calls with how many bytes wait before the next, and the descriptors.
    fn with(&self, act: impl FnOnce(usize, &mut Passing)) {
        let Some(stream) = self.stream.upgrade() else {
            return;
        };
        let pending = stream.buffered();
        // A connection that has gone needs nothing.
        let _ = stream.wire.with(|socket| {
            let passing = socket.passing();
            passing.set_stream(&stream);
            act(pending, passing);
            Ok(())
        });
    }
}

impl fmt::Debug for UnixDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnixDescriptors")
            .field("pending", &self.pending())
            .finish_non_exhaustive()
    }
}
