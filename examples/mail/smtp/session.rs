//! The conversation with one client.

mod login;
mod message;
mod patience;

use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::ThreadPool;
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, TlsTransport, start_tls};
use retwist::{Factory, Protocol, Reason, TransportRef, error_chain};

use self::message::{Envelope, Mode};
use self::patience::Patience;
use crate::command::{Command, Hello};
use crate::inboxes::Inboxes;
use crate::incoming::{Incoming, TOO_LARGE};
use crate::login::{Exchange, Logins};
use crate::support::tls::or_abort;

/// RFC 4954 asks for so much; RFC 5321 4.5.3.1.4 has 512 bytes, and extensions add to them.
const LINE_LIMIT: usize = 12_288;
/// How long a command may take from its first byte to its end.
const LINE_TIME: Duration = Duration::from_secs(60);
/// How many recipients a message may have (RFC 5321 4.5.3.1.8: at least 100).
const MOST_RECIPIENTS: usize = 100;

/// What all sessions have in common.
pub(crate) struct Service {
    pub(crate) logins: Logins,
    pub(crate) inboxes: Inboxes,
    pub(crate) max_size: u64,
    /// RFC 2033 in place of RFC 5321.
    pub(crate) is_lmtp: bool,
    pub(crate) requires_tls: bool,
    pub(crate) requires_login: bool,
    pub(crate) tls: TlsRole,
    /// What waits for the disk.
    pub(crate) pool: ThreadPool,
}

pub(crate) fn factory(service: &Rc<Service>) -> impl Factory + use<> {
    let service = service.clone();
    retwist::factory(move |_| protocol(&service))
}

fn protocol(service: &Rc<Service>) -> Framed<Lines, Session> {
    let session = Session {
        service: service.clone(),
        client: None,
        user: None,
        exchange: None,
        failures: 0,
        envelope: None,
        incoming: None,
        mode: Mode::Commands,
        patience: Patience::default(),
        stops: false,
    };
    Framed::new(Lines::new().limit(LINE_LIMIT), session).frame_timeout(LINE_TIME)
}

/// What a client gets when there are too many already.
pub(crate) struct Busy;

impl Protocol for Busy {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"421 4.3.2 too many connections\r\n");
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

struct Session {
    service: Rc<Service>,
    client: Option<Client>,
    /// Who has logged in.
    user: Option<String>,
    /// A log-in that is under way: lines are no commands.
    exchange: Option<Exchange>,
    /// How many log-ins have failed.
    failures: u32,
    envelope: Option<Envelope>,
    /// From DATA or the first BDAT on.
    incoming: Option<Incoming>,
    mode: Mode,
    patience: Patience,
    /// The server stops as soon as the message that is under way has been stored.
    stops: bool,
}

/// Who the client says it is.
struct Client {
    name: String,
    /// Knows extensions.
    is_extended: bool,
}

impl Session {
    fn answer(&mut self, transport: &LineTransport, command: Command<'_>) {
        let under_tls = TlsTransport::of(transport).is_some();
        let answer = match command {
            Command::StartTls if under_tls => "503 5.5.1 TLS has been started already",
            Command::StartTls if self.incoming.is_some() => "503 5.5.1 the message comes first",
            Command::StartTls => {
                transport.send_line("220 2.0.0 go ahead");
                let started = start_tls(transport, self.service.tls.clone());
                return or_abort(transport, started.map(drop));
            }
            Command::Hello { hello, name } => return self.hello(transport, hello, name),
            Command::Noop => "250 2.0.0 nothing done",
            Command::Quit => {
                transport.send_line("221 2.0.0 goodbye");
                return transport.lose_connection();
            }
            Command::MalformedChunk => {
                // What follows is text, and nothing says how much.
                transport.send_line("501 5.5.4 BDAT needs a number of bytes");
                return transport.lose_connection();
            }
            Command::Chunk { size, is_last } => return self.chunk(transport, size, is_last),
            _ if self.service.requires_tls && !under_tls => "530 5.7.0 STARTTLS comes first",
            Command::Auth { mechanism, initial } => {
                return self.log_in(transport, mechanism, initial);
            }
            Command::Mail { .. } if self.service.requires_login && self.user.is_none() => {
                "530 5.7.0 AUTH comes first"
            }
            Command::Mail { sender, parameters } => self.mail(sender, parameters),
            Command::Recipient(address) => self.recipient(address),
            Command::Data => return self.begin(transport),
            Command::Reset => {
                self.forget_message();
                "250 2.0.0 forgotten"
            }
            Command::Verify => "252 2.1.5 send something, and see",
            Command::Help => "214 2.0.0 RFC 5321",
            Command::Parameter => "555 5.5.4 there is no such parameter",
            Command::Malformed => "501 5.5.4 these arguments make no sense",
            Command::Unknown => "500 5.5.1 there is no such command",
        };
        transport.send_line(answer);
    }

