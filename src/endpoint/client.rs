use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use retwist_deferred::{Deferred, DialError, Dialer};
use retwist_reactor::{Connector, ProtocolRef, StreamSettings};

use super::{EndpointError, Endpoints, Network};

/// Somewhere to connect to, made by [`client_from_string`]. [`on`](ClientEndpoint::on) a network it
/// connects.
#[doc(alias = "IStreamClientEndpoint")]
#[derive(Clone)]
pub struct ClientEndpoint {
    text: Rc<str>,
    base: Rc<Base>,
    /// The one nearest to the wire comes first.
    layers: Vec<Rc<Layer>>,
    host: Option<Rc<str>>,
    settings: StreamSettings,
}

type Base = dyn Fn(&Network, StreamSettings) -> Rc<dyn Dialer>;
type Layer = dyn Fn(ProtocolRef) -> ProtocolRef;

/// Understands where to connect to, of the [standard](super) kinds. Nothing is connected yet, and
/// no name is looked up.
#[doc(alias = "clientFromString")]
pub fn client_from_string(text: &str) -> Result<ClientEndpoint, EndpointError> {
    Endpoints::standard().client_from_string(text)
}

impl ClientEndpoint {
    /// An endpoint that connects with what `dialer` makes: for an endpoint of one's own,
    /// [`Endpoints::client`].
    pub fn new(dialer: impl Fn(&Network, StreamSettings) -> Rc<dyn Dialer> + 'static) -> Self {
        ClientEndpoint {
            text: "".into(),
            base: Rc::new(dialer),
            layers: Vec::new(),
            host: None,
            settings: StreamSettings::client(),
        }
    }

    /// The same endpoint with one more layer on it: `layer` puts it under the protocol above.
    #[must_use]
    pub fn over(mut self, layer: impl Fn(ProtocolRef) -> ProtocolRef + 'static) -> Self {
        self.layers.push(Rc::new(layer));
        self
    }

    /// The same endpoint, known to lead to `host`.
    #[must_use]
    pub fn leading_to(self, host: &str) -> Self {
        let host = Some(host.into());
        ClientEndpoint { host, ..self }
    }

    /// The name or address of the host that it leads to, if that is known: who TLS expects there.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The way to connect: see [`DialerExt`](retwist_deferred::DialerExt) for what it can do.
    pub fn on(&self, network: &Network) -> EndpointDialer {
        EndpointDialer {
            text: self.text.clone(),
            base: (self.base)(network, self.settings.clone()),
            layers: self.layers.clone(),
        }
    }

    /// The bounds of the connections that are made, where the defaults will not do.
    #[must_use]
    pub fn settings(self, settings: StreamSettings) -> Self {
        ClientEndpoint { settings, ..self }
    }

    pub(super) fn described(self, text: &str) -> Self {
        let text = text.into();
        ClientEndpoint { text, ..self }
    }
}

/// A [`ClientEndpoint`] on its network.
#[derive(Clone)]
pub struct EndpointDialer {
    text: Rc<str>,
    base: Rc<dyn Dialer>,
    layers: Vec<Rc<Layer>>,
}

impl Dialer for EndpointDialer {
    fn connect(&self, protocol: ProtocolRef) -> Deferred<Connector, DialError> {
        let under = |protocol, layer: &Rc<Layer>| layer(protocol);
        self.base
            .connect(self.layers.iter().rev().fold(protocol, under))
    }
}

impl FromStr for ClientEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        client_from_string(text)
    }
}

/// The string that it was made from.
impl fmt::Display for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientEndpoint({:?})", self.text)
    }
}

/// The string of its endpoint.
impl fmt::Display for EndpointDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for EndpointDialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointDialer({:?})", self.text)
    }
}
