use std::any::TypeId;
use std::rc::Rc;

use retwist_reactor::{Address, TransportRef};

use super::{v1, v2};

/// The header in which a proxy tells a server for which client it has connected.
///
/// An application behind [`ProxyProtocol`](crate::ProxyProtocol) gets the header of its connection
/// with [`of`](ProxyHeader::of). Usually it need not, since `peer()` and `host()` already return the
/// addresses.
#[doc(alias = "ProxyInfo")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// On whose behalf the proxy has connected.
    pub origin: ProxyOrigin,
    /// The TLVs of version 2, in order, without padding and checksum.
    pub tlvs: Vec<Tlv>,
}

/// On whose behalf a proxy has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyOrigin {
    /// On its own behalf, as for a health check. The addresses are those of the connection itself.
    Local,
    /// On behalf of a client whose address the header does not contain.
    Unknown,
    /// On behalf of a client.
    Client {
        /// The address of the client.
        source: Address,
        /// The address that the client has connected to.
        destination: Address,
    },
}

/// A further piece of information in a header of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// The kind: one of the constants here, or, from 0xe0 on, a kind of the proxy's own.
    pub kind: u8,
    /// The value.
    pub value: Vec<u8>,
}

impl Tlv {
    /// The protocol that the client negotiated inside TLS.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum. [`ProxyProtocol`](crate::ProxyProtocol) checks it and removes it.
    pub const CRC32C: u8 = 0x03;
    /// Padding, which [`ProxyProtocol`](crate::ProxyProtocol) removes.
    pub const NOOP: u8 = 0x04;
    /// A name for this connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// Details of the client's TLS, in TLVs of their own.
    pub const SSL: u8 = 0x20;
    /// The namespace of the client's address.
    pub const NETNS: u8 = 0x30;
}

impl ProxyHeader {
    /// A header that says that `source` has connected to `destination`.
    pub fn client(source: Address, destination: Address) -> Self {
        ProxyHeader {
            origin: ProxyOrigin::Client {
                source,
                destination,
            },
            tlvs: Vec::new(),
        }
    }

    /// A header for connections on behalf of the peer of `transport`.
    pub fn on_behalf_of(transport: &TransportRef) -> Self {
        ProxyHeader::client(transport.peer(), transport.host())
    }

    /// A header for connections that the proxy makes on its own behalf.
    pub fn local() -> Self {
        ProxyHeader {
            origin: ProxyOrigin::Local,
            tlvs: Vec::new(),
        }
    }

    /// Adds a piece of information, which only version 2 can carry.
    #[must_use]
    pub fn tlv(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        self.tlvs.push(Tlv { kind, value });
        self
    }

    /// The header that the connection of `transport` began with. `None` without a
    /// [`ProxyProtocol`](crate::ProxyProtocol) below.
    pub fn of(transport: &TransportRef) -> Option<Rc<ProxyHeader>> {
        let header = transport.extension(TypeId::of::<ProxyHeader>())?;
        header.downcast().ok()
    }

    /// The value of the first TLV of this kind.
    pub fn value(&self, kind: u8) -> Option<&[u8]> {
        let tlv = self.tlvs.iter().find(|tlv| tlv.kind == kind)?;
        Some(&tlv.value)
    }

    /// The address of the client, if the header contains it.
    pub fn source(&self) -> Option<&Address> {
        match &self.origin {
            ProxyOrigin::Client { source, .. } => Some(source),
            _ => None,
        }
    }

    /// The address that the client has connected to, if the header contains it.
    pub fn destination(&self) -> Option<&Address> {
        match &self.origin {
            ProxyOrigin::Client { destination, .. } => Some(destination),
            _ => None,
        }
    }

    /// The header as a line of version 1. It can express two IP addresses of one family; `UNKNOWN`
    /// stands for everything else.
    pub fn to_v1(&self) -> Vec<u8> {
        v1::encode(self)
    }

    /// The header in version 2, with a checksum. It omits addresses that are not of one family, and
    /// TLVs that do not fit into 65535 bytes.
    pub fn to_v2(&self) -> Vec<u8> {
        v2::encode(self)
    }
}
