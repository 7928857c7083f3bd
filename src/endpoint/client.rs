use std::fmt;
use std::rc::Rc;
use std::str::FromStr;

use retwist_deferred::{Deferred, DialError, Dialer};
use retwist_reactor::{Connector, ProtocolRef, StreamSettings};
use retwist_tls::{TlsRole, TlsTransport};

use super::{EndpointError, Endpoints, Network, Position, Value};

/// A description of where and how to connect, made by [`client_from_string`]. It connects
/// [on](ClientEndpoint::on) a network.
#[doc(alias = "IStreamClientEndpoint")]
#[derive(Clone)]
pub struct ClientEndpoint {
    text: Rc<str>,
    base: Rc<Base>,
    /// In order from the wire to the application.
    layers: Vec<Rc<Layer>>,
    host: Option<Host>,
    settings: StreamSettings,
}

#[derive(Clone)]
struct Host {
    name: Rc<str>,
    position: Option<Position>,
}

type Base = dyn Fn(&Network, StreamSettings) -> Rc<dyn Dialer>;
type Layer = dyn Fn(ProtocolRef) -> ProtocolRef;

/// Reads where to connect to, with the [standard](super) kinds. Connects nothing yet, and looks no
/// name up.
///
/// ```no_run
/// use retwist::Reactor;
/// use retwist::deferred::DialerExt;
/// use retwist::endpoint::{Network, client_from_string};
/// # struct Client;
/// # impl retwist::Protocol for Client {}
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reactor = Reactor::new()?;
/// let network = Network::new(&reactor);
/// let server = client_from_string("tls:example.org:443")?.on(&network);
/// server.connect_to(Client).done(|connected| println!("{connected:?}"));
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "clientFromString")]
pub fn client_from_string(text: &str) -> Result<ClientEndpoint, EndpointError> {
    Endpoints::standard().client_from_string(text)
}

impl ClientEndpoint {
    /// An endpoint that connects with the dialer that `dialer` makes: for kinds of one's own, see
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

    /// Adds TLS on top, with a configuration made in code.
    ///
    /// ```
    /// use retwist::endpoint::{ClientEndpoint, EndpointError, client_from_string};
    /// use retwist::tls::TlsRole;
    ///
    /// fn secure(role: TlsRole) -> Result<ClientEndpoint, EndpointError> {
    ///     Ok(client_from_string("tcp:example.org:443")?.tls(role))
    /// }
    /// ```
    #[must_use]
    pub fn tls(self, role: TlsRole) -> Self {
        self.over(move |above| TlsTransport::new(role.clone(), above).into())
    }

    /// Adds a layer on top: `layer` puts it below the protocol above.
    #[must_use]
    pub fn over(mut self, layer: impl Fn(ProtocolRef) -> ProtocolRef + 'static) -> Self {
        self.layers.push(Rc::new(layer));
        self
    }

    /// Sets the host that the endpoint leads to.
    #[must_use]
    pub fn leading_to(self, host: &str) -> Self {
        let host = Some(Host {
            name: host.into(),
            position: None,
        });
        ClientEndpoint { host, ..self }
    }

    /// The same, with the value that named the host.
    pub(super) fn leading_to_value(self, host: &str, value: &Value) -> Self {
        let host = Some(Host {
            name: host.into(),
            position: Some(value.position()),
        });
        ClientEndpoint { host, ..self }
    }

    /// The position of the host in the string that it came from.
    pub(super) fn host_position(&self) -> Option<&Position> {
        self.host.as_ref()?.position.as_ref()
    }

    /// The name or address of the host that the endpoint leads to, if it is known. TLS demands a
    /// certificate for it.
    pub fn host(&self) -> Option<&str> {
        self.host.as_ref().map(|host| &*host.name)
    }

    /// The way to connect on this network: see [`DialerExt`](retwist_deferred::DialerExt).
    pub fn on(&self, network: &Network) -> EndpointDialer {
        EndpointDialer {
            text: self.text.clone(),
            base: (self.base)(network, self.settings.clone()),
            layers: self.layers.clone(),
        }
    }

    /// Sets the bounds of the connections that are made.
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

/// The string that the endpoint was made from.
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
