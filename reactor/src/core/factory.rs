use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::values::panic::{catch_panic, log_panic};
use crate::{Address, ConnectError, Connector, Protocol, ProtocolHandle, ProtocolRef, Reason};

/// Makes the protocols of a port's or a connector's connections, and hears about both.
///
/// Most factories only make protocols. They are closures, and
/// [`listen_tcp`](crate::ReactorHandle::listen_tcp) and
/// [`connect_tcp`](crate::ReactorHandle::connect_tcp) take them as they are: `|peer| Echo`. Whatever
/// else takes a factory (a policy, TLS, an endpoint) takes [`factory`]`(|peer| Echo)`.
///
/// A factory that hears more, or that its protocols refer to, is a struct. Its methods are handed
/// the shared pointer to it, of which a protocol may keep a clone:
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Address, Factory, IntoProtocol, Protocol, Reactor, Reason, TransportRef};
/// use std::cell::Cell;
/// use std::rc::Rc;
///
/// #[derive(Default)]
/// struct Visits {
///     now: Cell<usize>,
/// }
///
/// impl Factory for Visits {
///     fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
///         Visit { factory: self.clone() }
///     }
/// }
///
/// struct Visit {
///     factory: Rc<Visits>,
/// }
///
/// impl Protocol for Visit {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         self.factory.now.set(self.factory.now.get() + 1);
///         transport.write(format!("{} here\r\n", self.factory.now.get()).as_bytes());
///     }
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
///     fn connection_lost(&mut self, _: &Reason) {
///         self.factory.now.set(self.factory.now.get() - 1);
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reactor = Reactor::new()?;
/// let visits = Rc::new(Visits::default());
/// reactor.listen_tcp_factory(0, visits.clone())?;
/// # Ok(()) }
/// ```
///
/// One factory may serve several ports, and its protocols refer to it, so the methods cannot have it
/// to themselves: what they change is kept in `Cell`s and `RefCell`s.
#[doc(alias = "IProtocolFactory")]
#[doc(alias = "ServerFactory")]
#[doc(alias = "ClientFactory")]
#[doc(alias = "ReconnectingClientFactory")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory",
    label = "not a factory",
    note = "`retwist::factory(|peer| ..)` makes a factory of a closure that returns a protocol"
)]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Factory: 'static {
    /// Makes the protocol for a connection with `peer`: anything that [`IntoProtocol`] lists, so
    /// that `None` refuses the connection. A refused connection is closed, and a client's factory
    /// hears [`client_connection_failed`](Factory::client_connection_failed) with
    /// [`ConnectError::Refused`].
    #[doc(alias = "buildProtocol")]
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol;

    /// The first port or connector begins to use this factory.
    #[doc(alias = "startFactory")]
    #[doc(alias = "doStart")]
    fn start_factory(self: &Rc<Self>) {}

    /// The last port or connector has stopped using this factory.
    #[doc(alias = "stopFactory")]
    #[doc(alias = "doStop")]
    fn stop_factory(self: &Rc<Self>) {}

    /// A connector begins to connect. The factory may keep it, to cancel or to disconnect.
    #[doc(alias = "startedConnecting")]
    fn started_connecting(self: &Rc<Self>, connector: &Connector) {}

    /// The connection could not be made. [`Connector::connect`] tries again. By default, a line in the
    /// log says why, unless a factory around this one connects again.
    #[doc(alias = "clientConnectionFailed")]
    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        connector.leave_to_the_log(error);
    }

    /// The connection was made and has ended; its protocol has already heard
    /// [`connection_lost`](Protocol::connection_lost). [`Connector::connect`] connects again.
    #[doc(alias = "clientConnectionLost")]
    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {}
}

/// Makes a [`Factory`] of a closure, for the places that take a factory.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{FactoryRef, Protocol, TransportRef, factory};
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// let shared = FactoryRef::from(factory(|_| Echo));
/// ```
#[doc(alias = "Factory.forProtocol")]
pub fn factory<P, B>(build: B) -> BuildFactory<B>
where
    P: IntoProtocol,
    B: Fn(&Address) -> P + 'static,
{
    BuildFactory { build }
}

/// A [`Factory`] that makes protocols with a closure, and ignores all else; made by [`factory`].
#[derive(Clone)]
pub struct BuildFactory<B> {
    build: B,
}

impl<P, B> Factory for BuildFactory<B>
where
    P: IntoProtocol,
    B: Fn(&Address) -> P + 'static,
{
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        (self.build)(peer)
    }
}

impl<B> fmt::Debug for BuildFactory<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BuildFactory")
    }
}

/// What a factory may return for a connection: a [`Protocol`] of any type, a [`ProtocolRef`], a
/// [`ProtocolHandle`], or an `Option` of one of these, where `None` refuses the connection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the protocol of a connection",
    label = "not a protocol",
    note = "a factory returns a value whose type implements `Protocol`, a `ProtocolRef`, a `ProtocolHandle`, or an `Option` of one of these",
    note = "what receives lines or other units is put into a `Framed`, such as `Framed::lines(receiver)`"
)]
pub trait IntoProtocol {
    /// The protocol, or `None` to refuse the connection.
    fn into_protocol(self) -> Option<ProtocolRef>;
}

impl<P: Protocol> IntoProtocol for P {
    fn into_protocol(self) -> Option<ProtocolRef> {
        Some(self.into())
    }
}

