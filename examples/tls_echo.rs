//! Sends back what it is sent, and speaks TLS from the first byte.
//!
//! ```text
//! cargo run --release --example tls_echo -- tcp:8443 --ca-out ca.pem
//! cargo run --release --example tls_echo -- --connect tcp:localhost:8443 --ca ca.pem hello
//! ```
//!
//! or, from elsewhere, `openssl s_client -connect localhost:8443 -CAfile ca.pem`. The protocols are
//! the same as without TLS: what makes the difference is the factory that they are wrapped in.

mod support;

use std::fs::{self, File};
use std::io::{self, Cursor, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use lexopt::{Arg, Parser, ValueExt};
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::FileSender;
use retwist::tls::rustls::ServerConfig;
use retwist::tls::{
    ChannelBinding, ClientCertificates, ClientOptions, TicketKeys, TlsFactory, TlsRole,
    TlsTransport, TrustRoots,
};
use retwist::{
    Layer, Protocol, Reason, TransportRef, Worker, WorkerCount, Workers, error_chain, factory,
};

use support::Mistake;
use support::client::Outcome;
use support::tls::{Credentials, Trust};

const HELP: &str = "
Sends back what it is sent, under TLS; or, as a client, prints what comes back.

Usage: tls_echo [ENDPOINT...] [--workers N] [--cert FILE [--key FILE] | --ca-out FILE] [--ocsp FILE] [--alpn NAMES]
                [--client-cert none|optional|required --client-ca FILE] [--ticket-keys FILE]
                [--channel-binding] [--update-keys]
       tls_echo --connect ENDPOINT [--ca FILE] [--name NAME] [--alpn NAMES] [--cert FILE [--key FILE]] [--file FILE | LINE...]
                [--channel-binding] [--update-keys]

ENDPOINT             where to listen (default: tcp:8443:interface=127.0.0.1)
--workers N          number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--connect ENDPOINT   the client's side, to tcp:localhost:8443, say
LINE                 what the client sends, each on a line of its own (default: hello)
--file FILE          it sends this file instead
--cert FILE          the certificate to show, and those that certify it, PEM
--key FILE           its private key, PEM (default: in the file of the certificate)
--ca-out FILE        without --cert the server makes an authority for itself, whose certificate is written here
--ocsp FILE          the OCSP response that the server staples to its certificate, DER
--ticket-keys FILE   the keys of session tickets, 80 random bytes each: with them sessions outlive the server, and
                     are resumed by others that have them (openssl rand 80)
--ca FILE            the authorities that the client trusts, PEM (default: those of the system)
--name NAME          the name that the server's certificate has to be for (default: localhost)
--alpn NAMES         application protocols, best first, separated by commas; both sides agree on one
--client-cert WHICH  whether clients show a certificate: none (the default), optional, required
--client-ca FILE     the authorities that certify clients, PEM
--channel-binding    log what ties other protocols to this connection (tls-exporter)
--update-keys        take new keys after the handshake, and ask the peer to do so too
";

/// What to do with the keys of each connection.
#[derive(Clone, Copy, Default)]
struct Keys {
    bind: bool,
    update: bool,
}

impl Keys {
    fn of(self, transport: &TransportRef) {
        if self.bind {
            match TlsTransport::channel_binding(transport, ChannelBinding::TlsExporter) {
                Ok(bytes) => {
                    let digits: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
                    log::info!("{} {digits}", ChannelBinding::TlsExporter);
                }
                Err(error) => log::warn!("{error}"),
            }
        }
        if self.update
            && let Err(error) = TlsTransport::update_keys(transport)
        {
            log::warn!("{error}");
        }
    }
}

struct Echo {
    keys: Keys,
}

impl Protocol for Echo {
    /// Comes after the handshake, and only if it succeeded.
    fn connection_made(&mut self, transport: &TransportRef) {
        if let Some(negotiated) = TlsTransport::of(transport) {
            let shown = negotiated.peer_certificates.len();
            log::info!("{}: {negotiated}, {shown} certificates", transport.peer());
        }
        self.keys.of(transport);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}

/// Sends all of something, and prints all that comes back.
struct Sender {
    what: Option<Box<dyn Read>>,
    keys: Keys,
}

impl Protocol for Sender {
    fn connection_made(&mut self, transport: &TransportRef) {
        if let Some(negotiated) = TlsTransport::of(transport) {
            log::info!("{negotiated}");
        }
        self.keys.of(transport);
        // The end of it is a close_notify: the server knows that it has got all.
        if let Some(what) = self.what.take()
            && FileSender::new(what, drop).begin(transport).is_ok()
        {
            transport.lose_write_connection();
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        if let Err(error) = io::stdout().write_all(data) {
            log::error!("cannot print: {error}");
            transport.abort_connection();
        }
    }
}

#[derive(Default)]
struct Options {
    connect: Option<String>,
    workers: Option<WorkerCount>,
    credentials: Credentials,
    trust: Trust,
    alpn: Vec<String>,
    client_certificates: Option<String>,
    client_authorities: Option<PathBuf>,
    ocsp: Option<PathBuf>,
    ticket_keys: Option<PathBuf>,
    keys: Keys,
    file: Option<PathBuf>,
    values: Vec<String>,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("connect") => options.connect = Some(arguments.value()?.string()?),
                Arg::Long("workers") => {
                    options.workers = Some(support::value(&mut arguments, "--workers")?)
                }
                Arg::Long("alpn") => {
                    let names = arguments.value()?.string()?;
                    options.alpn = names.split(',').map(String::from).collect();
                }
                Arg::Long("client-cert") => {
                    options.client_certificates = Some(arguments.value()?.string()?);
                }
                Arg::Long("client-ca") => {
                    options.client_authorities = Some(arguments.value()?.into());
                }
                Arg::Long("ocsp") => options.ocsp = Some(arguments.value()?.into()),
                Arg::Long("ticket-keys") => {
                    options.ticket_keys = Some(arguments.value()?.into());
                }
                Arg::Long("channel-binding") => options.keys.bind = true,
                Arg::Long("update-keys") => options.keys.update = true,
                Arg::Long("file") => options.file = Some(arguments.value()?.into()),
                Arg::Long("ca") => options.trust.authorities = Some(arguments.value()?.into()),
                Arg::Long("name") => options.trust.name = Some(arguments.value()?.string()?),
                Arg::Long(other) => {
                    let other = other.to_owned();
                    options.credentials.option(&other, &mut arguments)?;
                }
                Arg::Value(value) => options.values.push(value.string()?),
                Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        options.check()?;
        Ok(options)
    }

    /// An option that would have no effect is a mistake: its user relies on it.
    fn check(&self) -> Result<(), Mistake> {
        let asks_clients = self.client_certificates.is_some() || self.client_authorities.is_some();
        let serves = asks_clients
            || self.ocsp.is_some()
            || self.ticket_keys.is_some()
            || self.credentials.shows_authority();
        match self.connect {
            None if self.trust.is_given() || self.file.is_some() => {
                Err("--ca, --name and --file are for --connect".into())
            }
            Some(_) if serves => Err(
                "--client-cert, --client-ca, --ocsp, --ticket-keys and --ca-out are for a server"
                    .into(),
            ),
            Some(_) if self.workers.is_some() => Err("--workers is for a server".into()),
            Some(_) if self.file.is_some() && !self.values.is_empty() => {
                Err("the client sends either --file or LINE, not both".into())
            }
            _ => Ok(()),
        }
    }

    fn server_config(&self) -> Result<Arc<ServerConfig>, Mistake> {
        let mut identity = self.credentials.of_server()?;
        if let Some(path) = &self.ocsp {
            let response = fs::read(path);
            let response =
                response.map_err(|error| format!("cannot read {}: {error}", path.display()))?;
            identity = identity.ocsp_response(response);
        }
        let mut server = support::reload::server(identity)
            .alpn(&self.alpn)
            .client_certificates(self.client_certificates()?);
        if let Some(path) = &self.ticket_keys {
            let keys = Arc::new(TicketKeys::from_file(path)?);
            support::reload::ticket_keys(&keys);
            server = server.ticket_keys(keys);
        }
        Ok(server.build()?)
    }

    fn client_certificates(&self) -> Result<ClientCertificates, Mistake> {
        let roots = || -> Result<TrustRoots, Mistake> {
            let authorities = self.client_authorities.as_ref();
            let roots = TrustRoots::from_pem_file(authorities.ok_or("--client-ca is missing")?)?;
            support::reload::roots(&roots);
            Ok(roots)
        };
        match self.client_certificates.as_deref() {
            None if self.client_authorities.is_some() => {
                Err("--client-ca needs --client-cert".into())
            }
            None | Some("none") => Ok(ClientCertificates::None),
            Some("optional") => Ok(ClientCertificates::Optional(roots()?)),
            Some("required") => Ok(ClientCertificates::Required(roots()?)),
            Some(other) => {
                Err(format!("--client-cert is none, optional or required, not {other}").into())
            }
        }
    }

    fn client_role(&self) -> Result<TlsRole, Mistake> {
        let mut client = ClientOptions::new(self.trust.roots()?).alpn(&self.alpn);
        if let Some(identity) = self.credentials.given()? {
            client = client.identity(identity);
        }
        Ok(TlsRole::client(client.build()?, self.trust.name())?)
    }

    /// What the client sends.
    fn what(&self) -> Result<Box<dyn Read>, Mistake> {
        if let Some(path) = &self.file {
            let file = File::open(path);
            let file = file.map_err(|error| format!("cannot open {}: {error}", path.display()))?;
            return Ok(Box::new(file));
        }
        let lines = if self.values.is_empty() {
            "hello\n".to_owned()
        } else {
            self.values.join("\n") + "\n"
        };
        Ok(Box::new(Cursor::new(lines)))
    }
}

fn main() -> ExitCode {
    let outcome = Outcome::default();
    let ended = support::serve(HELP, |arguments| {
        let options = Options::parse(arguments)?;
        let workers = Workers::new(options.workers.unwrap_or_default());
        let set_up = match options.connect.clone() {
            None => server(&options)?,
            Some(endpoint) => client(endpoint, options, outcome.clone()),
        };
        Ok((workers, set_up))
    });
    outcome.or(ended)
}

type SetUp = Box<dyn Fn(&Worker) -> Result<(), Mistake> + Sync>;

fn server(options: &Options) -> Result<SetUp, Mistake> {
    let endpoints = support::servers_from(&options.values, "tcp:8443:interface=127.0.0.1")?;
    let (config, keys) = (options.server_config()?, options.keys);
    Ok(Box::new(move |worker| {
        for endpoint in &endpoints {
            let role = TlsRole::server(config.clone());
            let echo = TlsFactory::new(role, factory(move |_| Echo { keys }));
            endpoint.listen_factory(worker, support::patient(echo))?;
        }
        Ok(())
    }))
}

fn client(endpoint: String, options: Options, outcome: Outcome) -> SetUp {
    Box::new(move |worker| {
        let sender = Sender {
            what: Some(options.what()?),
            keys: options.keys,
        };
        let role = options.client_role()?;
        let under_tls = move |above| TlsTransport::new(role.clone(), above).as_protocol();
        let endpoint = client_from_string(&endpoint)?.over(under_tls);
        outcome.of(worker, &endpoint.on(&Network::new(worker)), sender);
        Ok(())
    })
}
