//! Has a server calculate, over AMP: beside Twisted's `ampclient.py`.
//!
//! ```text
//! cargo run --release --example amp_client -- tcp:localhost:1234
//! ```

#[path = "amp/commands.rs"]
mod commands;
mod support;

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::Framed;
use retwist::protocols::amp::{AmpReceiver, AmpTransport, Bytes, NotCalled, StartTls};
use retwist::tls::{ClientOptions, TlsRole, start_tls};
use retwist::{Reactor, Reason, error_chain};

use commands::{Divide, Echo, Slow, Sum};
use support::client::Outcome;
use support::say;
use support::tls::Trust;

const HELP: &str = "
Calls the commands Sum, Divide, Echo and Slow of a server over AMP, and prints what it answers.

Usage: amp_client [ENDPOINT] [--starttls [--trust-roots FILE] [--name HOST]]

ENDPOINT            the server (default: tcp:localhost:1234)
--starttls          starts TLS before anything else
--trust-roots FILE  the authorities to trust, PEM (default: those of the system)
--name HOST         the name that the server's certificate has to be for (default: localhost)
";

/// Calls everything, and closes behind the last answer.
struct Client {
    tls: Option<TlsRole>,
    outcome: Outcome,
    answers: usize,
}

/// How many answers the client waits for.
const CALLS: usize = 5;

impl Client {
    fn call_all(&self, transport: &AmpTransport<Self>) -> Result<(), NotCalled> {
        // The slow one is asked first, and answered last.
        transport.call(Slow { ms: 100 }, |client, transport, answer| {
            client.answered(transport, answer.map(|()| "slow: done".into()));
        })?;
        transport.call(Sum { a: 13, b: 81 }, |client, transport, answer| {
            client.answered(
                transport,
                answer.map(|sum| format!("13 + 81 = {}", sum.total)),
            );
        })?;
        let divide = Divide {
            numerator: 1234,
            denominator: 2,
        };
        transport.call(divide, |client, transport, answer| {
            client.answered(
                transport,
                answer.map(|quotient| format!("1234 / 2 = {:?}", quotient.result)),
            );
        })?;
        let divide = Divide {
            numerator: 1234,
            denominator: 0,
        };
        transport.call(divide, |client, transport, answer| match answer {
            Ok(quotient) => {
                let nonsense = format!("1234 / 0 = {:?}", quotient.result);
                client.failed(transport, nonsense);
            }
            Err(error) => client.said(transport, &format!("1234 / 0: {}", error_chain(&error))),
        })?;
        let data = Bytes(b"hello".to_vec());
        transport.call(Echo { data }, |client, transport, answer| {
            client.answered(
                transport,
                answer.map(|echo| String::from_utf8_lossy(&echo.data.0).into_owned()),
            );
        })
    }

    fn answered(
        &mut self,
        transport: &AmpTransport<Self>,
        answer: Result<String, impl Error + 'static>,
    ) {
        match answer {
            Ok(text) => self.said(transport, &text),
            Err(error) => self.failed(transport, error_chain(&error)),
        }
    }

    fn said(&mut self, transport: &AmpTransport<Self>, text: &str) {
        say(text);
        self.answers += 1;
        if self.answers == CALLS {
            transport.lose_connection();
        }
    }

    fn failed(&mut self, transport: &AmpTransport<Self>, why: String) {
        log::error!("{why}");
        self.outcome.fail();
        transport.lose_connection();
    }

    fn begin(&mut self, transport: &AmpTransport<Self>) {
        if let Err(error) = self.call_all(transport) {
            self.failed(transport, error_chain(&error));
        }
    }
}

impl AmpReceiver for Client {
    fn connection_made(&mut self, transport: &AmpTransport<Self>) {
        let Some(role) = self.tls.clone() else {
            return self.begin(transport);
        };
        let asked =
            transport.call_and_switch(StartTls {}, |client, transport, answer| match answer {
                Ok(_) => {
                    let started = transport.start(|clear| start_tls(clear, role));
                    support::tls::or_abort(transport, started);
                }
                Err(error) => client.failed(transport, error_chain(&error)),
            });
        if let Err(error) = asked {
            self.failed(transport, error_chain(&error));
        }
    }

    /// The server is the one that was meant.
    fn handshake_completed(&mut self, transport: &AmpTransport<Self>) {
        self.begin(transport);
    }

    fn connection_lost(&mut self, _: &Reason) {
        if self.answers < CALLS {
            self.outcome.fail();
        }
    }
}

fn main() -> ExitCode {
    let outcome = Outcome::default();
    let ended = support::main(HELP, |reactor: &Reactor, mut arguments| {
        let (mut endpoint, mut starttls) = (None, false);
        let mut trust = Trust::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) if endpoint.is_none() => endpoint = Some(text.string()?),
                Arg::Long("starttls") => starttls = true,
                Arg::Long("trust-roots") => trust.authorities = Some(arguments.value()?.into()),
                Arg::Long("name") => trust.name = Some(arguments.value()?.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        if trust.is_given() && !starttls {
            return Err("--trust-roots and --name are for --starttls".into());
        }
        let tls = if starttls {
            let config = ClientOptions::new(trust.roots()?).build()?;
            Some(TlsRole::client(config, trust.name())?)
        } else {
            None
        };
        let endpoint = endpoint.as_deref().unwrap_or("tcp:localhost:1234");
        let server = client_from_string(endpoint)?.on(&Network::new(reactor));
        let client = Client {
            tls,
            outcome: outcome.clone(),
            answers: 0,
        };
        outcome.of(reactor, &server, Framed::amp(client));
        Ok(())
    });
    outcome.or(ended)
}
