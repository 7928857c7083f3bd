//! A server that hands out mail over POP3, in clear up to STLS, from the mailboxes that `smtp` fills.
//!
//! ```text
//! cargo run --release --example pop3 -- tcp:1110 --mail-dir /tmp/mail --user you --password secret --ca-out ca.pem
//! curl --cacert ca.pem --ssl-reqd --user you:secret pop3://localhost:1110/1
//! ```
//!
//! `session.rs` is the conversation (RFC 1939, RFC 2449 for CAPA, RFC 2595 for STLS, RFC 5034 for AUTH),
//! `command.rs` what a line means, `maildrop.rs` the messages as one session sees them, and `text.rs` a
//! message on its way to the client.

mod command;
#[path = "../login/mod.rs"]
mod login;
mod maildrop;
mod session;
#[path = "../../support/mod.rs"]
mod support;
mod text;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use mail_store::Store;
use retwist::deferred::ThreadPool;
use retwist::protocols::{FactoryPolicy, Limits, Timeout};
use retwist::tls::TlsRole;

use crate::login::LoginOptions;
use crate::session::{Busy, Service};
use crate::support::Mistake;
use crate::support::tls::Credentials;

const HELP: &str = "
Hands out the mail of a directory over POP3, with STLS. No password is taken in clear.

Usage: pop3 [ENDPOINT...] --user NAME --password WORD [--user NAME --password WORD]... [--mail-dir DIR]
            [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT          where to listen (default: tcp:1110:interface=127.0.0.1)
--user NAME       a user, whose mail is in the maildir DIR/NAME
--password WORD   the password of that user
--mail-dir DIR    the directory for mail, made if it does not exist (default: mail)
--cert FILE       the server's certificate and those that certify it, PEM
--key FILE        its private key, PEM (default: in the file of the certificate)
--ca-out FILE     without --cert the server makes an authority for itself, whose certificate is written here

A client has 60 s for its log-in and for each line, and 10 min in which nothing moves.
";

/// RFC 1939, section 3, asks for at least so much.
const SILENCE: Duration = Duration::from_secs(10 * 60);

#[derive(Default)]
struct Options {
    endpoints: Vec<String>,
    mail_dir: Option<PathBuf>,
    logins: LoginOptions,
    credentials: Credentials,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("mail-dir") => options.mail_dir = Some(arguments.value()?.into()),
                Arg::Long(other) => {
                    let other = other.to_owned();
                    if !options.logins.option(&other, &mut arguments)? {
                        options.credentials.option(&other, &mut arguments)?;
                    }
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
        let default = "tcp:1110:interface=127.0.0.1";
        let endpoints = support::servers_from(&options.endpoints, default)?;
        let logins = options.logins.logins()?;
        if logins.accounts().is_empty() {
            return Err("no mailbox to show: give --user NAME --password WORD".into());
        }
        let identity = options.credentials.of_server()?;
        let directory = options.mail_dir.as_deref();
        let service = Rc::new(Service {
            store: Store::open(directory.unwrap_or("mail".as_ref()))?,
            logins,
            tls: TlsRole::server(support::reload::server(identity).build()?),
            pool: ThreadPool::new(reactor),
        });
        for endpoint in endpoints {
            let sessions = session::factory(&service);
            let patient = Timeout::new().idle(SILENCE).factory(sessions);
            let limits = Limits::new().total(1000).per_peer(50).overflow(|_| Busy);
            support::listen(reactor, &endpoint, limits.factory(patient))?;
        }
        Ok(())
    })
}
