use std::error::Error;
use std::fmt;
use std::net::SocketAddr;
use std::rc::Rc;

use retwist_reactor::{
    Address, AddressError, Clock, ConnectError, Connector, FactoryRef, IntoFactory, Protocol,
    ProtocolHandle, ProtocolRef, error_chain,
};

use super::connect::{dial, opening, when_opened};
use super::factory_connector::connect_factory;
use crate::{AsyncTransport, Deferred, Failure, ResolveError};

/// A way to connect a protocol.
///
/// A closure that connects a factory is a dialer. A dialer that adds a layer puts it below the
/// protocol, and has another dialer connect both.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::DialerExt;
/// use retwist::testing::MemoryReactor;
/// use retwist::{FactoryRef, ReactorTcp, TcpConnect};
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
    /// Connects `protocol`, which gets one connection or none. The Deferred fires when it has one; a
    /// layer may still have to negotiate. Cancelling ends the attempt.
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError>;
}

/// Methods that every [`Dialer`] has.
pub trait DialerExt: Dialer {
    /// Connects a protocol, and promises its handle, after it has heard `connection_made` and all
    /// layers have negotiated. Cancelling ends the attempt.
    #[doc(alias = "connectProtocol")]
    fn connect_to<P: Protocol>(&self, protocol: P) -> Deferred<ProtocolHandle<P>, DialError> {
        let (protocol, opened) = opening(protocol);
        when_opened(self.connect(protocol), opened)
    }

    /// Connects the protocols of a factory, which hears what a client's factory hears, and may
    /// connect again. `destination` is for the log, and for [`Connector::destination`].
    fn connect_factory(
        self,
        destination: Address,
        clock: &Clock,
        factory: impl IntoFactory,
    ) -> Connector
    where
        Self: Sized + 'static,
    {
        connect_factory(Rc::new(self), destination, clock, factory.into_factory())
    }

    /// Connects, for async code. Cancelling the Deferred, or dropping it while it is awaited, ends
    /// the attempt.
    fn open(&self) -> Deferred<AsyncTransport, DialError> {
        let (protocol, opened) = AsyncTransport::protocol();
        when_opened(self.connect(protocol), opened)
    }
}

impl<E: Dialer + ?Sized> DialerExt for E {}

/// A closure that connects a factory.
impl<F: Fn(FactoryRef) -> Connector> Dialer for F {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        dial(self, protocol).map_err(DialError::Connect)
    }
}

/// The reason why there is no connection.
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The text of the destination has no port, or cannot be read.
    Address(AddressError),
    /// No address of the host was found.
    Resolve(ResolveError),
    /// The connection could not be made.
    Connect(ConnectError),
    /// The host has several addresses, and all attempts failed: each address with its failure, in the
    /// order in which the attempts ended. The list is empty if no address has the family of the
    /// address to connect from.
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
            DialError::Address(error) => error.fmt(f),
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
            DialError::Address(error) => error.source(),
            DialError::Resolve(error) => error.source(),
            DialError::Connect(error) => error.source(),
            DialError::AllFailed(_) => None,
        }
    }
}
