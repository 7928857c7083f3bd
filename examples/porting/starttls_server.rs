//! The server of the pair that starts TLS in mid-conversation.

use std::error::Error;

use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::tls::{Identity, ServerOptions, TlsRole, start_tls};
use retwist::{Address, Reactor};

struct TlsServer(TlsRole);

impl LineReceiver for TlsServer {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        println!("received: {}", String::from_utf8_lossy(line));
        if line == b"STARTTLS" {
            transport.send_line("READY");
            if start_tls(transport, self.0.clone()).is_err() {
                transport.abort_connection();
            }
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(pem)) = (arguments.next(), arguments.next()) else {
        return Err("usage: starttls_server ENDPOINT PEM".into());
    };
    let identity = Identity::from_pem_file(pem)?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    let factory = move |_: &Address| Framed::lines(TlsServer(role.clone()));

    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen(&reactor, factory)?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}
