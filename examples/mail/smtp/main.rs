//! A receiving mail server: takes messages over SMTP, in clear or after STARTTLS, and writes each
//! to a file.
//!
//! ```text
//! cargo run --release --example smtp -- tcp:2525 --mail-dir /tmp/mail --ca-out ca.pem
//! swaks --server localhost:2525 --tls --tls-ca-path ca.pem --from me@example.org --to you@example.org
//! ```
//!
//! `session.rs` is the conversation (RFC 5321, and RFC 3207 for STARTTLS), `command.rs` and
//! `body.rs` what a client's bytes mean, and `mailbox.rs` keeps the promise of the answer 250: the
//! message is on the disk, whole.

mod body;
mod command;
mod mailbox;
mod session;
#[path = "../../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use retwist::protocols::{FactoryPolicy, Limits, Timeout};
use retwist::tls::{ServerOptions, TlsRole};

use crate::mailbox::Mailbox;
use crate::session::Service;
use crate::support::Mistake;
use crate::support::tls::Credentials;

const HELP: &str = "
Receives mail over SMTP, with STARTTLS, and writes each message to a file of its own.

Usage: smtp [ENDPOINT...] [--mail-dir DIR] [--max-size BYTES] [--require-tls] [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT          where to listen (default: tcp:2525:interface=127.0.0.1)
--mail-dir DIR    the directory for messages, made if it does not exist (default: mail)
--max-size BYTES  the largest message (default: 10485760)
--require-tls     takes no mail without TLS
--cert FILE       the server's certificate and those that certify it, PEM
--key FILE        its private key, PEM (default: in the file of the certificate)
--ca-out FILE     without --cert the server makes an authority for itself, whose certificate is written here
";

/// How long a client may be silent (RFC 5321 4.5.3.2.7).
const PATIENCE: Duration = Duration::from_secs(5 * 60);

struct Options {
    endpoints: Vec<String>,
    mail_dir: Option<PathBuf>,
    max_size: u64,
    require_tls: bool,
    credentials: Credentials,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options {
            endpoints: Vec::new(),
            mail_dir: None,
            max_size: 10 << 20,
            require_tls: false,
            credentials: Credentials::default(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("mail-dir") => options.mail_dir = Some(arguments.value()?.into()),
                Arg::Long("max-size") => {
                    options.max_size = support::value(&mut arguments, "--max-size")?
                }
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
}

fn main() -> ExitCode {
    support::main(HELP, |reactor, arguments| {
        let options = Options::parse(arguments)?;
        let identity = options.credentials.of_server()?;
        let mailbox = match &options.mail_dir {
            Some(directory) => Mailbox::open(directory)?,
            None => Mailbox::later("mail".as_ref()),
        };
        let service = Rc::new(Service {
            mailbox,
            max_size: options.max_size,
            require_tls: options.require_tls,
            tls: TlsRole::server(ServerOptions::new(identity).build()?),
        });
        let default = "tcp:2525:interface=127.0.0.1";
        for endpoint in support::servers_from(&options.endpoints, default)? {
            let sessions = session::factory(&service);
            let patient = Timeout::new().idle(PATIENCE).factory(sessions);
            let bounded = Limits::new().total(1000).per_peer(50).factory(patient);
            support::listen(reactor, &endpoint, bounded)?;
        }
        Ok(())
    })
}
