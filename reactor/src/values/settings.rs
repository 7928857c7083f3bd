use std::time::Duration;

/// The bounds of one stream connection, whatever its kind. The defaults are safe against a hostile
/// peer. [`StreamOptions`](crate::StreamOptions) changes them on a live connection.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{StreamSettings, TcpListen};
///
/// let listen = TcpListen::port(8007).settings(StreamSettings {
///     output_limit: 1024 * 1024,
///     ..StreamSettings::default()
/// });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSettings {
    /// Bytes. Once more than this is pending, a push producer is paused. Where there is no producer
    /// and [`read_pauses`](StreamSettings::read_pauses) is set, the peer is not read until all of it
    /// has gone, and units that have been read already are not delivered. Default 64 KiB.
    pub high_water: usize,
    /// Whether the stream stops reading from a peer that does not take what it is sent. Default true
    /// on accepted connections and false on those that this side made: if both sides did it, two
    /// that both send first would wait for each other without an end.
    pub read_pauses: bool,
    /// Bytes. A write that finds this much pending ends the connection with
    /// [`Reason::OutputLimit`](crate::Reason::OutputLimit). The limit is looked at before the first
    /// byte of a unit, so a single write, or a single
    /// [`write_sequence`](crate::Transport::write_sequence), may have any size. Bytes of a
    /// layer's own do not count. Default 16 MiB.
    pub output_limit: usize,
    /// Bytes. The most that may be given back with [`unread`](crate::Transport::unread) and wait to
    /// be delivered again; more ends the connection with
    /// [`Reason::UnreadLimit`](crate::Reason::UnreadLimit). A protocol that gives its input back
    /// until a unit is whole is called with all of it for each arrival, so this bounds what an
    /// arrival costs. Default 128 KiB.
    pub unread_limit: usize,
    /// How long a connection that is being closed may go without progress: the peer takes not a
    /// single byte, or the producer that the close waits for neither writes nor finishes. Then it is
    /// aborted with [`Reason::CloseTimedOut`](crate::Reason::CloseTimedOut) or
    /// [`Reason::ProducerTimedOut`](crate::Reason::ProducerTimedOut). Default 30 s.
    pub close_timeout: Duration,
    /// How long a closed connection whose last byte has been acknowledged waits for the peer to
    /// close too, and throws away what it still sends. Without this wait, such input makes the
    /// system send a reset, which destroys what the peer has not read yet. Where the system cannot
    /// tell what is acknowledged (it can for TCP on Linux), the time runs from the hand-over to the
    /// system. Until all is acknowledged, `close_timeout` bounds the time without progress. With
    /// zero, the reactor does not wait. Default 2 s.
    pub linger_timeout: Duration,
}

impl StreamSettings {
    /// The defaults of connections that this side makes.
    pub fn client() -> Self {
        StreamSettings {
            read_pauses: false,
            ..StreamSettings::default()
        }
    }
}

/// The defaults of connections that are accepted.
impl Default for StreamSettings {
    fn default() -> Self {
        StreamSettings {
            high_water: 64 * 1024,
            read_pauses: true,
            output_limit: 16 * 1024 * 1024,
            unread_limit: 128 * 1024,
            close_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(2),
        }
    }
}
