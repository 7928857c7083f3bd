use retwist_reactor::{Layer, TransportRef};

use crate::{TlsError, TlsRole, TlsTransport};

/// Starts TLS on `transport`, for the protocol that sits there, and returns the transport that is
/// its own from now on.
///
/// At any moment, inside a callback or not. What was written before goes out before, in clear; what
/// is written now waits for the handshake. The protocol hears `transport_switched` in the next turn
/// and `handshake_completed` when the peer is verified. `transport` is revoked: from now on nothing gets past
/// TLS. The one returned takes writes, a close and a producer at once; for more TLS inside
/// it, and for [`stop_tls`], it has to begin first: from `transport_switched` on.
///
/// What the peer has already sent, and the protocol gave back with
/// [`unread`](retwist_reactor::Transport::unread) or has not seen, goes to TLS. Clear text that
/// was slipped in behind a STARTTLS is no record, and ends the connection with an alert.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::{Protocol, TransportRef};
/// use retwist::tls::{TlsRole, start_tls};
///
/// struct Server { role: TlsRole }
///
/// impl Protocol for Server {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         if data == b"STARTTLS\r\n" {
///             transport.write(b"220 go ahead\r\n");
///             if let Err(error) = start_tls(transport, self.role.clone()) {
///                 eprintln!("{error}");
///             }
///         }
///     }
///
///     fn handshake_completed(&mut self, transport: &TransportRef) {
///         transport.write(b"hello again\r\n");
///     }
/// }
/// ```
#[doc(alias = "startTLS")]
pub fn start_tls(transport: &TransportRef, role: TlsRole) -> Result<TransportRef, TlsError> {
    let protocol = transport
        .protocol()
        .filter(|_| transport.is_connected())
        .ok_or(TlsError::NotConnected)?;
    let tls = TlsTransport::new(role, protocol);
    if let Some(error) = tls.fault() {
        return Err(error);
    }
    Ok(tls.insert_below(transport))
}

/// Takes the innermost TLS on `transport` off: the protocol goes back to the transport below.
///
/// What was written before goes out under TLS, then close_notify; what is written to `transport`
/// from here on is dropped. What the peer sends is delivered under TLS until its own close_notify.
/// Then the protocol hears `transport_switched`, and gets every byte that came behind, in clear.
/// `transport` is revoked.
///
/// Where another layer lies between TLS and the protocol, it is that layer that goes down. The
/// protocol above it stays where it is, keeps its transport, and hears nothing but what comes, in
/// clear: [`TlsTransport::of`] tells the difference.
///
/// If the peer has asked first, the protocol has heard `read_connection_lost`; this, called there,
/// is to say yes, and to leave `read_connection_lost` as it is, to close. A peer that does not
/// answer for [`close_timeout`](TlsRole::close_timeout) loses the connection.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::{Protocol, TransportRef};
/// use retwist::tls::{TlsTransport, stop_tls};
///
/// struct Server;
///
/// impl Protocol for Server {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         if data == b"CCC\r\n" {
///             transport.write(b"200 in clear from here\r\n");
///             if let Err(error) = stop_tls(transport) {
///                 eprintln!("{error}");
///             }
///         }
///     }
///
///     fn transport_switched(&mut self, transport: &TransportRef) {
///         assert!(TlsTransport::of(transport).is_none());
///     }
/// }
/// ```
pub fn stop_tls(transport: &TransportRef) -> Result<(), TlsError> {
    TlsTransport::stop(transport, false)
}

/// [`stop_tls`] for peers that take our close_notify and go on in clear, without one of their own:
/// the first byte that cannot begin a record ends TLS, too.
///
/// Some FTP clients answer CCC so. Only for them: a host on the way can end TLS by such a byte,
/// unnoticed.
pub fn stop_tls_without_peer_notify(transport: &TransportRef) -> Result<(), TlsError> {
    TlsTransport::stop(transport, true)
}
