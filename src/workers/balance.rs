/// How the connections of a port come to the workers: what
/// [`Workers::balance`](super::Workers::balance) takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Balance {
    /// TCP on Linux and FreeBSD by the system, and all else by connections.
    #[default]
    Auto,
    /// By the system alone, at no cost. For TCP on Linux and FreeBSD, each worker has a socket of its own
    /// (`SO_REUSEPORT`), and the system chooses by a hash of the addresses: of many connections each
    /// worker gets about its share, and of few perhaps none. Everywhere else, and for UNIX sockets, all
    /// workers accept from one socket, and the fastest one, which is the one that has least to do just
    /// then, or only the first, gets a connection.
    BySystem,
    /// All workers accept from one socket, and the one that has accepted a connection hands it to the one
    /// that serves the fewest. So the numbers of connections differ by few, also on macOS and Windows, and
    /// for UNIX sockets. A connection that is handed on costs a wake-up of another thread: it is for
    /// connections that last.
    ///
    /// A worker whose port is [paused](crate::ListeningPort::pause_accepting), or that is stuck, gets none.
    ByConnections,
}
