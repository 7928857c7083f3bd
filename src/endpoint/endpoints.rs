use std::collections::HashMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::rc::Rc;

use retwist_deferred::ascii_host;

use super::arguments::{Arguments, Position, Value};
use super::{ClientEndpoint, DatagramEndpoint, EndpointError, Mistake, ServerEndpoint, kinds};

/// The kinds of endpoints and layers that strings may name. [`server_from_string`] and
/// [`client_from_string`] know the standard ones. An application adds its own here.
///
/// ```
/// use retwist::endpoint::Endpoints;
/// use retwist::protocols::{FactoryPolicy, Tap};
///
/// let endpoints = Endpoints::standard()
///     // A layer, here one that counts: `count:` before any endpoint.
///     .server_layer("count", [], |_, [], below| {
///         Ok(below.over(|inner| Tap::new().to(|_, _| println!("one more")).factory(inner)))
///     })
///     // A place to connect to that needs no port.
///     .client("here", [], |_, []| retwist::endpoint::client_from_string("tcp:localhost:8007"));
///
/// let port = endpoints.server_from_string("count:haproxy:tcp:8007")?;
/// let client = endpoints.client_from_string("timeout:idle=60:here")?;
/// # Ok::<(), retwist::endpoint::EndpointError>(())
/// ```
///
/// A new kind takes the place of an old one of the same name.
///
/// [`server_from_string`]: super::server_from_string
/// [`client_from_string`]: super::client_from_string
#[doc(alias = "IStreamServerEndpointStringParser")]
#[doc(alias = "IStreamClientEndpointStringParserWithReactor")]
#[derive(Clone, Debug)]
pub struct Endpoints {
    servers: Kinds<ServerEndpoint>,
    clients: Kinds<ClientEndpoint>,
    datagrams: Kinds<DatagramEndpoint>,
}

/// Makes an endpoint of the values of its arguments.
type Base<E> = dyn Fn(&Position, Vec<Option<Value>>) -> Result<E, EndpointError>;
/// Puts a layer on an endpoint.
type Over<E> = dyn Fn(&Position, Vec<Option<Value>>, E) -> Result<E, EndpointError>;

struct Kinds<E> {
    known: HashMap<String, Kind<E>>,
    /// The endpoint that was probably meant by an unknown kind and the argument behind it.
    meant: Meant,
}

type Meant = fn(kind: &str, next: Option<&str>) -> Option<String>;

enum Kind<E> {
    Base(Vec<&'static str>, Rc<Base<E>>),
    Layer {
        names: Vec<&'static str>,
        over: Rc<Over<E>>,
        /// Without an endpoint below it, the layer lies on TCP: `tls:443`.
        over_tcp: bool,
    },
}

/// The most layers of one string.
const MAX_LAYERS: usize = 16;

impl Endpoints {
    /// The kinds that the [module](super) lists.
    pub fn standard() -> Self {
        let none = Endpoints {
            servers: Kinds::none(meant_server),
            clients: Kinds::none(meant_client),
            datagrams: Kinds::none(meant_datagram),
        };
        kinds::standard(none)
    }

    /// Adds a kind of server endpoint. Its arguments are `names`, in the order in which they may be
    /// given without their names. `read` gets the values that were given.
    #[must_use]
    pub fn server<const N: usize>(
        mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(&Position, [Option<Value>; N]) -> Result<ServerEndpoint, EndpointError> + 'static,
    ) -> Self {
        self.servers.add_base(kind, names, read);
        self
    }

    /// Adds a kind of client endpoint, as [`server`](Endpoints::server).
    #[must_use]
    pub fn client<const N: usize>(
        mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(&Position, [Option<Value>; N]) -> Result<ClientEndpoint, EndpointError> + 'static,
    ) -> Self {
        self.clients.add_base(kind, names, read);
        self
    }

