use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use retwist_reactor::{
    Address, FactoryRef, IntoFactory, IntoProtocol, ListenError, ListeningPort, ReactorStreams,
    StreamSettings, factory,
};
use retwist_tls::{Reload, TlsFactory, TlsRole};

use super::{EndpointError, Endpoints};

/// A description of where and how to listen, made by [`server_from_string`].
///
/// The reactors of several threads may share one ([`Workers`](crate::Workers)): what the endpoint
/// makes when it listens belongs to the reactor that it listens on.
#[doc(alias = "IStreamServerEndpoint")]
#[derive(Clone)]
pub struct ServerEndpoint {
    text: Arc<str>,
    base: Arc<Listen>,
    /// In order from the wire to the application.
    layers: Vec<Arc<Layer>>,
    settings: StreamSettings,
    files: Reload,
}

type Listen = dyn Fn(&dyn ReactorStreams, StreamSettings, FactoryRef) -> Result<ListeningPort, ListenError>
    + Send
    + Sync;
type Layer = dyn Fn(FactoryRef) -> FactoryRef + Send + Sync;

/// Reads where to listen, with the [standard](super) kinds. Opens nothing yet.
///
/// ```
/// use retwist::endpoint::server_from_string;
/// use retwist::testing::MemoryReactor;
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let endpoint = server_from_string("timeout:idle=60:tcp:8007:interface=127.0.0.1")?;
/// let reactor = MemoryReactor::new(); // in a program: Reactor::new()?
/// let port = endpoint.listen(&reactor, |_| Echo)?;
/// assert_eq!(port.address().to_string(), "127.0.0.1:8007");
///
/// let mistake = server_from_string("tcp:8007:interfaces=127.0.0.1").unwrap_err();
/// println!("{mistake}");
/// # Ok(()) }
/// ```
#[doc(alias = "serverFromString")]
pub fn server_from_string(text: &str) -> Result<ServerEndpoint, EndpointError> {
    Endpoints::standard().server_from_string(text)
}

impl ServerEndpoint {
    /// An endpoint that listens with `listen`: for kinds of one's own, see [`Endpoints::server`].
    pub fn new(
        listen: impl Fn(
            &dyn ReactorStreams,
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
            files: Reload::new(),
        }
    }

    /// Adds TLS on top, with a configuration made in code.
    ///
    /// ```
    /// use retwist::endpoint::{EndpointError, ServerEndpoint, server_from_string};
    /// use retwist::tls::TlsRole;
    ///
    /// fn secure(role: TlsRole) -> Result<ServerEndpoint, EndpointError> {
    ///     Ok(server_from_string("tcp:443")?.tls(role))
    /// }
    /// ```
    #[must_use]
    pub fn tls(self, role: TlsRole) -> Self {
        self.over(move |inner| TlsFactory::new(role.clone(), inner))
    }

    /// Adds a layer on top: `layer` makes a factory of the one above, each time that the endpoint
    /// listens.
    #[must_use]
    pub fn over<F: IntoFactory>(
        mut self,
        layer: impl Fn(FactoryRef) -> F + Send + Sync + 'static,
    ) -> Self {
        let layer = move |inner| layer(inner).into_factory();
        self.layers.push(Arc::new(layer));
        self
    }

    /// Listens. `build` makes the protocol of each connection from the address of its peer: anything
    /// that [`IntoProtocol`] lists, so that `None` refuses the connection.
    pub fn listen<P: IntoProtocol>(
        &self,
        reactor: &dyn ReactorStreams,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_factory(reactor, factory(build))
    }

    /// [`listen`](ServerEndpoint::listen) with a [`Factory`](retwist_reactor::Factory), or an `Rc`
    /// of one.
    pub fn listen_factory(
        &self,
        reactor: &dyn ReactorStreams,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        let layers = self.layers.iter().rev();
        let factory = layers.fold(factory.into_factory(), |above, layer| layer(above));
        (self.base)(reactor, self.settings.clone(), factory)
    }

    /// Sets the bounds of the connections that are accepted.
    #[must_use]
    pub fn settings(self, settings: StreamSettings) -> Self {
        ServerEndpoint { settings, ..self }
    }

    /// The files of certificates, private keys, authorities and ticket keys that the string names, to be read
    /// again: what changes counts for the handshakes that begin after it, wherever the endpoint listens.
    ///
    /// ```no_run
    /// # #[cfg(unix)] fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use retwist::endpoint::server_from_string;
    /// use retwist::{Reactor, Signal};
    ///
    /// let reactor = Reactor::new()?;
    /// let endpoint = server_from_string("tls:443:privateKey=both.pem")?;
    /// let files = endpoint.files();
    /// let _handler = reactor.on_signal(Signal::HUP, move || files.now())?;
    /// # Ok(()) }
    /// # #[cfg(not(unix))] fn main() {}
    /// ```
    pub fn files(&self) -> Reload {
        self.files.clone()
    }

    /// Has these files among its own.
    pub(super) fn with_files(self, files: &Reload) -> Self {
        let files = self.files.and(files);
        ServerEndpoint { files, ..self }
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

/// The string that the endpoint was made from.
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
