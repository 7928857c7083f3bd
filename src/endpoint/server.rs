use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, ListenError, ListeningPort, ProtocolRef,
    ReactorTcp, Reason, StreamSettings,
};

use super::{EndpointError, Endpoints};

/// Somewhere to listen, made by [`server_from_string`].
///
/// It says how, and what it makes when it listens belongs to the reactor that it listens on. So
/// several reactors may share one, each in its thread: [`Workers`](crate::Workers).
#[doc(alias = "IStreamServerEndpoint")]
#[derive(Clone)]
pub struct ServerEndpoint {
    text: Arc<str>,
    base: Arc<Listen>,
    /// The one nearest to the wire comes first.
    layers: Vec<Arc<Layer>>,
    settings: StreamSettings,
}

type Listen = dyn Fn(&dyn ReactorTcp, StreamSettings, FactoryRef) -> Result<ListeningPort, ListenError>
    + Send
    + Sync;
type Layer = dyn Fn(InnerFactory) -> FactoryRef + Send + Sync;

/// Understands where to listen, of the [standard](super) kinds. Nothing is opened yet.
#[doc(alias = "serverFromString")]
pub fn server_from_string(text: &str) -> Result<ServerEndpoint, EndpointError> {
    Endpoints::standard().server_from_string(text)
}

impl ServerEndpoint {
    /// An endpoint that listens by way of `listen`: for an endpoint of one's own,
    /// [`Endpoints::server`].
    pub fn new(
        listen: impl Fn(
            &dyn ReactorTcp,
            StreamSettings,
            FactoryRef,
        ) -> Result<ListeningPort, ListenError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        ServerEndpoint {
            text: "".into(),
            base: Arc::new(listen),
            layers: Vec::new(),
            settings: StreamSettings::default(),
        }
    }

    /// The same endpoint with one more layer on it: `layer` makes a factory of the one above, each
    /// time that the endpoint listens.
    #[must_use]
    pub fn over<F: Factory>(
        mut self,
        layer: impl Fn(InnerFactory) -> F + Send + Sync + 'static,
    ) -> Self {
        let layer = move |inner| layer(inner).into();
        self.layers.push(Arc::new(layer));
        self
    }

    /// Listens. The protocols come from `factory`, which may be a closure.
    pub fn listen(
        &self,
        reactor: &dyn ReactorTcp,
        factory: impl Into<FactoryRef>,
    ) -> Result<ListeningPort, ListenError> {
        let under = |factory, layer: &Arc<Layer>| layer(InnerFactory(factory));
        let factory = self.layers.iter().rev().fold(factory.into(), under);
        (self.base)(reactor, self.settings.clone(), factory)
    }

    /// The bounds of the connections that are accepted, where the defaults will not do.
    #[must_use]
    pub fn settings(self, settings: StreamSettings) -> Self {
        ServerEndpoint { settings, ..self }
    }

    pub(super) fn described(self, text: &str) -> Self {
        let text = text.into();
        ServerEndpoint { text, ..self }
    }
}

impl FromStr for ServerEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        server_from_string(text)
    }
}

/// The string that it was made from.
impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerEndpoint({:?})", self.text)
    }
}

/// The factory above a layer: [`ServerEndpoint::over`] puts another one under it.
pub struct InnerFactory(FactoryRef);

impl Factory for InnerFactory {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        self.0.get().build_protocol(peer)
    }

    fn start_factory(&self) {
        self.0.start();
    }

    fn stop_factory(&self) {
        self.0.stop();
    }

    fn started_connecting(&self, connector: &Connector) {
        self.0.get().started_connecting(connector);
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        self.0.get().client_connection_failed(connector, error);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.0.get().client_connection_lost(connector, reason);
    }
}

impl fmt::Debug for InnerFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InnerFactory")
    }
}