    /// Adds a kind of [`DatagramEndpoint`], as [`server`](Endpoints::server). No layer lies on one.
    #[must_use]
    pub fn datagram<const N: usize>(
        mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(&Position, [Option<Value>; N]) -> Result<DatagramEndpoint, EndpointError>
        + 'static,
    ) -> Self {
        self.datagrams.add_base(kind, names, read);
        self
    }

    /// Adds a layer over server endpoints. Its arguments always have their names. `read` gets their
    /// values and the endpoint below: see [`ServerEndpoint::over`].
    #[must_use]
    pub fn server_layer<const N: usize>(
        mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(
            &Position,
            [Option<Value>; N],
            ServerEndpoint,
        ) -> Result<ServerEndpoint, EndpointError>
        + 'static,
    ) -> Self {
        self.servers.add_layer(kind, names, read, false);
        self
    }

    /// Adds a layer over client endpoints, as [`server_layer`](Endpoints::server_layer): see
    /// [`ClientEndpoint::over`].
    #[must_use]
    pub fn client_layer<const N: usize>(
        mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(
            &Position,
            [Option<Value>; N],
            ClientEndpoint,
        ) -> Result<ClientEndpoint, EndpointError>
        + 'static,
    ) -> Self {
        self.clients.add_layer(kind, names, read, false);
        self
    }

