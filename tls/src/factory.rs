use std::fmt;
use std::rc::Rc;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, IntoFactory, IntoProtocol, Layer, Reason,
};

use crate::ending::LastEnding;
use crate::{TlsRole, TlsTransport};

/// A factory whose connections speak TLS from the first byte, for ports and connectors alike.
///
/// The protocols of the factory inside hear `connection_made` when the handshake is over and the
/// peer is verified, never before. Where that fails, the protocol hears `connection_lost` alone,
/// and a client's factory `client_connection_failed`, with [`ConnectError::Negotiation`].
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::{Factory, Protocol, TransportRef, factory};
/// use retwist::tls::{TlsFactory, TlsRole};
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn echo_under_tls(role: TlsRole) -> impl Factory {
///     TlsFactory::new(role, factory(|_| Echo))
/// }
/// ```
#[doc(alias = "TLSMemoryBIOFactory")]
#[doc(alias = "wrapClientTLS")]
pub struct TlsFactory {
    role: TlsRole,
    inner: FactoryRef,
    last: Rc<LastEnding>,
}

impl TlsFactory {
    /// Puts TLS, in this role, under all that `inner` makes: a [`Factory`], an `Rc` of one, or a
    /// [`FactoryRef`]. A closure becomes a factory with [`factory`](retwist_reactor::factory).
    pub fn new(role: TlsRole, inner: impl IntoFactory) -> Self {
        TlsFactory {
            role,
            inner: inner.into_factory(),
            last: Rc::default(),
        }
    }

    /// The factory inside.
    pub fn inner(&self) -> &FactoryRef {
        &self.inner
    }
}

impl Factory for TlsFactory {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        let protocol = self.inner.build_protocol(peer)?;
        Some(TlsTransport::reporting(&self.role, protocol, Some(self.last.clone())).as_protocol())
    }

    fn start_factory(self: &Rc<Self>) {
        self.inner.start();
    }

    fn stop_factory(self: &Rc<Self>) {
        self.inner.stop();
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        self.last.take();
        self.inner.started_connecting(connector);
    }

    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        self.inner.client_connection_failed(connector, error);
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {
        match self.last.take() {
            Some(ending) if ending.completed => {
                self.inner.client_connection_lost(connector, &ending.reason);
            }
            Some(ending) => {
                let error = ConnectError::Negotiation(ending.reason);
                self.inner.client_connection_failed(connector, &error);
            }
            // TLS was left before the end.
            None => self.inner.client_connection_lost(connector, reason),
        }
    }
}

impl fmt::Debug for TlsFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFactory")
            .field("role", &self.role)
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}
