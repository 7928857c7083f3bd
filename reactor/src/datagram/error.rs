use std::error::Error;
use std::fmt;
use std::io;
use std::net::IpAddr;

use crate::Address;

/// The reason why a datagram was not sent, or did not arrive as far as the network says.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The datagram is longer than its kind can be (65,507 bytes over IPv4, 65,527 over IPv6) or than
    /// the system is ready to send.
    #[doc(alias = "MessageLengthError")]
    TooLong(usize),
    /// The destination is not of the port's family: IPv6 from an IPv4 port, IPv4 from an IPv6 port
    /// without [`dual_stack`](crate::UdpListen::dual_stack), or no IP address at all.
    #[doc(alias = "InvalidAddressError")]
    AddressFamily,
    /// The destination is the end of a UNIX socket that has no name, so that nothing can be sent to it.
    Unnamed,
    /// No program receives datagrams at the UNIX socket of this name: it has gone, or was never there.
    NoReceiver(io::Error),
    /// [`send`](crate::DatagramTransport::send) was called on a port that is not connected.
    NotConnected,
    /// [`send_to`](crate::DatagramTransport::send_to) named another destination than the peer of a
    /// connected port.
    Connected,
    /// The destination is a broadcast address, and [`broadcast`](crate::UdpListen::broadcast) is off.
    BroadcastForbidden(io::Error),
    /// The system does not let this program send there.
    PermissionDenied(io::Error),
    /// No way leads there, or ICMP has answered so.
    Unreachable(io::Error),
    /// More than [`send_queue`](crate::UdpListen::send_queue) bytes wait for the system already.
    QueueFull(usize),
    /// The port was closed before the system took the datagram.
    Stopped,
    /// Anything else that the system said.
    Failed(io::Error),
}

impl SendError {
    /// What an error of the system means for a datagram of this length.
    pub(crate) fn from_io(error: io::Error, length: usize, broadcast: bool) -> Self {
        match error.raw_os_error() {
            Some(libc::EMSGSIZE) => return SendError::TooLong(length),
            Some(libc::EAFNOSUPPORT) => return SendError::AddressFamily,
            // The system says so of broadcasts alone; what a firewall forbids is EPERM.
            Some(libc::EACCES) if !broadcast => return SendError::BroadcastForbidden(error),
            _ => {}
        }
        match error.kind() {
            io::ErrorKind::PermissionDenied => SendError::PermissionDenied(error),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                SendError::Unreachable(error)
            }
            _ => SendError::Failed(error),
        }
    }

    /// Whether two errors say the same, so that they can be told as one.
    pub(super) fn is_like(&self, other: &SendError) -> bool {
        let number = |error: &SendError| error.io().and_then(io::Error::raw_os_error);
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && number(self) == number(other)
    }

    fn io(&self) -> Option<&io::Error> {
        match self {
            SendError::BroadcastForbidden(error)
            | SendError::PermissionDenied(error)
            | SendError::Unreachable(error)
            | SendError::NoReceiver(error)
            | SendError::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SendError::TooLong(length) => write!(
                f,
                "{length} bytes are too long for one datagram; send it in parts"
            ),
            SendError::AddressFamily => f.write_str(
                "the destination is not of the family of this port; listen on an address of that family, or on :: with dual_stack",
            ),
            SendError::Unnamed => f.write_str(
                "the destination has no name to send to; a client that wants answers listens under a name",
            ),
            SendError::NoReceiver(_) => f.write_str("no program receives datagrams there"),
            SendError::NotConnected => {
                f.write_str("the port is not connected; use send_to, or connect it first")
            }
            SendError::Connected => f.write_str(
                "the port is connected to another peer; send to others from a port of their own",
            ),
            SendError::BroadcastForbidden(_) => {
                f.write_str("broadcasts are not allowed on this port; set_broadcast(true) allows them")
            }
            SendError::PermissionDenied(_) => f.write_str("the system does not permit it"),
            SendError::Unreachable(_) => f.write_str("no way leads there"),
            SendError::QueueFull(limit) => write!(
                f,
                "{limit} bytes wait for the system already; send slower, or raise send_queue"
            ),
            SendError::Stopped => f.write_str("the port was closed before the system took it"),
            SendError::Failed(_) => f.write_str("the system did not send it"),
        }
    }
}

impl Error for SendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.io().map(|error| error as _)
    }
}

/// What [`DatagramProtocol::send_failed`](crate::DatagramProtocol::send_failed) is told.
#[derive(Debug)]
#[non_exhaustive]
pub struct SendFailure {
    /// Where the datagram was to go; None where no destination was known.
    pub to: Option<Address>,
    /// Why it did not go there.
    pub error: SendError,
    /// How many datagrams in a row this stands for: those that went to the same destination and
    /// failed alike. Once 256 failures wait to be told, all further ones are counted in the last.
    pub count: usize,
}

impl fmt::Display for SendFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            1 => f.write_str("a datagram")?,
            count => write!(f, "{count} datagrams")?,
        }
        match &self.to {
            Some(to) => write!(f, " to {to} failed"),
            None => f.write_str(" failed"),
        }
    }
}

impl Error for SendFailure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.error)
    }
}

/// The reason why a port of datagrams cannot be set up as it was asked to be.
#[derive(Debug)]
#[non_exhaustive]
pub enum UdpError {
    /// The port is closed.
    NotListening,
    /// The port is connected to this peer, and a port is connected once.
    AlreadyConnected(Address),
    /// The address, or the interface, is not of the port's family.
    AddressFamily,
    /// This address is not one of a multicast group: those are 224.0.0.0/4 and ff00::/8.
    NotMulticast(IpAddr),
    /// The port is a member of this group on this interface already.
    AlreadyJoined(io::Error),
    /// The port is not a member of this group on this interface.
    NotJoined(io::Error),
    /// There is no such network interface.
    NoSuchInterface(io::Error),
    /// Anything else that the system said.
    #[doc(alias = "MulticastJoinError")]
    Failed(io::Error),
}

impl fmt::Display for UdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UdpError::NotListening => f.write_str("the port is closed"),
            UdpError::AlreadyConnected(peer) => write!(
                f,
                "the port is connected to {peer} already; use another port for another peer"
            ),
            UdpError::AddressFamily => f.write_str("the address is not of the family of this port"),
            UdpError::NotMulticast(address) => write!(
                f,
                "{address} is not the address of a multicast group; those are 224.0.0.0/4 and ff00::/8"
            ),
            UdpError::AlreadyJoined(_) => f.write_str("the port is a member of this group already"),
            UdpError::NotJoined(_) => f.write_str("the port is not a member of this group"),
            UdpError::NoSuchInterface(_) => f.write_str("there is no such network interface"),
            UdpError::Failed(_) => f.write_str("the system refused it"),
        }
    }
}

impl Error for UdpError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            UdpError::AlreadyJoined(error)
            | UdpError::NotJoined(error)
            | UdpError::NoSuchInterface(error)
            | UdpError::Failed(error) => Some(error),
            _ => None,
        }
    }
}