    fn hello(&mut self, transport: &LineTransport, hello: Hello, name: &str) {
        if self.service.is_lmtp != (hello == Hello::Lhlo) {
            return transport.send_line(if self.service.is_lmtp {
                "500 5.5.1 this is LMTP: it begins with LHLO"
            } else {
                "500 5.5.1 this is SMTP: it begins with EHLO"
            });
        }
        self.client = Some(Client {
            name: name.into(),
            is_extended: hello != Hello::Helo,
        });
        self.forget_message();
        self.patience.greeted();
        if hello == Hello::Helo {
            return transport.send_line("250 localhost");
        }
        let size = format!("SIZE {}", self.service.max_size);
        let mechanisms = self.service.logins.offered(transport);
        let auth = format!("AUTH {}", mechanisms.join(" "));
        let mut lines = vec!["localhost", &size, "PIPELINING", "8BITMIME", "SMTPUTF8"];
        lines.extend(["CHUNKING", "BINARYMIME", "ENHANCEDSTATUSCODES"]);
        if TlsTransport::of(transport).is_none() {
            lines.push("STARTTLS");
        }
        if !mechanisms.is_empty() {
            lines.push(&auth);
        }
        let last = lines.len() - 1;
        for (index, line) in lines.into_iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            transport.send_line(format!("250{separator}{line}"));
        }
    }

    /// The server has nothing more to do for this client.
    fn leave(&mut self, transport: &LineTransport, why: &str) {
        transport.send_line(format!("421 {why}"));
        transport.lose_connection();
    }

    /// Between two commands, once the server is to stop. As long as there is time, that waits for the
    /// message that MAIL has begun, and otherwise for one whose text has begun.
    fn stop_if_due(&mut self, transport: &LineTransport) {
        let has_begun = self.incoming.is_some() || self.mode.is_storing();
        let goes_on = has_begun || self.envelope.is_some() && transport.is_draining();
        if self.stops && !goes_on {
            self.leave(transport, "4.3.2 the server stops");
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.wait_for_greeting(transport);
        transport.send_line(if self.service.is_lmtp {
            "220 localhost LMTP retwist"
        } else {
            "220 localhost ESMTP retwist"
        });
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        self.heard(transport);
        if self.exchange.is_some() {
            self.response(transport, line);
        } else {
            self.answer(transport, Command::parse(line));
        }
        self.stop_if_due(transport);
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        self.heard(transport);
        self.text(transport, data);
    }

    /// TLS has been put under the session. What came in clear may come from any host on the way, so
    /// it is forgotten (RFC 3207 4.2).
    fn transport_switched(&mut self, transport: &LineTransport) {
        self.client = None;
        self.user = None;
        self.forget_message();
        self.wait_for_greeting(transport);
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        transport.send_line("500 5.5.2 the line is too long");
        transport.lose_connection();
    }

    /// A client that has a message on its way hears at its end that the server stops.
    fn shutting_down(&mut self, transport: &LineTransport) {
        self.stops = true;
        self.stop_if_due(transport);
    }

    /// A message that has not come to its end by now is dropped with its drafts.
    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}

#[cfg(test)]
mod tests;
