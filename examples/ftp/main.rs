//! A file server of one directory: FTP, in clear or protected (RFC 4217), where TLS comes with AUTH
//! and goes with CCC while the connection goes on.
//!
//! ```text
//! cargo run --release --example ftp -- tcp:2121 --root /tmp --ca-out ca.pem
//! curl --ssl-reqd --cacert ca.pem ftp://localhost:2121/
//! curl --ssl-reqd --ftp-ssl-ccc --cacert ca.pem ftp://localhost:2121/
//! ```
//!
//! `session.rs` is the conversation on the control connection, `security.rs` the part of it that is
//! about TLS and who the client is; `data.rs` is the connection beside it on which files travel, and
//! `transfer.rs` what is said meanwhile; `tree.rs` is all that is ever reachable of the disk.

mod data;
mod security;
mod session;
#[path = "../support/mod.rs"]
mod support;
mod transfer;
mod tree;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use lexopt::{Arg, Parser, ValueExt};
use retwist::protocols::{FactoryPolicy, Limits, Timeout};
use retwist::tls::TlsRole;
use retwist::{Worker, WorkerCount, Workers};

use crate::security::Account;
use crate::session::{PATIENCE, Service};
use crate::support::Mistake;
use crate::support::tls::Credentials;
use crate::tree::Tree;

const HELP: &str = "
Serves the files of one directory, and of no other, over FTP, with TLS for clients that ask for it.

Usage: ftp [ENDPOINT...] [--workers N] [--root DIR] [--writable] [--user NAME --password WORD] [--require-tls]
           [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT          where to listen (default: tcp:2121:interface=127.0.0.1)
--workers N       number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--root DIR        the directory (default: the present one)
--writable        files may be stored
--user NAME       who may log in; without it, the user anonymous, with any password
--password WORD   the password of that user
--require-tls     no login without TLS, and no file travels without
--cert FILE       the server's certificate and those that certify it, PEM
--key FILE        its private key, PEM (default: in the file of the certificate)
--ca-out FILE     without --cert the server makes an authority for itself, whose certificate is written here
";

#[derive(Default)]
struct Options {
    endpoints: Vec<String>,
    workers: Option<WorkerCount>,
    root: Option<PathBuf>,
    writable: bool,
    user: Option<String>,
    password: Option<String>,
    require_tls: bool,
    credentials: Credentials,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("workers") => {
                    options.workers = Some(support::value(&mut arguments, "--workers")?)
                }
                Arg::Long("root") => options.root = Some(arguments.value()?.into()),
                Arg::Long("writable") => options.writable = true,
                Arg::Long("user") => options.user = Some(arguments.value()?.string()?),
                Arg::Long("password") => options.password = Some(arguments.value()?.string()?),
                Arg::Long("require-tls") => options.require_tls = true,
                Arg::Long(other) => {
                    let other = other.to_owned();
                    options.credentials.option(&other, &mut arguments)?;
                }
                Arg::Value(endpoint) => options.endpoints.push(endpoint.string()?),
                Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        Ok(options)
    }

    fn account(&self) -> Result<Option<Account>, Mistake> {
        match (&self.user, &self.password) {
            (Some(name), Some(password)) => Ok(Some(Account {
                name: name.clone(),
                password: password.clone(),
            })),
            (None, None) => Ok(None),
            _ => Err("--user and --password go together".into()),
        }
    }
}

fn main() -> ExitCode {
    support::serve(HELP, |arguments| {
        let options = Options::parse(arguments)?;
        let workers = Workers::new(options.workers.unwrap_or_default());
        let endpoints = support::servers_from(&options.endpoints, "tcp:2121:interface=127.0.0.1")?;
        let control = support::reload::server(options.credentials.of_server()?).build()?;
        // A client that stores a file closes its data connection without having read anything from
        // it. A ticket that waits there would turn this close into a reset.
        let mut data = (*control).clone();
        data.send_tls13_tickets = 0;
        let data = Arc::new(data);
        Ok((workers, move |worker: &Worker| {
            let service = Rc::new(Service {
                reactor: worker.handle(),
                tree: Tree::open(options.root.as_deref().unwrap_or(".".as_ref()))?,
                writable: options.writable,
                account: options.account()?,
                require_tls: options.require_tls,
                control_tls: TlsRole::server(control.clone()),
                data_tls: TlsRole::server(data.clone()),
            });
            for endpoint in &endpoints {
                let sessions = session::factory(&service);
                let patient = Timeout::new().idle(PATIENCE).factory(sessions);
                // As many for each worker.
                let bounded = Limits::new().total(1000).per_peer(50).factory(patient);
                endpoint.listen_factory(worker, bounded)?;
            }
            Ok(())
        }))
    })
}
