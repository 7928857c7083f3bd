use std::net::IpAddr;

use crate::NetworkInterface;

/// A setting of an open port, as [`RecordingDatagrams`](crate::testing::RecordingDatagrams) shows what
/// a protocol has set. The methods of [`DatagramTransport`](crate::DatagramTransport) say what each
/// means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum UdpOption {
    /// [`set_broadcast`](crate::DatagramTransport::set_broadcast)
    Broadcast(bool),
    /// [`join_group`](crate::DatagramTransport::join_group)
    Join(IpAddr, NetworkInterface),
    /// [`leave_group`](crate::DatagramTransport::leave_group)
    Leave(IpAddr, NetworkInterface),
    /// [`set_multicast_interface`](crate::DatagramTransport::set_multicast_interface)
    MulticastInterface(NetworkInterface),
    /// [`set_multicast_ttl`](crate::DatagramTransport::set_multicast_ttl)
    MulticastTtl(u8),
    /// [`set_multicast_loopback`](crate::DatagramTransport::set_multicast_loopback)
    MulticastLoopback(bool),
}
