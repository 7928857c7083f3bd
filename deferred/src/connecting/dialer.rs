use std::error::Error;
use std::fmt;
use std::net::SocketAddr;

use retwist_reactor::{
    ConnectError, Connector, FactoryRef, Protocol, ProtocolHandle, ProtocolRef, error_chain,
};

use super::connect::{dial, opening, when_opened};
use crate::{AsyncTransport, Deferred, Failure, ResolveError};

/// A way to connect a protocol, whatever it takes to get there.
///
/// A closure that connects a factory is one. One that adds a layer puts it under the protocol, and
/// has another one connect both.
///
/// ```
/// use retwist_deferred::DialerExt;
/// use retwist_reactor::testing::MemoryReactor;
/// use retwist_reactor::{FactoryRef, ReactorTcp, TcpConnect};
/// use std::rc::Rc;
///
/// let reactor = Rc::new(MemoryReactor::new());
/// let there = TcpConnect::address("192.0.2.1:7".parse().unwrap());
/// let network = reactor.clone();
/// let dialer = move |factory: FactoryRef| network.connect(there.clone(), factory);
/// let connecting = dialer.open(); // an AsyncTransport; `connect_to` for a protocol
/// assert_eq!(reactor.connecting().len(), 1);
/// # connecting.cancel();
/// ```
#[doc(alias = "IStreamClientEndpoint")]
pub trait Dialer {
    /// Connects `protocol`: it is put in a seat once, or never. The connector comes when it is; a
    /// layer may still have to negotiate. Cancelled, it gives up.
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError>;
}

/// The ways to connect to any [`Dialer`].
pub trait DialerExt: Dialer {
    /// Connects a protocol and promises it, with its type: by then it has heard `connection_made`,
    /// and all layers have negotiated. Cancelled, it gives up.
    #[doc(alias = "connectProtocol")]
    fn connect_to<P: Protocol>(&self, protocol: P) -> Deferred<ProtocolHandle<P>, DialError> {
        let (protocol, opened) = opening(protocol);
        when_opened(self.connect(protocol), opened)
    }

    /// Connects, for async code. Cancelled, or dropped while it is awaited, it gives up.
    fn open(&self) -> Deferred<AsyncTransport, DialError> {
        let (protocol, opened) = AsyncTransport::protocol();
        when_opened(self.connect(protocol), opened)
    }
}

impl<E: Dialer + ?Sized> DialerExt for E {}

/// Whatever connects a factory is a way to connect a protocol.
impl<F: Fn(FactoryRef) -> Connector> Dialer for F {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        dial(self, protocol).map_err(DialError::Connect)
    }
}

/// Why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The host has no address that is known.
    Resolve(ResolveError),
    /// The connection could not be made.
    Connect(ConnectError),
    /// The host has several addresses, and there is a connection with none: each with its reason,
    /// in the order in which they ended. Empty, if there is none of the family to connect from.
    AllFailed(Vec<(SocketAddr, Failure<ConnectError>)>),
}

impl From<ResolveError> for DialError {
    fn from(error: ResolveError) -> Self {
        DialError::Resolve(error)
    }
}

impl From<ConnectError> for DialError {
    fn from(error: ConnectError) -> Self {
        DialError::Connect(error)
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DialError::Resolve(error) => error.fmt(f),
            DialError::Connect(error) => error.fmt(f),
            DialError::AllFailed(attempts) if attempts.is_empty() => {
                f.write_str("there is no address to connect to")
            }
            DialError::AllFailed(attempts) => {
                f.write_str("no connection with any address")?;
                attempts.iter().try_for_each(|(address, failure)| {
                    write!(f, "; {address}: {}", error_chain(failure))
                })
            }
        }
    }
}

impl Error for DialError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            DialError::Resolve(error) => error.source(),
            DialError::Connect(error) => error.source(),
            DialError::AllFailed(_) => None,
        }
    }
}
