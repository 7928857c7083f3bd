use std::any::TypeId;
use std::rc::Rc;

use retwist_reactor::{Address, TransportRef};

use super::{v1, v2};

/// What a proxy says about a connection that it has made on behalf of somebody else.
///
/// An application behind [`ProxyProtocol`](crate::ProxyProtocol) asks for the one of its connection
/// with [`of`](ProxyHeader::of); mostly it need not, since `peer()` and `host()` report the
/// addresses already.
#[doc(alias = "ProxyInfo")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyHeader {
    /// On whose behalf.
    pub origin: ProxyOrigin,
    /// What version 2 may add, in order, without padding and checksum.
    pub tlvs: Vec<Tlv>,
}

/// On whose behalf a proxy has connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProxyOrigin {
    /// On its own: a health check. The addresses are those of the connection itself.
    Local,
    /// On behalf of a client of which the header does not say where it is.
    Unknown,
    /// On behalf of a client.
    Client {
        /// Where the client is.
        source: Address,
        /// Where the client connected to.
        destination: Address,
    },
}

/// One further piece of information in a header of version 2.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tlv {
    /// What it is: one of the constants here, or of the proxy's own, from 0xe0 on.
    pub kind: u8,
    /// What it says.
    pub value: Vec<u8>,
}

impl Tlv {
    /// The protocol that the client negotiated inside TLS.
    pub const ALPN: u8 = 0x01;
    /// The host name that the client asked for.
    pub const AUTHORITY: u8 = 0x02;
    /// The checksum. [`ProxyProtocol`](crate::ProxyProtocol) checks it and leaves it out.
    pub const CRC32C: u8 = 0x03;
    /// Padding. It is left out.
    pub const NOOP: u8 = 0x04;
    /// A name for this connection.
    pub const UNIQUE_ID: u8 = 0x05;
    /// What is known of the client's TLS, in TLVs of its own.
    pub const SSL: u8 = 0x20;
    /// The namespace of the client's address.
    pub const NETNS: u8 = 0x30;
}

impl ProxyHeader {
    /// For a proxy: `source` has connected to `destination`.
    pub fn client(source: Address, destination: Address) -> Self {
        ProxyHeader {
            origin: ProxyOrigin::Client {
                source,
                destination,
            },
            tlvs: Vec::new(),
        }
    }

    /// For a proxy: on behalf of whoever holds `transport`.
    pub fn on_behalf_of(transport: &TransportRef) -> Self {
        ProxyHeader::client(transport.peer(), transport.host())
    }

    /// For a proxy: on its own.
    pub fn local() -> Self {
        ProxyHeader {
            origin: ProxyOrigin::Local,
            tlvs: Vec::new(),
        }
    }

    /// With one more piece of information, which only version 2 can carry.
    #[must_use]
    pub fn tlv(mut self, kind: u8, value: impl Into<Vec<u8>>) -> Self {
        let value = value.into();
        self.tlvs.push(Tlv { kind, value });
        self
    }

    /// The header that came first on the connection of `transport`; none if none was asked for.
    pub fn of(transport: &TransportRef) -> Option<Rc<ProxyHeader>> {
        let header = transport.extension(TypeId::of::<ProxyHeader>())?;
        header.downcast().ok()
    }

    /// The value of the first TLV of a kind.
    pub fn value(&self, kind: u8) -> Option<&[u8]> {
        let tlv = self.tlvs.iter().find(|tlv| tlv.kind == kind)?;
        Some(&tlv.value)
    }

    /// Where the client is, if the header says so.
    pub fn source(&self) -> Option<&Address> {
        match &self.origin {
            ProxyOrigin::Client { source, .. } => Some(source),
            _ => None,
        }
    }

    /// Where the client connected to, if the header says so.
    pub fn destination(&self) -> Option<&Address> {
        match &self.origin {
            ProxyOrigin::Client { destination, .. } => Some(destination),
            _ => None,
        }
    }

    /// The header as a line of version 1. `UNKNOWN` stands for all but two IP addresses of one
    /// family, which is all that it can express.
    pub fn to_v1(&self) -> Vec<u8> {
        v1::encode(self)
    }

    /// The header in version 2, with a checksum. Addresses that are not of one family are left out,
    /// and so are TLVs that do not fit into 65535 bytes.
    pub fn to_v2(&self) -> Vec<u8> {
        v2::encode(self)
    }
}
