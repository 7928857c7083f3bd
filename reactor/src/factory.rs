use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::panic::{catch_panic, log_panic};
use crate::{Address, ConnectError, Connector, Protocol, ProtocolHandle, ProtocolRef, Reason};

/// Makes the protocols of a port's or a connector's connections.
///
/// A closure is a factory: `|peer: &Address| Echo`. It returns a protocol of any type, a
/// [`ProtocolRef`] or [`ProtocolHandle`], or an `Option` of one of these, where `None` refuses the
/// connection.
///
/// The methods take `&self`, since one factory may serve several ports: what they change is kept in
/// cells.
#[doc(alias = "IProtocolFactory")]
#[doc(alias = "ServerFactory")]
#[doc(alias = "ClientFactory")]
#[doc(alias = "ReconnectingClientFactory")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Factory: 'static {
    /// Makes the protocol for a connection with `peer`. None refuses it: it is closed, and a
    /// client's factory hears [`client_connection_failed`](Factory::client_connection_failed) with
    /// [`ConnectError::Refused`].
    #[doc(alias = "buildProtocol")]
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef>;

    /// The first port or connector has begun to use this factory.
    #[doc(alias = "startFactory")]
    #[doc(alias = "doStart")]
    fn start_factory(&self) {}

    /// The last port or connector has stopped using it.
    #[doc(alias = "stopFactory")]
    #[doc(alias = "doStop")]
    fn stop_factory(&self) {}

    /// A connector begins to connect. It may be kept, to cancel or to disconnect.
    #[doc(alias = "startedConnecting")]
    fn started_connecting(&self, connector: &Connector) {}

    /// The connection could not be made. [`Connector::connect`] tries again.
    #[doc(alias = "clientConnectionFailed")]
    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        log::warn!(
            "connecting to {} failed: {}",
            connector.destination(),
            crate::error_chain(error)
        );
    }

    /// The connection was made and has ended; its protocol has heard of it. [`Connector::connect`]
    /// connects again.
    #[doc(alias = "clientConnectionLost")]
    fn client_connection_lost(&self, connector: &Connector, reason: &Reason) {}
}

impl<F, P> Factory for F
where
    F: Fn(&Address) -> P + 'static,
    P: IntoProtocol,
{
    fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        self(peer).into_protocol()
    }
}

/// What a closure that is a [`Factory`] may return.
pub trait IntoProtocol {
    /// The protocol; none to refuse the connection.
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

/// A factory that ports and connectors share: it is started for the first of them and stopped after
/// the last.
///
/// `listen_tcp` and `connect_tcp` make one from whatever they are given. Make it yourself to use
/// one factory in several places.
#[derive(Clone)]
pub struct FactoryRef {
    shared: Rc<Shared>,
}

struct Shared {
    users: Cell<usize>,
    factory: Box<dyn Factory>,
}

impl FactoryRef {
    /// The factory itself.
    pub fn get(&self) -> &dyn Factory {
        &*self.shared.factory
    }

    /// A port or connector begins to use it. Reactors say so themselves; this is for a factory that
    /// passes on what it is told.
    pub fn start(&self) {
        let users = self.shared.users.get();
        self.shared.users.set(users + 1);
        if users == 0 {
            log_panic("start_factory", || self.get().start_factory());
        }
    }

    /// A port or connector has stopped using it. See [`start`](FactoryRef::start).
    pub fn stop(&self) {
        let users = self.shared.users.get().saturating_sub(1);
        self.shared.users.set(users);
        if users == 0 {
            log_panic("stop_factory", || self.get().stop_factory());
        }
    }

    /// The protocol for a new connection. A panic refuses it.
    pub(crate) fn build(&self, peer: &Address) -> Option<ProtocolRef> {
        match catch_panic(|| self.get().build_protocol(peer)) {
            Ok(protocol) => protocol,
            Err(message) => {
                log::error!(
                    "build_protocol panicked, the connection with {peer} is refused: {message}"
                );
                None
            }
        }
    }
}

impl<F: Factory> From<F> for FactoryRef {
    fn from(factory: F) -> Self {
        FactoryRef {
            shared: Rc::new(Shared {
                users: Cell::new(0),
                factory: Box::new(factory),
            }),
        }
    }
}

impl fmt::Debug for FactoryRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FactoryRef")
            .field("users", &self.shared.users.get())
            .finish_non_exhaustive()
    }
}
