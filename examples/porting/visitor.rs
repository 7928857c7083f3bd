//! Brings a secret to the locker, and looks at what is kept there.

use std::convert::Infallible;
use std::error::Error;
use std::process::ExitCode;

use retwist::deferred::{Deferred, DialerExt, Promise, react};
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::tls::{ClientOptions, TlsRole, TrustRoots, start_tls};
use retwist::{ReactorHandle, Reason};

struct Visitor {
    role: TlsRole,
    secret: String,
    left: Promise<Reason, Infallible>,
}

impl LineReceiver for Visitor {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("SHOW");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        println!("the locker says: {}", String::from_utf8_lossy(line));
        match line {
            b"not in clear" => transport.send_line("SECURE"),
            b"go ahead" => {
                if start_tls(transport, self.role.clone()).is_err() {
                    transport.abort_connection();
                }
            }
            b"kept" => transport.send_line("SHOW"),
            _ => transport.lose_connection(),
        }
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        transport.send_line(format!("KEEP {}", self.secret));
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.left.callback(reason.clone());
    }
}

async fn visit(reactor: ReactorHandle) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().collect();
    let [_, endpoint, pem, secret] = &arguments[..] else {
        return Err("usage: visitor ENDPOINT PEM SECRET".into());
    };
    let options = ClientOptions::new(TrustRoots::from_pem_file(pem)?);
    let role = TlsRole::client(options.build()?, "localhost")?;
    let secret = secret.clone();

    let (left, has_left) = Deferred::new();
    let locker = client_from_string(endpoint)?.on(&Network::new(&reactor));
    let visitor = Framed::lines(Visitor { role, secret, left });
    locker.connect_to(visitor).await?;
    match has_left.await? {
        reason if reason.is_clean() => Ok(()),
        reason => Err(reason.into()),
    }
}

fn main() -> ExitCode {
    react(|reactor, _| visit(reactor))
}
