//! A receiving mail server: takes messages over SMTP or LMTP, in clear or after STARTTLS, into the
//! mailboxes that `pop3` and `imap` show.
//!
//! ```text
//! cargo run --release --example smtp -- tcp:2525 --mail-dir /tmp/mail --user you --password secret --ca-out ca.pem
//! swaks --server localhost:2525 --tls --tls-ca-path ca.pem --from me@example.org --to you@localhost
//! ```
//!
//! `session.rs` is the conversation (RFC 5321, RFC 2033 for LMTP, RFC 3207 for STARTTLS, RFC 4954 for
//! AUTH, RFC 3030 for BDAT, RFC 6531 for SMTPUTF8), `command.rs` and `body.rs` what a client's bytes mean.
//! `incoming.rs` keeps the promise of the answer 250: the message is on the disk, whole.

mod body;
mod command;
mod inboxes;
mod incoming;
#[path = "../login/mod.rs"]
mod login;
mod session;
#[path = "../../support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;

use lexopt::{Arg, Parser, ValueExt};
use retwist::deferred::ThreadPool;
use retwist::protocols::{FactoryPolicy, Limits};
use retwist::tls::TlsRole;

use crate::inboxes::Inboxes;
use crate::login::LoginOptions;
use crate::session::{Busy, Service};
use crate::support::Mistake;
use crate::support::tls::Credentials;

const HELP: &str = "
Receives mail over SMTP or LMTP, with STARTTLS, into the mailboxes that pop3 and imap show.

Usage: smtp [ENDPOINT...] [--lmtp] [--mail-dir DIR] [--user NAME --password WORD]... [--max-size BYTES]
            [--require-tls] [--require-auth] [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT          where to listen (default: tcp:2525:interface=127.0.0.1, tcp:2424:interface=127.0.0.1 with --lmtp)
--lmtp            speaks LMTP (RFC 2033): one answer for each recipient of a message
--mail-dir DIR    the directory for mail, made if it does not exist (default: mail)
--user NAME       takes mail for NAME@localhost, into the maildir DIR/NAME, and no other. After STARTTLS, NAME can log
                  in. Without users, all mail goes into the maildir DIR/everyone
--password WORD   the password of that user
--max-size BYTES  the largest message (default: 10485760)
--require-tls     takes no mail without TLS
--require-auth    takes no mail without a log-in
--cert FILE       the server's certificate and those that certify it, PEM
--key FILE        its private key, PEM (default: in the file of the certificate)
--ca-out FILE     without --cert the server makes an authority for itself, whose certificate is written here

A client has 60 s for its greeting and for each line, 30 min for a message, and 5 min of silence.
";

#[derive(Default)]
struct Options {
    endpoints: Vec<String>,
    is_lmtp: bool,
    mail_dir: Option<PathBuf>,
    logins: LoginOptions,
    max_size: Option<u64>,
    requires_tls: bool,
    requires_login: bool,
    credentials: Credentials,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("lmtp") => options.is_lmtp = true,
                Arg::Long("mail-dir") => options.mail_dir = Some(arguments.value()?.into()),
                Arg::Long("max-size") => {
                    options.max_size = Some(support::value(&mut arguments, "--max-size")?)
                }
                Arg::Long("require-tls") => options.requires_tls = true,
                Arg::Long("require-auth") => options.requires_login = true,
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
        let logins = options.logins.logins()?;
        if options.requires_login && logins.accounts().is_empty() {
            return Err("--require-auth needs --user and --password".into());
        }
        let identity = options.credentials.of_server()?;
        let inboxes = match &options.mail_dir {
            Some(directory) => Inboxes::open(directory, logins.accounts())?,
            None => Inboxes::later("mail".as_ref(), logins.accounts())?,
        };
        let service = Rc::new(Service {
            logins,
            inboxes,
            max_size: options.max_size.unwrap_or(10 << 20),
            is_lmtp: options.is_lmtp,
            requires_tls: options.requires_tls,
            requires_login: options.requires_login,
            tls: TlsRole::server(support::reload::server(identity).build()?),
            pool: ThreadPool::new(reactor),
        });
        let default = if options.is_lmtp {
            "tcp:2424:interface=127.0.0.1"
        } else {
            "tcp:2525:interface=127.0.0.1"
        };
        for endpoint in support::servers_from(&options.endpoints, default)? {
            let sessions = session::factory(&service);
            let limits = Limits::new().total(1000).per_peer(50).overflow(|_| Busy);
            support::listen(reactor, &endpoint, limits.factory(sessions))?;
        }
        Ok(())
    })
}
