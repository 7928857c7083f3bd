use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::datagram::DatagramSettings;

/// The options of a UDP port. [`listen_udp`](crate::ReactorHandle::listen_udp) also takes a port number or
/// an address in its place.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::UdpListen;
/// use std::net::Ipv4Addr;
///
/// // Several programs of this machine may share the port of a multicast group.
/// let shared = UdpListen::port(1900).reuse_address(true);
/// // A client of one server, from any port.
/// let client = UdpListen::connect("192.0.2.1:53".parse().unwrap());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpListen {
    pub(crate) address: SocketAddr,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) dual_stack: bool,
    pub(crate) reuse_address: bool,
    #[cfg(unix)]
    pub(crate) reuse_port: bool,
    pub(crate) broadcast: bool,
    pub(crate) receive_buffer: Option<usize>,
    pub(crate) send_buffer: Option<usize>,
    pub(crate) settings: DatagramSettings,
}

impl UdpListen {
    /// This port on all IPv4 addresses of the machine. Port 0: one that is free;
    /// [`ListeningPort::address`](crate::ListeningPort::address) tells which.
    pub fn port(port: u16) -> Self {
        UdpListen::address((Ipv4Addr::UNSPECIFIED, port).into())
    }

    /// This port on this address.
    pub fn address(address: SocketAddr) -> Self {
        UdpListen {
            address,
            peer: None,
            dual_stack: false,
            reuse_address: false,
            #[cfg(unix)]
            reuse_port: false,
            broadcast: false,
            receive_buffer: None,
            send_buffer: None,
            settings: DatagramSettings::default(),
        }
    }

    /// A port that the system chooses, connected to this peer: only what the peer sends arrives, and
    /// [`DatagramTransport::send`](crate::DatagramTransport::send) needs no address.
    pub fn connect(peer: SocketAddr) -> Self {
        let any = match peer {
            SocketAddr::V4(_) => IpAddr::from([0; 4]),
            SocketAddr::V6(_) => IpAddr::from([0; 16]),
        };
        UdpListen::address((any, 0).into()).connected_to(peer)
    }

    /// Connected to this peer, and all else as it is.
    pub fn connected_to(mut self, peer: SocketAddr) -> Self {
        self.peer = Some(peer);
        self
    }

    /// Sets the address of the machine that the port is open on, or all of a family: `0.0.0.0`, `::`.
    pub fn interface(mut self, interface: impl Into<IpAddr>) -> Self {
        self.address.set_ip(interface.into());
        self
    }

    /// On `::`: also for IPv4, whose peers then have addresses like `::ffff:192.0.2.1`. Default
    /// false, whatever the system's default, so that the same port can be opened for both families.
    pub fn dual_stack(mut self, both: bool) -> Self {
        self.dual_stack = both;
        self
    }

    /// Several sockets may open this port, if all of them ask for it (`SO_REUSEADDR`). Each gets what
    /// comes for a multicast group or a broadcast address; of the rest the system gives each datagram
    /// to one of them. Default false.
    #[doc(alias = "listenMultiple")]
    pub fn reuse_address(mut self, several: bool) -> Self {
        self.reuse_address = several;
        self
    }

    /// Several sockets may open this port, and the system shares the senders out among them
    /// (`SO_REUSEPORT`, on FreeBSD `SO_REUSEPORT_LB`). Default false. On macOS one of them gets all.
    /// Windows has no such option.
    #[cfg(unix)]
    pub fn reuse_port(mut self, several: bool) -> Self {
        self.reuse_port = several;
        self
    }

    /// Whether datagrams to broadcast addresses are allowed. Default false.
    #[doc(alias = "setBroadcastAllowed")]
    pub fn broadcast(mut self, allowed: bool) -> Self {
        self.broadcast = allowed;
        self
    }

    /// Bytes that the system keeps of what has arrived and was not received; it drops what comes
    /// beyond. Default: the system's. The system has a maximum of its own.
    pub fn receive_buffer(mut self, bytes: usize) -> Self {
        self.receive_buffer = Some(bytes);
        self
    }

    /// Bytes that the system takes to send before it makes the port wait. Default: the system's.
    pub fn send_buffer(mut self, bytes: usize) -> Self {
        self.send_buffer = Some(bytes);
        self
    }

    /// The longest datagram that is received whole, in bytes; of a longer one
    /// [`datagram_cut`](crate::DatagramProtocol::datagram_cut) tells. Default and maximum 65,535, so
    /// that all are received whole.
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

    /// Bytes of datagrams that may wait while the system takes none, each counted with 64 bytes more
    /// than it has. A datagram beyond is dropped, and told with
    /// [`SendError::QueueFull`](crate::SendError::QueueFull). Default 256 KiB.
    pub fn send_queue(mut self, bytes: usize) -> Self {
        self.settings.send_queue = bytes;
        self
    }

    /// Sets how long a port that is being closed waits for the system to take what was sent. Default 2 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout;
        self
    }

    /// The address that was asked for.
    pub fn wanted(&self) -> SocketAddr {
        self.address
    }

    /// The peer that was asked for.
    pub fn wanted_peer(&self) -> Option<SocketAddr> {
        self.peer
    }
}
