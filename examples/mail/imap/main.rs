//! A server for reading mail: IMAP4rev1, in clear up to STARTTLS, over the mailboxes that `smtp` fills.
//!
//! ```text
//! cargo run --release --example imap -- tcp:1143 --mail-dir /tmp/mail --user alice --password secret --cert server.pem
//! curl --cacert ca.pem --ssl-reqd --user alice:secret 'imap://localhost:1143/INBOX;MAILINDEX=1'
//! ```
//!
//! `input.rs` puts commands together from lines and literals, `session.rs` is the conversation, and `dispatch.rs` says whose a
//! command is. What takes more than a turn is a job (`job.rs`). The text of a message goes from the socket to the disk
//! (`append.rs`) and from the disk to the socket (`fetch.rs`) in pieces.

mod answer;
mod append;
mod authenticate;
mod copy;
mod criteria;
mod dispatch;
mod envelope;
mod fetch;
mod flags;
mod folders;
mod idle;
mod input;
mod job;
#[path = "../login/mod.rs"]
mod login;
mod mime;
mod search;
mod section;
mod selected;
mod session;
mod structure;
#[path = "../../support/mod.rs"]
mod support;
mod text;
mod view;

use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use mail_store::{Notifier, Store};
use retwist::protocols::{FactoryPolicy, Limits, Timeout};
use retwist::tls::TlsRole;

use crate::login::LoginOptions;
use crate::session::{Busy, Service};
use crate::support::Mistake;
use crate::support::tls::Credentials;

const HELP: &str = "
Shows the mail of a directory over IMAP, with STARTTLS. No password is taken in clear.

Usage: imap [ENDPOINT...] --user NAME --password WORD... [--mail-dir DIR] [--max-size BYTES]
            [--cert FILE [--key FILE] | --ca-out FILE]

ENDPOINT          where to listen (default: tcp:1143:interface=127.0.0.1)
--user NAME       a user, who has a mailbox of that name in the directory
--password WORD   the password of that user
--mail-dir DIR    the directory for messages, made if it does not exist (default: mail)
--max-size BYTES  the largest message that a client may store (default: 67108864)
--cert FILE       the server's certificate and those that certify it, PEM
--key FILE        its private key, PEM (default: in the file of the certificate)
--ca-out FILE     without --cert the server makes an authority for itself, whose certificate is written here

A client has 3 min to log in, 60 s for each command (and a second more for each 4 KiB of a message), and 30 min of silence.
";

/// When a client that takes no bytes of a long answer is given up. The session itself counts commands.
const STALLED: Duration = Duration::from_secs(31 * 60);

struct Options {
    endpoints: Vec<String>,
    mail_dir: PathBuf,
    max_size: u64,
    logins: LoginOptions,
    credentials: Credentials,
}

impl Options {
    fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut options = Options {
            endpoints: Vec::new(),
            mail_dir: "mail".into(),
            max_size: 64 << 20,
            logins: LoginOptions::default(),
            credentials: Credentials::default(),
        };
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("mail-dir") => options.mail_dir = arguments.value()?.into(),
                Arg::Long("max-size") => {
                    options.max_size = support::value(&mut arguments, "--max-size")?;
                }
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
        let identity = options.credentials.of_server()?;
        let logins = options.logins.logins()?;
        if logins.accounts().is_empty() {
            return Err("there is no mailbox to show: give --user NAME --password WORD".into());
        }
        let service = Rc::new(Service {
            store: Store::open(&options.mail_dir)?,
            logins,
            tls: TlsRole::server(support::reload::server(identity).build()?),
            notifier: Notifier::new(reactor),
            max_size: options.max_size,
        });
        let default = "tcp:1143:interface=127.0.0.1";
        for endpoint in support::servers_from(&options.endpoints, default)? {
            let sessions = session::factory(&service);
            let patient = Timeout::new().idle(STALLED).factory(sessions);
            let limits = Limits::new().total(1000).per_peer(50).overflow(|_| Busy);
            support::listen(reactor, &endpoint, limits.factory(patient))?;
        }
        Ok(())
    })
}
