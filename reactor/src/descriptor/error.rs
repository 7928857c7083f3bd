use std::error::Error;
use std::fmt;
use std::io;

/// The reason why a descriptor cannot be opened as a stream, or be watched. What was given is closed, unless it was only
/// lent.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The descriptor is not open: its program was started without it, or other code has closed it.
    Closed(io::Error),
    /// It is not open for reading.
    NotReadable,
    /// It is not open for writing.
    NotWritable,
    /// No stream of bytes comes from it: it is this.
    NotAStream(&'static str),
    /// There is neither a descriptor to read from nor one to write to.
    Missing,
    /// The reactor watches this descriptor already.
    AlreadyWatched(io::Error),
    /// Standard input and output are a stream already, of this reactor or of another one in this
    /// process.
    InUse,
    /// Anything else that the system said.
    Failed(io::Error),
    /// The reactor has ended.
    ReactorGone,
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        match rustix::io::Errno::from_io_error(&error) {
            Some(rustix::io::Errno::BADF) => OpenError::Closed(error),
            Some(rustix::io::Errno::EXIST) => OpenError::AlreadyWatched(error),
            _ => OpenError::Failed(error),
        }
    }
}

impl From<rustix::io::Errno> for OpenError {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Closed(_) => f.write_str("the descriptor is not open"),
            OpenError::NotReadable => f.write_str(
                "the descriptor is not open for reading; give it as the one to write to",
            ),
            OpenError::NotWritable => f.write_str(
                "the descriptor is not open for writing; give it as the one to read from",
            ),
            OpenError::NotAStream(what) => {
                write!(
                    f,
                    "the descriptor is {what}, which is not a stream of bytes"
                )
            }
            OpenError::Missing => {
                f.write_str("there is neither a descriptor to read from nor one to write to")
            }
            OpenError::AlreadyWatched(_) => f.write_str(
                "the reactor watches this descriptor already; duplicate it, or remove it first",
            ),
            OpenError::InUse => f.write_str("standard input and output are a stream already"),
            OpenError::Failed(_) => f.write_str("the descriptor cannot be used"),
            OpenError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            OpenError::Closed(error)
            | OpenError::AlreadyWatched(error)
            | OpenError::Failed(error) => Some(error),
            _ => None,
        }
    }
}
