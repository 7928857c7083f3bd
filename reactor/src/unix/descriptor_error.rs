use std::error::Error;
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;

/// The reason why descriptors were not passed, or why they have ended a connection: then it is the
/// [`Reason`](crate::Reason), which [`downcast_ref`](crate::Reason::downcast_ref) finds.
#[derive(Debug)]
#[non_exhaustive]
pub enum DescriptorError {
    /// There was no byte for them to go with.
    #[doc(alias = "FileDescriptorOverrun")]
    NoBytes,
    /// More than this many were to go with one write.
    TooManyAtOnce(usize),
    /// This many would wait for the system.
    QueueFull(usize),
    /// The connection is closed or being closed, or another protocol has taken it over.
    Closed,
    /// A reason: more than this many have come and were not taken
    /// ([`UnixDescriptors::accept`](crate::UnixDescriptors::accept)).
    TooManyWaiting(usize),
    /// A reason: the system has dropped descriptors that the peer passed, usually since this process
    /// may open no more.
    Lost,
    /// A reason: the system does not pass a descriptor of this kind.
    Refused(io::Error),
}

impl fmt::Display for DescriptorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DescriptorError::NoBytes => {
                f.write_str("descriptors go with bytes; write at least one byte with them")
            }
            DescriptorError::TooManyAtOnce(most) => write!(
                f,
                "at most {most} descriptors go with one write; pass them in parts"
            ),
            DescriptorError::QueueFull(most) => write!(
                f,
                "{most} descriptors would wait to be sent; go on when when_sent calls"
            ),
            DescriptorError::Closed => f.write_str("the connection takes no more descriptors"),
            DescriptorError::TooManyWaiting(limit) => write!(
                f,
                "connection aborted: the peer has passed over {limit} descriptors that were not taken; take them sooner, or accept more"
            ),
            DescriptorError::Lost => f.write_str(
                "connection aborted: descriptors that the peer passed are lost, since this process may open no more; raise the limit of open files",
            ),
            DescriptorError::Refused(_) => {
                f.write_str("connection aborted: the system does not pass a descriptor of this kind")
            }
        }
    }
}

impl Error for DescriptorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DescriptorError::Refused(error) => Some(error),
            _ => None,
        }
    }
}

/// Descriptors that [`UnixDescriptors::write`](crate::UnixDescriptors::write) gives back.
#[derive(Debug)]
pub struct NotPassed {
    /// All of them, in order.
    pub descriptors: Vec<OwnedFd>,
    /// Why they were not taken.
    pub error: DescriptorError,
}

impl fmt::Display for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.descriptors.len();
        write!(f, "{count} descriptors were not passed")
    }
}

impl Error for NotPassed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}
