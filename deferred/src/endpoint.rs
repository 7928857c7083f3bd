use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use retwist_reactor::{
    ConnectError, Connector, Protocol, ProtocolHandle, ProtocolRef, ReactorTcp, TcpConnect, chain,
};

use crate::connect::{dial, opening, when_opened};
use crate::{AsyncTransport, Deferred, Failure, ResolveError};

/// Somewhere to connect to, whatever it takes to get there.
///
/// Those who connect call [`connect_to`](ClientEndpointExt::connect_to) or [`open`](ClientEndpointExt::open). An endpoint that adds a layer puts it under the
/// protocol, and has another endpoint connect both.
#[doc(alias = "IStreamClientEndpoint")]
pub trait ClientEndpoint {
    /// Connects `protocol`: it is put in a seat once, or never. The connector comes when it is; a layer may still have to
    /// negotiate. Cancelled, it gives up.
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, EndpointError>;
}

/// The ways to connect to any [`ClientEndpoint`].
pub trait ClientEndpointExt: ClientEndpoint {
    /// Connects a protocol and promises it, with its type: by then it has heard `connection_made`, and all layers have
    /// negotiated. Cancelled, it gives up.
    #[doc(alias = "connectProtocol")]
    fn connect_to<P: Protocol>(&self, protocol: P) -> Deferred<ProtocolHandle<P>, EndpointError> {
        let (protocol, opened) = opening(protocol);
        when_opened(self.connect(protocol), opened)
    }

    /// Connects, for async code. Cancelled, or dropped while it is awaited, it gives up.
    fn open(&self) -> Deferred<AsyncTransport, EndpointError> {
        let (protocol, opened) = AsyncTransport::protocol();
        when_opened(self.connect(protocol), opened)
    }
}

impl<E: ClientEndpoint + ?Sized> ClientEndpointExt for E {}

/// A TCP port at a known address.
#[doc(alias = "TCP4ClientEndpoint")]
#[doc(alias = "TCP6ClientEndpoint")]
pub struct TcpEndpoint {
    reactor: Rc<dyn ReactorTcp>,
    how: TcpConnect,
}

impl TcpEndpoint {
    /// Connects as `how` says. `reactor` is a [`ReactorHandle`](retwist_reactor::ReactorHandle), or a
    /// [`MemoryReactor`](retwist_reactor::testing::MemoryReactor) in a test.
    pub fn new(reactor: Rc<dyn ReactorTcp>, how: impl Into<TcpConnect>) -> Self {
        TcpEndpoint {
            reactor,
            how: how.into(),
        }
    }
}

impl ClientEndpoint for TcpEndpoint {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, EndpointError> {
        dial(&*self.reactor, self.how.clone(), protocol).map_err(EndpointError::Connect)
    }
}

impl fmt::Debug for TcpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpEndpoint")
            .field("how", &self.how)
            .finish_non_exhaustive()
    }
}

/// Why there is no connection with an endpoint.
#[derive(Debug)]
#[non_exhaustive]
pub enum EndpointError {
    /// The host has no address that is known.
    Resolve(ResolveError),
    /// The connection could not be made.
    Connect(ConnectError),
    /// The host has several addresses, and there is a connection with none: each with its reason, in the order in which they ended.
    AllFailed(Vec<(SocketAddr, Failure<ConnectError>)>),
}

impl From<ResolveError> for EndpointError {
    fn from(error: ResolveError) -> Self {
        EndpointError::Resolve(error)
    }
}

impl From<ConnectError> for EndpointError {
    fn from(error: ConnectError) -> Self {
        EndpointError::Connect(error)
    }
}

impl fmt::Display for EndpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            EndpointError::Resolve(error) => error.fmt(f),
            EndpointError::Connect(error) => error.fmt(f),
            EndpointError::AllFailed(attempts) => {
                f.write_str("no connection with any address")?;
                attempts
                    .iter()
                    .try_for_each(|(address, failure)| write!(f, "; {address}: {}", chain(failure)))
            }
        }
    }
}

impl Error for EndpointError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            EndpointError::Resolve(error) => error.source(),
            EndpointError::Connect(error) => error.source(),
            EndpointError::AllFailed(_) => None,
        }
    }
}
