//! What a program may give where an IP address with a port is wanted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::address_error::{parse, parse_ip};
use crate::{Address, AddressError};

/// An IP address and a port: a [`SocketAddr`], a text such as `192.0.2.1:80` or `[2001:db8::1]:80`, a
/// pair of [`IpAddress`] and port, or an [`Address`] that has both.
///
/// So a program connects to a port of its own without taking the address apart:
///
/// ```
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::{Protocol, Reactor};
///
/// struct Idle;
/// impl Protocol for Idle {}
///
/// let reactor = Reactor::new()?;
/// let port = reactor.listen_tcp("127.0.0.1:0", |_| Idle)?;
/// reactor.connect_tcp(port.address(), |_| Idle);
/// # Ok(()) }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an IP address with a port",
    label = "not an IP address with a port",
    note = "give `\"127.0.0.1:8007\"`, `([127, 0, 0, 1], 8007)` or a `SocketAddr`"
)]
pub trait SocketAddress {
    /// The address. A text that is not one is an error.
    fn socket_address(self) -> Result<SocketAddr, AddressError>;
}

/// An IP address beside its port: `[127, 0, 0, 1]`, an [`IpAddr`], an address of one family, or a text.
pub trait IpAddress {
    /// The address. A text that is not one is an error.
    fn ip_address(self) -> Result<IpAddr, AddressError>;
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

impl SocketAddress for &Address {
    fn socket_address(self) -> Result<SocketAddr, AddressError> {
        match self {
            Address::Tcp(address) | Address::Udp(address) => Ok(*address),
            Address::Host(..) => Err(AddressError::HostName(self.to_string())),
            _ => Err(AddressError::NotIp(self.clone())),
        }
    }
}

impl SocketAddress for Address {
    fn socket_address(self) -> Result<SocketAddr, AddressError> {
        (&self).socket_address()
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
