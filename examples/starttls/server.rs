//! The server's side. It knows nothing of what its transport is made of: TCP, or one TLS inside
//! another.

use std::time::Duration;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, TlsTransport, start_tls, stop_tls};
use retwist::{Factory, Reason, error_chain};

use crate::support::tls::or_abort;

/// How deep TLS may be nested: more than any use needs.
const MOST_LAYERS: usize = 8;

/// How long a line may take.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn factory(role: TlsRole) -> impl Factory {
    retwist::factory(move |_| {
        let server = Server {
            role: role.clone(),
            layers: 0,
        };
        Framed::new(Lines::delimited_by(b"\n"), server).frame_timeout(LIMIT)
    })
}

struct Server {
    role: TlsRole,
    layers: usize,
}

impl LineReceiver for Server {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        // A client that ends its lines with CRLF gets lines that end so.
        let (line, end) = match line.strip_suffix(b"\r") {
            Some(line) => (line, "\r\n"),
            None => (line, "\n"),
        };
        let answer = |answer: &[u8]| transport.write_sequence(&[answer, end.as_bytes()]);
        match line {
            b"TLS" if self.layers == MOST_LAYERS => answer(b"NO, that is enough"),
            b"TLS" => {
                // The answer is the last thing outside. What the client has sent behind its
                // request, if anything, is TLS already: it is never taken for a line.
                answer(b"OK");
                or_abort(transport, start_tls(transport, self.role.clone()));
                self.layers += 1;
            }
            b"OFF" if self.layers == 0 => answer(b"NO, this is in clear"),
            b"OFF" => {
                // The answer is the last thing inside. The next line comes when the client has
                // ended its side, too, and in clear.
                answer(b"OK");
                or_abort(transport, stop_tls(transport));
                self.layers -= 1;
            }
            b"WHO" => match TlsTransport::of(transport) {
                Some(negotiated) => answer(negotiated.to_string().as_bytes()),
                None => answer(b"nothing, this is in clear"),
            },
            anything => answer(anything),
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}
