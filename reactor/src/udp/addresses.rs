//! What a program may give where an address of UDP is wanted.

use std::net::SocketAddr;

use super::UdpListen;
use crate::{AddressError, SocketAddress};

/// What [`listen_udp`](crate::ReactorHandle::listen_udp) takes: `8007`, every [`SocketAddress`], or a
/// [`UdpListen`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a UDP address to listen on",
    label = "not an address to listen on",
    note = "give `8007`, `\"127.0.0.1:8007\"`, `([127, 0, 0, 1], 8007)`, a `SocketAddr` or a `UdpListen`"
)]
pub trait IntoUdpListen {
    /// The address, with the options. A text that is not an address is an error.
    fn into_udp_listen(self) -> Result<UdpListen, AddressError>;
}

impl IntoUdpListen for UdpListen {
    fn into_udp_listen(self) -> Result<UdpListen, AddressError> {
        Ok(self)
    }
}

impl IntoUdpListen for u16 {
    fn into_udp_listen(self) -> Result<UdpListen, AddressError> {
        Ok(self.into())
    }
}

impl<A: SocketAddress> IntoUdpListen for A {
    fn into_udp_listen(self) -> Result<UdpListen, AddressError> {
        self.socket_address().map(UdpListen::address)
    }
}

impl From<u16> for UdpListen {
    fn from(port: u16) -> Self {
        UdpListen::port(port)
    }
}

impl From<SocketAddr> for UdpListen {
    fn from(address: SocketAddr) -> Self {
        UdpListen::address(address)
    }
}
