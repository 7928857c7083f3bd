use std::any::Any;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;

use super::Companion;
use crate::{Address, StreamSettings};

/// Descriptors that are to be one stream of bytes, and its settings.
///
/// The stream owns them, and closes them when it ends.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::DescriptorStream;
///
/// let (theirs, to_them) = std::io::pipe()?;
/// let (from_them, of_theirs) = std::io::pipe()?;
/// let stream = DescriptorStream::pair(from_them, to_them).name("the gauge");
/// # let _ = (theirs, of_theirs, stream);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DescriptorStream {
    pub(super) ends: Ends,
    pub(super) address: Address,
    pub(super) companion: Option<Rc<dyn Companion>>,
    pub(super) guards: Option<[Guard; 2]>,
    pub(super) settings: StreamSettings,
}

/// Something that is dropped behind a descriptor.
pub(super) type Guard = Box<dyn Any>;

#[derive(Debug)]
pub(super) enum Ends {
    /// One descriptor for both directions.
    Same(OwnedFd),
    /// One for each, or for one direction alone.
    Separate {
        reading: Option<OwnedFd>,
        writing: Option<OwnedFd>,
    },
}

impl DescriptorStream {
    /// One descriptor to read from and to write to: a socket, a serial port, a terminal, a tun
    /// interface.
    pub fn new(descriptor: impl Into<OwnedFd>) -> Self {
        DescriptorStream::of(Ends::Same(descriptor.into()))
    }

    /// One descriptor to read from and another one to write to: two pipes, two FIFOs, a file and
    /// another file.
    pub fn pair(reading: impl Into<OwnedFd>, writing: impl Into<OwnedFd>) -> Self {
        DescriptorStream::of(Ends::Separate {
            reading: Some(reading.into()),
            writing: Some(writing.into()),
        })
    }

    /// A descriptor to read from. What is written to the stream cannot go anywhere: the first write
    /// ends it, with an error.
    pub fn reading(descriptor: impl Into<OwnedFd>) -> Self {
        DescriptorStream::of(Ends::Separate {
            reading: Some(descriptor.into()),
            writing: None,
        })
    }

    /// A descriptor to write to. No bytes come. The stream ends when it is closed, or when the
    /// last reader at the other end has gone.
    pub fn writing(descriptor: impl Into<OwnedFd>) -> Self {
        DescriptorStream::of(Ends::Separate {
            reading: None,
            writing: Some(descriptor.into()),
        })
    }

    fn of(ends: Ends) -> Self {
        DescriptorStream {
            ends,
            address: Address::Descriptor("a descriptor".into()),
            companion: None,
            guards: None,
            settings: StreamSettings::default(),
        }
    }

    /// Sets what the log and [`Transport::peer`](crate::Transport::peer) call the other end:
    /// [`Address::Descriptor`].
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.address = Address::Descriptor(name.into());
        self
    }

    /// The address of the other end, for kinds that have a better one.
    pub(crate) fn peer(mut self, address: Address) -> Self {
        self.address = address;
        self
    }

    pub(crate) fn companion(mut self, companion: Rc<dyn Companion>) -> Self {
        self.companion = Some(companion);
        self
    }

    /// The bounds of the stream.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The descriptors are not this stream's own, and other processes use them too: it closes what it
    /// has of them, and ends nothing for the others. Each guard is dropped behind its descriptor, that
    /// of the input first in the array.
    pub(crate) fn shared(mut self, guards: [Guard; 2]) -> Self {
        self.guards = Some(guards);
        self
    }
}
