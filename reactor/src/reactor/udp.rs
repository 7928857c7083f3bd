use super::{FullReactor, Reactor, ReactorHandle};
use crate::testing::{DatagramNetwork, MemoryReactor};
use crate::{
    DatagramProtocolRef, IntoUdpListen, ListenError, ListeningPort, SocketAddress, UdpListen, udp,
};

/// How a program opens UDP ports, on each type of reactor: as `tcp_methods` has it for TCP.
macro_rules! udp_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// Opens a UDP port: `8007`, an address, or a [`UdpListen`], for one protocol. The port is open
            /// when this returns, and the protocol hears
            /// [`start_protocol`](crate::DatagramProtocol::start_protocol) in the next turn.
            ///
            /// See [`ReactorUdp`] for code that is to run on a recording reactor too.
            #[doc(alias = "listenUDP")]
            #[doc(alias = "listenMulticast")]
            pub fn listen_udp(
                &self,
                address: impl IntoUdpListen,
                protocol: impl Into<DatagramProtocolRef>,
            ) -> Result<ListeningPort, ListenError> {
                self.listen_datagrams(address.into_udp_listen()?, protocol.into())
            }

            /// Opens a UDP port that the system chooses, connected to `peer`: only what the peer sends
            /// arrives, and [`send`](crate::DatagramTransport::send) needs no address. To set options
            /// too, give [`UdpListen::connect`] to [`listen_udp`](ReactorHandle::listen_udp).
            pub fn connect_udp(
                &self,
                peer: impl SocketAddress,
                protocol: impl Into<DatagramProtocolRef>,
            ) -> Result<ListeningPort, ListenError> {
                self.listen_udp(UdpListen::connect(peer.socket_address()?), protocol)
            }
        }
    )*};
}

udp_methods!(
    ReactorHandle,
    dyn ReactorUdp + '_,
    dyn FullReactor + '_,
    MemoryReactor,
    DatagramNetwork
);

/// The part of a reactor that opens UDP ports: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor), whose ports are joined in memory.
#[doc(alias = "IReactorUDP")]
#[doc(alias = "IReactorMulticast")]
pub trait ReactorUdp {
    /// See [`ReactorHandle::listen_udp`].
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError>;
}

impl ReactorUdp for ReactorHandle {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        udp::listen(&self.open_core()?, options, protocol)
    }
}

impl ReactorUdp for Reactor {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen_datagrams(options, protocol)
    }
}
