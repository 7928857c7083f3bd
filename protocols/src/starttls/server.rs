use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::ProtocolRef;

use super::{Dialect, StartTlsExchange};
use crate::{OpeningLayer, Policy};

/// Plays a server of a [`Dialect`] until its client starts TLS, for a protocol that begins with TLS.
///
/// Before TLS, this layer greets, shows STARTTLS and nothing else among its capabilities, and refuses
/// every other command with what the dialect says for "not without TLS". So the protocol above never
/// sees a byte that came in clear, and has nothing to forget. Once the client has started TLS, the
/// protocol above hears `connection_made`, and gets the ClientHello.
///
/// A client that does not start TLS within the [`deadline`](StartTlsServer::deadline), or leaves,
/// ends with [`StartTlsError`](super::StartTlsError) or
/// [`OpeningError`](crate::OpeningError).
///
/// ```
/// use retwist_protocols::{Dialect, FactoryPolicy, StartTlsServer};
/// use retwist_reactor::{Factory, IntoFactory};
///
/// /// `tls` makes protocols that begin with a handshake, such as a `TlsFactory` does.
/// fn submission(tls: impl IntoFactory) -> impl Factory {
///     StartTlsServer::new(Dialect::Smtp).name("mail.example.org").factory(tls)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StartTlsServer {
    dialect: Dialect,
    name: Rc<str>,
    deadline: Duration,
}

impl StartTlsServer {
    /// A server that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        StartTlsServer {
            dialect,
            name: "localhost".into(),
            deadline: Duration::from_secs(30),
        }
    }

    /// What the server calls itself in its greeting: `localhost` by default. Characters that no host
    /// has in its name are left out.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = host(name);
        self
    }

    /// How long the client may take to start TLS: 30 s by default. The handshake has a time limit of
    /// its own.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }
}

/// A name that cannot break out of a line or a tag.
pub(super) fn host(name: &str) -> Rc<str> {
    let fits = |c: &char| c.is_ascii_alphanumeric() || "-._[]:".contains(*c);
    let name: String = name.chars().filter(fits).collect();
    name.into()
}

impl Policy for StartTlsServer {
    type Layer = OpeningLayer<StartTlsExchange>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let exchange = self.dialect.server(&self.name);
        OpeningLayer::new(StartTlsExchange::new(exchange, self.deadline), above)
    }
}