impl<P: Protocol> IntoProtocol for ProtocolHandle<P> {
    fn into_protocol(self) -> Option<ProtocolRef> {
        Some(self.into())
    }
}

impl IntoProtocol for ProtocolRef {
    fn into_protocol(self) -> Option<ProtocolRef> {
        Some(self)
    }
}

impl<P: IntoProtocol> IntoProtocol for Option<P> {
    fn into_protocol(self) -> Option<ProtocolRef> {
        self?.into_protocol()
    }
}

/// A [`Factory`] of any type, shared by the ports and connectors that use it: it is started for the
/// first of them and stopped after the last.
///
/// Whatever takes a factory makes one of these from a factory, or from an `Rc` of one. Make it
/// yourself to use one factory in several places.
///
/// A panic in a factory is logged here; in [`build_protocol`](FactoryRef::build_protocol) it refuses
/// the connection.
#[derive(Clone)]
pub struct FactoryRef {
    shared: Rc<Shared<dyn ErasedFactory>>,
}

struct Shared<F: ?Sized> {
    users: Cell<usize>,
    factory: F,
}

/// A [`Factory`] whatever its type, as those who use it see it.
trait ErasedFactory {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef>;
    fn start_factory(&self);
    fn stop_factory(&self);
    fn started_connecting(&self, connector: &Connector);
    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError);
    fn client_connection_lost(&self, connector: &Connector, reason: &Reason);
}

/// A factory of the application. The loop may drop the last reference to it, so a panic in its drop is
/// caught; the drop alone empties it.
struct Owned<F>(Option<Rc<F>>);

impl<F: Factory> ErasedFactory for Owned<F> {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        F::build_protocol(self.0.as_ref()?, peer).into_protocol()
    }

    fn start_factory(&self) {
        self.0.iter().for_each(F::start_factory);
    }

    fn stop_factory(&self) {
        self.0.iter().for_each(F::stop_factory);
    }

    fn started_connecting(&self, connector: &Connector) {
        self.0
            .iter()
            .for_each(|me| me.started_connecting(connector));
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        self.0
            .iter()
            .for_each(|me| me.client_connection_failed(connector, error));
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.0
            .iter()
            .for_each(|me| me.client_connection_lost(connector, reason));
    }
}

impl<F> Drop for Owned<F> {
    fn drop(&mut self) {
        log_panic("the drop of a factory", || drop(self.0.take()));
    }
}

/// Reactors call these methods; so does a factory that passes on to another what it is told.
impl FactoryRef {
    /// Makes the protocol for a connection with `peer`. See [`Factory::build_protocol`].
    pub fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        match catch_panic(|| self.shared.factory.build_protocol(peer)) {
            Ok(protocol) => protocol,
            Err(message) => {
                log::error!(
                    "build_protocol panicked, the connection with {peer} is refused: {message}"
                );
                None
            }
        }
    }

    /// A port or connector begins to use the factory.
    pub fn start(&self) {
        let users = self.shared.users.get();
        self.shared.users.set(users + 1);
        if users == 0 {
            log_panic("start_factory", || self.shared.factory.start_factory());
        }
    }

    /// A port or connector has stopped using the factory.
    pub fn stop(&self) {
        let users = self.shared.users.get().saturating_sub(1);
        self.shared.users.set(users);
        if users == 0 {
            log_panic("stop_factory", || self.shared.factory.stop_factory());
        }
    }

    /// See [`Factory::started_connecting`].
    pub fn started_connecting(&self, connector: &Connector) {
        log_panic("started_connecting", || {
            self.shared.factory.started_connecting(connector);
        });
    }

    /// See [`Factory::client_connection_failed`].
    pub fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        log_panic("client_connection_failed", || {
            self.shared
                .factory
                .client_connection_failed(connector, error);
        });
    }

    /// See [`Factory::client_connection_lost`].
    pub fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        log_panic("client_connection_lost", || {
            self.shared
                .factory
                .client_connection_lost(connector, reason);
        });
    }
}

impl<F: Factory> From<F> for FactoryRef {
    fn from(factory: F) -> Self {
        Rc::new(factory).into()
    }
}

impl<F: Factory> From<Rc<F>> for FactoryRef {
    fn from(factory: Rc<F>) -> Self {
        FactoryRef {
            shared: Rc::new(Shared {
                users: Cell::new(0),
                factory: Owned(Some(factory)),
            }),
        }
    }
}

/// What may be given where a factory is wanted: a [`Factory`], an `Rc` of one, or a [`FactoryRef`]. A
/// closure is none of these, and the compiler says to wrap it in [`factory`]:
///
/// ```compile_fail,E0277
/// # use retwist_reactor as retwist;
/// # use retwist::{Address, IntoFactory, ProtocolRef};
/// fn serve(factory: impl IntoFactory) {}
/// serve(|_: &Address| None::<ProtocolRef>);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a factory",
    label = "not a factory",
    note = "`retwist::factory(|peer| ..)` makes a factory of a closure that returns a protocol",
    note = "`listen_tcp`, `connect_tcp` and the `listen` of an endpoint take such a closure as it is"
)]
pub trait IntoFactory {
    /// The factory, to be shared by those that use it.
    fn into_factory(self) -> FactoryRef;
}

impl<F: Into<FactoryRef>> IntoFactory for F {
    fn into_factory(self) -> FactoryRef {
        self.into()
    }
}

impl fmt::Debug for FactoryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactoryRef")
            .field("users", &self.shared.users.get())
            .finish_non_exhaustive()
    }
}
