//! The conversation with one client.

mod answers;
mod login;
mod work;

use std::rc::Rc;
use std::time::Duration;

use mail_store::{Mailbox, Store};
use retwist::deferred::ThreadPool;
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, TlsTransport, start_tls};
use retwist::{DelayedCall, Factory, Protocol, Reason, TransportRef, error_chain};

use crate::command::Command;
use crate::login::{Exchange, Logins};
use crate::maildrop::Maildrop;
use crate::support::tls::or_abort;

/// The maximum length of a response of SASL (RFC 5034, section 4); commands have 255 (RFC 2449).
const LINE_LIMIT: usize = 12_288;
/// How long a command may take from its first byte to its end.
const LINE_TIME: Duration = Duration::from_secs(60);
/// From the connection to the end of the log-in.
const LOGIN_TIME: Duration = Duration::from_secs(60);

/// What all sessions have in common.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) logins: Logins,
    pub(crate) tls: TlsRole,
    /// What waits for the disk, and for other programs that change a mailbox.
    pub(crate) pool: ThreadPool,
}

pub(crate) fn factory(service: &Rc<Service>) -> impl Factory + use<> {
    let service = service.clone();
    retwist::factory(move |_| protocol(&service))
}

fn protocol(service: &Rc<Service>) -> Framed<Lines, Session> {
    let session = Session {
        service: service.clone(),
        name: None,
        exchange: None,
        failures: 0,
        deadline: None,
        open: None,
    };
    Framed::new(Lines::new().limit(LINE_LIMIT), session).frame_timeout(LINE_TIME)
}

/// What a client gets when there are too many already.
pub(crate) struct Busy;

impl Protocol for Busy {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"-ERR [SYS/TEMP] too many connections\r\n");
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

struct Session {
    service: Rc<Service>,
    /// What USER has said.
    name: Option<String>,
    /// A log-in that is under way: lines are no commands.
    exchange: Option<Exchange>,
    /// How many log-ins have failed.
    failures: u32,
    /// The end of the time for the log-in.
    deadline: Option<DelayedCall>,
    /// From the log-in on.
    open: Option<Open>,
}

/// The TRANSACTION state.
struct Open {
    maildrop: Maildrop,
    /// `None` while a thread has it.
    mailbox: Option<Mailbox>,
}

impl Session {
    fn answer(&mut self, transport: &LineTransport, command: Command<'_>) {
        let under_tls = TlsTransport::of(transport).is_some();
        match command {
            Command::Capabilities => self.capabilities(transport),
            Command::Quit => self.quit(transport),
            Command::Malformed => transport.send_line("-ERR these arguments make no sense"),
            Command::Unknown => transport.send_line("-ERR there is no such command"),
            command if self.open.is_some() => self.transaction(transport, command),
            Command::StartTls if under_tls => {
                transport.send_line("-ERR TLS has been started already");
            }
            Command::StartTls => {
                transport.send_line("+OK begin TLS");
                let started = start_tls(transport, self.service.tls.clone());
                or_abort(transport, started.map(drop));
            }
            Command::User(_) | Command::Password(_) | Command::Auth { .. } if !under_tls => {
                transport.send_line("-ERR STLS comes first");
            }
            Command::User(name) => {
                self.name = Some(name.to_owned());
                transport.send_line("+OK and the password?");
            }
            Command::Password(password) => self.password(transport, password),
            Command::Auth { mechanism, initial } => self.auth(transport, mechanism, initial),
            _ => transport.send_line("-ERR the log-in comes first"),
        }
    }

    fn capabilities(&self, transport: &LineTransport) {
        let mut lines = vec![
            "+OK this is possible",
            "TOP",
            "UIDL",
            "PIPELINING",
            "EXPIRE NEVER",
        ];
        lines.extend(["RESP-CODES", "AUTH-RESP-CODE"]);
        let mechanisms = self.service.logins.offered(transport);
        let sasl = format!("SASL {}", mechanisms.join(" "));
        if self.open.is_none() && mechanisms.is_empty() {
            lines.push("STLS");
        } else if self.open.is_none() {
            lines.extend(["USER", &sasl]);
        }
        lines.push(".");
        for line in lines {
            transport.send_line(line);
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.deadline = Some(transport.call_later(LOGIN_TIME, self, |_, transport| {
            transport.send_line("-ERR that took too long");
            transport.lose_connection();
        }));
        transport.send_line("+OK POP3 retwist");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if self.exchange.is_some() {
            self.response(transport, line);
        } else {
            self.answer(transport, Command::parse(line));
        }
    }

    /// TLS has been put under the session. What came in clear may come from any host on the way.
    fn transport_switched(&mut self, _: &LineTransport) {
        self.name = None;
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        transport.send_line("-ERR the line is too long");
        transport.lose_connection();
    }

    /// A client may come to its QUIT, as long as there is time: POP3 has no word with which a server ends, a session is
    /// short, and a close before QUIT would have all its deletions forgotten. A client that does not log in has
    /// little time in any case. A message that is under way is sent.
    fn shutting_down(&mut self, transport: &LineTransport) {
        if !transport.is_draining() {
            transport.lose_connection();
        }
    }

    /// Only QUIT removes what is marked (RFC 1939, section 6).
    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}

#[cfg(test)]
mod tests;
