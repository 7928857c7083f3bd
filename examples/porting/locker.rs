//! A locker for a secret, which it takes and shows under TLS alone. SECURE starts TLS.

use std::error::Error;

use retwist::Reactor;
use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::tls::{Identity, ServerOptions, TlsRole, TlsTransport, start_tls};

struct Locker {
    role: TlsRole,
    secret: Vec<u8>,
}

impl LineReceiver for Locker {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let (command, rest) = line.split_at(line.len().min(5));
        if TlsTransport::of(transport).is_none() {
            if line != b"SECURE" {
                transport.send_line("not in clear");
                return;
            }
            transport.send_line("go ahead");
            if start_tls(transport, self.role.clone()).is_err() {
                transport.abort_connection();
            }
        } else if command == b"KEEP " {
            self.secret = rest.to_vec();
            transport.send_line("kept");
        } else {
            transport.send_line(&self.secret);
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(pem)) = (arguments.next(), arguments.next()) else {
        return Err("usage: locker ENDPOINT PEM".into());
    };
    let identity = Identity::from_pem_file(pem)?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen(&reactor, move |_| {
        Framed::lines(Locker {
            role: role.clone(),
            secret: b"nothing yet".to_vec(),
        })
    })?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}
