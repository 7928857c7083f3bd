use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// The reason why a connection ended, which [`Protocol::connection_lost`](crate::Protocol::connection_lost) is
/// told.
///
/// [`Reason::Done`] is a clean end: everything that was written has been handed over, and the
/// connection was closed in order. All others but `Passed` say that bytes may be missing, and which rule
/// or fault it was. It is an [`Error`] with its [`source`](Error::source), so that it can be passed
/// on and printed with its whole cause.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, Reason, error_chain};
///
/// struct Careful;
///
/// impl Protocol for Careful {
///     fn connection_lost(&mut self, reason: &Reason) {
///         if !reason.is_clean() {
///             eprintln!("what came last may be missing: {}", error_chain(reason));
///         }
///     }
/// }
///
/// let recording = RecordingTransport::connect(Careful);
/// recording.lose(Reason::from(std::io::Error::from(std::io::ErrorKind::ConnectionReset)));
/// ```
#[doc(alias = "Failure")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Closed in order, by either side.
    #[doc(alias = "ConnectionDone")]
    Done,
    /// The system reported an error: reset by the peer, timed out, host unreachable.
    #[doc(alias = "ConnectionLost")]
    Lost(Arc<io::Error>),
    /// [`abort_connection`](crate::Transport::abort_connection) was called on this side.
    #[doc(alias = "ConnectionAborted")]
    Aborted,
    /// The connection was being closed, and for this long not one byte could be handed over.
    CloseTimedOut(Duration),
    /// The connection was being closed, and for this long its producer neither wrote nor finished:
    /// see [`Producer::has_finished`](crate::Producer::has_finished).
    ProducerTimedOut(Duration),
    /// More than this many bytes were waiting to be sent when still more was written
    /// ([`StreamSettings::output_limit`](crate::StreamSettings::output_limit)).
    OutputLimit(usize),
    /// More than this many bytes were given back and not delivered again
    /// ([`StreamSettings::unread_limit`](crate::StreamSettings::unread_limit)).
    UnreadLimit(usize),
    /// A callback panicked with this message.
    Panicked(Arc<str>),
    /// The connection was [passed](crate::TransportRef::pass_to) to another reactor, where it goes on.
    #[cfg(unix)]
    Passed,
    /// The reactor ended before the connection could be closed in order.
    ReactorStopped,
    /// A layer or an application ended it, for a reason of its own.
    Failed(Arc<dyn Error + Send + Sync>),
}

impl Reason {
    /// A reason of a layer's or an application's own.
    pub fn failed(error: impl Error + Send + Sync + 'static) -> Self {
        Reason::Failed(Arc::new(error))
    }

    /// True for a clean end: nothing was lost.
    pub fn is_clean(&self) -> bool {
        match self {
            Reason::Done => true,
            #[cfg(unix)]
            Reason::Passed => true,
            _ => false,
        }
    }

    /// The error of a given type that a layer gave as the reason, if that is what it is.
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        match self {
            Reason::Failed(error) => error.downcast_ref(),
            _ => None,
        }
    }
}

impl From<io::Error> for Reason {
    /// An error that carries a reason is that reason: so a wire ends its connection for one of its own.
    fn from(error: io::Error) -> Self {
        match error.downcast() {
            Ok(reason) => reason,
            Err(error) => Reason::Lost(Arc::new(error)),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Done => f.write_str("connection closed cleanly"),
            Reason::Lost(_) => f.write_str("connection lost"),
            Reason::Aborted => f.write_str("connection aborted by this side"),
            Reason::CloseTimedOut(waited) => write!(
                f,
                "connection aborted: while it was being closed, nothing could be sent for {} s",
                waited.as_secs_f64()
            ),
            Reason::ProducerTimedOut(waited) => write!(
                f,
                "connection aborted: while it was being closed, its producer neither wrote nor finished for {} s; call \
                 unregister_producer when it has finished",
                waited.as_secs_f64()
            ),
            Reason::OutputLimit(limit) => write!(
                f,
                "connection aborted: over {limit} bytes were waiting to be sent; register a producer or raise output_limit"
            ),
            Reason::UnreadLimit(limit) => write!(
                f,
                "connection aborted: over {limit} bytes were given back with unread; keep what belongs to one unit in the protocol, or raise unread_limit"
            ),
            Reason::Panicked(message) => {
                write!(f, "connection aborted: a callback panicked: {message}")
            }
            #[cfg(unix)]
            Reason::Passed => f.write_str("connection passed to another reactor"),
            Reason::ReactorStopped => f.write_str("connection aborted: the reactor has ended"),
            Reason::Failed(error) => error.fmt(f),
        }
    }
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Reason::Lost(error) => Some(&**error),
            Reason::Failed(error) => error.source(),
            _ => None,
        }
    }
}
