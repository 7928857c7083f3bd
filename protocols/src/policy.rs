use std::fmt;
use std::rc::Rc;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, FactoryRef, IntoFactory, IntoProtocol, Layer,
    ProtocolRef, Reason, TransportRef,
};

/// The settings of a layer, which each connection gets for itself.
///
/// [`wrap`](Policy::wrap) puts the layer under one protocol,
/// [`insert_below`](Policy::insert_below) under the protocol of an existing connection, and
/// [`factory`](FactoryPolicy::factory) under all protocols of a factory. Factories compose; the
/// outermost layer is nearest to the wire:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use std::time::Duration;
/// use retwist::protocols::{FactoryPolicy, Framed, LineReceiver, LineTransport};
/// use retwist::protocols::{Limits, Tap, Timeout};
/// use retwist::factory;
///
/// struct Shout;
///
/// impl LineReceiver for Shout {
///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
///         transport.send_line(line.to_ascii_uppercase());
///     }
/// }
///
/// let lines = factory(|_| Framed::lines(Shout));
/// let timed = Timeout::new().idle(Duration::from_secs(60)).factory(lines);
/// let factory = Limits::new().total(1000).per_peer(10).factory(Tap::new().factory(timed));
/// # fn is_factory(_: impl retwist::Factory) {}
/// # is_factory(factory);
/// ```
pub trait Policy: 'static {
    /// The kind of layer.
    type Layer: Layer;

    /// Makes the layer of one connection, under the protocol `above`.
    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer>;

    /// Returns `above` with a layer under it, for `switch_protocol` or as the result of a factory.
    fn wrap(&self, above: impl Into<ProtocolRef>) -> ProtocolRef
    where
        Self: Sized,
    {
        self.layer(above.into()).as_protocol()
    }

    /// Puts a layer between `transport` and its protocol. Returns the transport of that protocol from
    /// now on. Changes nothing if the connection has ended.
    fn insert_below(&self, transport: &TransportRef) -> TransportRef
    where
        Self: Sized,
    {
        match transport.protocol() {
            Some(protocol) => self.layer(protocol).insert_below(transport),
            None => transport.clone(),
        }
    }
}

/// Decides with a factory which protocol a connection gets. Every [`Policy`] is one.
pub trait FactoryPolicy: 'static {
    /// Makes the protocol for a connection with `peer`, usually with `inner`. `None` refuses the
    /// connection.
    fn build_protocol(&self, inner: &FactoryRef, peer: &Address) -> Option<ProtocolRef>;

    /// Returns the factory `inner` under this policy. `inner` is a [`Factory`], an `Rc` of one, or a
    /// [`FactoryRef`]; a closure becomes a factory with [`factory`](retwist_reactor::factory).
    fn factory(self, inner: impl IntoFactory) -> WrappingFactory<Self>
    where
        Self: Sized,
    {
        WrappingFactory {
            policy: self,
            inner: inner.into_factory(),
        }
    }
}

impl<P: Policy> FactoryPolicy for P {
    fn build_protocol(&self, inner: &FactoryRef, peer: &Address) -> Option<ProtocolRef> {
        let above = inner.build_protocol(peer)?;
        Some(self.wrap(above))
    }
}

/// A factory under a policy, as [`FactoryPolicy::factory`] makes it. It passes all notifications on to
/// the inner factory.
pub struct WrappingFactory<P> {
    policy: P,
    inner: FactoryRef,
}

impl<P> WrappingFactory<P> {
    /// The factory inside.
    pub fn inner(&self) -> &FactoryRef {
        &self.inner
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<P: FactoryPolicy> Factory for WrappingFactory<P> {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        self.policy.build_protocol(&self.inner, peer)
    }

    fn start_factory(self: &Rc<Self>) {
        self.inner.start();
    }

    fn stop_factory(self: &Rc<Self>) {
        self.inner.stop();
    }

    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        self.inner.started_connecting(connector);
    }

    fn client_connection_failed(self: &Rc<Self>, connector: &Connector, error: &ConnectError) {
        self.inner.client_connection_failed(connector, error);
    }

    fn client_connection_lost(self: &Rc<Self>, connector: &Connector, reason: &Reason) {
        self.inner.client_connection_lost(connector, reason);
    }
}

impl<P: fmt::Debug> fmt::Debug for WrappingFactory<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingFactory")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
