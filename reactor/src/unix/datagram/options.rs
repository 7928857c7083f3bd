use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::datagram::DatagramSettings;
use crate::{AddressError, UnixName};

/// The options of a port of UNIX datagrams: under a name or without one, connected to a peer or not.
///
/// Datagrams of UNIX sockets arrive whole, once and in order, or the sender hears that they do not.
/// Only who has a name can be answered.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{UnixDatagramListen, UnixName};
///
/// let log = UnixDatagramListen::name(UnixName::path("/run/service/log")?).mode(0o622);
/// // A client that has a name of its own, so that the service can answer.
/// let service = UnixName::path("/run/service/control")?;
/// let client = UnixDatagramListen::name(UnixName::path("/tmp/client")?).connected_to(service);
/// # Ok::<(), retwist::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixDatagramListen {
    pub(super) name: Named,
    pub(super) peer: Option<UnixName>,
    pub(super) mode: Option<u32>,
    pub(super) lock_file: bool,
    pub(super) receive_buffer: Option<usize>,
    pub(super) send_buffer: Option<usize>,
    pub(crate) settings: DatagramSettings,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Nothing,
    #[cfg(target_os = "linux")]
    Anything,
    So(UnixName),
}

impl UnixDatagramListen {
    fn new(name: Named) -> Self {
        UnixDatagramListen {
            name,
            peer: None,
            mode: None,
            lock_file: false,
            receive_buffer: None,
            send_buffer: None,
            settings: DatagramSettings::default(),
        }
    }

    /// A port of this name. The file of a path is made, taken over and removed as
    /// [`UnixListen::name`](crate::UnixListen::name) says.
    pub fn name(name: UnixName) -> Self {
        UnixDatagramListen::new(Named::So(name))
    }

    /// A port that has no name: it sends, and cannot be answered.
    pub fn unnamed() -> Self {
        UnixDatagramListen::new(Named::Nothing)
    }

    /// A port of an abstract name that the system chooses, for a client that wants answers.
    #[cfg(target_os = "linux")]
    pub fn any_name() -> Self {
        UnixDatagramListen::new(Named::Anything)
    }

    /// A port without a name, connected to this peer.
    pub fn connect(peer: UnixName) -> Self {
        UnixDatagramListen::unnamed().connected_to(peer)
    }

    /// Connects the port to this peer: only what the peer sends arrives, and
    /// [`DatagramTransport::send`](crate::DatagramTransport::send) needs no address.
    ///
    /// The peer need not be there yet. While it is not, and when it has gone, each send is told with
    /// [`connection_refused`](crate::DatagramProtocol::connection_refused); once a program listens under
    /// its name again, what is sent goes there.
    pub fn connected_to(mut self, peer: UnixName) -> Self {
        self.peer = Some(peer);
        self
    }

    /// The permissions of the socket file, such as `0o660`: who may write may send. By default they
    /// are what the umask leaves of `0o777`. On Linux they hold from the first moment; on other
    /// systems for a moment the umask's do.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode & 0o7777);
        self
    }

    /// Whether the port holds a lock while it is open; see
    /// [`UnixListen::lock_file`](crate::UnixListen::lock_file). Default false.
    #[doc(alias = "wantPID")]
    pub fn lock_file(mut self, lock: bool) -> Self {
        self.lock_file = lock;
        self
    }

    /// Bytes that the system keeps of what has arrived and was not received, where it heeds that:
    /// Linux bounds the datagrams instead (`net.unix.max_dgram_qlen`). Default: the system's.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Bytes that the system takes to send before it makes the port wait; on Linux no datagram is
    /// longer. Default: the system's.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// The longest datagram that is received whole, in bytes; of a longer one
    /// [`datagram_cut`](crate::DatagramProtocol::datagram_cut) tells. Default and maximum 65,535.
    #[doc(alias = "maxPacketSize")]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.settings.max_datagram = bytes.min(65_535);
        self
    }

    /// Sets how many datagrams are received before other connections and ports are served. Default 64, at
    /// least 1.
    #[doc(alias = "maxThroughput")]
    pub fn datagrams_per_pass(mut self, datagrams: usize) -> Self {
        self.settings.datagrams_per_pass = datagrams.max(1);
        self
    }

    /// Bytes of datagrams that may wait while their receivers take none, each counted with 64 bytes
    /// more than it has. A datagram beyond is dropped, and told with
    /// [`SendError::QueueFull`](crate::SendError::QueueFull). Default 256 KiB.
    ///
    /// A receiver that takes nothing holds up no other, as long as the system's own
    /// [buffer](UnixDatagramListen::send_buffer) has room, where what receivers have not read counts.
    pub fn send_queue(mut self, bytes: usize) -> Self {
        self.settings.send_queue = bytes;
        self
    }

    /// Sets how long a port that is being closed waits for receivers to take what was sent. Default 2 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout;
        self
    }

    /// The name that was asked for.
    pub fn requested_name(&self) -> Option<&UnixName> {
        match &self.name {
            Named::So(name) => Some(name),
            _ => None,
        }
    }

    /// The peer that was asked for.
    pub fn requested_peer(&self) -> Option<&UnixName> {
        self.peer.as_ref()
    }
}

/// What [`listen_unix_datagram`](crate::ReactorHandle::listen_unix_datagram) and
/// [`connect_unix_datagram`](crate::ReactorHandle::connect_unix_datagram) take: a path, a text as
/// [`UnixName::parse`] reads it, a [`UnixName`], or a [`UnixDatagramListen`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the name of a UNIX socket",
    note = "give a path, a text such as `\"/run/service\"` or `\"@service\"`, a `UnixName` or a `UnixDatagramListen`"
)]
pub trait IntoUnixDatagram: Sized {
    /// A port of this name, or the options themselves.
    fn into_named(self) -> Result<UnixDatagramListen, AddressError>;

    /// A port that is connected to the socket of this name, or the options themselves.
    fn into_connected(self) -> Result<UnixDatagramListen, AddressError>;
}

impl IntoUnixDatagram for UnixDatagramListen {
    fn into_named(self) -> Result<UnixDatagramListen, AddressError> {
        Ok(self)
    }

    fn into_connected(self) -> Result<UnixDatagramListen, AddressError> {
        Ok(self)
    }
}

macro_rules! names {
    ($($given:ty: $read:expr;)*) => {
        $(
            impl IntoUnixDatagram for $given {
                fn into_named(self) -> Result<UnixDatagramListen, AddressError> {
                    $read(self).map(UnixDatagramListen::name)
                }

                fn into_connected(self) -> Result<UnixDatagramListen, AddressError> {
                    $read(self).map(UnixDatagramListen::connect)
                }
            }
        )*
    };
}

names! {
    UnixName: Ok;
    &UnixName: |name: &UnixName| Ok(name.clone());
    &Path: UnixName::path;
    &PathBuf: UnixName::path;
    PathBuf: UnixName::path;
    &str: UnixName::parse;
    &String: |text: &String| UnixName::parse(text);
    String: |text: String| UnixName::parse(&text);
}
