use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::ProtocolRef;

use super::exchange::Exchange;
use super::settings::{Settings, host};
use super::{Dialect, MysqlLogin, StartTlsExchange, mysql};
use crate::{OpeningLayer, Policy};

/// Asks a server of a [`Dialect`] to start TLS, for a protocol that begins with TLS.
///
/// The protocol above hears `connection_made` when the server has agreed. If the server does not offer
/// TLS, refuses it or does not answer, the protocol above hears only `connection_lost`, with
/// [`StartTlsError`](super::StartTlsError) or [`OpeningError`](crate::OpeningError). Nothing is ever
/// said in clear but what asks for TLS: no password, and no name of a user.
///
/// What the server sends behind its agreement goes to TLS, so that an answer that was slipped in ends
/// the connection. What it said before is forgotten, its greeting too.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Dialect, Policy, StartTlsClient};
/// use retwist::ProtocolRef;
///
/// /// `tls` begins with a handshake, such as `TlsTransport::new(role, protocol).as_protocol()`.
/// fn to_mail_server(tls: ProtocolRef) -> ProtocolRef {
///     StartTlsClient::new(Dialect::Imap).wrap(tls)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct StartTlsClient {
    settings: Settings,
    login: Option<MysqlLogin>,
}

impl StartTlsClient {
    /// A client that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        StartTlsClient {
            settings: Settings::new(dialect),
            login: None,
        }
    }

    /// A client of a MySQL server whose greeting was taken already, by a
    /// [`PlainServer`](super::PlainServer), and which offers TLS: it asks for TLS with this login, and
    /// waits for nothing. The protocol above then sends the whole login.
    pub fn mysql(login: MysqlLogin) -> Self {
        StartTlsClient {
            settings: Settings::new(Dialect::Mysql),
            login: Some(login),
        }
    }

    /// Sets what the client calls itself (SMTP, LMTP), or the domain that it wants to talk to (XMPP):
    /// `localhost` by default. Characters that no host has in its name are left out.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.settings.name = host(name);
        self
    }

    /// Sets how long the server may take to agree: 30 s by default.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }
}

impl Policy for StartTlsClient {
    type Layer = OpeningLayer<StartTlsExchange>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let Settings {
            dialect,
            name,
            deadline,
        } = &self.settings;
        let exchange: Box<dyn Exchange> = match &self.login {
            Some(login) => Box::new(mysql::Client::of_greeted(login.clone())),
            None => dialect.client(name),
        };
        OpeningLayer::new(StartTlsExchange::new(exchange, *deadline), above)
    }
}
