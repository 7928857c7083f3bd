//! A conversation that goes into TLS and out of it again, on one TCP connection: what retwist is
//! for.
//!
//! ```text
//! cargo run --release -p starttls --example starttls
//! ```
//!
//! makes a throw-away authority, serves and connects in one process, and prints what both sides
//! say. Lines on the command line are said in place of the usual ones; these enter a second TLS
//! inside the first, and leave both:
//!
//! ```text
//! cargo run --release -p starttls --example starttls -- hello TLS TLS WHO OFF OFF goodbye
//! ```
//!
//! The two sides are `server.rs` and `client.rs`, each about a screen. To run them apart:
//!
//! ```text
//! cargo run --release -p starttls --example starttls -- --serve tcp:8023 --ca-out ca.pem
//! cargo run --release -p starttls --example starttls -- --connect tcp:localhost:8023 --ca ca.pem
//! ```

mod client;
mod server;
#[path = "../support/mod.rs"]
mod support;

use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};
use retwist::endpoint::{ClientEndpoint, Network, ServerEndpoint, client_from_string};
use retwist::tls::{ClientOptions, Identity, TlsRole, TrustRoots};
use retwist::{FactoryRef, Reactor};

use crate::support::Mistake;
use crate::support::client::Outcome;
use crate::support::tls::{Authority, Credentials, Trust};

const HELP: &str = "
A conversation that goes into TLS and out of it again. Without options, both sides of it in one process.

Usage: starttls [LINE...]
       starttls --serve ENDPOINT [--cert FILE [--key FILE] | --ca-out FILE]
       starttls --connect ENDPOINT [--ca FILE] [--name NAME] [LINE...]

LINE                 what the client says. TLS starts TLS, inside the one that there is, if any; OFF ends the innermost; WHO asks
                     what was negotiated; all else is echoed. If none is given, a conversation that shows it
--serve ENDPOINT     the server's side, on tcp:8023:interface=127.0.0.1, say
--connect ENDPOINT   the client's side, to tcp:localhost:8023, say
--cert FILE          the server's certificate and those that certify it, PEM
--key FILE           its private key, PEM (default: in the file of the certificate)
--ca-out FILE        without --cert the server makes an authority for itself, whose certificate is written here
--ca FILE            the authorities that the client trusts, PEM (default: those of the system)
--name NAME          the name that the server's certificate has to be for (default: localhost)
";

/// What the client says by default.
const CONVERSATION: [&str; 7] = [
    "hello",
    "TLS",
    "WHO",
    "the key is under the third flowerpot",
    "OFF",
    "nice weather today",
    "goodbye",
];

#[derive(Default)]
struct Options {
    serve: Option<ServerEndpoint>,
    connect: Option<ClientEndpoint>,
    credentials: Credentials,
    trust: Trust,
    lines: Vec<String>,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("serve") => {
                    options.serve = Some(support::server(&arguments.value()?.string()?)?);
                }
                Arg::Long("connect") => {
                    options.connect = Some(client_from_string(&arguments.value()?.string()?)?);
                }
                Arg::Long("ca") => options.trust.authorities = Some(arguments.value()?.into()),
                Arg::Long("name") => options.trust.name = Some(arguments.value()?.string()?),
                Arg::Long(other) => {
                    let other = other.to_owned();
                    options.credentials.option(&other, &mut arguments)?;
                }
                Arg::Value(line) => options.lines.push(line.string()?),
                Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        options.check()?;
        if options.lines.is_empty() {
            options.lines.extend(CONVERSATION.map(String::from));
        }
        Ok(options)
    }

    /// An option that would have no effect is a mistake: its user relies on it.
    fn check(&self) -> Result<(), Mistake> {
        match (&self.serve, &self.connect) {
            (Some(_), Some(_)) => Err("--serve and --connect are for one side each".into()),
            (None, _) if self.credentials.are_given() => {
                Err("--cert, --key and --ca-out are for --serve".into())
            }
            (_, None) if self.trust.is_given() => Err("--ca and --name are for --connect".into()),
            (Some(_), _) if !self.lines.is_empty() => {
                Err("LINE is for the client: the server says nothing of its own".into())
            }
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    let outcome = Outcome::default();
    let ended = support::main(HELP, |reactor, arguments| {
        let options = Options::parse(arguments)?;
        match (&options.serve, &options.connect) {
            (Some(endpoint), _) => {
                let role = server_role(options.credentials.of_server()?)?;
                support::listen(reactor, endpoint, support::patient(server::factory(role)))
            }
            (None, None) => both(reactor, options.lines, &outcome),
            (None, Some(endpoint)) => {
                let role = client_role(options.trust.roots()?, options.trust.name())?;
                let client = client::protocol(options.lines, role, &outcome);
                outcome.of(reactor, &endpoint.on(&Network::new(reactor)), client);
                Ok(())
            }
        }
    });
    outcome.or(ended)
}

/// Both sides in one process. They share nothing but the wire, and the authority that one of
/// them trusts.
fn both(reactor: &Reactor, lines: Vec<String>, outcome: &Outcome) -> Result<(), Mistake> {
    let authority = Authority::new()?;
    let server = server::factory(server_role(authority.identity()?)?);
    let port = reactor.listen_tcp_factory(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), server)?;
    support::say(&format!("listening on {}", port.address()));

    let role = client_role(authority.roots()?, "localhost")?;
    let address = port.address();
    let handle = reactor.handle();
    let there = move |factory: FactoryRef| handle.connect_tcp_factory(&address, factory);
    outcome.of(reactor, &there, client::protocol(lines, role, outcome));
    Ok(())
}

fn server_role(identity: Identity) -> Result<TlsRole, Mistake> {
    Ok(TlsRole::server(support::reload::server(identity).build()?))
}

fn client_role(roots: TrustRoots, server: &str) -> Result<TlsRole, Mistake> {
    Ok(TlsRole::client(ClientOptions::new(roots).build()?, server)?)
}
