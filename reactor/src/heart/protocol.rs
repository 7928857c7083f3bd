pub(crate) mod cell;
mod handle;
mod reference;
mod weak;

pub use self::handle::ProtocolHandle;
pub use self::reference::ProtocolRef;
pub use self::weak::{CallTarget, WeakProtocol};
use crate::{Reason, TransportRef};

/// The application's side of one connection: its callbacks.
///
/// The methods are callbacks. A turn of the loop calls them, one at a time, and never from inside a
/// transport's method. So a protocol may call anything on any transport at any moment without being
/// called back in the middle of it.
///
/// The order is fixed: [`connection_made`](Protocol::connection_made) or, for a protocol that has
/// been connected before, [`transport_switched`](Protocol::transport_switched); then anything; then
/// [`connection_lost`](Protocol::connection_lost), exactly once, as the last. A connection that
/// fails before it is established (a TLS handshake, a PROXY header) ends in `connection_lost`
/// alone.
///
/// Every callback but the last one is handed the transport. It may be cloned and kept: see
/// [`TransportRef`]. Every callback has a default.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Protocol, TransportRef};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
/// ```
#[doc(alias = "IProtocol")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait Protocol: 'static {
    /// The connection is established. Called once in the life of a protocol, before anything else.
    #[doc(alias = "connectionMade")]
    #[doc(alias = "makeConnection")]
    fn connection_made(&mut self, transport: &TransportRef) {}

    /// Bytes have arrived, at least one. Where they are cut means nothing: test with one byte at a time,
    /// see [`testing`](crate::testing). What is not used now can be given back with
    /// [`unread`](crate::Transport::unread). Unless overridden, the bytes are thrown away.
    #[doc(alias = "dataReceived")]
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {}

    /// This protocol, connected before, now sits on another transport: a layer was put under it or
    /// taken away, or it was switched in where another one sat. The handles that it kept are
    /// revoked; `transport` is the one to keep from now on.
    fn transport_switched(&mut self, transport: &TransportRef) {}

    /// A layer below that negotiates has finished, and can be asked for the outcome. Comes before
    /// the first bytes that depend on it.
    #[doc(alias = "handshakeCompleted")]
    fn handshake_completed(&mut self, transport: &TransportRef) {}

    /// The peer sends no more. It can still be written to. Unless overridden, the connection is
    /// closed once all that was written has been sent.
    #[doc(alias = "readConnectionLost")]
    fn read_connection_lost(&mut self, transport: &TransportRef) {
        transport.lose_connection();
    }

    /// The write half has been closed, as
    /// [`lose_write_connection`](crate::Transport::lose_write_connection) asked; all that was
    /// written before it has been handed over.
    #[doc(alias = "writeConnectionLost")]
    fn write_connection_lost(&mut self, transport: &TransportRef) {}

    /// The reactor stops, or [drains](crate::ReactorHandle::drain): the protocol is to say what it has to
    /// say and close.
    ///
    /// When the reactor stops, what has not ended by the
    /// [`shutdown_timeout`](crate::ReactorSettings::shutdown_timeout) is aborted. When it drains,
    /// [`is_draining`](crate::Transport::is_draining) is true: there is time to finish what is under way,
    /// and to close when the connection is idle next. A connection that has not ended when that time is
    /// up hears this again, with `is_draining` false.
    ///
    /// Unless overridden, the connection is closed in order when the reactor stops, and goes on when
    /// it drains: a server that cannot tell whether a request is on its way leaves the close to the
    /// client.
    ///
    /// A connection whose handshake ends during a drain hears it too, behind `connection_made`.
    ///
    /// A mail server says 421 here; an HTTP server finishes the response under way.
    fn shutting_down(&mut self, transport: &TransportRef) {
        if !transport.is_draining() {
            transport.lose_connection();
        }
    }

    /// The connection has ended, whatever the way. Nothing is called after it. Transports that were
    /// kept still answer, and do nothing.
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reason: &Reason) {}
}
