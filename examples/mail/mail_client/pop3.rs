//! Lists a mailbox over POP3: of each message its number, its bytes, and its name.

use std::collections::HashMap;
use std::rc::Rc;

use retwist::Reactor;
use retwist::deferred::Deferred;
use retwist::mail::MailError;
use retwist::mail::pop3::{Pop3, Pop3Options};

use crate::Outcome;
use crate::options::Options;
use crate::support::{Mistake, say};

pub(crate) fn list(reactor: &Reactor, options: &Options, outcome: Outcome) -> Result<(), Mistake> {
    let mut settings = Pop3Options::new().start_tls(options.start_tls()?);
    if let Some(login) = options.login() {
        settings = settings.login(login);
    }
    let (protocol, pop3) = Pop3::new(settings);
    let listed = Deferred::from_callback(|done| pop3.list(done));
    let named = Deferred::from_callback(|done| pop3.uidl(done));
    pop3.quit(|_| {});
    let both = listed.add_callback(|listed| {
        // A server need not have names. It then shows none.
        named.add_both(|named| {
            Deferred::<_, MailError>::succeed((listed, named.unwrap_or_default()))
        })
    });
    options.connect(reactor, protocol, Rc::new(outcome.clone()));
    both.done(move |both| {
        outcome.end(both.map_err(Mistake::from).map(|(listed, named)| {
            let names: HashMap<_, _> = named.into_iter().collect();
            for (number, bytes) in listed {
                let name = names.get(&number).map_or("-", String::as_str);
                say(&format!("{number} {bytes} {name}"));
            }
        }));
    });
    Ok(())
}
