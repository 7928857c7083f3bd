use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::{
    Address, ConnectError, Connector, ConnectorState, Factory, FactoryRef, IntoProtocol,
    IntoTcpConnect, Protocol, ProtocolHandle, ProtocolRef, ReactorTcp, Reason, TcpConnect,
    TransportRef,
};

use crate::{AsyncTransport, Deferred, IntoBoxedError, Promise};

/// Connects over TCP, for async code. Cancelling the Deferred, or dropping it while it is awaited,
/// ends the attempt. [`Network::connect`](crate::Network::connect) connects to a host by name.
///
/// `reactor` is a [`ReactorHandle`](retwist_reactor::ReactorHandle), or a
/// [`MemoryReactor`](retwist_reactor::testing::MemoryReactor) in a test.
pub fn connect(
    reactor: &dyn ReactorTcp,
    address: impl IntoTcpConnect,
) -> Deferred<AsyncTransport, ConnectError> {
    let (protocol, opened) = AsyncTransport::protocol();
    when_opened(dial_address(reactor, address, protocol), opened)
}

/// Connects a protocol over TCP, and promises its handle, after it has heard `connection_made`.
/// Cancelling ends the attempt.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::connect_protocol;
/// use retwist::testing::MemoryReactor;
/// use retwist::Protocol;
///
/// struct Client;
/// impl Protocol for Client {}
///
/// let reactor = MemoryReactor::new();
/// let connecting = connect_protocol(&reactor, "192.0.2.1:7", Client);
/// assert_eq!(reactor.connecting().len(), 1);
/// connecting.cancel();
/// assert_eq!(reactor.connecting().len(), 0);
/// ```
#[doc(alias = "connectProtocol")]
#[doc(alias = "ClientCreator")]
pub fn connect_protocol<P: Protocol>(
    reactor: &dyn ReactorTcp,
    address: impl IntoTcpConnect,
    protocol: P,
) -> Deferred<ProtocolHandle<P>, ConnectError> {
    let (protocol, opened) = opening(protocol);
    when_opened(dial_address(reactor, address, protocol), opened)
}

fn dial_address(
    reactor: &dyn ReactorTcp,
    address: impl IntoTcpConnect,
    protocol: ProtocolRef,
) -> Deferred<Connector, ConnectError> {
    match address.into_tcp_connect() {
        Ok(options) => dial_tcp(reactor, options, protocol),
        Err(error) => Deferred::fail(ConnectError::Address(error)),
    }
}

pub(crate) fn dial_tcp(
    reactor: &dyn ReactorTcp,
    options: TcpConnect,
    protocol: ProtocolRef,
) -> Deferred<Connector, ConnectError> {
    dial(|factory| reactor.connect(options, factory), protocol)
}

/// Connects `protocol` with `connect`, which connects a factory. The Deferred fires when the protocol
/// has a connection; a layer may still have to negotiate.
pub(crate) fn dial(
    connect: impl FnOnce(FactoryRef) -> Connector,
    protocol: ProtocolRef,
) -> Deferred<Connector, ConnectError> {
    let connector: Rc<RefCell<Option<Connector>>> = Rc::default();
    let (promise, made) = Deferred::with_canceller({
        let connector = connector.clone();
        move |_| {
            if let Some(connector) = connector.take() {
                connector.disconnect();
            }
        }
    });
    let dial = Dial {
        protocol: RefCell::new(Some(protocol)),
        promise: promise.clone(),
        connector: connector.clone(),
    };
    let dialled = connect(FactoryRef::from(dial));
    if dialled.state() == ConnectorState::Disconnected {
        connector.take();
        promise.errback(ConnectError::ReactorGone);
    }
    made
}

/// A connection that is `made` and then `opened`: has the outcome of both. Cancelling closes the
/// connection.
pub(crate) fn when_opened<T: 'static, E: IntoBoxedError + From<ConnectError>>(
    made: Deferred<Connector, E>,
    opened: Deferred<T, Reason>,
) -> Deferred<T, E> {
    made.add_callback(move |connector| {
        let (promise, open) = Deferred::with_canceller(move |_| connector.disconnect());
        opened.done(move |outcome| {
            let lost = |reason| ConnectError::Negotiation(reason).into();
            let outcome = outcome.map_err(|failure| failure.map(lost));
            // If it was cancelled, this drops the value: an `AsyncTransport` closes then.
            promise.fire(outcome);
        });
        open
    })
}

/// `protocol` in the form in which it is connected, and a Deferred that fires when it has heard
/// `connection_made`.
pub(crate) fn opening<P: Protocol>(
    protocol: P,
) -> (ProtocolRef, Deferred<ProtocolHandle<P>, Reason>) {
    let (promise, opened) = Deferred::new();
    let opening = Opening {
        protocol: ProtocolHandle::new(protocol),
        promise: Some(promise),
    };
    (opening.into(), opened)
}

/// The factory of one connection.
struct Dial {
    protocol: RefCell<Option<ProtocolRef>>,
    promise: Promise<Connector, ConnectError>,
    /// For the canceller.
    connector: Rc<RefCell<Option<Connector>>>,
}

impl Factory for Dial {
    fn started_connecting(self: &Rc<Self>, connector: &Connector) {
        *self.connector.borrow_mut() = Some(connector.clone());
    }

    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let connector = self.connector.take()?;
        let protocol = self.protocol.take()?;
        self.promise.fire(Ok(connector)).then_some(protocol)
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        self.connector.take();
        self.promise.fire(Err(error.clone().into()));
        self.protocol.take();
    }
}

/// Has the connection until it is made, and then hands it to the protocol.
struct Opening<P: Protocol> {
    protocol: ProtocolHandle<P>,
    promise: Option<Promise<ProtocolHandle<P>, Reason>>,
}

impl<P: Protocol> Protocol for Opening<P> {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.switch_protocol((&self.protocol).into());
        if let Some(promise) = self.promise.take() {
            let protocol = self.protocol.clone();
            // In this turn the protocol hears that it is connected. This call comes after that.
            transport.clock().call_soon(move || {
                promise.fire(Ok(protocol));
            });
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.unread(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        if let Some(promise) = self.promise.take() {
            promise.fire(Err(reason.clone().into()));
        }
    }
}
