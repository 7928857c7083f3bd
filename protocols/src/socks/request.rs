use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, IntoProtocol, Protocol, ProtocolRef, Reason,
    TransportRef,
};

use super::error::SocksReply;
use crate::{Destination, Relay};

/// The request of a client for a connection, which the application makes. It has already passed the
/// rules of the server.
///
/// Usually that takes one line, since a request is the [`Factory`] for the connection that it asks
/// for: see [`SocksServer`](crate::SocksServer). An application that connects in another way uses
/// [`outbound`](SocksRequest::outbound). Dropping a request refuses it.
pub struct SocksRequest {
    destination: Destination,
    client: Address,
    user: Option<Vec<u8>>,
    pending: Rc<Pending>,
    claim: Cell<Option<Claim>>,
}

impl SocksRequest {
    pub(crate) fn new(
        destination: Destination,
        user: Option<Vec<u8>>,
        transport: &TransportRef,
        version: u8,
    ) -> Self {
        let pending = Rc::new(Pending {
            client: Cell::new(Some(Client {
                transport: transport.clone(),
                version,
            })),
            connector: RefCell::new(None),
        });
        SocksRequest {
            destination,
            client: transport.peer(),
            user,
            claim: Cell::new(Some(Claim(pending.clone()))),
            pending,
        }
    }

    /// Returns what the client asks to be connected to.
    pub fn destination(&self) -> &Destination {
        &self.destination
    }

    /// The address of the client.
    pub fn client(&self) -> &Address {
        &self.client
    }

    /// The user name that the client has sent, as bytes. The server has checked it in version 5, and
    /// not in version 4. `None` without authentication.
    pub fn user(&self) -> Option<&[u8]> {
        self.user.as_deref()
    }

    /// Tells the client that there will be no connection, and closes its connection.
    pub fn refuse(self, reply: SocksReply) {
        self.pending.refuse(reply);
    }

    /// The protocol for the connection that the application makes. When it hears `connection_made`,
    /// the client is told, and a [`Relay`](crate::Relay) passes on all bytes, beginning with those that
    /// the client has already sent. Dropping the protocol before that refuses the request.
    pub fn outbound(self) -> ProtocolRef {
        let claim = self.claim.take();
        Outbound(claim).into()
    }

    pub(crate) fn pending(&self) -> Rc<Pending> {
        self.pending.clone()
    }
}

impl Factory for SocksRequest {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let claim = self.claim.take()?;
        Some(Outbound(Some(claim)))
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        self.pending.connector.replace(Some(connector.clone()));
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        self.pending.refuse(match error {
            ConnectError::ConnectionRefused(_) => SocksReply::ConnectionRefused,
            ConnectError::Unreachable(_) => SocksReply::HostUnreachable,
            ConnectError::TimedOut(_) => SocksReply::TtlExpired,
            _ => SocksReply::GeneralFailure,
        });
    }
}

impl fmt::Debug for SocksRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksRequest")
            .field("destination", &self.destination)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// A request until it is answered, shared by the session of the client, the request and the
/// connection that is being made.
pub(crate) struct Pending {
    /// `None` once the request is answered, or the client has gone.
    client: Cell<Option<Client>>,
    /// Connects on behalf of the client.
    connector: RefCell<Option<Connector>>,
}

struct Client {
    transport: TransportRef,
    version: u8,
}

impl Pending {
    /// The client has gone: gives up connecting.
    pub(crate) fn abandon(&self) {
        self.client.take();
        let connector = self.connector.take();
        if let Some(connector) = connector {
            connector.disconnect();
        }
    }

    fn refuse(&self, reply: SocksReply) {
        self.connector.take();
        if let Some(client) = self.client.take() {
            refuse(&client.transport, client.version, reply);
        }
    }

    fn grant(&self, outbound: &TransportRef) {
        self.connector.take();
        let Some(Client { transport, version }) = self.client.take() else {
            return outbound.lose_connection();
        };
        let bound = outbound.host().socket();
        let bound = bound.unwrap_or_else(nowhere);
        match version {
            4 => transport.write(&v4_reply(GRANTED, bound)),
            _ => transport.write(&v5_reply(0, bound)),
        }
        let (inner, outer) = Relay::pair();
        transport.switch_protocol(inner.into());
        outbound.switch_protocol(outer.into());
    }
}

/// The duty to answer. Dropping it refuses the request.
struct Claim(Rc<Pending>);

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.refuse(SocksReply::GeneralFailure);
    }
}

/// The protocol of the requested connection until that is made.
struct Outbound(Option<Claim>);

impl Protocol for Outbound {
    fn connection_made(&mut self, transport: &TransportRef) {
        match self.0.take() {
            Some(claim) => claim.0.grant(transport),
            None => transport.lose_connection(),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.0.take();
    }
}

/// The codes of version 4.
const GRANTED: u8 = 90;
const REJECTED: u8 = 91;

/// Sends the reason for a refusal, and closes.
pub(crate) fn refuse(transport: &TransportRef, version: u8, reply: SocksReply) {
    match version {
        4 => transport.write(&v4_reply(REJECTED, nowhere())),
        _ => transport.write(&v5_reply(reply.code(), nowhere())),
    }
    transport.lose_connection();
}

/// The address that a reply has where none is known.
pub(crate) fn nowhere() -> SocketAddr {
    (Ipv4Addr::UNSPECIFIED, 0).into()
}

pub(crate) fn v4_reply(code: u8, bound: SocketAddr) -> Vec<u8> {
    let address = match bound.ip().to_canonical() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    let mut reply = vec![0, code];
    reply.extend(bound.port().to_be_bytes());
    reply.extend(address.octets());
    reply
}

pub(crate) fn v5_reply(code: u8, bound: SocketAddr) -> Vec<u8> {
    let mut reply = vec![5, code, 0];
    put_address(&mut reply, bound);
    reply
}

/// Appends the kind, the address and the port.
pub(crate) fn put_address(message: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            message.push(1);
            message.extend(ip.octets());
        }
        IpAddr::V6(ip) => {
            message.push(4);
            message.extend(ip.octets());
        }
    }
    message.extend(address.port().to_be_bytes());
}
