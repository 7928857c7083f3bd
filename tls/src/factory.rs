use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Address, ConnectError, Connector, Factory, LayerExt, ProtocolRef, Reason};

use crate::{TlsRole, TlsTransport};

/// A factory whose connections speak TLS from the first byte, for ports and connectors alike.
///
/// The protocols of the factory inside hear `connection_made` when the handshake is over and the
/// peer is verified, never before. Where that fails, the protocol hears `connection_lost` alone,
/// and a client's factory `client_connection_failed`, with [`ConnectError::Negotiation`].
///
/// ```
/// use retwist_reactor::{Address, Factory, Protocol, TransportRef};
/// use retwist_tls::{TlsFactory, TlsRole};
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// fn echo_under_tls(role: TlsRole) -> impl Factory {
///     TlsFactory::new(role, |_: &Address| Echo)
/// }
/// ```
#[doc(alias = "TLSMemoryBIOFactory")]
#[doc(alias = "wrapClientTLS")]
pub struct TlsFactory<F> {
    role: TlsRole,
    factory: F,
    outcome: Rc<Outcome>,
}

/// How the connection ended that ended last. A connector asks right after its connection has been
/// told, so it is its own.
#[derive(Default)]
pub(crate) struct Outcome(Cell<Option<(bool, Reason)>>);

impl Outcome {
    pub(crate) fn ended(&self, completed: bool, reason: Reason) {
        self.0.set(Some((completed, reason)));
    }
}

impl<F: Factory> TlsFactory<F> {
    /// TLS, in this role, under all that `factory` makes.
    pub fn new(role: TlsRole, factory: F) -> Self {
        TlsFactory {
            role,
            factory,
            outcome: Rc::default(),
        }
    }

    /// The factory inside.
    pub fn inner(&self) -> &F {
        &self.factory
    }
}

impl<F: Factory> Factory for TlsFactory<F> {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        let protocol = self.factory.build_protocol(peer)?;
        Some(TlsTransport::reporting(&self.role, protocol, Some(self.outcome.clone())).below())
    }

    fn start_factory(&self) {
        self.factory.start_factory();
    }

    fn stop_factory(&self) {
        self.factory.stop_factory();
    }

    fn started_connecting(&self, connector: &Connector) {
        self.outcome.0.take();
        self.factory.started_connecting(connector);
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        self.factory.client_connection_failed(connector, error);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        match self.outcome.0.take() {
            Some((false, reason)) => self
                .factory
                .client_connection_failed(connector, &ConnectError::Negotiation(reason)),
            Some((true, reason)) => self.factory.client_connection_lost(connector, &reason),
            // TLS was left before the end.
            None => self.factory.client_connection_lost(connector, reason),
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for TlsFactory<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsFactory")
            .field("role", &self.role)
            .field("factory", &self.factory)
            .finish_non_exhaustive()
    }
}
