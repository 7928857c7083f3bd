use std::time::Duration;

use super::UnixName;
use super::file::SocketFile;
use super::wire::UnixSocket;
use crate::StreamSettings;
use crate::socket::{Sent, Share, Team};

/// The options of a port of a UNIX socket.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{UnixListen, UnixName};
///
/// let name = UnixName::path("/run/service/control")?;
/// let of_the_group = UnixListen::name(name).mode(0o660);
/// # Ok::<(), retwist::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixListen {
    pub(crate) name: UnixName,
    pub(crate) mode: Option<u32>,
    pub(crate) lock_file: bool,
    pub(crate) backlog: i32,
    pub(crate) max_accepts_per_turn: usize,
    pub(crate) max_accepts_on_stop: usize,
    pub(crate) settings: StreamSettings,
    pub(super) descriptors: Option<usize>,
    pub(super) share: Option<Share<Option<SocketFile>>>,
    pub(super) team: Option<Team<Sent<UnixSocket>>>,
}

impl UnixListen {
    /// Listens under this name.
    ///
    /// A path becomes a socket file. If one is there already, a port takes it over if no program
    /// listens on it, and fails with
    /// [`AddressInUse`](crate::ListenError::AddressInUse) if one does. A file that is not a socket stays,
    /// whatever it is. When the port stops it removes its file, unless another one has
    /// taken its place.
    pub fn name(name: UnixName) -> Self {
        UnixListen {
            name,
            mode: None,
            lock_file: false,
            backlog: 1024,
            max_accepts_per_turn: 64,
            max_accepts_on_stop: 1024,
            settings: StreamSettings::default(),
            descriptors: None,
            share: None,
            team: None,
        }
    }

    /// The permissions of the socket file, such as `0o660`: who may write may connect. They are set
    /// before anyone can connect. By default they are what the umask leaves of `0o777`.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode & 0o7777);
        self
    }

    /// Whether the port holds a lock while it listens: on a file of the same name with `.lock` behind
    /// it, which stays. Default false. It is for programs that may start at the very same moment:
    /// without it, both may find the same socket file that is left over, and one may remove the new
    /// file of the other. It has no effect on abstract names.
    #[doc(alias = "wantPID")]
    pub fn lock_file(mut self, lock: bool) -> Self {
        self.lock_file = lock;
        self
    }

    /// Sets how many connections the system may hold that have not been accepted yet. Default 1024; the
    /// system has a maximum of its own.
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = i32::try_from(connections).unwrap_or(i32::MAX);
        self
    }

    /// Sets how many connections the port accepts before other connections get their turn. Default 64, at
    /// least 1.
    pub fn max_accepts_per_turn(mut self, connections: usize) -> Self {
        self.max_accepts_per_turn = connections.max(1);
        self
    }

    /// Sets how many connections that already wait in the system's queue a port accepts when it stops.
    /// The system resets all others. Default 1024; 0 accepts none. A port that is
    /// [paused](crate::ListeningPort::pause_accepting) accepts none.
    pub fn max_accepts_on_stop(mut self, connections: usize) -> Self {
        self.max_accepts_on_stop = connections;
        self
    }

    /// The bounds of the connections that are accepted.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Each connection [accepts](crate::UnixDescriptors::accept) the descriptors that its client passes,
    /// from the first byte on; at most `limit` wait to be taken. By default none is accepted.
    pub fn accept_descriptors(mut self, limit: usize) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// Makes all ports that are opened with clones of these options accept from one socket, whatever
    /// their reactors and threads: the first opens it, and the last that stops removes the file.
    pub fn shared(mut self) -> Self {
        self.share = Some(Share::default());
        self
    }

    /// [`shared`](UnixListen::shared), and the port that has accepted a connection hands it to the one
    /// whose reactor [serves](crate::Remote::served) the fewest, as with
    /// [`TcpListen::balanced`](crate::TcpListen::balanced).
    pub fn balanced(mut self) -> Self {
        self.share = Some(Share::default());
        self.team = Some(Team::default());
        self
    }

    /// The name that was asked for.
    pub fn requested_name(&self) -> &UnixName {
        &self.name
    }
}

/// The options of a connection over a UNIX socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixConnect {
    pub(crate) name: UnixName,
    pub(crate) timeout: Duration,
    pub(crate) settings: StreamSettings,
    pub(super) descriptors: Option<usize>,
}

impl UnixConnect {
    /// Connects to the socket of this name.
    pub fn name(name: UnixName) -> Self {
        UnixConnect {
            name,
            timeout: Duration::from_secs(30),
            settings: StreamSettings::client(),
            descriptors: None,
        }
    }

    /// Sets how long to wait for the connection, default 30 s: while the queue of the port is full, the
    /// connector asks again and again.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The bounds of the connection. Think of [`read_pauses`](StreamSettings::read_pauses), which
    /// is false here unless it is given.
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// The connection [accepts](crate::UnixDescriptors::accept) the descriptors that the server passes,
    /// from the first byte on; at most `limit` wait to be taken. By default none is accepted.
    pub fn accept_descriptors(mut self, limit: usize) -> Self {
        self.descriptors = Some(limit);
        self
    }

    /// The name that was asked for.
    pub fn requested_name(&self) -> &UnixName {
        &self.name
    }
}