    /// Adds a layer for each side that lies on TCP where no other endpoint is named.
    pub(super) fn over_tcp<const S: usize, const C: usize>(
        mut self,
        kind: &str,
        server: (
            [&'static str; S],
            impl Fn(
                &Position,
                [Option<Value>; S],
                ServerEndpoint,
            ) -> Result<ServerEndpoint, EndpointError>
            + 'static,
        ),
        client: (
            [&'static str; C],
            impl Fn(
                &Position,
                [Option<Value>; C],
                ClientEndpoint,
            ) -> Result<ClientEndpoint, EndpointError>
            + 'static,
        ),
    ) -> Self {
        self.servers.add_layer(kind, server.0, server.1, true);
        self.clients.add_layer(kind, client.0, client.1, true);
        self
    }

    /// Reads where to listen. Opens nothing yet.
    #[doc(alias = "serverFromString")]
    pub fn server_from_string(&self, text: &str) -> Result<ServerEndpoint, EndpointError> {
        Ok(self.servers.read(text)?.described(text))
    }

    /// Reads where to connect to. Connects nothing yet, and looks no name up.
    #[doc(alias = "clientFromString")]
    pub fn client_from_string(&self, text: &str) -> Result<ClientEndpoint, EndpointError> {
        Ok(self.clients.read(text)?.described(text))
    }

    /// Reads where to receive datagrams. Opens nothing yet.
    pub fn datagram_from_string(&self, text: &str) -> Result<DatagramEndpoint, EndpointError> {
        Ok(self.datagrams.read(text)?.described(text))
    }
}

impl Default for Endpoints {
    fn default() -> Self {
        Endpoints::standard()
    }
}

impl<E: 'static> Kinds<E> {
    fn none(meant: Meant) -> Self {
        Kinds {
            known: HashMap::new(),
            meant,
        }
    }

    fn add_base<const N: usize>(
        &mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(&Position, [Option<Value>; N]) -> Result<E, EndpointError> + 'static,
    ) {
        let base = move |position: &Position, values| read(position, array(values));
        let base = Kind::Base(names.into(), Rc::new(base));
        self.known.insert(kind.to_owned(), base);
    }

    fn add_layer<const N: usize>(
        &mut self,
        kind: &str,
        names: [&'static str; N],
        read: impl Fn(&Position, [Option<Value>; N], E) -> Result<E, EndpointError> + 'static,
        over_tcp: bool,
    ) {
        let layer = Kind::Layer {
            names: names.into(),
            over: Rc::new(move |position, values, below| read(position, array(values), below)),
            over_tcp,
        };
        self.known.insert(kind.to_owned(), layer);
    }

    /// Reads the layers from the left, then the endpoint below them.
    fn read(&self, text: &str) -> Result<E, EndpointError> {
        let mut arguments = Arguments::parse(text)?;
        let mut layers = Vec::new();
        let mut tcp = None;
        let base = loop {
            let (kind, position) = match tcp.take() {
                Some(position) => ("tcp".to_owned(), position),
                None => arguments.take_kind()?,
            };
            match self.known.get(&kind) {
                Some(Kind::Base(names, base)) => {
                    break base(&position, arguments.take_all(names)?)?;
                }
                Some(Kind::Layer {
                    names,
                    over,
                    over_tcp,
                }) => {
                    if layers.len() == MAX_LAYERS {
                        return Err(position.mistake(Mistake::TooManyLayers(MAX_LAYERS)));
                    }
                    let below = arguments.first_unnamed();
                    let stands_alone =
                        *over_tcp && !below.is_some_and(|kind| self.known.contains_key(kind));
                    let values = arguments.take_named(names, !stands_alone)?;
                    tcp = stands_alone.then(|| position.clone());
                    layers.push((over, position, values));
                }
                None => {
                    let next = arguments.first_unnamed();
                    return Err(self.unknown(kind, next, &position));
                }
            }
        };
        let on = |below, (over, position, values): (&Rc<Over<E>>, Position, Vec<_>)| {
            over(&position, values, below)
        };
        layers.into_iter().rev().try_fold(base, on)
    }

    fn unknown(&self, kind: String, next: Option<&str>, position: &Position) -> EndpointError {
        if let "unix" | "stdio" | "fd" | "systemd" | "process" = kind.as_str() {
            return position.mistake(Mistake::KindElsewhere(kind));
        }
        let mut known: Vec<_> = self.known.keys().cloned().collect();
        known.sort();
        position.mistake(Mistake::UnknownKind {
            meant: (self.meant)(&kind, next),
            given: kind,
            known,
        })
    }
}

/// A port or an address without its kind, as other programs take it.
fn meant_server(kind: &str, next: Option<&str>) -> Option<String> {
    let is_port = |text: &str| text.parse::<u16>().is_ok();
    if is_port(kind) {
        return Some(format!("tcp:{kind}"));
    }
    let port = next.filter(|next| is_port(next))?;
    kind.parse::<Ipv4Addr>().ok()?;
    Some(format!("tcp:{port}:interface={kind}"))
}

/// The same for datagrams, and where a stream was named.
fn meant_datagram(kind: &str, next: Option<&str>) -> Option<String> {
    let meant = match (kind, next) {
        ("tcp" | "tcp6", Some(port)) => format!("tcp:{port}"),
        _ => meant_server(kind, next)?,
    };
    Some(meant.replacen("tcp", "udp", 1))
}

/// The same for a host and its port.
fn meant_client(kind: &str, next: Option<&str>) -> Option<String> {
    let port = next.filter(|next| next.parse::<u16>().is_ok())?;
    ascii_host(kind).ok()?;
    Some(format!("tcp:{kind}:{port}"))
}

/// The values as an array: there are as many as there are names.
fn array<const N: usize>(values: Vec<Option<Value>>) -> [Option<Value>; N] {
    let mut values = values.into_iter();
    std::array::from_fn(|_| values.next().flatten())
}

impl<E> Clone for Kinds<E> {
    fn clone(&self) -> Self {
        let known = self.known.iter();
        Kinds {
            known: known
                .map(|(kind, how)| (kind.clone(), how.clone()))
                .collect(),
            meant: self.meant,
        }
    }
}

impl<E> Clone for Kind<E> {
    fn clone(&self) -> Self {
        match self {
            Kind::Base(names, base) => Kind::Base(names.clone(), base.clone()),
            Kind::Layer {
                names,
                over,
                over_tcp,
            } => Kind::Layer {
                names: names.clone(),
                over: over.clone(),
                over_tcp: *over_tcp,
            },
        }
    }
}

impl<E> fmt::Debug for Kinds<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known: Vec<_> = self.known.keys().collect();
        known.sort();
        f.debug_set().entries(known).finish()
    }
}
