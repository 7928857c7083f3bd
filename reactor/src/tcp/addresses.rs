//! What may be given where an address to listen on or to connect to is wanted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{TcpConnect, TcpListen};
use crate::AddressError;
use crate::values::address_error::{parse, parse_ip};

/// What [`listen_tcp`](crate::ReactorHandle::listen_tcp) takes: `8007`, every [`SocketAddress`], or a
/// [`TcpListen`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a TCP address to listen on",
    label = "not an address to listen on",
    note = "give `8007`, `\"127.0.0.1:8007\"`, `([127, 0, 0, 1], 8007)`, a `SocketAddr` or a `TcpListen`"
)]
pub trait IntoTcpListen {
    /// The address, with the options. A text that is no address is an error.
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
    /// The address, with the options. A text that is no address is an error.
    fn into_tcp_connect(self) -> Result<TcpConnect, AddressError>;
}

/// An IP address and a port: a [`SocketAddr`], a text such as `192.0.2.1:80` or `[2001:db8::1]:80`, or
/// a pair of [`IpAddress`] and port.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an IP address with a port",
    label = "not an IP address with a port",
    note = "give `\"127.0.0.1:8007\"`, `([127, 0, 0, 1], 8007)` or a `SocketAddr`"
)]
pub trait SocketAddress {
    /// The address. A text that is none is an error.
    fn socket_address(self) -> Result<SocketAddr, AddressError>;
}

/// An IP address beside its port: `[127, 0, 0, 1]`, an [`IpAddr`], an address of one family, or a text.
pub trait IpAddress {
    /// The address. A text that is none is an error.
    fn ip_address(self) -> Result<IpAddr, AddressError>;
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

impl SocketAddress for SocketAddr {
    fn socket_address(self) -> Result<SocketAddr, AddressError> {
        Ok(self)
    }
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl SocketAddress for $text {
            fn socket_address(self) -> Result<SocketAddr, AddressError> {
                parse(self.as_ref())
            }
        }
    )*};
}

texts!(&str, &String, String);

impl<I: IpAddress> SocketAddress for (I, u16) {
    fn socket_address(self) -> Result<SocketAddr, AddressError> {
        Ok((self.0.ip_address()?, self.1).into())
    }
}

macro_rules! ip_addresses {
    ($($address:ty),*) => {$(
        impl IpAddress for $address {
            fn ip_address(self) -> Result<IpAddr, AddressError> {
                Ok(self.into())
            }
        }
    )*};
}

ip_addresses!(IpAddr, Ipv4Addr, Ipv6Addr, [u8; 4], [u16; 8]);

impl IpAddress for &str {
    fn ip_address(self) -> Result<IpAddr, AddressError> {
        parse_ip(self)
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
