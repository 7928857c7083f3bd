//! The client's side. It says its lines one by one, each when the one before has been answered, and
//! prints what it says and hears.

use std::vec::IntoIter;

use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::tls::{TlsRole, TlsTransport, start_tls, stop_tls};
use retwist::{ProtocolRef, Reason, error_chain};

use crate::support::client::Outcome;
use crate::support::say;
use crate::support::tls::or_abort;

pub(crate) fn protocol(lines: Vec<String>, role: TlsRole, outcome: &Outcome) -> ProtocolRef {
    let client = Client {
        lines: lines.into_iter(),
        said: String::new(),
        layers: 0,
        role,
        outcome: outcome.clone(),
    };
    Framed::lines(client).into()
}

struct Client {
    lines: IntoIter<String>,
    /// The last of them that was said.
    said: String,
    layers: usize,
    role: TlsRole,
    outcome: Outcome,
}

impl Client {
    fn say_next(&mut self, transport: &LineTransport) {
        match self.lines.next() {
            Some(line) => {
                self.print("client", &line);
                transport.send_line(&line);
                self.said = line;
            }
            None => transport.lose_connection(),
        }
    }

    fn print(&self, who: &str, line: &str) {
        let place = match self.layers {
            0 => "in clear".to_owned(),
            1 => "TLS".to_owned(),
            2 => "TLS in TLS".to_owned(),
            layers => format!("{layers} x TLS"),
        };
        say(&format!("{place:<12}{who}: {line}"));
    }
}

impl LineReceiver for Client {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.say_next(transport);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        self.print("server", &line);
        match (self.said.as_str(), &*line) {
            ("TLS", "OK") => {
                self.layers += 1;
                or_abort(transport, start_tls(transport, self.role.clone()));
            }
            // A host on the way could say so, too. What was meant for TLS is never said in clear.
            ("TLS", _) if self.layers == 0 => {
                remark("the server has no TLS, and nothing more is said");
                self.outcome.fail();
                transport.lose_connection();
            }
            ("OFF", "OK") if self.layers > 0 => {
                self.layers -= 1;
                or_abort(transport, stop_tls(transport));
            }
            _ => self.say_next(transport),
        }
    }

    /// TLS has begun, and the server is who it has to be.
    fn handshake_completed(&mut self, transport: &LineTransport) {
        if let Some(negotiated) = TlsTransport::of(transport) {
            remark(&format!("TLS begins: {negotiated}"));
        }
        self.say_next(transport);
    }

    /// The same protocol on another transport: with TLS about to begin, or with TLS gone.
    fn transport_switched(&mut self, transport: &LineTransport) {
        if self.said == "OFF" {
            remark("TLS has ended on both sides, and the connection goes on");
            self.say_next(transport);
        }
    }

    fn read_connection_lost(&mut self, transport: &LineTransport) {
        remark("the server has closed before all was said");
        self.outcome.fail();
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        remark(&error_chain(reason));
        if !reason.is_clean() {
            self.outcome.fail();
        }
    }
}

/// Neither side's words.
fn remark(what: &str) {
    say(&format!("{:12}-- {what}", ""));
}
