use std::error::Error;
use std::fmt;
use std::str::FromStr;

use super::exchange::Exchange;
use super::lines::{ByLine, ClientLines, ServerLines};
use super::{ftp, imap, irc, ldap, mysql, nntp, pop3, postgres, sieve, smtp, xmpp};

/// The application protocols that start TLS in mid-conversation, and how each of them says so.
///
/// | dialect | the client says | the server says yes with | source |
/// |---|---|---|---|
/// | smtp | `STARTTLS` | `220` | RFC 3207 |
/// | lmtp | `STARTTLS` | `220` | RFC 2033, RFC 3207 |
/// | imap | `TAG STARTTLS` | `TAG OK` | RFC 9051, section 6.2.1 |
/// | pop3 | `STLS` | `+OK` | RFC 2595, section 4 |
/// | nntp | `STARTTLS` | `382` | RFC 4642 |
/// | sieve | `STARTTLS` | `OK` | RFC 5804, section 2.2 |
/// | ftp | `AUTH TLS` | `234` | RFC 4217 |
/// | irc | `STARTTLS` | `670` | IRCv3, tls |
/// | xmpp | `<starttls/>` | `<proceed/>` | RFC 6120, section 5 |
/// | ldap | an extended request | its success | RFC 4511, section 4.14 |
/// | postgres | SSLRequest | the byte `S` | PostgreSQL, protocol 3.0 |
/// | mysql | the beginning of a login, with the flag `CLIENT_SSL` | nothing: it has offered TLS in its greeting | MySQL, protocol 4.1 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dialect {
    /// Mail between servers, and from a client.
    Smtp,
    /// Mail into a local mailbox.
    Lmtp,
    /// Mailboxes.
    Imap,
    /// A mailbox.
    Pop3,
    /// Network news.
    Nntp,
    /// Filters of mail (ManageSieve).
    Sieve,
    /// The control connection of FTP. Its data connections stay as they are.
    Ftp,
    /// Chat rooms.
    Irc,
    /// Instant messages, from a client or another server.
    Xmpp,
    /// Directories.
    Ldap,
    /// The database PostgreSQL.
    Postgres,
    /// The databases MySQL and MariaDB.
    Mysql,
}

impl Dialect {
    /// All dialects.
    pub const ALL: [Dialect; 12] = [
        Dialect::Smtp,
        Dialect::Lmtp,
        Dialect::Imap,
        Dialect::Pop3,
        Dialect::Nntp,
        Dialect::Sieve,
        Dialect::Ftp,
        Dialect::Irc,
        Dialect::Xmpp,
        Dialect::Ldap,
        Dialect::Postgres,
        Dialect::Mysql,
    ];

    /// Its name in lower case, which [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Dialect::Smtp => "smtp",
            Dialect::Lmtp => "lmtp",
            Dialect::Imap => "imap",
            Dialect::Pop3 => "pop3",
            Dialect::Nntp => "nntp",
            Dialect::Sieve => "sieve",
            Dialect::Ftp => "ftp",
            Dialect::Irc => "irc",
            Dialect::Xmpp => "xmpp",
            Dialect::Ldap => "ldap",
            Dialect::Postgres => "postgres",
            Dialect::Mysql => "mysql",
        }
    }

    /// The side that offers TLS, until TLS begins.
    pub(super) fn server(self, name: &str) -> Box<dyn Exchange> {
        let lines = |server: ServerLines| ByLine::boxed(server);
        match self {
            Dialect::Smtp => lines(smtp::server(name)),
            Dialect::Lmtp => lines(smtp::lmtp_server(name)),
            Dialect::Imap => lines(imap::server(name)),
            Dialect::Pop3 => lines(pop3::server(name)),
            Dialect::Nntp => lines(nntp::server(name)),
            Dialect::Sieve => lines(sieve::server(name)),
            Dialect::Ftp => lines(ftp::server(name)),
            Dialect::Irc => lines(irc::server(name)),
            Dialect::Xmpp => Box::new(xmpp::Server::new(name)),
            Dialect::Ldap => Box::new(ldap::Server),
            Dialect::Postgres => Box::new(postgres::Server),
            Dialect::Mysql => Box::new(mysql::Server::called(name)),
        }
    }

    /// The side that asks for TLS, until TLS begins. `name` is what the client calls itself, and for
    /// XMPP the domain that it wants to talk to.
    pub(super) fn client(self, name: &str) -> Box<dyn Exchange> {
        let lines = |client: Box<dyn ClientLines>| ByLine::boxed(client);
        match self {
            Dialect::Smtp => lines(Box::new(smtp::Client::new(self, "EHLO", name))),
            Dialect::Lmtp => lines(Box::new(smtp::Client::new(self, "LHLO", name))),
            Dialect::Imap => lines(Box::<imap::Client>::default()),
            Dialect::Pop3 => lines(Box::<pop3::Client>::default()),
            Dialect::Nntp => lines(Box::<nntp::Client>::default()),
            Dialect::Sieve => lines(Box::<sieve::Client>::default()),
            Dialect::Ftp => lines(Box::<ftp::Client>::default()),
            Dialect::Irc => lines(Box::new(irc::Client)),
            Dialect::Xmpp => Box::new(xmpp::Client::new(name)),
            Dialect::Ldap => Box::new(ldap::Client),
            Dialect::Postgres => Box::new(postgres::Client),
            Dialect::Mysql => Box::new(mysql::Client::new()),
        }
    }

    /// What a server says first to a client that meets it behind TLS already. Empty where the client
    /// speaks first, where the server repeats its greeting by itself once TLS has begun, and where
    /// the greeting cannot be made up (MySQL).
    pub(super) fn greeting(self, name: &str) -> String {
        match self {
            Dialect::Smtp => smtp::server(name).greeting,
            Dialect::Lmtp => smtp::lmtp_server(name).greeting,
            Dialect::Imap => format!("* OK {name} is ready\r\n"),
            Dialect::Pop3 => pop3::server(name).greeting,
            Dialect::Nntp => nntp::server(name).greeting,
            Dialect::Ftp => ftp::server(name).greeting,
            Dialect::Sieve
            | Dialect::Irc
            | Dialect::Xmpp
            | Dialect::Ldap
            | Dialect::Postgres
            | Dialect::Mysql => String::new(),
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dialect {
    type Err = UnknownDialect;

    fn from_str(name: &str) -> Result<Self, UnknownDialect> {
        let known = Dialect::ALL.into_iter().find(|known| known.name() == name);
        known.ok_or_else(|| UnknownDialect(name.into()))
    }
}

/// No [`Dialect`] has this name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDialect(String);

impl fmt::Display for UnknownDialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Dialect::ALL.map(Dialect::name).join(", ");
        write!(f, "there is no dialect {:?}, only {names}", self.0)
    }
}

impl Error for UnknownDialect {}
