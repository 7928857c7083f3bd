use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, ListenError, ListeningPort, ProtocolRef,
    ReactorTcp, Reason, StreamSettings,
};

use super::{EndpointError, Endpoints};

/// Somewhere to listen, made by [`server_from_string`].
#[doc(alias = "IStreamServerEndpoint")]
#[derive(Clone)]
pub struct ServerEndpoint {
    text: Rc<str>,
    base: Rc<Listen>,
    /// The one nearest to the wire comes first.
    layers: Vec<Rc<Layer>>,
    settings: StreamSettings,
}

type Listen =
    dyn Fn(&dyn ReactorTcp, StreamSettings, FactoryRef) -> Result<ListeningPort, ListenError>;
type Layer = dyn Fn(InnerFactory) -> FactoryRef;

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
        + 'static,
    ) -> Self {
        ServerEndpoint {
            text: "".into(),
            base: Rc::new(listen),
            layers: Vec::new(),
            settings: StreamSettings::default(),
        }
    }

    /// The same endpoint with one more layer on it: `layer` makes a factory of the one above.
    #[must_use]
    pub fn over<F: Factory>(mut self, layer: impl Fn(InnerFactory) -> F + 'static) -> Self {
        self.layers.push(Rc::new(move |inner| layer(inner).into()));
        self
    }

    /// Listens. The protocols come from `factory`, which may be a closure.
    pub fn listen(
        &self,
        reactor: &dyn ReactorTcp,
        factory: impl Into<FactoryRef>,
    ) -> Result<ListeningPort, ListenError> {
        let under = |factory, layer: &Rc<Layer>| layer(InnerFactory(factory));
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
