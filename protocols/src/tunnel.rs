//! The other end of a tunnel: what a client asks a proxy for, answered by the destination itself.

mod error;
mod http;
mod socks;

pub use error::TunnelError;

use std::any::{Any, TypeId};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{ProtocolRef, TransportRef};

use crate::{Destination, Opening, OpeningLayer, Policy, Step};

/// Takes the request of a client that goes through a proxy, says yes, and passes on everything behind
/// it: the protocol above plays the destination. It hears `connection_made` when the request is there,
/// and finds in [`destination`](TunnelServer::destination) what the client has asked for.
///
/// Nothing is connected. So every destination is granted, and this is not an open proxy: TLS above it shows
/// the client whether it has reached the host that it wants. A program that connects to what its
/// clients ask for is a [`SocksServer`](crate::SocksServer).
///
/// The request comes in clear. What a client sends behind it goes to the protocol above, in the same
/// segment too, as it would go to the destination.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{FactoryPolicy, TunnelServer};
/// use retwist::{Factory, IntoFactory};
///
/// /// A server with TLS for clients that are set to use an HTTP proxy.
/// fn behind_connect(tls: impl IntoFactory) -> impl Factory {
///     TunnelServer::http().factory(tls)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TunnelServer {
    asks: Asks,
    deadline: Duration,
}

/// How a client asks.
#[derive(Clone, Copy, Debug)]
enum Asks {
    Http,
    Socks,
}

impl TunnelServer {
    /// Makes one for clients of an HTTP proxy: the method CONNECT (RFC 9110, section 9.3.6). Passwords for the
    /// proxy are not looked at.
    pub fn http() -> Self {
        TunnelServer::new(Asks::Http)
    }

    /// Makes one for clients of a SOCKS proxy, versions 4, 4a and 5, with the command CONNECT and without a
    /// password.
    pub fn socks() -> Self {
        TunnelServer::new(Asks::Socks)
    }

    fn new(asks: Asks) -> Self {
        TunnelServer {
            asks,
            deadline: Duration::from_secs(30),
        }
    }

    /// Sets how long the request may take: 30 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        TunnelServer { deadline, ..self }
    }

    /// Returns what the client of this connection has asked to be connected to.
    pub fn destination(transport: &TransportRef) -> Option<Rc<Destination>> {
        let asked = transport.extension(TypeId::of::<Asked>())?;
        let asked = asked.downcast::<Asked>().ok()?;
        Some(asked.0.clone())
    }
}

impl Policy for TunnelServer {
    type Layer = OpeningLayer<TunnelRequest>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let request: Box<dyn Request> = match self.asks {
            Asks::Http => Box::<http::Connect>::default(),
            Asks::Socks => Box::<socks::Handshake>::default(),
        };
        let opening = TunnelRequest {
            request,
            deadline: self.deadline,
            asked: None,
        };
        OpeningLayer::new(opening, above)
    }
}

/// The request that [`TunnelServer`] takes from one connection.
pub struct TunnelRequest {
    request: Box<dyn Request>,
    deadline: Duration,
    asked: Option<Rc<Asked>>,
}

/// What was asked for, and is no one else's extension.
struct Asked(Rc<Destination>);

/// One kind of request.
trait Request: 'static {
    /// Takes what is in front of `bytes`. A destination: the request is complete.
    fn advance(
        &mut self,
        bytes: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(usize, Option<Destination>), TunnelError>;
}

impl Opening for TunnelRequest {
    type Error = TunnelError;

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, TunnelError> {
        let (used, destination) = self.request.advance(bytes, reply)?;
        Ok(match destination {
            Some(destination) => {
                self.asked = Some(Rc::new(Asked(Rc::new(destination))));
                Step::done(used)
            }
            None => Step::used(used),
        })
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<Asked>() {
            return None;
        }
        self.asked.clone().map(|asked| asked as Rc<dyn Any>)
    }
}

impl fmt::Debug for TunnelRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelRequest")
            .field("asked", &self.asked.as_ref().map(|asked| &asked.0))
            .finish_non_exhaustive()
    }
}
