//! What a program may give where an address of TCP is wanted.

use std::net::SocketAddr;

use super::{TcpConnect, TcpListen};
use crate::{AddressError, SocketAddress};

/// What [`listen_tcp`](crate::ReactorHandle::listen_tcp) takes: `8007`, every [`SocketAddress`], or a
/// [`TcpListen`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TCP address to listen on",
    label = "not an address to listen on",
    note = "give `8007`, `\"127.0.0.1:8007\"`, `([127, 0, 0, 1], 8007)`, a `SocketAddr` or a `TcpListen`"
)]
pub trait IntoTcpListen {
    /// The address, with the options. A text that is not an address is an error.
    fn into_tcp_listen(self) -> Result<TcpListen, AddressError>;
}

/// What [`connect_tcp`](crate::ReactorHandle::connect_tcp) takes: every [`SocketAddress`], or a
/// [`TcpConnect`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TCP address to connect to",
    label = "not an address to connect to",
    note = "give `\"192.0.2.1:80\"`, `([192, 0, 2, 1], 80)`, a `SocketAddr` or a `TcpConnect`"
)]
pub trait IntoTcpConnect {
    /// The address, with the options. A text that is not an address is an error.
    fn into_tcp_connect(self) -> Result<TcpConnect, AddressError>;
}

impl IntoTcpListen for TcpListen {
    fn into_tcp_listen(self) -> Result<TcpListen, AddressError> {
        Ok(self)
    }
}

impl IntoTcpListen for u16 {
    fn into_tcp_listen(self) -> Result<TcpListen, AddressError> {
        Ok(self.into())
    }
}

impl<A: SocketAddress> IntoTcpListen for A {
    fn into_tcp_listen(self) -> Result<TcpListen, AddressError> {
        self.socket_address().map(TcpListen::address)
    }
}

impl IntoTcpConnect for TcpConnect {
    fn into_tcp_connect(self) -> Result<TcpConnect, AddressError> {
        Ok(self)
    }
}

impl<A: SocketAddress> IntoTcpConnect for A {
    fn into_tcp_connect(self) -> Result<TcpConnect, AddressError> {
        self.socket_address().map(TcpConnect::address)
    }
}

impl From<u16> for TcpListen {
    fn from(port: u16) -> Self {
        TcpListen::port(port)
    }
}

impl From<SocketAddr> for TcpListen {
    fn from(address: SocketAddr) -> Self {
        TcpListen::address(address)
    }
}

impl From<SocketAddr> for TcpConnect {
    fn from(address: SocketAddr) -> Self {
        TcpConnect::address(address)
    }
}
