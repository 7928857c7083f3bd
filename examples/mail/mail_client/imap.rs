//! Lists a mailbox over IMAP: of each message its number, its bytes, and its UID.

use std::rc::Rc;

use retwist::Reactor;
use retwist::deferred::Deferred;
use retwist::mail::imap::{Imap, ImapOptions};

use crate::Outcome;
use crate::options::Options;
use crate::support::{Mistake, say};

pub(crate) fn list(reactor: &Reactor, options: &Options, outcome: Outcome) -> Result<(), Mistake> {
    let mut settings = ImapOptions::new().start_tls(options.start_tls()?);
    if let Some(login) = options.login() {
        settings = settings.login(login);
    }
    let (protocol, imap) = Imap::new(settings);
    let selected = Deferred::from_callback(|done| imap.examine("INBOX", done));
    let listed = Deferred::from_callback(|done| imap.fetch_info("1:*", done));
    imap.logout(|_| {});
    options.connect(reactor, protocol, Rc::new(outcome.clone()));
    let both = selected.add_callback(|_| listed);
    both.done(move |listed| {
        outcome.end(listed.map_err(Mistake::from).map(|listed| {
            for message in listed {
                say(&format!(
                    "{} {} {}",
                    message.number, message.size, message.uid
                ));
            }
        }));
    });
    Ok(())
}
