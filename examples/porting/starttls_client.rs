//! The client of the pair that starts TLS in mid-conversation.

use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;

use retwist::deferred::{Deferred, DialerExt, Promise, react};
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::tls::{ClientOptions, TlsRole, TrustRoots, start_tls};
use retwist::{ReactorHandle, Reason};

struct StartTlsClient {
    role: TlsRole,
    done: Promise<Reason, Infallible>,
}

impl LineReceiver for StartTlsClient {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("plain text");
        transport.send_line("STARTTLS");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        println!("received: {}", String::from_utf8_lossy(line));
        if line == b"READY" {
            match start_tls(transport, self.role.clone()) {
                Ok(secure) => {
                    secure.write(b"secure text\r\n");
                    secure.lose_connection();
                }
                Err(_) => transport.abort_connection(),
            }
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.done.fire(Ok(reason.clone()));
    }
}

async fn talk(reactor: ReactorHandle) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(endpoint), Some(pem)) = (arguments.next(), arguments.next()) else {
        return Err("usage: starttls_client ENDPOINT PEM".into());
    };
    let options = ClientOptions::new(TrustRoots::from_pem_file(pem)?);
    let role = TlsRole::client(options.build()?, "localhost")?;

    let (done, ended) = Deferred::new();
    let client = client_from_string(&endpoint)?.on(&Network::new(&reactor));
    client
        .connect_to(Framed::lines(StartTlsClient { role, done }))
        .await?;
    match ended.await? {
        reason if reason.is_clean() => Ok(()),
        reason => Err(reason.into()),
    }
}

fn main() -> ExitCode {
    react(|reactor, _| talk(reactor))
}
