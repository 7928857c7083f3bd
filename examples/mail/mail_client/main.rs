//! A mail client: sends the message on its standard input, or lists a mailbox.
//!
//! ```text
//! cargo run --release --example mail_client -- smtp tcp:localhost:2525 --trust-roots ca.pem \
//!     --from me@example.org --to you@example.org < message.eml
//! cargo run --release --example mail_client -- pop3 tcp:localhost:2110 --trust-roots ca.pem --user ann --password pencil
//! ```

mod imap;
mod input;
mod options;
mod pop3;
mod smtp;
#[path = "../../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::process::ExitCode;
use std::rc::Rc;

use retwist::{Reactor, ReactorHandle};

use crate::options::{Options, Service};
use crate::support::Mistake;

const HELP: &str = "
A mail client: sends the message on its standard input, or lists a mailbox.

Usage: mail_client smtp ENDPOINT --to ADDRESS... [OPTION...] < MESSAGE
       mail_client pop3|imap ENDPOINT --user NAME --password WORD [OPTION...]

ENDPOINT            the server, such as tcp:mail.example.org:587, or tls:mail.example.org:465 for TLS from the first byte
--starttls HOW      require: TLS, or nothing is sent (default); opportunistic: TLS if the server offers it; off: in clear
--trust-roots FILE  the authorities that the client trusts, PEM (default: those of the system)
--name HOST         the name that the server's certificate has to be for (default: the host of the endpoint)
--user NAME         who the client is
--password WORD     the password. It leaves in clear only with --starttls off
--from ADDRESS      smtp: the sender (default: none, as for reports that may not be answered)
--to ADDRESS        smtp: a recipient; once for each

A list has a line for each message: its number, its bytes and its name, with spaces between them. The program exits with 0 when all is done, and with 1 and a sentence on standard error when not.
";

/// How far the program has come.
#[derive(Clone, Default)]
struct Outcome {
    progress: Rc<RefCell<Progress>>,
    reactor: Rc<RefCell<Option<ReactorHandle>>>,
}

#[derive(Default)]
enum Progress {
    /// The arguments are not read yet, or are a mistake.
    #[default]
    NotBegun,
    Begun,
    Done,
    Failed(Mistake),
}

impl Outcome {
    /// The arguments are good. Nothing has ended before the reactor runs.
    fn begin(&self, reactor: &Reactor) {
        self.progress.replace(Progress::Begun);
        self.reactor.replace(Some(reactor.handle()));
    }

    /// All is done, or nothing more can be; the program ends.
    fn end(&self, outcome: Result<(), Mistake>) {
        self.progress.replace(match outcome {
            Ok(()) => Progress::Done,
            Err(error) => Progress::Failed(error),
        });
        if let Some(reactor) = self.reactor.take() {
            reactor.stop();
        }
    }

    fn exit_code(&self, ended: ExitCode) -> ExitCode {
        match &*self.progress.borrow() {
            Progress::NotBegun | Progress::Done => ended,
            Progress::Begun => support::fail(&*Mistake::from("interrupted"), 1),
            Progress::Failed(error) => support::fail(&**error, 1),
        }
    }
}

fn main() -> ExitCode {
    let outcome = Outcome::default();
    let ended = support::main(HELP, |reactor, arguments| {
        let options = Options::parse(arguments)?;
        match &options.service {
            Service::Smtp(envelope) => {
                smtp::send(reactor, &options, envelope.clone(), outcome.clone())
            }
            Service::Pop3 => pop3::list(reactor, &options, outcome.clone()),
            Service::Imap => imap::list(reactor, &options, outcome.clone()),
        }?;
        outcome.begin(reactor);
        Ok(())
    });
    outcome.exit_code(ended)
}
