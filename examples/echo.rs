//! Sends back what it is sent: the server of the README.
//!
//! ```text
//! cargo run --release --example echo
//! cargo run --release --example echo -- tcp:8007:interface=127.0.0.1 'tcp6:8007:interface=\:\:1'
//! ```
//!
//! Then type something into `nc -w 1 127.0.0.1 8007`.
//!
//! With `--proxy-protocol` it stands behind a proxy such as haproxy (`send-proxy` or
//! `send-proxy-v2`), and says first where the connection came from: `SRC 192.0.2.1 1234 DST
//! 198.51.100.9 443`, `UNKNOWN`, or `LOCAL`.

mod support;

use std::process::ExitCode;

use lexopt::{Arg, ValueExt};
use retwist::protocols::{FactoryPolicy, ProxyHeader, ProxyOrigin};
use retwist::{
    Address, Protocol, Reason, TransportRef, Worker, WorkerCount, Workers, error_chain, factory,
};
use support::prefixes::Prefixes;

const HELP: &str = "
Sends back what it is sent, until the client closes.

Usage: echo [ENDPOINT...] [--workers N] [--proxy-protocol [--trust PREFIX]...]

ENDPOINT           where to listen (default: tcp:8007:interface=127.0.0.1)
--workers N        number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--proxy-protocol   expect a PROXY header, version 1 or 2, and say first what is in it
--trust PREFIX     from proxies with these addresses (192.0.2.0/24, 2001:db8::1, any)
                   (default: this machine)
";

struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &TransportRef) {
        log::info!("{} is connected", transport.peer());
        // Only where one was demanded, and then it has come: before that, there is no connection
        // for us.
        if let Some(header) = ProxyHeader::of(transport) {
            transport.write(introduction(&header).as_bytes());
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        // That is all. A client that does not read what it gets is soon read no further, and one
        // that closes its write half still gets everything before we close.
        transport.write(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}

/// What a PROXY header says, in a line.
fn introduction(header: &ProxyHeader) -> String {
    let (source, destination) = match &header.origin {
        ProxyOrigin::Local => return "LOCAL\n".to_owned(),
        ProxyOrigin::Unknown => return "UNKNOWN\n".to_owned(),
        ProxyOrigin::Client {
            source,
            destination,
        } => (source, destination),
    };
    let place = |address: &Address| match address.socket() {
        Some(socket) => format!("{} {}", socket.ip(), socket.port()),
        None => address.to_string(),
    };
    format!("SRC {} DST {}\n", place(source), place(destination))
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let mut endpoints = Vec::new();
        let mut workers = WorkerCount::default();
        let mut demanded = false;
        let mut trusted = Prefixes::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
                Arg::Long("proxy-protocol") => demanded = true,
                Arg::Long("trust") => trusted.add(arguments.value()?)?,
                other => return Err(other.unexpected().into()),
            }
        }
        if !demanded && !trusted.is_empty() {
            return Err(
                "--trust is for --proxy-protocol: it says whose headers are believed".into(),
            );
        }
        let endpoints = support::servers_from(&endpoints, "tcp:8007:interface=127.0.0.1")?;
        Ok((Workers::new(workers), move |worker: &Worker| {
            for endpoint in &endpoints {
                if demanded {
                    let behind_proxy = trusted.proxies().factory(factory(|_| Echo));
                    endpoint.listen_factory(worker, support::patient(behind_proxy))?;
                } else {
                    endpoint.listen_factory(worker, support::patient(factory(|_| Echo)))?;
                }
            }
            Ok(())
        }))
    })
}
