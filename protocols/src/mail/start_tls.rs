use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use retwist_reactor::TransportRef;

use super::MailError;

type Start = Rc<dyn Fn(&TransportRef) -> Result<TransportRef, Arc<dyn Error + Send + Sync>>>;

/// Whether a client starts TLS in mid-conversation, and how.
///
/// This crate has no TLS: what starts it is given, and is `start_tls` of `retwist_tls` usually:
///
/// ```ignore
/// let options = ClientOptions::new(TrustRoots::platform()?).build()?;
/// let role = TlsRole::client(options, "mail.example.org")?;
/// let required = StartTls::required(move |transport| start_tls(transport, role.clone()));
/// ```
///
/// What starts TLS is handed the client's transport, puts a layer below, and returns the transport that
/// is the client's from then on. The client goes on when it hears
/// [`handshake_completed`](retwist_reactor::Protocol::handshake_completed).
#[derive(Clone)]
pub struct StartTls(Kind);

#[derive(Clone)]
enum Kind {
    Off,
    AlreadyOn,
    Opportunistic(Start),
    Required(Start),
}

impl StartTls {
    /// Stays in clear.
    pub fn off() -> Self {
        StartTls(Kind::Off)
    }

    /// The connection speaks TLS from its first byte: by a `tls:` endpoint, or a layer below the client.
    pub fn already_on() -> Self {
        StartTls(Kind::AlreadyOn)
    }

    /// Starts TLS if the server offers it, and goes on in clear if it does not or if it refuses. Any host
    /// on the way can take the offer away. A handshake that fails ends the session.
    pub fn opportunistic<E: Error + Send + Sync + 'static>(
        start: impl Fn(&TransportRef) -> Result<TransportRef, E> + 'static,
    ) -> Self {
        StartTls(Kind::Opportunistic(boxed(start)))
    }

    /// Starts TLS, or fails. Before TLS the client says nothing but what asks for it.
    #[doc(alias = "requireTransportSecurity")]
    pub fn required<E: Error + Send + Sync + 'static>(
        start: impl Fn(&TransportRef) -> Result<TransportRef, E> + 'static,
    ) -> Self {
        StartTls(Kind::Required(boxed(start)))
    }

    /// Whether there is TLS before the client says anything.
    pub(super) fn is_on(&self) -> bool {
        matches!(self.0, Kind::AlreadyOn)
    }

    /// Whether a session without TLS may not go on.
    pub(super) fn is_required(&self) -> bool {
        matches!(self.0, Kind::Required(_))
    }

    /// Whether to ask for it, in a session that is in clear, of a server that does or does not offer it.
    pub(super) fn is_to_start(&self, offered: bool) -> Result<bool, MailError> {
        match self.0 {
            Kind::Off | Kind::AlreadyOn => Ok(false),
            Kind::Required(_) if !offered => Err(MailError::StartTlsNotOffered),
            Kind::Opportunistic(_) | Kind::Required(_) => Ok(offered),
        }
    }

    /// The server has agreed.
    pub(super) fn start(&self, transport: &TransportRef) -> Result<(), MailError> {
        match &self.0 {
            Kind::Off | Kind::AlreadyOn => Ok(()),
            Kind::Opportunistic(start) | Kind::Required(start) => {
                start(transport).map(drop).map_err(MailError::StartTls)
            }
        }
    }
}

fn boxed<E: Error + Send + Sync + 'static>(
    start: impl Fn(&TransportRef) -> Result<TransportRef, E> + 'static,
) -> Start {
    Rc::new(move |transport| start(transport).map_err(|error| Arc::new(error) as _))
}

impl fmt::Debug for StartTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Off => "StartTls(off)",
            Kind::AlreadyOn => "StartTls(already on)",
            Kind::Opportunistic(_) => "StartTls(opportunistic)",
            Kind::Required(_) => "StartTls(required)",
        })
    }
}
