use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::rc::Rc;

use memchr::memchr;
use retwist_reactor::{Channel, Layer, ProtocolRef, Reason, Seat};

use super::exchange::UNIT_LIMIT;
use super::lines::command;
use super::{Dialect, replies};
use crate::Policy;

/// Leaves STARTTLS out of the capabilities that a server shows, to a client that has TLS already, or
/// that never will: a server must not offer TLS inside TLS (RFC 3207, section 4.2; RFC 9051, section
/// 6.2.1).
///
/// The layer lies on the connection to the server. It looks at the beginning of the conversation
/// alone, as long as the client asks for nothing but capabilities. Real clients ask first. Behind the
/// first other command it passes everything on as it is, so that no text of a mail is taken for a
/// reply.
///
/// From a PostgreSQL server's offer to log in it takes `SCRAM-SHA-256-PLUS`, which is bound to the TLS
/// of that server: a client in clear would take it for an attack.
///
/// With [`greeting`](HideStartTls::greeting) it also greets in place of the server. The greeting of a
/// server that came before TLS is not to be believed, and has been dropped.
#[derive(Clone, Debug)]
pub struct HideStartTls {
    dialect: Dialect,
    greeting: Option<Rc<str>>,
}

impl HideStartTls {
    /// Makes one for a server that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        HideStartTls {
            dialect,
            greeting: None,
        }
    }

    /// Greets the client in place of the server, which is called `name`. Where the client speaks
    /// first, or the server greets again behind TLS, nothing is said.
    #[must_use]
    pub fn greeting(mut self, name: &str) -> Self {
        self.greeting = Some(self.dialect.greeting(name).into());
        self
    }
}

impl Policy for HideStartTls {
    type Layer = HideStartTlsLayer;

    fn layer(&self, above: ProtocolRef) -> Rc<HideStartTlsLayer> {
        Rc::new_cyclic(|me| HideStartTlsLayer {
            seat: Seat::new(me, above),
            greeting: self.greeting.clone(),
            view: RefCell::new(View::new(self.dialect)),
        })
    }
}

/// The layer that [`HideStartTls`] puts on one connection.
pub struct HideStartTlsLayer {
    seat: Seat,
    greeting: Option<Rc<str>>,
    view: RefCell<View>,
}

/// How long a reply with capabilities may be.
const REPLY_LIMIT: usize = 2 * UNIT_LIMIT;

/// What the layer has seen of the conversation.
struct View {
    dialect: Dialect,
    /// The client has sent some other command, or something that is not a command.
    settled: bool,
    /// The beginning of a line of the client.
    line: Vec<u8>,
    /// The replies to come that show capabilities, each with the tag of its request.
    expected: VecDeque<String>,
    /// The beginning of such a reply.
    reply: Vec<u8>,
}

impl View {
    fn new(dialect: Dialect) -> Self {
        let mut expected = VecDeque::new();
        // These servers show their capabilities, or how to log in, without being asked.
        if let Dialect::Sieve | Dialect::Xmpp | Dialect::Postgres = dialect {
            expected.push_back(String::new());
        }
        View {
            dialect,
            settled: matches!(
                dialect,
                Dialect::Ldap | Dialect::Postgres | Dialect::Mysql | Dialect::Xmpp
            ),
            line: Vec::new(),
            expected,
            reply: Vec::new(),
        }
    }

    /// The client sends this.
    fn sent(&mut self, mut data: &[u8]) {
        while !self.settled && !data.is_empty() {
            let end = memchr(b'\n', data).map_or(data.len(), |end| end + 1);
            self.line.extend_from_slice(&data[..end]);
            data = &data[end..];
            if self.line.len() > UNIT_LIMIT {
                self.settled = true;
            } else if self.line.ends_with(b"\n") {
                let line = mem::take(&mut self.line);
                self.command(&String::from_utf8_lossy(&line));
            }
        }
    }

    fn command(&mut self, line: &str) {
        let (first, rest) = command(line.trim_end());
        let (second, _) = command(rest);
        let (asks, tag) = match self.dialect {
            Dialect::Smtp => (first == "EHLO", ""),
            Dialect::Lmtp => (first == "LHLO", ""),
            Dialect::Imap => (second == "CAPABILITY", line.split(' ').next().unwrap_or("")),
            Dialect::Pop3 => (first == "CAPA", ""),
            Dialect::Nntp => (first == "CAPABILITIES", ""),
            Dialect::Sieve => (first == "CAPABILITY", ""),
            Dialect::Ftp => (first == "FEAT", ""),
            Dialect::Irc => (first == "CAP" && second == "LS", ""),
            Dialect::Xmpp | Dialect::Ldap | Dialect::Postgres | Dialect::Mysql => (false, ""),
        };
        if asks {
            self.expected.push_back(tag.to_owned());
        } else {
            self.settled = true;
        }
    }

    /// The server sends this. Returns what the client is to see of it now; `None`: all of it, as it is.
    fn received(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if self.expected.is_empty() {
            return None;
        }
        self.reply.extend_from_slice(data);
        let mut shown = Vec::new();
        while let Some(tag) = self.expected.front() {
            let end = replies::end(self.dialect, tag, &self.reply);
            let Some(end) = end.filter(|end| *end <= REPLY_LIMIT) else {
                if self.reply.len() > REPLY_LIMIT {
                    // No server has that many capabilities.
                    self.expected.clear();
                    break;
                }
                return Some(shown);
            };
            let rest = self.reply.split_off(end);
            shown.append(&mut replies::without_starttls(self.dialect, &self.reply));
            self.reply = rest;
            self.expected.pop_front();
        }
        shown.append(&mut self.reply);
        Some(shown)
    }
}

impl Channel for HideStartTlsLayer {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.view.borrow_mut().sent(data);
        self.seat.with_lower(|lower| lower.write(data));
    }
}

impl HideStartTlsLayer {
    /// The server says no more: what has come of a reply is all of it.
    fn show_rest(&self) {
        let mut rest = mem::take(&mut self.view.borrow_mut().reply);
        if !rest.is_empty() {
            self.seat.deliver(&mut rest);
        }
    }
}

impl Layer for HideStartTlsLayer {
    fn connection_made(&self) {
        self.seat.open();
        if let Some(greeting) = self.greeting.as_deref().filter(|text| !text.is_empty()) {
            self.seat.deliver(&mut greeting.as_bytes().to_vec());
        }
    }

    fn data_received(&self, data: &mut [u8]) {
        let shown = self.view.borrow_mut().received(data);
        match shown {
            None => self.seat.deliver(data),
            Some(mut shown) if !shown.is_empty() => self.seat.deliver(&mut shown),
            Some(_) => {}
        }
    }

    fn read_connection_lost(&self) {
        self.show_rest();
        self.seat.read_connection_lost();
    }

    fn connection_lost(&self, reason: &Reason) {
        self.show_rest();
        self.seat.lost(reason.clone());
    }
}

impl fmt::Debug for HideStartTlsLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HideStartTlsLayer")
            .field("settled", &self.view.borrow().settled)
            .finish_non_exhaustive()
    }
}
