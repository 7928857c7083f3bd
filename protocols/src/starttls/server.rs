use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::ProtocolRef;

use super::exchange::Exchange;
use super::settings::{Settings, host};
use super::{Dialect, MysqlGreeting, StartTlsExchange, mysql};
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
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Dialect, FactoryPolicy, StartTlsServer};
/// use retwist::{Factory, IntoFactory};
///
/// /// `tls` makes protocols that begin with a handshake, such as a `TlsFactory` does.
/// fn submission(tls: impl IntoFactory) -> impl Factory {
///     StartTlsServer::new(Dialect::Smtp).name("mail.example.org").factory(tls)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StartTlsServer {
    settings: Settings,
    greeting: Option<Rc<MysqlGreeting>>,
}

impl StartTlsServer {
    /// A server that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        StartTlsServer {
            settings: Settings::new(dialect),
            greeting: None,
        }
    }

    /// A MySQL server with this greeting, which offers TLS whatever the greeting says. It is for one
    /// connection: the next one has another scramble. [`new`](StartTlsServer::new) makes one for each.
    pub fn mysql(greeting: Rc<MysqlGreeting>) -> Self {
        StartTlsServer {
            settings: Settings::new(Dialect::Mysql),
            greeting: Some(greeting),
        }
    }

    /// Sets what the server calls itself in its greeting: `localhost` by default. Characters that no host
    /// has in its name are left out.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = host(name);
        self
    }

    /// Sets how long the client may take to start TLS: 30 s by default. The handshake has a time limit of
    /// its own.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }
}

impl Policy for StartTlsServer {
    type Layer = OpeningLayer<StartTlsExchange>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let Settings {
            dialect,
            name,
            deadline,
        } = &self.settings;
        let exchange: Box<dyn Exchange> = match &self.greeting {
            Some(greeting) => Box::new(mysql::Server::new(greeting.clone())),
            None => dialect.server(name),
        };
        OpeningLayer::new(StartTlsExchange::new(exchange, *deadline), above)
    }
}
