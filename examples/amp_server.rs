//! Calculates, over AMP: beside Twisted's `ampserver.py`.
//!
//! ```text
//! cargo run --release --example amp_server -- tcp:1234 --ca-out ca.pem
//! cargo run --release --example amp_client -- tcp:localhost:1234 --starttls --trust-roots ca.pem
//! ```

#[path = "amp/commands.rs"]
mod commands;
mod support;

use std::convert::Infallible;
use std::process::ExitCode;
use std::time::Duration;

use lexopt::{Arg, ValueExt};
use retwist::protocols::amp::{AmpReceiver, AmpTransport, Reply, Request, StartTls, Started};
use retwist::protocols::{FactoryPolicy, Framed, Limits, Timeout};
use retwist::tls::{TlsRole, TlsTransport, start_tls};
use retwist::{Reason, error_chain, factory};

use commands::{Divide, DivideError, Echo, Quotient, Slow, Sum, SumError, Total};
use support::tls::Credentials;

const HELP: &str = "
Answers the commands Sum, Divide, Echo and Slow over AMP, and starts TLS when it is asked to.

Usage: amp_server [ENDPOINT...] [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT       where to listen (default: tcp:1234:interface=127.0.0.1)
--cert FILE    the server's certificate and those that certify it, PEM
--key FILE     its private key, PEM (default: in the file of the certificate)
--ca-out FILE  without --cert the server makes an authority for itself, whose certificate is written here

The commands, with their arguments and responses:
Sum(a, b: Integer) -> total: Integer                             or the error OVERFLOW
Divide(numerator, denominator: Integer) -> result: Float         or the error ZERO_DIVISION
Echo(data: String) -> data: String
Slow(ms: Integer) -> nothing, after this many milliseconds
StartTLS

A client that says nothing for half an hour is sent away.
";

const PATIENCE: Duration = Duration::from_secs(30 * 60);

struct Calculator {
    tls: TlsRole,
}

impl Calculator {
    fn sum(&mut self, _: &AmpTransport<Self>, Sum { a, b }: Sum) -> Result<Total, SumError> {
        let total = a.checked_add(b).ok_or(SumError)?;
        Ok(Total { total })
    }

    fn divide(&mut self, _: &AmpTransport<Self>, divide: Divide) -> Result<Quotient, DivideError> {
        if divide.denominator == 0 {
            return Err(DivideError);
        }
        let result = divide.numerator as f64 / divide.denominator as f64;
        Ok(Quotient { result })
    }

    fn echo(&mut self, _: &AmpTransport<Self>, echo: Echo) -> Result<Echo, Infallible> {
        Ok(echo)
    }

    fn slow(&mut self, transport: &AmpTransport<Self>, slow: Slow, reply: Reply<Slow, Self>) {
        let delay = Duration::from_millis(slow.ms.into());
        transport
            .clock()
            .call_later(delay, move || reply.answer(()));
    }

    fn start_tls(&mut self, transport: &AmpTransport<Self>) {
        let started = transport.start(|clear| start_tls(clear, self.tls.clone()));
        support::tls::or_abort(transport, started);
    }
}

impl AmpReceiver for Calculator {
    fn request_received(&mut self, transport: &AmpTransport<Self>, request: Request<Self>) {
        let request = request
            .on(self, transport, Self::sum)
            .on(self, transport, Self::divide)
            .on(self, transport, Self::echo)
            .on_later(self, transport, Self::slow);
        // Where TLS has started, a second StartTLS is a command that is not known.
        if TlsTransport::of(transport).is_none() {
            request.on_switch(
                self,
                transport,
                |_, _, _: StartTls| Ok(Started {}),
                Self::start_tls,
            );
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, mut arguments| {
        let mut endpoints = Vec::new();
        let mut credentials = Credentials::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long(option) => {
                    let option = option.to_owned();
                    credentials.option(&option, &mut arguments)?;
                }
                Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        let tls = TlsRole::server(support::reload::server(credentials.of_server()?).build()?);
        for endpoint in support::servers_from(&endpoints, "tcp:1234:interface=127.0.0.1")? {
            let tls = tls.clone();
            let calculators = factory(move |_| Framed::amp(Calculator { tls: tls.clone() }));
            let patient = Timeout::new().idle(PATIENCE).factory(calculators);
            let bounded = Limits::new().total(1000).per_peer(100).factory(patient);
            support::listen(reactor, &endpoint, bounded)?;
        }
        Ok(())
    })
}
