use std::fmt;
use std::rc::Rc;

use retwist_reactor::{
    Address, ConnectError, Connector, Factory, Layer, LayerExt, ProtocolRef, Reason, TransportRef,
};

/// Something that puts a layer under protocols: the settings, of which each connection gets a layer
/// of its own.
///
/// Under one protocol, with [`wrap`](Policy::wrap); under a connection that is there already, with
/// [`insert_below`](Policy::insert_below); or under all protocols of a factory, with
/// [`factory`](FactoryPolicy::factory), and then they compose. The outermost one is nearest to the
/// wire:
///
/// ```
/// use std::time::Duration;
/// use retwist_protocols::{FactoryPolicy, Framed, LineReceiver, LineTransport, Limits, Tap, Timeout};
/// use retwist_reactor::Address;
///
/// struct Shout;
///
/// impl LineReceiver for Shout {
///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
///         transport.send_line(line.to_ascii_uppercase());
///     }
/// }
///
/// let lines = |_: &Address| Framed::lines(Shout);
/// let timed = Timeout::new().idle(Duration::from_secs(60)).factory(lines);
/// let factory = Limits::new().total(1000).per_peer(10).factory(Tap::new().factory(timed));
/// # fn is_factory(_: impl retwist_reactor::Factory) {}
/// # is_factory(factory);
/// ```
pub trait Policy: 'static {
    /// The layer.
    type Layer: Layer;

    /// A layer for one connection, under the protocol `above`.
    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer>;

    /// `above` with a layer under it: for `switch_protocol`, or for a factory to return.
    fn wrap(&self, above: impl Into<ProtocolRef>) -> ProtocolRef
    where
        Self: Sized,
    {
        self.layer(above.into()).below()
    }

    /// Puts a layer between `transport` and its protocol, and returns the transport that is that
    /// protocol's from now on. Where the connection has ended nothing is changed.
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

/// Something that has a say in what protocol a connection gets. Every [`Policy`] is one.
pub trait FactoryPolicy: 'static {
    /// The protocol for a connection with `peer`, by way of `inner`; none refuses it.
    fn build_protocol(&self, inner: &dyn Factory, peer: &Address) -> Option<ProtocolRef>;

    /// A factory that is `inner` under this policy.
    fn factory<F: Factory>(self, inner: F) -> WrappingFactory<Self, F>
    where
        Self: Sized,
    {
        WrappingFactory {
            policy: self,
            inner,
        }
    }
}

impl<P: Policy> FactoryPolicy for P {
    fn build_protocol(&self, inner: &dyn Factory, peer: &Address) -> Option<ProtocolRef> {
        let above = inner.build_protocol(peer)?;
        Some(self.wrap(above))
    }
}

/// A factory under a policy: what [`FactoryPolicy::factory`] makes. All that a factory is told goes
/// to the inner one.
pub struct WrappingFactory<P, F> {
    policy: P,
    inner: F,
}

impl<P, F> WrappingFactory<P, F> {
    /// The factory inside.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    /// The policy.
    pub fn policy(&self) -> &P {
        &self.policy
    }
}

impl<P: FactoryPolicy, F: Factory> Factory for WrappingFactory<P, F> {
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        self.policy.build_protocol(&self.inner, peer)
    }

    fn start_factory(&self) {
        self.inner.start_factory();
    }

    fn stop_factory(&self) {
        self.inner.stop_factory();
    }

    fn started_connecting(&self, connector: &Connector) {
        self.inner.started_connecting(connector);
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        self.inner.client_connection_failed(connector, error);
    }

    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {
        self.inner.client_connection_lost(connector, reason);
    }
}

impl<P: fmt::Debug, F> fmt::Debug for WrappingFactory<P, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappingFactory")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}
