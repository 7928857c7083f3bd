use std::fmt;
use std::rc::Rc;

use crate::core::connector::{Attempt, Dialer, OwnedConnector};
use crate::stream::Owner;
use crate::{Address, Clock, ConnectError, Connector, IntoFactory, ProtocolRef, Reason};

/// One attempt of a connector whose connections are made in another way than those of this crate:
/// see [`Connector::custom`].
///
/// Its owner reports [`connected`](ConnectAttempt::connected) and then
/// [`lost`](ConnectAttempt::lost), or [`failed`](ConnectAttempt::failed), each at most once and never
/// while the attempt is being started. It keeps the connector alive, so it is kept until then.
pub struct ConnectAttempt {
    connector: Rc<OwnedConnector>,
}

impl ConnectAttempt {
    /// Makes the protocol for a connection with `peer`. Returns `None` if the factory refuses the
    /// connection: close it and report [`ConnectError::Refused`].
    pub fn build_protocol(&self, peer: &Address) -> Option<ProtocolRef> {
        self.connector.factory().build_protocol(peer)
    }

    /// The connection is made. [`Connector::disconnect`] calls `disconnect`, which closes it in
    /// order.
    pub fn connected(&self, disconnect: impl Fn() + 'static) {
        self.connector.connected_by(Rc::new(disconnect));
    }

    /// The connection could not be made. The factory hears of it, and may connect again.
    pub fn failed(&self, error: &ConnectError) {
        self.connector.failed(error);
    }

    /// The connection has ended, and its protocol has heard of it. The factory hears of it, and may
    /// connect again.
    pub fn lost(&self, reason: &Reason) {
        self.connector.stream_lost(reason);
    }
}

impl Connector {
    /// Connects in another way than those of this crate, for example by the name of a host.
    ///
    /// `start` begins an attempt, each time that the connector connects. It returns what cancels the
    /// attempt, which then fails with [`ConnectError::Cancelled`], but not from inside that call. It
    /// returns `None` if the reactor has ended.
    pub fn custom(
        destination: Address,
        clock: &Clock,
        factory: impl IntoFactory,
        start: impl Fn(ConnectAttempt) -> Option<Box<dyn Fn()>> + 'static,
    ) -> Connector {
        let factory = factory.into_factory();
        OwnedConnector::new(destination, factory, clock.clone(), Custom(start)).begin()
    }
}

struct Custom<S>(S);

impl<S: Fn(ConnectAttempt) -> Option<Box<dyn Fn()>>> Dialer for Custom<S> {
    fn dial(&self, connector: &Rc<OwnedConnector>) -> Option<Rc<dyn Attempt>> {
        let attempt = ConnectAttempt {
            connector: connector.clone(),
        };
        Some(Rc::new(Cancel((self.0)(attempt)?)))
    }
}

struct Cancel(Box<dyn Fn()>);

impl Attempt for Cancel {
    fn cancel(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ConnectAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectAttempt")
    }
}
